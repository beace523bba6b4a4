import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { freePort } from '../kit/ports.ts'
import { millis } from '../../src/core/index.ts'
import { CommonLines } from '../../src/upstream/index.ts'
import { fetchOver, get, ok, rawServer, start, until } from '../upstream/kit.ts'
import type { RawServer } from '../upstream/kit.ts'
import { groupOf, namedServer } from './kit.ts'

const methods = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'PURGE']

/** Takes the request and hangs up without a word. */
function hangUp(t: TestContext): Promise<RawServer> {
  return rawServer(t, (socket) => socket.destroy())
}

test('what found no connection is sent to another target, whatever its method', async (t) => {
  const good = await namedServer(t, 'good')
  for (const method of methods.filter((one) => one !== 'HEAD')) {
    const { upstream } = groupOf(t, [good.port, await freePort()])
    const answer = await fetchOver(upstream, get('/', { method }))
    assert.equal(answer.body, 'good', method)
    assert.equal(upstream.stats.retried, 1)
    assert.equal(upstream.stats.failed, 0)
  }
})

test('a body waits for its connection and goes to the target that has one, whole and once', async (t) => {
  const parts = ['one ', 'two ', 'x'.repeat(200_000)]
  const length = parts.join('').length
  let received = 0
  const good = await rawServer(t, (socket, text) => {
    received = text.length - text.indexOf('\r\n\r\n') - 4
    if (received >= length) socket.write(ok('good'))
  })
  const { upstream } = groupOf(t, [good.port, await freePort()])
  const { recorder, exchange } = start(
    upstream,
    get('/', { method: 'POST', framing: { kind: 'length', length } }),
  )
  await new Promise<void>((resolve) => {
    const queue = [...parts]
    const send = (): void => {
      for (let part = queue.shift(); part !== undefined; part = queue.shift()) {
        if (!exchange.write(Buffer.from(part)) && queue.length > 0) return
      }
      exchange.end()
      resolve()
    }
    exchange.onDrain(send)
    send()
  })
  await recorder.settled
  assert.equal(recorder.body, 'good')
  assert.equal(received, length)
  assert.equal(good.sockets.length, 1)
})

test('a body whose writer waits goes on when the next target takes it at once', async (t) => {
  const good = await rawServer(t, (socket, text) => {
    if (text.endsWith('0\r\n\r\n') || text.endsWith('host: a\r\n\r\n')) socket.write(ok('good'))
  })
  const { upstream } = groupOf(t, [good.port, await freePort()])
  // A kept connection to the good one, so that the retry has it without waiting; then the bad one's turn.
  while (upstream.stats.idle === 0) await fetchOver(upstream, get())
  const before = upstream.stats.retried
  for (let round = 0; round < 4; round++) {
    const { recorder, exchange } = start(
      upstream,
      get('/', { method: 'POST', framing: { kind: 'chunked' } }),
    )
    if (exchange.write(Buffer.from('first'))) exchange.end()
    else exchange.onDrain(() => exchange.end())
    await recorder.settled
    assert.equal(recorder.body, 'good')
  }
  assert.equal(upstream.stats.retried, before + 2)
})

