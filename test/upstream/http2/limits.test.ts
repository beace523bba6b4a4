import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { OutgoingRequest } from '../../../src/upstream/index.ts'
import { data, frame, frameTypes, headers, settings } from '../../kit/h2-frames.ts'
import { fetchOver, get, start, until } from '../kit.ts'
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
