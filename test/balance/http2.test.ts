import assert from 'node:assert/strict'
import { createServer } from 'node:http2'
import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { millis } from '../../src/core/index.ts'
import { openOrigin } from '../../src/upstream/index.ts'
import type { UpstreamPool } from '../../src/upstream/index.ts'
import { fetchOver, get, until } from '../upstream/kit.ts'
import { groupOf } from './kit.ts'

interface Service {
  readonly port: number
  readonly sessions: Set<ServerHttp2Session>
  readonly asked: string[]
  down: boolean
}

async function service(t: TestContext, name: string): Promise<Service> {
  const state: Service = { port: 0, sessions: new Set(), asked: [], down: false }
  const server: Http2Server = createServer()
  server.on('session', (session) => {
    state.sessions.add(session)
    session.on('close', () => state.sessions.delete(session))
    session.on('error', () => undefined)
    if (state.down) session.destroy()
  })
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    state.asked.push(`${headers[':method']} ${headers[':path']}`)
    stream.on('error', () => undefined)
    stream.respond({ ':status': 200 })
    stream.end(name)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.after(() => {
    for (const session of state.sessions) session.destroy()
    server.close()
  })
  return Object.assign(state, { port: (server.address() as AddressInfo).port })
}

function poolTo(port: number, keepAlive: number): UpstreamPool {
  return openOrigin({
    name: 'test',
    protocol: 'h2',
    url: new URL(`http://127.0.0.1:${port}`),
    allowPrivateAddresses: true,
    connectTimeout: millis(20_000),
    headersTimeout: millis(20_000),
    idleTimeout: millis(20_000),
    maxConnections: 2,
    keepAliveTimeout: millis(keepAlive),
    maxHeaderBytes: 16_384,
  })
}

function groupOver(t: TestContext, services: readonly Service[], health: boolean) {
  const targets = services.map(({ port }) => ({
    port,
    pool: poolTo(port, 60_000),
    probe: poolTo(port, 1),
  }))
  return groupOf(t, targets, {
    ejection: { failures: 3, base: millis(60_000), maxEjected: 50 },
    ...(health
      ? {
          health: {
            path: '/healthz',
            interval: millis(20),
            timeout: millis(20_000),
            healthyAfter: 1,
            unhealthyAfter: 1,
            expect: [200, 299],
          },
        }
      : {}),
  })
}

test('a group speaks HTTP/2 to its targets, and fails no GET when one of them dies', async (t) => {
  const dying = await service(t, 'dying')
  const steady = await service(t, 'steady')
  const { upstream, conditions } = groupOver(t, [dying, steady], false)
  const bodies = new Set<string>()
  for (let count = 0; count < 4; count++) bodies.add((await fetchOver(upstream, get())).body)
  assert.deepEqual([...bodies].toSorted(), ['dying', 'steady'])
  dying.down = true
  for (const session of dying.sessions) session.destroy()
  // Half of them meet the dead target first: as many retries as a young budget has.
  const answers = await Promise.all(Array.from({ length: 16 }, () => fetchOver(upstream, get())))
  assert.deepEqual(
    answers.flatMap(({ failure }) => failure ?? []),
    [],
  )
  await until(() => conditions()[String(dying.port)] === 'ejected')
})

test('checks over HTTP/2 keep no connection', async (t) => {
  const only = await service(t, 'only')
  groupOver(t, [only], true)
  await until(() => only.asked.length >= 3)
  assert.equal(new Set(only.asked).size, 1)
  assert.equal(only.asked[0], 'GET /healthz')
  await until(() => only.sessions.size <= 1)
})
