import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import {
  ErrorCode,
  FrameType,
  dataHead,
  goawayFrame,
  headersFrame,
  pingAck,
  pingFrame,
  resetFrame,
  settingsAck,
  settingsFrame,
  windowUpdateFrame,
} from '../../src/http2/index.ts'
import { Flag } from '../../src/http2/codes.ts'
import { bytes, frame, readFrames, settings } from './read.ts'

const { data, headers, priority, reset, pushPromise, ping, goaway, windowUpdate, continuation } =
  FrameType
const opaque = '12345678'

/** Each of our frames, with what reading it finds. */
const written: readonly (readonly [string, string])[] = [
  [headersFrame(1, 'abc', { endStream: false, maxFrameSize: 16_384 }), 'headers 1 abc'],
  [headersFrame(1, 'abc', { endStream: true, maxFrameSize: 16_384 }), 'headers 1 abc end'],
  [headersFrame(3, 'abcdefg', { endStream: true, maxFrameSize: 3 }), 'headers 3 abcdefg end'],
  [headersFrame(3, 'abcdef', { endStream: false, maxFrameSize: 3 }), 'headers 3 abcdef'],
  [`${dataHead(0x7fff_ffff, 3, false)}xyz`, 'data 2147483647 xyz 3'],
  [dataHead(5, 0, true), 'data 5  0 end'],
  [`${dataHead(5, 16_384, true)}${'z'.repeat(16_384)}`, `data 5 ${'z'.repeat(16_384)} 16384 end`],
  [resetFrame(5, ErrorCode.cancel), 'reset 5 8'],
  [resetFrame(5, 0xffff_ffff), 'reset 5 4294967295'],
  [settingsFrame([[0x3, 0xffff_ffff]]), 'settings 0003ffffffff'],
  [settingsFrame([]), 'settings '],
  [settingsAck, 'settingsAck'],
  [pingFrame(opaque), `ping ${opaque}`],
  [pingAck('\x00\xff34567\x80'), 'pingAck \x00\xff34567\x80'],
  [goawayFrame(0x7fff_ffff, ErrorCode.internal), 'goaway 2147483647 2'],
  [windowUpdateFrame(0, 0x7fff_ffff), 'windowUpdate 0 2147483647'],
  [windowUpdateFrame(7, 1), 'windowUpdate 7 1'],
]

test('what is written is read again', () => {
  for (const [text, found] of written) {
    assert.deepEqual(readFrames([bytes(settings + text)]).found, ['settings ', found])
  }
})

test('what is read does not depend on where the pieces were cut', () => {
  const all = bytes(settings + written.map(([text]) => text).join(''))
  const found = ['settings ', ...written.map(([, one]) => one)]
  const byOne = Array.from(all, (_, at) => all.subarray(at, at + 1))
  assert.deepEqual(readFrames(byOne).found, found)
  fc.assert(
    fc.property(fc.array(fc.nat(all.length), { maxLength: 40 }), (cuts) => {
      const points = [0, ...cuts.sort((a, b) => a - b), all.length]
      const pieces = points.map((at, index) => all.subarray(at, points[index + 1] ?? all.length))
      assert.deepEqual(readFrames(pieces).found, found)
    }),
    { numRuns: 100 },
  )
})

test('padding and priority are left out, and padding counts for the window', () => {
  for (const [text, found] of [
    [frame(data, Flag.padded, 1, '\x02ab\0\0'), 'data 1 ab 5'],
    [frame(data, Flag.padded | Flag.endStream, 1, '\x00'), 'data 1  1 end'],
    [frame(headers, Flag.padded | Flag.endHeaders, 1, '\x01ab\0'), 'headers 1 ab'],
    [frame(headers, Flag.priority | Flag.endHeaders, 1, '\0\0\0\x01\x10ab'), 'headers 1 ab'],
    [
      frame(headers, Flag.priority | Flag.padded | Flag.endHeaders, 1, '\x01\0\0\0\x01\x10ab\0'),
      'headers 1 ab',
    ],
    [frame(headers, Flag.endHeaders | Flag.endStream, 1, ''), 'headers 1  end'],
  ] as const) {
    assert.deepEqual(readFrames([bytes(settings + text)]).found, ['settings ', found])
  }
})

