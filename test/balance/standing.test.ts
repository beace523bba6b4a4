import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

import { freePort } from '../kit/ports.ts'
import { millis } from '../../src/core/index.ts'
import { fetchOver, get, ok, rawServer, start, until } from '../upstream/kit.ts'
import { groupOf, namedServer } from './kit.ts'

const quick = { failures: 2, base: millis(60), maxEjected: 50 }
const post = get('/', { method: 'POST', framing: { kind: 'length', length: 0 } })

/** A server that hangs up while `down`. */
async function moody(t: TestContext, name: string) {
  const state = { down: false, asked: 0 }
  const server = await rawServer(t, (socket) => {
    state.asked += 1
    if (state.down) socket.destroy()
    else socket.write(ok(name))
  })
  return Object.assign(server, { state })
}

/** Ejections last until the test lets their time pass, however slow the machine is. Comes before the group. */
function heldTime(t: TestContext): (millis: number) => void {
  t.after(() => t.mock.timers.reset())
  t.mock.timers.enable({ apis: ['setTimeout'] })
  return (time) => t.mock.timers.tick(time)
}

test('a target that fails in a row is left out, and comes back with one request', async (t) => {
  const pass = heldTime(t)
  const good = await namedServer(t, 'good')
  const bad = await moody(t, 'back')
  const { upstream, changes, conditions } = groupOf(t, [good.port, bad.port], { ejection: quick })
  bad.state.down = true
  const label = String(bad.port)
  while (conditions()[label] === 'healthy') await fetchOver(upstream, post)
  const asked = bad.state.asked
  assert.equal(asked, 2)
  for (let count = 0; count < 10; count++) {
    assert.equal((await fetchOver(upstream, post)).body, 'good')
  }
  assert.equal(bad.state.asked, asked)
  pass(59)
  assert.equal(conditions()[label], 'ejected')
  pass(1)
  assert.equal(conditions()[label], 'half-open')
  bad.state.down = false
  for (let count = 0; count < 4; count++) await fetchOver(upstream, post)
  assert.equal(conditions()[label], 'healthy')
  assert.deepEqual(changes, [`${label} ejected`, `${label} half-open`, `${label} healthy`])
})

test('while a returning target is tried nobody else is sent there', async (t) => {
  const pass = heldTime(t)
  const good = await namedServer(t, 'good')
  let hold = false
  let asked = 0
  const bad = await rawServer(t, (socket) => {
    asked += 1
    if (!hold) socket.destroy()
  })
  const { upstream, conditions } = groupOf(t, [good.port, bad.port], { ejection: quick })
  const label = String(bad.port)
  while (conditions()[label] === 'healthy') await fetchOver(upstream, post)
  hold = true
  asked = 0
  pass(60)
  assert.equal(conditions()[label], 'half-open')
  const all = Array.from({ length: 20 }, () => start(upstream, get()))
  await until(() => asked === 1 && all.filter(({ recorder }) => recorder.body !== '').length === 19)
  assert.equal(asked, 1)
  for (const socket of bad.sockets) socket.destroy()
  await Promise.all(all.map(({ recorder }) => recorder.settled))
  assert.equal(conditions()[label], 'ejected')
})

test('a request whose body does not come keeps a returning target from nobody for long', async (t) => {
  const pass = heldTime(t)
  let down = true
  const service = await rawServer(t, (socket, text) => {
    if (down) socket.destroy()
    else if (text.startsWith('GET')) socket.write(ok('back'))
  })
  const { upstream, conditions } = groupOf(t, [service.port], {
    ejection: { failures: 1, base: millis(100), maxEjected: 100 },
  })
  const label = String(service.port)
  await fetchOver(upstream, post)
  assert.equal(conditions()[label], 'ejected')
  pass(100)
  assert.equal(conditions()[label], 'half-open')
  down = false
  const slow = start(upstream, get('/', { method: 'POST', framing: { kind: 'length', length: 9 } }))
  assert.equal((await fetchOver(upstream, get())).failure?.kind, 'unavailable')
  pass(99)
  assert.equal((await fetchOver(upstream, get())).failure?.kind, 'unavailable')
  pass(1)
  assert.equal((await fetchOver(upstream, get())).body, 'back')
  assert.equal(conditions()[label], 'healthy')
  slow.exchange.abort()
})