test('a GET, HEAD or OPTIONS that nobody answered is asked of another target', async (t) => {
  const good = await rawServer(t, (socket, text) =>
    socket.write(text.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\n\r\n' : ok('good')),
  )
  for (const method of ['GET', 'HEAD', 'OPTIONS']) {
    const bad = await hangUp(t)
    const { upstream } = groupOf(t, [good.port, bad.port])
    assert.equal((await fetchOver(upstream, get('/', { method }))).head?.status, 200)
    assert.equal(bad.sockets.length, 1, method)
    assert.equal(upstream.stats.retried, 1)
  }
})

test('what may have had an effect is sent once and no more', async (t) => {
  const good = await namedServer(t, 'good')
  for (const request of [
    ...methods
      .filter((method) => !['GET', 'HEAD', 'OPTIONS'].includes(method))
      .map((method) => get('/', { method })),
    get('/', { framing: { kind: 'length', length: 0 } }),
    get('/', { framing: { kind: 'chunked' } }),
    get('/', { method: 'POST', framing: { kind: 'length', length: 4 } }),
  ]) {
    const bad = await hangUp(t)
    const { upstream } = groupOf(t, [good.port, bad.port])
    const { recorder, exchange } = start(upstream, request)
    if (request.framing.kind === 'length' && request.framing.length > 0) {
      exchange.write(Buffer.from('once'))
    }
    exchange.end()
    await recorder.settled
    assert.equal(recorder.failure?.kind, 'reset', request.method)
    assert.equal(bad.sockets.length, 1)
    assert.equal(upstream.stats.retried, 0)
  }
  assert.equal(good.sockets.length, 0)
})

test('who answered as much as a byte, or an interim answer, has been asked', async (t) => {
  const good = await namedServer(t, 'good')
  for (const answer of ['H', 'HTTP/1.1 103 Early Hints\r\n\r\n', 'HTTP/1.1 200 OK\r\ncontent-']) {
    const bad = await rawServer(t, (socket) => socket.end(answer))
    const { upstream } = groupOf(t, [good.port, bad.port])
    assert.equal((await fetchOver(upstream, get())).failure?.kind, 'reset', answer)
    assert.equal(upstream.stats.retried, 0)
  }
  assert.equal(good.sockets.length, 0)
})

test('an answer that began is never exchanged for another', async (t) => {
  const good = await namedServer(t, 'good')
  for (const answer of [
    'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n',
    'HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n',
  ]) {
    const bad = await rawServer(t, (socket) => socket.end(answer))
    const { upstream } = groupOf(t, [good.port, bad.port])
    const heard = await fetchOver(upstream, get())
    assert.equal(heard.events[0], 'head')
    assert.notEqual(heard.body, 'good')
    assert.equal(upstream.stats.retried, 0)
  }
  assert.equal(good.sockets.length, 0)
})

test('silence, nonsense and excess are not tried elsewhere', async (t) => {
  const good = await namedServer(t, 'good')
  for (const [answer, kind] of [
    ['', 'headers_timeout'],
    ['nonsense\r\n\r\n', 'malformed'],
    [`HTTP/1.1 200 OK\r\na: ${'a'.repeat(20_000)}\r\n\r\n`, 'too_large'],
  ] as const) {
    const bad = await rawServer(t, (socket) => socket.write(answer))
    const options = answer === '' ? { headersTimeout: millis(60) } : {}
    const { upstream } = groupOf(t, [good.port, { port: bad.port, options }])
    assert.equal((await fetchOver(upstream, get())).failure?.kind, kind)
  }
  assert.equal(good.sockets.length, 0)
})

test('without retries the first failure is the last', async (t) => {
  const good = await namedServer(t, 'good')
  const { upstream } = groupOf(t, [good.port, await freePort()], {
    retries: { share: 0.2, perRequest: 0 },
  })
  assert.equal((await fetchOver(upstream, get())).failure?.kind, 'connect_refused')
  assert.equal(upstream.stats.retried, 0)
})

test('a request is retried as often as allowed, each time elsewhere', async (t) => {
  const bad = [await hangUp(t), await hangUp(t), await hangUp(t), await hangUp(t)]
  const ports = bad.map(({ port }) => port)
  for (const perRequest of [1, 2, 3, 10]) {
    for (const one of bad) one.sockets.length = 0
    const { upstream } = groupOf(t, ports, { retries: { share: 0.2, perRequest } })
    assert.equal((await fetchOver(upstream, get())).failure?.kind, 'reset')
    const asked = bad.map(({ sockets }) => sockets.length)
    const tries = asked.reduce((sum, count) => sum + count, 0)
    assert.equal(tries, perRequest + 1)
    if (perRequest < 4) assert.ok(Math.max(...asked) <= 1, String(asked))
  }
})

test('with nobody else to ask, a connection that broke is worth another, one refused is not', async (t) => {
  let asked = 0
  const shaky = await rawServer(t, (socket) => {
    asked += 1
    if (asked % 2 === 1) socket.destroy()
    else socket.write(ok('again'))
  })
  const lone = groupOf(t, [shaky.port])
  assert.equal((await fetchOver(lone.upstream, get())).body, 'again')
  assert.equal(lone.upstream.stats.retried, 1)
  const absent = groupOf(t, [await freePort()])
  assert.equal((await fetchOver(absent.upstream, get())).failure?.kind, 'connect_refused')
  assert.equal(absent.upstream.stats.retried, 0)
})

test('retries end with their budget', async (t) => {
  const bad = [await hangUp(t), await hangUp(t)]
  const { upstream } = groupOf(
    t,
    bad.map(({ port }) => port),
  )
  for (let count = 0; count < 100; count++) await fetchOver(upstream, get())
  const sent = bad.reduce((sum, { sockets }) => sum + sockets.length, 0)
  assert.equal(upstream.stats.failed, 100)
  assert.equal(upstream.stats.retried, sent - 100)
  assert.ok(upstream.stats.retried <= 10 + 20, String(upstream.stats.retried))
  assert.ok(upstream.stats.retried >= 25, String(upstream.stats.retried))
})

test('a full target does not keep a request from one with room', async (t) => {
  const full = await rawServer(t, () => undefined)
  const good = await namedServer(t, 'good')
  const options = { maxConnections: 1, maxQueued: 0 }
  const { upstream } = groupOf(t, [good.port, { port: full.port, options }])
  const held = start(upstream, get('/hold'))
  await until(() => full.received[0]?.includes('/hold') === true)
  for (let count = 0; count < 4; count++) {
    assert.equal((await fetchOver(upstream, get('/x', { method: 'POST' }))).body, 'good')
  }
  held.exchange.abort()
})

test('a request that was given up is not tried elsewhere', async (t) => {
  const good = await namedServer(t, 'good')
  const bad = await rawServer(t, () => undefined)
  const { upstream } = groupOf(t, [good.port, bad.port])
  const { recorder, exchange } = start(upstream, get())
  await until(() => bad.received[0] !== undefined && bad.received[0] !== '')
  exchange.abort()
  exchange.abort()
  for (const socket of bad.sockets) socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 30))
  assert.deepEqual(recorder.events, [])
  assert.equal(good.sockets.length, 0)
  assert.deepEqual(
    upstream.targets.map(({ pending }) => pending),
    [0, 0],
  )
})