test('what may be passed over is told as such, and reserved bits count for nothing', () => {
  for (const [text, found] of [
    [frame(priority, 0, 1, '\0\0\0\0\x10'), 'ignored 2 1'],
    [frame(0x10, 0, 0, '\0\0\0\x01u=1'), 'ignored 16 0'],
    [frame(0xff, 0xff, 0x7fff_ffff, 'abc'), 'ignored 255 2147483647'],
    [frame(data, 0xf6, 0x8000_0001, 'a'), 'data 1 a 1'],
    [frame(windowUpdate, 0xff, 1, '\x80\0\0\x01'), 'windowUpdate 1 1'],
    [frame(windowUpdate, 0, 1, '\x80\0\0\0'), 'windowUpdate 1 0'],
    [frame(goaway, 0, 0, '\x80\0\0\x01\0\0\0\x02why'), 'goaway 1 2'],
  ] as const) {
    assert.deepEqual(readFrames([bytes(settings + text)]).found, ['settings ', found])
  }
})

const cases: readonly (readonly [string, keyof typeof ErrorCode, string])[] = [
  ['DATA on no stream', 'protocol', frame(data, 0, 0, 'a')],
  ['HEADERS on no stream', 'protocol', frame(headers, Flag.endHeaders, 0, 'a')],
  ['PRIORITY on no stream', 'protocol', frame(priority, 0, 0, '12345')],
  ['PRIORITY cut short', 'frameSize', frame(priority, 0, 1, '1234')],
  ['RST_STREAM on no stream', 'protocol', frame(reset, 0, 0, '1234')],
  ['RST_STREAM cut short', 'frameSize', frame(reset, 0, 1, '123')],
  ['RST_STREAM too long', 'frameSize', frame(reset, 0, 1, '12345')],
  ['SETTINGS on a stream', 'protocol', frame(FrameType.settings, 0, 1, '')],
  ['SETTINGS cut short', 'frameSize', frame(FrameType.settings, 0, 0, '12345')],
  [
    'an answer to SETTINGS that says something',
    'frameSize',
    frame(FrameType.settings, 1, 0, '123456'),
  ],
  ['PUSH_PROMISE', 'protocol', frame(pushPromise, Flag.endHeaders, 1, '\0\0\0\x02\x82')],
  ['PING on a stream', 'protocol', frame(ping, 0, 1, opaque)],
  ['PING cut short', 'frameSize', frame(ping, 0, 0, '1234567')],
  ['an answer to PING too long', 'frameSize', frame(ping, 1, 0, '123456789')],
  ['GOAWAY on a stream', 'protocol', frame(goaway, 0, 1, opaque)],
  ['GOAWAY cut short', 'frameSize', frame(goaway, 0, 0, '1234567')],
  ['a window update of nothing', 'protocol', frame(windowUpdate, 0, 0, '\0\0\0\0')],
  ['a window update cut short', 'frameSize', frame(windowUpdate, 0, 1, '\0\0\x01')],
  ['CONTINUATION of nothing', 'protocol', frame(continuation, Flag.endHeaders, 1, 'a')],
  [
    'CONTINUATION on no stream',
    'protocol',
    frame(headers, 0, 1, 'a') + frame(continuation, Flag.endHeaders, 0, 'a'),
  ],
  [
    'CONTINUATION on another stream',
    'protocol',
    frame(headers, 0, 1, 'a') + frame(continuation, Flag.endHeaders, 3, 'a'),
  ],
  ['a frame within a block', 'protocol', frame(headers, 0, 1, 'a') + frame(data, 0, 1, 'a')],
  [
    'an unknown frame within a block',
    'protocol',
    frame(headers, 0, 1, 'a') + frame(0xff, 0, 0, ''),
  ],
  [
    'CONTINUATION behind the end',
    'protocol',
    frame(headers, 0, 1, 'a') + frame(continuation, Flag.endHeaders, 1, '').repeat(2),
  ],
  ['DATA all padding', 'protocol', frame(data, Flag.padded, 1, '\x02a')],
  ['DATA without its pad length', 'frameSize', frame(data, Flag.padded, 1, '')],
  ['HEADERS all padding', 'protocol', frame(headers, Flag.padded | Flag.endHeaders, 1, '\x02a')],
  [
    'HEADERS without priority',
    'frameSize',
    frame(headers, Flag.priority | Flag.endHeaders, 1, '1234'),
  ],
  [
    'HEADERS with padding where priority is',
    'protocol',
    frame(headers, Flag.padded | Flag.priority | Flag.endHeaders, 1, '\x0112345'),
  ],
  ['a frame too long', 'frameSize', frame(0xff, 0, 1, 'a'.repeat(16_385))],
  [
    'CONTINUATION without end',
    'enhanceYourCalm',
    frame(headers, 0, 1, '') + frame(continuation, 0, 1, '').repeat(9),
  ],
  [
    'a block too long',
    'enhanceYourCalm',
    frame(headers, 0, 1, 'a'.repeat(16_384)) +
      frame(continuation, 0, 1, 'a'.repeat(16_384)).repeat(2),
  ],
]