test('a request that was given up lets the next one try a returning target', async (t) => {
  const pass = heldTime(t)
  const good = await namedServer(t, 'good')
  const bad = await rawServer(t, (socket, text) => {
    if (!text.includes('/hold')) socket.destroy()
  })
  const { upstream, conditions } = groupOf(t, [good.port, bad.port], { ejection: quick })
  const label = String(bad.port)
  while (conditions()[label] === 'healthy') await fetchOver(upstream, post)
  pass(60)
  assert.equal(conditions()[label], 'half-open')
  const held = [start(upstream, get('/hold')), start(upstream, get('/hold'))]
  await until(() => bad.received.some((text) => text.includes('/hold')))
  const before = bad.sockets.length
  for (const { exchange } of held) exchange.abort()
  for (let count = 0; count < 2; count++) await fetchOver(upstream, post)
  assert.ok(bad.sockets.length > before)
})

test('each ejection in a row is twice as long', async (t) => {
  const pass = heldTime(t)
  const good = await namedServer(t, 'good')
  const bad = await moody(t, 'bad')
  bad.state.down = true
  const { upstream, conditions } = groupOf(t, [good.port, bad.port], {
    ejection: { failures: 1, base: millis(40), maxEjected: 50 },
  })
  const label = String(bad.port)
  for (let round = 0; round < 4; round++) {
    while (conditions()[label] !== 'ejected') await fetchOver(upstream, post)
    pass(40 * 2 ** round - 1)
    assert.equal(conditions()[label], 'ejected', `round ${round}`)
    pass(1)
    assert.equal(conditions()[label], 'half-open', `round ${round}`)
  }
})

test('the last target is never left out', async (t) => {
  const first = await moody(t, 'first')
  const second = await moody(t, 'second')
  const { upstream, conditions } = groupOf(t, [first.port, second.port], {
    ejection: { failures: 1, base: millis(60_000), maxEjected: 99 },
  })
  first.state.down = true
  second.state.down = true
  for (let count = 0; count < 12; count++) await fetchOver(upstream, post)
  assert.deepEqual(Object.values(conditions()).toSorted(), ['ejected', 'healthy'])
  first.state.down = false
  second.state.down = false
  assert.match((await fetchOver(upstream, post)).body, /first|second/)
})

test('a lone target is not left out, unless all may be', async (t) => {
  const bad = await moody(t, 'bad')
  bad.state.down = true
  const { upstream, conditions } = groupOf(t, [bad.port], {
    ejection: { failures: 1, base: millis(60_000), maxEjected: 99 },
  })
  for (let count = 0; count < 5; count++) await fetchOver(upstream, post)
  assert.equal(conditions()[String(bad.port)], 'healthy')
})

test('no more than the share of targets is out at once', async (t) => {
  const good = await namedServer(t, 'good')
  const bad = [await freePort(), await freePort(), await freePort()]
  for (const [maxEjected, most] of [
    [50, 2],
    [25, 1],
    [1, 1],
    [0, 1],
    [100, 3],
  ] as const) {
    const { upstream, conditions } = groupOf(t, [good.port, ...bad], {
      ejection: { failures: 1, base: millis(60_000), maxEjected },
    })
    for (let count = 0; count < 20; count++) await fetchOver(upstream, post)
    const out = Object.values(conditions()).filter((condition) => condition === 'ejected')
    assert.equal(out.length, most, String(maxEjected))
  }
})

test('with all targets out the answer is there at once, with the time to ask again', async (t) => {
  const bad = await moody(t, 'bad')
  bad.state.down = true
  const { upstream, conditions } = groupOf(t, [bad.port], {
    ejection: { failures: 1, base: millis(60_000), maxEjected: 100 },
  })
  await fetchOver(upstream, post)
  assert.equal(conditions()[String(bad.port)], 'ejected')
  const asked = bad.state.asked
  for (let count = 0; count < 5; count++) {
    const { recorder, exchange } = start(upstream, get())
    assert.deepEqual(recorder.events, [], 'never from inside the call')
    exchange.write(Buffer.from('x'))
    exchange.end()
    await recorder.settled
    const { failure } = recorder
    assert.equal(failure?.kind, 'unavailable')
    assert.deepEqual([failure?.sent, failure?.beforeResponse], [false, true])
    const wait = failure?.retryAfter ?? 0
    assert.ok(wait > 30_000 && wait <= 60_000, String(wait))
  }
  assert.equal(bad.state.asked, asked)
  const given = start(upstream, get())
  given.exchange.abort()
  await delay(5)
  assert.deepEqual(given.recorder.events, [])
})