test('the time of the whole is one for all tries', async (t) => {
  const silent = await rawServer(t, () => undefined)
  const second = await rawServer(t, () => undefined)
  const { upstream } = groupOf(t, [second.port, silent.port], { totalTimeout: millis(60_000) })
  const begun = performance.now()
  const { recorder } = start(upstream, get())
  await until(() => silent.received[0]?.includes('GET') === true)
  // The first try took all but a moment of it.
  const now = performance.now.bind(performance)
  t.mock.method(performance, 'now', () => now() + 59_900)
  silent.sockets[0]?.destroy()
  await recorder.settled
  assert.equal(recorder.failure?.kind, 'total_timeout')
  assert.equal(second.sockets.length, 1)
  assert.ok(performance.now() - begun >= 60_000, 'never early')
})

test('each target is asked by its own name where it has one', async (t) => {
  const first = await namedServer(t, 'first')
  const second = await namedServer(t, 'second')
  const { upstream } = groupOf(t, [
    { port: first.port, authority: 'first.internal' },
    { port: second.port },
  ])
  for (let count = 0; count < 2; count++) {
    await fetchOver(upstream, get('/', { headers: ['x', 'y', 'Host', 'a', 'host-id', 'b'] }))
  }
  assert.match(first.received[0] ?? '', /^x: y\r\nHost: first\.internal\r\nhost-id: b\r\n/m)
  assert.match(second.received[0] ?? '', /^Host: a\r$/m)
})