test('what no frame may be ends the connection with the code that RFC 9113 has, however it is cut', () => {
  for (const [what, code, text] of cases) {
    const all = bytes(settings + text + windowUpdateFrame(0, 1))
    const whole = readFrames([all])
    assert.equal(whole.problem?.code, ErrorCode[code], what)
    assert.ok(!whole.found.includes('windowUpdate 0 1'), what)
    const cut = readFrames(Array.from(all, (_, at) => all.subarray(at, at + 1)))
    assert.deepEqual(cut, whole, what)
  }
})

test('the frame that is too long is refused by its head alone', () => {
  const head = frame(data, 0, 1, 'a'.repeat(16_385)).slice(0, 9)
  assert.equal(readFrames([bytes(settings + head)]).problem?.code, ErrorCode.frameSize)
  assert.equal(
    readFrames([bytes(settings + frame(data, 0, 1, 'a'.repeat(16_384)))]).problem,
    undefined,
  )
})

test('the first frame is SETTINGS, and no answer to them', () => {
  for (const text of [pingFrame(opaque), settingsAck, frame(0xff, 0, 0, '')]) {
    assert.equal(readFrames([bytes(text)]).problem?.code, ErrorCode.protocol)
  }
})

test('a client begins with the preface, whole', () => {
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
  const whole = bytes(preface + settings)
  for (const pieces of [[whole], Array.from(whole, (_, at) => whole.subarray(at, at + 1))]) {
    assert.deepEqual(readFrames(pieces, { expectPreface: true }).found, ['settings '])
  }
  for (const text of [
    'GET / HTTP/1.1\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r',
    settings,
    'X',
  ]) {
    const { found, problem } = readFrames([bytes(text + settings)], { expectPreface: true })
    assert.deepEqual([found, problem?.code], [[], ErrorCode.protocol])
  }
})

test('nothing is read behind a stop, and a problem stays', () => {
  const stopped = readFrames([bytes(settings + pingFrame(opaque)), bytes(settings)], {
    stopAfter: 1,
  })
  assert.deepEqual(stopped.found, ['settings '])
  const body = [bytes(`${settings}${dataHead(1, 4, true)}ab`), bytes('cd')]
  assert.deepEqual(readFrames(body, { stopAfter: 2 }).found, ['settings ', 'data 1 ab 2'])
  const failed = readFrames([bytes(settings + frame(data, 0, 0, '')), bytes(settings)])
  assert.deepEqual([failed.found, failed.problem?.code], [['settings '], ErrorCode.protocol])
})