test('answers of 500 and above in a row leave a target out when they are to count', async (t) => {
  const good = await namedServer(t, 'good')
  let status = 500
  const bad = await rawServer(t, (socket) =>
    socket.write(`HTTP/1.1 ${status} X\r\ncontent-length: 0\r\n\r\n`),
  )
  const label = String(bad.port)
  const counted = groupOf(t, [good.port, bad.port], {
    ejection: { ...quick, base: millis(60_000), errorAnswers: 3 },
  })
  for (let count = 0; count < 4; count++) await fetchOver(counted.upstream, get())
  status = 404
  for (let count = 0; count < 2; count++) await fetchOver(counted.upstream, get())
  status = 503
  for (let count = 0; count < 4; count++) await fetchOver(counted.upstream, get())
  assert.equal(counted.conditions()[label], 'healthy')
  for (let count = 0; count < 2; count++) await fetchOver(counted.upstream, get())
  assert.equal(counted.conditions()[label], 'ejected')

  const uncounted = groupOf(t, [good.port, bad.port], { ejection: quick })
  for (let count = 0; count < 20; count++) await fetchOver(uncounted.upstream, get())
  assert.equal(uncounted.conditions()[label], 'healthy')
})

test('a target is not blamed for what others did', async (t) => {
  const good = await namedServer(t, 'good')
  const server = await rawServer(t, (socket, text) => {
    if (text.includes('/answer')) socket.write(ok('x'))
  })
  const options = { maxConnections: 1, maxQueued: 0 }
  const { upstream, conditions } = groupOf(t, [good.port, { port: server.port, options }], {
    ejection: { failures: 1, base: millis(60_000), maxEjected: 50 },
    retries: { share: 0, perRequest: 0 },
  })
  // A body longer than declared, a caller who left, and a pool without room.
  for (let count = 0; count < 2; count++) {
    const broken = start(upstream, get('/', { framing: { kind: 'length', length: 1 } }))
    broken.exchange.write(Buffer.from('too long'))
    await broken.recorder.settled
  }
  const left = [start(upstream, get()), start(upstream, get())]
  await until(() => server.received.some((text) => text.includes('GET / ')))
  for (const { exchange } of left) exchange.abort()
  const held = [start(upstream, get()), start(upstream, get())]
  const full = [start(upstream, get()), start(upstream, get())]
  await Promise.all(full.map(({ recorder }) => recorder.settled))
  assert.ok(full.some(({ recorder }) => recorder.failure?.kind === 'pool_exhausted'))
  for (const { exchange } of held) exchange.abort()
  assert.equal(conditions()[String(server.port)], 'healthy')
})

test('a backup is used while no other can be, and not a moment longer', async (t) => {
  const pass = heldTime(t)
  const main = await moody(t, 'main')
  const backup = await namedServer(t, 'backup')
  const { upstream, conditions } = groupOf(t, [main.port, { port: backup.port, backup: true }], {
    ejection: { failures: 1, base: millis(60), maxEjected: 50 },
  })
  for (let count = 0; count < 5; count++) {
    assert.equal((await fetchOver(upstream, get())).body, 'main')
  }
  main.state.down = true
  assert.equal((await fetchOver(upstream, get('/', { method: 'GET' }))).body, 'backup')
  assert.equal((await fetchOver(upstream, post)).body, 'backup')
  main.state.down = false
  pass(60)
  assert.equal(conditions()[String(main.port)], 'half-open')
  for (let count = 0; count < 3; count++) {
    assert.equal((await fetchOver(upstream, post)).body, 'main')
  }
})

test('no request that may be repeated fails when a target dies under load', async (t) => {
  const dying = await moody(t, 'd')
  const steady = [await namedServer(t, 'a'), await namedServer(t, 'b'), await namedServer(t, 'c')]
  const ports = [...steady, dying].map(({ port }) => port)
  for (const balance of ['round-robin', 'least-pending', 'weighted', 'sticky'] as const) {
    const ejection = { failures: 3, base: millis(200), maxEjected: 50 }
    const { upstream } = groupOf(t, ports, { balance, ejection })
    dying.state.down = false
    let finished = 0
    const failed: string[] = []
    const worker = async (name: number): Promise<void> => {
      for (let count = 0; count < 100; count++) {
        const answer = await fetchOver(upstream, get('/', { caller: `${name}` }))
        finished += 1
        if (answer.failure !== undefined) failed.push(answer.failure.detail)
        if (finished !== 300) continue
        dying.state.down = true
        for (const socket of dying.sockets) socket.resetAndDestroy()
      }
    }
    await Promise.all(Array.from({ length: 16 }, (_, name) => worker(name)))
    assert.deepEqual(failed, [], balance)
    assert.equal(finished, 1600)
  }
})
