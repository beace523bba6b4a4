import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FrameScanner } from '../../../src/gateway/http2/frames.ts'
import { Traffic } from '../../../src/gateway/http2/traffic.ts'
import { data, errorCodes, headers, rstStream } from '../../kit/h2-frames.ts'

interface Connection {
  readonly caller: (...frames: readonly Buffer[]) => void
  readonly gateway: (...frames: readonly Buffer[]) => void
  readonly floods: string[]
}

/** A connection on which everything happens within one second. */
function connection(): Connection {
  const floods: string[] = []
  const traffic = new Traffic(
    { headerBytes: 16_384, mostAtOnce: 100, now: () => 0 },
    { onFlood: (what) => floods.push(what), onRejected: () => undefined },
  )
  const inbound = new FrameScanner(traffic.inbound)
  const outbound = new FrameScanner(traffic.outbound)
  return {
    floods,
    caller: (...frames) => {
      for (const frame of frames) inbound.scan(frame)
      for (const stream of traffic.streams.values()) stream.begun = true
    },
    gateway: (...frames) => {
      for (const frame of frames) outbound.scan(frame)
    },
  }
}

const request = (stream: number): Buffer => headers(stream, [[':method', 'POST']], { end: false })
const answer = (stream: number, end: boolean): Buffer =>
  headers(stream, [[':status', '200']], { end })
const cancel = (stream: number): Buffer => rstStream(stream, errorCodes.cancel)
const told = (stream: number): Buffer => rstStream(stream, errorCodes.noError)
const streams = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, n) => 1 + 2 * n)

const ends: Readonly<Record<string, (stream: number) => readonly Buffer[]>> = {
  'ended with its header': (stream) => [answer(stream, true)],
  'ended with its body': (stream) => [answer(stream, false), data(stream, 'ok', true)],
  'ended, and the upload was stopped': (stream) => [answer(stream, true), told(stream)],
  'cut short by us': (stream) => [
    answer(stream, false),
    rstStream(stream, errorCodes.internalError),
  ],
}

for (const [how, bytes] of Object.entries(ends)) {
  test(`resets of streams whose answer was ${how} are no flood`, () => {
    const { caller, gateway, floods } = connection()
    for (const stream of streams(900)) {
      caller(request(stream))
      gateway(...bytes(stream))
      caller(cancel(stream))
    }
    assert.deepEqual(floods, [])
  })
}

test('resets of streams without a whole answer are a flood after 150', () => {
  for (const begun of [[], [1]]) {
    const { caller, gateway, floods } = connection()
    for (const stream of streams(150)) {
      caller(request(stream))
      for (const _ of begun) gateway(answer(stream, false), data(stream, 'o'))
      caller(cancel(stream))
    }
    assert.deepEqual(floods, [])
    caller(request(901), cancel(901))
    assert.deepEqual(floods, ['resets'])
  }
})

test('resets that the caller makes us send are a flood, whatever was answered', () => {
  const { caller, gateway, floods } = connection()
  for (const stream of streams(151)) {
    caller(request(stream))
    gateway(answer(stream, true), rstStream(stream, errorCodes.protocolError))
  }
  assert.deepEqual(floods, ['resets'])
})

test('a stream that is answered once cannot be reset for ever', () => {
  const { caller, gateway, floods } = connection()
  caller(request(1))
  gateway(answer(1, true))
  for (let times = 0; times <= 5000; times++) caller(cancel(1))
  assert.deepEqual(floods, ['empty frames'])
})

test('a reset of a stream that was never begun counts', () => {
  const { caller, floods } = connection()
  for (const stream of streams(151)) caller(cancel(stream))
  assert.deepEqual(floods, ['resets'])
})