test('so it is by lines that requests have in common, which stay as they are', async (t) => {
  const first = await namedServer(t, 'first')
  const second = await namedServer(t, 'second')
  const { upstream } = groupOf(t, [
    { port: first.port, authority: 'first.internal' },
    { port: second.port },
  ])
  const common = new CommonLines(['host', 'a', 'x', 'y'])
  for (let count = 0; count < 2; count++) {
    await fetchOver(upstream, { ...get('/', { headers: ['own', 'z'] }), common })
  }
  assert.match(first.received[0] ?? '', /^host: first\.internal\r\nx: y\r\nown: z\r$/m)
  assert.match(second.received[0] ?? '', /^host: a\r\nx: y\r\nown: z\r$/m)
})

test('a body that breaks its length is our own fault, and not tried elsewhere', async (t) => {
  const { upstream } = groupOf(t, [await freePort(), await freePort()])
  for (const [text, length] of [
    ['too long', 3],
    ['short', 30],
  ] as const) {
    const { recorder, exchange } = start(
      upstream,
      get('/', { method: 'POST', framing: { kind: 'length', length } }),
    )
    exchange.write(Buffer.from(text))
    exchange.end()
    await recorder.settled
    assert.equal(recorder.failure?.kind, 'aborted')
    assert.equal(upstream.stats.retried, 0)
    assert.deepEqual(recorder.events, ['failure aborted'])
  }
})

test('a reader that paused before there was a connection is not read to by the next target', async (t) => {
  const size = 4 * 1024 * 1024
  const good = await rawServer(t, (socket) => socket.write(ok('x'.repeat(size))))
  const { upstream } = groupOf(t, [good.port, await freePort()])
  const { recorder, exchange } = start(upstream, get())
  exchange.pause()
  await until(() => good.received[0] !== undefined && good.received[0] !== '')
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.deepEqual(recorder.events, [])
  exchange.resume()
  await recorder.settled
  assert.equal(recorder.body.length, size)
})

test('what was sent of a body is not kept for another try', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const good = await rawServer(t, (socket, text) => {
    if (text.endsWith('0\r\n\r\n')) socket.write(ok('good'))
  })
  const { upstream } = groupOf(t, [good.port])
  // On a connection that is yet to be made, and on one that is there.
  for (const round of ['fresh', 'kept']) {
    const { recorder, exchange } = start(
      upstream,
      get('/', { method: 'POST', framing: { kind: 'chunked' } }),
    )
    const sent = new WeakRef(Buffer.allocUnsafeSlow(20_000).fill('x'))
    const goesOn = exchange.write(sent.deref() ?? Buffer.alloc(0))
    if (!goesOn) await new Promise<void>((resolve) => exchange.onDrain(resolve))
    for (let tries = 0; tries < 1000 && sent.deref() !== undefined; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10))
      collect()
    }
    assert.equal(sent.deref(), undefined, round)
    exchange.end()
    await recorder.settled
    assert.equal(recorder.body, 'good')
  }
})

test('an upgrade goes to another target only when nothing was sent', async (t) => {
  const good = await rawServer(t, (socket) =>
    socket.write('HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'),
  )
  for (const [port, opened] of [
    [await freePort(), true],
    [(await hangUp(t)).port, false],
  ] as const) {
    const { upstream } = groupOf(t, [good.port, port])
    const outcome = await new Promise<string>((resolve) => {
      upstream.upgrade(
        { ...get(), framing: { kind: 'none' }, protocol: 'websocket' },
        {
          onUpgrade: (_head, socket) => {
            const pending = upstream.targets.map((target) => target.pending)
            assert.deepEqual(pending, [1, 0], 'an open tunnel is under way')
            socket.destroy()
            resolve('opened')
          },
          onHead: () => resolve('head'),
          onData: () => true,
          onEnd: () => undefined,
          onFailure: ({ kind }) => resolve(kind),
        },
      )
    })
    assert.equal(outcome, opened ? 'opened' : 'reset')
    await until(() => upstream.targets.every(({ pending }) => pending === 0))
  }
})
