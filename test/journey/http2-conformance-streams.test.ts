import assert from 'node:assert/strict'
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
  literal,
  ping,
  RawHttp2,
  rstStream,
  settings,
  windowUpdate,
} from '../kit/h2-frames.ts'
import { flagged, priority, Requests, startHello } from '../kit/h2-requests.ts'

/* RFC 9113, 4 to 8, and RFC 7541, section by section: what ends a stream of a gateway that runs, or nothing. */

let plane: DataPlane
let q: Requests
let finish: () => Promise<void>

before(async () => {
  ;({ plane, finish } = await startHello())
  q = new Requests(plane.host)
})

after(async () => finish())

const coded = (...bytes: number[]): Buffer => Buffer.from(bytes)
const { protocolError, flowControlError, streamClosed } = errorCodes

type Row = readonly [section: string, what: string, code: number, bytes: () => readonly Buffer[]]

/** Errors of one stream: RST_STREAM with the code, and the connection serves others. */
const ofStream: readonly Row[] = [
  ['5.1', 'DATA behind the end of a request', streamClosed, () => [q.held(), data(1, 'x')]],
  ['5.1', 'HEADERS behind the end of a request', streamClosed, () => [q.held(), q.get(1)]],
  [
    '6.9',
    'a window of a stream that grows by nothing',
    protocolError,
    () => [q.held(), windowUpdate(1, 0)],
  ],
  [
    '6.9.1',
    'a window of a stream beyond 2^31-1',
    flowControlError,
    () => [q.held(), windowUpdate(1, 2 ** 31 - 1), windowUpdate(1, 2 ** 31 - 1)],
  ],
  [
    '8.1',
    'trailers without an end',
    protocolError,
    () => [q.post(), headers(1, [['x', 'y']], { end: false })],
  ],
  [
    '8.1',
    'a pseudo-header field in trailers',
    protocolError,
    () => [q.post(), headers(1, [[':method', 'GET']])],
  ],
  [
    '8.1',
    'a connection field in trailers',
    protocolError,
    () => [q.post(), headers(1, [['connection', 'close']])],
  ],
  [
    '8.1',
    'chunks in trailers',
    protocolError,
    () => [q.post(), headers(1, [['transfer-encoding', 'chunked']])],
  ],
  [
    '8.1.1',
    'a length without a body',
    protocolError,
    () => [headers(1, q.and(['content-length', '1']))],
  ],
  [
    '8.1.1',
    'less than its length',
    protocolError,
    () => [q.post(1, ['content-length', '4']), data(1, 'abc', true)],
  ],
  [
    '8.1.1',
    'more than its length in several frames',
    protocolError,
    () => [q.post(1, ['content-length', '3']), data(1, 'ab'), data(1, 'cd', true)],
  ],
  ['8.2', 'upper case', protocolError, () => [headers(1, q.and(['X-Test', 'ok']))]],
  [
    '8.2.1',
    'a line end in a value',
    protocolError,
    () => [headers(1, q.and(['x-test', 'a\r\nb: c']))],
  ],
  ['8.2.2', 'connection', protocolError, () => [headers(1, q.and(['connection', 'keep-alive']))]],
  [
    '8.2.2',
    'te beside trailers',
    protocolError,
    () => [headers(1, q.and(['te', 'trailers, deflate']))],
  ],
  [
    '8.3',
    'an unknown pseudo-header field',
    protocolError,
    () => [headers(1, q.and([':test', 'ok']))],
  ],
  ['8.3', 'one of answers', protocolError, () => [headers(1, q.and([':status', '200']))]],
  ['8.3', 'one behind a field', protocolError, () => [headers(1, [['x', 'y'], ...q.fields()])]],
  ['8.3.1', 'an empty path', protocolError, () => [headers(1, q.having(':path', ''))]],
  ['8.3.1', 'no method', protocolError, () => [headers(1, q.without(':method'))]],
  ['8.3.1', 'no scheme', protocolError, () => [headers(1, q.without(':scheme'))]],
  ['8.3.1', 'no path', protocolError, () => [headers(1, q.without(':path'))]],
  ['8.3.1', 'two methods', protocolError, () => [headers(1, [[':method', 'GET'], ...q.fields()])]],
  ['8.3.1', 'two schemes', protocolError, () => [headers(1, [[':scheme', 'http'], ...q.fields()])]],
  ['8.3.1', 'two paths', protocolError, () => [headers(1, [[':path', '/'], ...q.fields()])]],
]

