import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

import { millis } from '../../src/core/index.ts'
import { fetchOver, get, ok, rawServer, until, upstreamTo } from '../upstream/kit.ts'
import { groupOf } from './kit.ts'

const health = {
  path: '/healthz?full=1',
  interval: millis(20),
  timeout: millis(20_000),
  healthyAfter: 2,
  unhealthyAfter: 2,
  expect: [200, 299],
} as const

/** Answers checks as told and everything else with its name. */
async function checkedServer(
  t: Parameters<typeof rawServer>[0],
  name: string,
  check: () => string,
) {
  const heads: string[] = []
  const server = await rawServer(t, (socket, text) => {
    if (!text.includes('/healthz')) {
      socket.write(ok(name))
      return
    }
    heads.push(text)
    const answer = check()
    if (answer === 'hang up') socket.destroy()
    else if (answer !== 'silence') socket.write(answer)
  })
  return Object.assign(server, { heads })
}

test('a target that fails its checks gets no requests until it passes them again', async (t) => {
  let well = true
  const good = await checkedServer(t, 'good', () => ok('fine'))
  const sick = await checkedServer(t, 'sick', () =>
    well ? ok('fine') : 'HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n',
  )
  const { upstream, conditions, changes } = groupOf(t, [good.port, sick.port], { health })
  const label = String(sick.port)
  await until(() => sick.heads.length >= 3)
  well = false
  await until(() => conditions()[label] === 'unhealthy')
  for (let count = 0; count < 6; count++) {
    assert.equal((await fetchOver(upstream, get())).body, 'good')
  }
  well = true
  await until(() => conditions()[label] === 'healthy')
  const bodies = [await fetchOver(upstream, get()), await fetchOver(upstream, get())]
  assert.deepEqual(bodies.map(({ body }) => body).toSorted(), ['good', 'sick'])
  assert.deepEqual(changes, [`${label} unhealthy`, `${label} healthy`])
})

test('a check is a GET of its path on a connection of its own, and says who asks', async (t) => {
  const server = await checkedServer(t, 'x', () => ok('fine'))
  const { upstream } = groupOf(t, [server.port], { health })
  await until(() => server.heads.length >= 3)
  assert.equal(
    server.heads[0],
    'GET /healthz?full=1 HTTP/1.1\r\nhost: a\r\nuser-agent: proofgate-health\r\naccept: */*\r\n\r\n',
  )
  assert.equal(new Set(server.heads).size, 1, 'a connection carries one check')
  assert.equal(upstream.stats.requests, 0)
})

for (const [how, answer] of [
  ['another status', 'HTTP/1.1 302 X\r\ncontent-length: 0\r\n\r\n'],
  ['no HTTP', 'nonsense\r\n\r\n'],
  ['a closed connection', 'hang up'],
  ['silence', 'silence'],
  ['half an answer', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'],
] as const) {
  test(`a check that is answered by ${how} has failed`, async (t) => {
    const server = await checkedServer(t, 'x', () => answer)
    const options = { ...health, timeout: millis(40) }
    const { upstream, conditions } = groupOf(t, [server.port], { health: options })
    await until(() => conditions()[String(server.port)] === 'unhealthy')
    const { failure } = await fetchOver(upstream, get())
    assert.equal(failure?.kind, 'unavailable')
    assert.equal(failure?.retryAfter, health.interval)
  })
}

test('of an endless answer a check reads a bounded part', async (t) => {
  let written = 0
  const server = await rawServer(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    const more = (): void => {
      if (socket.destroyed) return
      written += 16_384
      socket.write(Buffer.alloc(16_384))
      setTimeout(more, 1)
    }
    more()
  })
  const { conditions } = groupOf(t, [server.port], {
    health: { ...health, interval: millis(60_000), timeout: millis(60_000) },
  })
  await until(() => server.sockets[0]?.destroyed === true)
  assert.ok(written < 8 * 1024 * 1024, String(written))
  assert.equal(conditions()[String(server.port)], 'healthy')
})

test('one failed check among good ones changes nothing', async (t) => {
  let turn = 0
  const server = await checkedServer(t, 'x', () => (++turn % 2 === 0 ? 'hang up' : ok('fine')))
  const { changes } = groupOf(t, [server.port], { health })
  await until(() => server.heads.length >= 12)
  assert.deepEqual(changes, [])
})

test('a target that passes its checks again is no longer left out for its failures', async (t) => {
  const good = await checkedServer(t, 'good', () => ok('fine'))
  let well = true
  const sick = await checkedServer(t, 'sick', () => (well ? ok('fine') : 'hang up'))
  const { upstream, conditions } = groupOf(t, [good.port, sick.port], {
    health,
    ejection: { failures: 1, base: millis(60_000), maxEjected: 50 },
  })
  const label = String(sick.port)
  await until(() => sick.heads.length > 0)
  well = false
  await until(() => conditions()[label] === 'unhealthy')
  well = true
  await until(() => conditions()[label] === 'healthy')
  assert.equal((await fetchOver(upstream, get())).failure, undefined)
})

test('when none but ejected targets pass their checks these are used', async (t) => {
  let well = true
  let answering = true
  const other = await checkedServer(t, 'other', () => (well ? ok('fine') : 'hang up'))
  const failing = await rawServer(t, (socket, text) => {
    if (answering || text.includes('/healthz')) socket.write(ok('failing'))
    else socket.destroy()
  })
  const { upstream, conditions } = groupOf(t, [failing.port, other.port], {
    health,
    ejection: { failures: 1, base: millis(60_000), maxEjected: 50 },
    retries: { share: 0, perRequest: 0 },
  })
  const label = String(failing.port)
  answering = false
  while (conditions()[label] !== 'ejected') await fetchOver(upstream, get())
  answering = true
  well = false
  await until(() => conditions()[String(other.port)] === 'unhealthy')
  assert.equal(conditions()[label], 'ejected')
  assert.equal((await fetchOver(upstream, get())).body, 'failing')
})

test('closing ends the checks', async (t) => {
  const server = await checkedServer(t, 'x', () => 'silence')
  const probe = upstreamTo(t, server.port, { keepAliveTimeout: millis(1) })
  const { upstream } = groupOf(t, [{ port: server.port, probe }], { health })
  await until(() => server.heads.length > 0)
  await upstream.close(millis(10))
  const asked = probe.stats.requests
  await delay(100)
  assert.equal(probe.stats.requests, asked)
})

test('checks of many gateways do not come at the same moments', async (t) => {
  const at: number[] = []
  const timed = await checkedServer(t, 'y', () => {
    at.push(performance.now())
    return ok('fine')
  })
  groupOf(t, [timed.port], { health: { ...health, interval: millis(100) } })
  await until(() => at.length >= 8)
  const gaps = at.slice(1).map((time, index) => time - (at[index] ?? 0))
  assert.ok(new Set(gaps.map((gap) => Math.round(gap))).size > 1, gaps.join(' '))
  // Together: one that is late on a busy machine is nearer to the next.
  assert.ok((at[7] ?? 0) - (at[0] ?? 0) >= 7 * 70, gaps.join(' '))
})
