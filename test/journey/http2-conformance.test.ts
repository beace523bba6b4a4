import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import type { DataPlane } from '../kit/data-plane.ts'
import {
  continuation,
  data,
  errorCodes,
  frame,
  frameTypes,
  fromTable,
  headers,
  ping,
  preface,
  RawHttp2,
  rstStream,
  settings,
  windowUpdate,
} from '../kit/h2-frames.ts'
import { flagged, huffman, priority, Requests, startHello } from '../kit/h2-requests.ts'

/* RFC 9113, 3 to 8, and RFC 7541, section by section: what ends the connection of a gateway that runs. */

let plane: DataPlane
let q: Requests
let finish: () => Promise<void>

before(async () => {
  ;({ plane, finish } = await startHello())
  q = new Requests(plane.host)
})

after(async () => finish())

const coded = (...bytes: number[]): Buffer => Buffer.from(bytes)
const { protocolError, flowControlError, streamClosed, frameSizeError } = errorCodes
const { compressionError } = errorCodes

type Row = readonly [section: string, what: string, code: number, bytes: () => readonly Buffer[]]

/** Errors of the connection: GOAWAY with the code, and the connection closes. */
const ofConnection: readonly Row[] = [
  ['4.2', 'HEADERS over the frame size', frameSizeError, () => [headers(1, Buffer.alloc(16_385))]],
  [
    '4.2',
    'DATA over the frame size',
    frameSizeError,
    () => [q.post(), data(1, 'x'.repeat(16_385))],
  ],
  ['4.3', 'a block that is no coding', compressionError, () => [headers(1, coded(0x40))]],
  ['4.3', 'PRIORITY in a block', protocolError, () => [q.begun(), priority(1, 0)]],
  ['4.3', 'HEADERS of another stream in a block', protocolError, () => [q.begun(), q.get(3)]],
  [
    '4.3',
    'trailers that are no coding',
    compressionError,
    () => [q.post(), headers(1, coded(0x80))],
  ],
  ['5.1', 'CONTINUATION on an idle stream', protocolError, () => [continuation(1, coded(), true)]],
  ['5.1', 'DATA on an idle stream', protocolError, () => [data(1, 'x')]],
  ['5.1', 'RST_STREAM on an idle stream', protocolError, () => [rstStream(1, 8)]],
  ['5.1', 'WINDOW_UPDATE on an idle stream', protocolError, () => [windowUpdate(1, 1)]],
  [
    '5.1',
    'CONTINUATION behind the end of a request',
    protocolError,
    () => [q.held(), continuation(1, coded(), true)],
  ],
  [
    '5.1',
    'DATA behind a reset of the client’s',
    streamClosed,
    () => [q.post(), rstStream(1, 8), data(1, 'x')],
  ],
  [
    '5.1',
    'HEADERS behind a reset of the client’s',
    streamClosed,
    () => [q.post(), rstStream(1, 8), q.get(1)],
  ],
  [
    '5.1',
    'CONTINUATION behind a reset of the client’s',
    protocolError,
    () => [q.post(), rstStream(1, 8), continuation(1, coded(), true)],
  ],
  ['5.1.1', 'a stream with an even number', protocolError, () => [q.get(2)]],
  ['5.1.1', 'a stream below another', streamClosed, () => [q.held(5), q.get(3)]],
  ['5.5', 'an unknown frame in a block', protocolError, () => [q.begun(), frame(0xee, 0, 0)]],
  ['6.1', 'DATA on no stream', protocolError, () => [data(0, 'x')]],
  ['6.1', 'more padding than frame', protocolError, () => [q.post(), flagged(0, 8, 1, 6, 1, 2)]],
  ['6.1', 'DATA without its pad length', frameSizeError, () => [q.post(), flagged(0, 8, 1)]],
  ['6.2', 'HEADERS on no stream', protocolError, () => [q.get(0)]],
  ['6.2', 'more padding than HEADERS', protocolError, () => [flagged(1, 0xc, 1, 9, 0x82)]],
  ['6.2', 'HEADERS cut in their priority', frameSizeError, () => [flagged(1, 0x24, 1, 0, 0)]],
  ['6.3', 'PRIORITY on no stream', protocolError, () => [priority(0, 1)]],
  ['6.3', 'PRIORITY of four octets', frameSizeError, () => [flagged(2, 0, 1, 0, 0, 0, 0)]],
  ['6.4', 'RST_STREAM on no stream', protocolError, () => [rstStream(0, 8)]],
  [
    '6.4',
    'RST_STREAM of three octets',
    frameSizeError,
    () => [q.held(), flagged(3, 0, 1, 0, 0, 0)],
  ],
  ['6.5', 'an acknowledgement with a payload', frameSizeError, () => [flagged(4, 1, 0, 0)]],
  ['6.5', 'SETTINGS of a stream', protocolError, () => [flagged(4, 0, 1)]],
  ['6.5', 'SETTINGS of three octets', frameSizeError, () => [flagged(4, 0, 0, 1, 2, 3)]],
  ['6.5.2', 'ENABLE_PUSH of 2', protocolError, () => [settings({ 2: 2 })]],
  ['6.5.2', 'a window of 2^31', flowControlError, () => [settings({ 4: 2 ** 31 })]],
  ['6.5.2', 'frames below the least size', protocolError, () => [settings({ 5: 16_383 })]],
  ['6.5.2', 'frames above the most', protocolError, () => [settings({ 5: 2 ** 24 })]],
  ['6.7', 'PING of a stream', protocolError, () => [flagged(6, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8)]],
  ['6.7', 'PING of six octets', frameSizeError, () => [flagged(6, 0, 0, 1, 2, 3, 4, 5, 6)]],
  ['6.8', 'GOAWAY of a stream', protocolError, () => [flagged(7, 0, 1, ...Array(8).fill(0))]],
  ['6.8', 'GOAWAY of seven octets', frameSizeError, () => [flagged(7, 0, 0, ...Array(7).fill(0))]],
  ['6.9', 'a window that grows by nothing', protocolError, () => [windowUpdate(0, 0)]],
  ['6.9', 'WINDOW_UPDATE of three octets', frameSizeError, () => [flagged(8, 0, 0, 0, 0, 1)]],
  [
    '6.9.1',
    'a window of the connection beyond 2^31-1',
    flowControlError,
    () => [windowUpdate(0, 2 ** 31 - 1), windowUpdate(0, 2 ** 31 - 1)],
  ],
  [
    '6.9.2',
    'settings that take the window of a stream beyond 2^31-1',
    flowControlError,
    () => [q.held(), windowUpdate(1, 2 ** 31 - 1 - 65_535), settings({ 4: 65_536 })],
  ],
  ['6.10', 'HEADERS in the middle of CONTINUATIONs', protocolError, () => [q.begun(), q.get(1)]],
  [
    '6.10',
    'CONTINUATION on no stream',
    protocolError,
    () => [q.begun(), continuation(0, coded(), true)],
  ],
  [
    '6.10',
    'CONTINUATION of another stream',
    protocolError,
    () => [q.begun(), continuation(3, coded(), true)],
  ],
  [
    '6.10',
    'CONTINUATION behind whole HEADERS',
    protocolError,
    () => [q.held(), continuation(1, coded(), true)],
  ],
  [
    '6.10',
    'CONTINUATION behind the last one',
    protocolError,
    () => [q.begun(), continuation(1, coded(), true), continuation(1, coded(), true)],
  ],
  [
    '6.10',
    'CONTINUATION behind DATA',
    protocolError,
    () => [q.post(), data(1, 'x'), continuation(1, coded(), true)],
  ],
  ['8.4', 'PUSH_PROMISE', protocolError, () => [q.held(), flagged(5, 4, 1, 0, 0, 0, 2)]],
  ['7541 2.3.3', 'an index of no line', compressionError, () => [q.behind(fromTable(70))]],
  [
    '7541 2.3.3',
    'a name of no line',
    compressionError,
    () => [q.behind(coded(0x7f, 0x10, 1, 0x78))],
  ],
  [
    '7541 4.2',
    'a change of the table behind a line',
    compressionError,
    () => [q.behind(coded(0x20))],
  ],
  [
    '7541 5.1',
    'a number without end',
    compressionError,
    () => [q.behind(coded(0xff, ...Array(9).fill(0x80)))],
  ],
  ['7541 5.2', 'padding of eight bits', compressionError, () => [q.behind(huffman(0x1f, 0xff))]],
  ['7541 5.2', 'padding that is not ones', compressionError, () => [q.behind(huffman(0x18))]],
  [
    '7541 5.2',
    'the end of string',
    compressionError,
    () => [q.behind(huffman(0xff, 0xff, 0xff, 0xff))],
  ],
  [
    '7541 5.2',
    'a string beyond its block',
    compressionError,
    () => [q.behind(coded(0, 1, 0x78, 9, 0x78))],
  ],
  ['7541 6.1', 'the index 0', compressionError, () => [q.behind(coded(0x80))]],
  [
    '7541 6.3',
    'a table beyond our settings',
    compressionError,
    () => [headers(1, coded(0x3f, 0xe2, 0x1f))],
  ],
]

test('what is an error of the connection ends it with the code of RFC 9113', async () => {
  for (const [section, what, code, bytes] of ofConnection) {
    const name = `${section} ${what}`
    const connection = await RawHttp2.open(plane.port)
    connection.send(...bytes())
    const last = await connection.until(({ type }) => type === frameTypes.goaway)
    assert.equal(last?.payload.readUInt32BE(4), code, name)
    assert.equal(await connection.untilClosed(), true, name)
  }
})

test('3.4: a first frame that is not SETTINGS, or that answers them, ends the connection', async () => {
  for (const first of [ping(), q.get(), frame(frameTypes.settings, 1, 0), frame(0xee, 0, 0)]) {
    const connection = new RawHttp2(connect({ port: plane.port, host: '127.0.0.1' }))
    connection.send(preface, first)
    const last = await connection.until(({ type }) => type === frameTypes.goaway)
    assert.equal(last?.payload.readUInt32BE(4), protocolError)
    assert.equal(await connection.untilClosed(), true)
  }
})