/** No errors: the request is answered, whatever stands around it. */
const ofNothing: readonly (readonly [string, string, () => readonly Buffer[]])[] = [
  ['4.1', 'an unknown frame', () => [frame(0xee, 0xff, 0, Buffer.alloc(8)), q.get()]],
  ['4.1', 'flags that mean nothing', () => [flagged(6, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0), q.get()]],
  [
    '4.1',
    'the reserved bit',
    () => [frame(frameTypes.headers, 5, 0x8000_0001, q.get().subarray(9))],
  ],
  [
    '4.2',
    'a frame of the size that everybody takes',
    () => [q.post(), data(1, 'x'.repeat(16_384), true)],
  ],
  ['5.1', 'PRIORITY on an idle stream', () => [priority(3, 1), priority(7, 3), q.get()]],
  ['5.1', 'a priority of its own stream', () => [priority(1, 1), q.get(), priority(1, 1)]],
  [
    '5.1',
    'a priority of its own stream in HEADERS',
    () => [Buffer.concat([frame(1, 0x25, 1, Buffer.concat([coded(0x80, 0, 0, 1, 9), q.block()]))])],
  ],
  ['6.1', 'padding', () => [q.post(), flagged(0, 9, 1, 3, 0x61, 0, 0, 0)]],
  [
    '6.2',
    'padding and priority',
    () => [frame(1, 0x2d, 1, Buffer.concat([coded(2, 0, 0, 0, 0, 9), q.block(), coded(0, 0)]))],
  ],
  ['6.5.2', 'an unknown setting', () => [settings({ 0xff: 1 }), q.get()]],
  [
    '6.5.3',
    'a setting twice',
    () => [
      Buffer.concat([
        frame(
          4,
          0,
          0,
          Buffer.concat([settings({ 4: 0 }).subarray(9), settings({ 4: 9 }).subarray(9)]),
        ),
      ]),
      q.get(),
    ],
  ],
  ['6.7', 'a PING that nobody asked for', () => [ping(true), q.get()]],
  [
    '6.10',
    'CONTINUATIONs, some empty',
    () => {
      const whole = q.block()
      return [
        frame(1, 1, 1, whole.subarray(0, 9)),
        continuation(1, coded(), false),
        continuation(1, whole.subarray(9, 40), false),
        continuation(1, whole.subarray(40), true),
      ]
    },
  ],
  ['7', 'a reset with an unknown code', () => [q.held(3), rstStream(3, 0xff), q.get(5), q.get(7)]],
  ['8.1', 'trailers', () => [q.post(), data(1, 'x'), headers(1, [['x-test', 'ok']])]],
  [
    '8.1.1',
    'exactly its length',
    () => [q.post(1, ['content-length', '4']), data(1, 'ab'), data(1, 'cd', true)],
  ],
  [
    '7541 4.2',
    'two changes of the table',
    () => [headers(1, Buffer.concat([coded(0x20, 0x3f, 0xe1, 0x1f), q.block()]))],
  ],
  [
    '7541 6.2.1',
    'lines of the table',
    () => [
      headers(
        1,
        Buffer.concat([q.block(), literal('x-a', 'b', true), fromTable(62), fromTable(62)]),
      ),
    ],
  ],
]

async function goesOn(connection: RawHttp2, what: string): Promise<void> {
  connection.send(q.get(101))
  assert.equal(await connection.outcome(101), '200', what)
  await connection.until(({ stream, flags }) => stream === 101 && (flags & 1) !== 0)
  assert.equal(connection.body(101).text, 'hello', what)
}

test('what is an error of one stream ends that stream alone', async () => {
  for (const [section, what, code, bytes] of ofStream) {
    const name = `${section} ${what}`
    const connection = await RawHttp2.open(plane.port)
    connection.send(...bytes())
    const reset = await connection.until(
      ({ type }) => type === frameTypes.rstStream || type === frameTypes.goaway,
    )
    assert.equal(reset?.type, frameTypes.rstStream, name)
    assert.deepEqual([reset.stream, reset.payload.readUInt32BE(0)], [1, code], name)
    await goesOn(connection, name)
    connection.close()
  }
})

test('what is no error is passed over', async () => {
  for (const [section, what, bytes] of ofNothing) {
    const name = `${section} ${what}`
    const connection = await RawHttp2.open(plane.port)
    const all = bytes()
    connection.send(...all)
    const asked = what.startsWith('a reset') ? (all.at(-1)?.readUInt32BE(5) ?? 0) : 1
    assert.equal(await connection.outcome(asked), '200', name)
    if (what === 'a setting twice') connection.send(settings({ 4: 65_535 }))
    await goesOn(connection, name)
    connection.close()
  }
})
