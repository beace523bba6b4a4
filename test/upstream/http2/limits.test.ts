import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { OutgoingRequest } from '../../../src/upstream/index.ts'
import { data, frame, frameTypes, headers, settings } from '../../kit/h2-frames.ts'
import type { Frame } from '../../kit/h2-frames.ts'
import { fetchOver, get, start, until } from '../kit.ts'
import type { Recorder } from '../kit.ts'
import { http2To, rawService, settingsAck } from './kit.ts'
import type { RawConnection } from './kit.ts'

/* What the settings of a service let us send (RFC 9113 6.5.2). */

const answered = (stream: number): Buffer[] => [
  headers(stream, [[':status', '200']], { end: false }),
  data(stream, 'ok', true),
]
const answer = (stream: number, connection: RawConnection): void => {
  connection.send(...answered(stream))
}
const begin =
  (values: Readonly<Record<number, number>>) =>
  (connection: RawConnection): void =>
    connection.send(settings({ 3: 100, ...values }), settingsAck)

/** `:method GET`, `:scheme http`, `:authority a`, `:path /` and 32 octets for each line. */
const least = 7 + 3 + 7 + 4 + 10 + 1 + 5 + 1 + 4 * 32
/** A request whose header section counts as so many octets. */
function sized(size: number, changes: Partial<OutgoingRequest> = {}): OutgoingRequest {
  const value = 'v'.repeat(size - least - 1 - 32)
  return get('/', { headers: ['host', 'a', 'x', value], ...changes })
}

test('a header section over what the service takes is refused here, others are sent', async (t) => {
  const service = await rawService(t, { begin: begin({ 6: 400 }), request: answer })
  const upstream = http2To(t, service.port)
  // The settings are known only once there is a session: the first request waits for it.
  for (let turn = 0; turn < 2; turn++) {
    const { failure } = await fetchOver(upstream, sized(401))
    assert.equal(failure?.kind, 'request_too_large')
    assert.deepEqual([failure.sent, failure.beforeResponse, failure.answered], [false, true, false])
  }
  assert.equal((await fetchOver(upstream, sized(400))).body, 'ok')
  assert.equal((await fetchOver(upstream, get())).body, 'ok')
  const asked = service.connections[0]?.frames.filter(({ type }) => type === frameTypes.headers)
  assert.deepEqual([asked?.length, service.connections.length], [2, 1])
  assert.equal(upstream.stats.retried, 0)
})

test('the body of a request that is refused for its header goes nowhere', async (t) => {
  const service = await rawService(t, { begin: begin({ 6: 400 }), request: answer })
  const upstream = http2To(t, service.port)
  assert.equal((await fetchOver(upstream, get())).body, 'ok')
  const framing = { kind: 'chunked' } as const
  const { exchange, recorder } = start(upstream, sized(500, { method: 'POST', framing }))
  assert.deepEqual(recorder.events, [], 'nothing is said from inside the call')
  exchange.write(Buffer.from('body'))
  exchange.end()
  await recorder.settled
  assert.equal(recorder.failure?.kind, 'request_too_large')
  assert.equal((await fetchOver(upstream, get())).body, 'ok')
  const frames = service.connections[0]?.frames ?? []
  assert.ok(!frames.some(({ type }) => type === frameTypes.data || type === frameTypes.rstStream))
})

test('a caller that leaves before it hears of it hears nothing', async (t) => {
  const service = await rawService(t, { begin: begin({ 6: 400 }), request: answer })
  const upstream = http2To(t, service.port)
  assert.equal((await fetchOver(upstream, get())).body, 'ok')
  const { exchange, recorder } = start(upstream, sized(500))
  exchange.abort()
  assert.equal((await fetchOver(upstream, get())).body, 'ok')
  assert.deepEqual(recorder.events, [])
})

test('what a service takes may change while it is connected', async (t) => {
  const service = await rawService(t, { request: answer })
  const upstream = http2To(t, service.port)
  assert.equal((await fetchOver(upstream, sized(2000))).body, 'ok')
  const [connection] = service.connections
  const acknowledged = (): number =>
    (connection?.frames ?? []).filter(
      ({ type, flags }) => type === frameTypes.settings && flags === 1,
    ).length
  connection?.send(settings({ 6: 1000 }))
  await until(() => acknowledged() === 2)
  assert.equal((await fetchOver(upstream, sized(2000))).failure?.kind, 'request_too_large')
  connection?.send(settings({ 6: 3000 }), frame(0xee, 0, 0))
  await until(() => acknowledged() === 3)
  assert.equal((await fetchOver(upstream, sized(2000))).body, 'ok')
})

const chunked = { method: 'POST', framing: { kind: 'chunked' } } as const
/** A trailer section that counts as so many octets. */
const trailersOf = (size: number): string[] => ['x', 'v'.repeat(size - 1 - 32)]

test('a trailer section over what the service takes resets its request, others are sent', async (t) => {
  const answering = ({ type, flags, stream }: Frame, connection: RawConnection): void => {
    const ends = type === frameTypes.headers || type === frameTypes.data
    if (ends && (flags & 1) === 1) answer(stream, connection)
  }
  const service = await rawService(t, { begin: begin({ 6: 400 }), on: answering })
  const upstream = http2To(t, service.port)
  const send = async (trailers: string[]): Promise<Recorder> => {
    const { exchange, recorder } = start(upstream, get('/', chunked))
    exchange.write(Buffer.from('body'))
    exchange.end(trailers)
    await recorder.settled
    return recorder
  }
  // The first of them waits for the session with all that it says.
  for (let turn = 0; turn < 2; turn++) {
    const { failure, events } = await send(trailersOf(401))
    assert.equal(failure?.kind, 'request_too_large')
    assert.deepEqual([failure.sent, failure.beforeResponse, failure.answered], [true, true, false])
    assert.equal(events.length, 1)
  }
  assert.equal((await send(trailersOf(400))).body, 'ok')
  // What is left out does not count.
  assert.equal((await send([...trailersOf(400), 'content-type', 'y'.repeat(500)])).body, 'ok')
  assert.equal((await send([])).body, 'ok')
  const [connection] = service.connections
  assert.equal(service.connections.length, 1)
  await until(() => (connection?.frames ?? []).filter(isReset).length === 2)
  for (const { stream } of connection?.frames.filter(isReset) ?? []) {
    const seen = connection?.frames.filter((one) => one.stream === stream) ?? []
    assert.ok(!seen.some(({ type, flags }) => type !== frameTypes.rstStream && (flags & 1) === 1))
  }
  assert.equal(upstream.stats.retried, 0)
})

function isReset({ type }: Frame): boolean {
  return type === frameTypes.rstStream
}

test('trailers are held to what the service says when they are sent', async (t) => {
  const service = await rawService(t, {})
  const upstream = http2To(t, service.port)
  const { exchange, recorder } = start(upstream, get('/', chunked))
  exchange.write(Buffer.from('body'))
  await until(() => service.connections[0]?.frames.some(isData) === true)
  const [connection] = service.connections
  connection?.send(settings({ 6: 300 }))
  await until(() => connection?.frames.filter(isAck).length === 2)
  exchange.end(trailersOf(301))
  assert.deepEqual(recorder.events, [], 'nothing is said from inside the call')
  await recorder.settled
  assert.equal(recorder.failure?.kind, 'request_too_large')
  await until(() => connection?.frames.some(isReset) === true)
})

function isData({ type }: Frame): boolean {
  return type === frameTypes.data
}

function isAck({ type, flags }: Frame): boolean {
  return type === frameTypes.settings && flags === 1
}
