import assert from 'node:assert/strict'
import { test } from 'node:test'

import { millis } from '../../src/core/index.ts'
import { fetchOver, get, ok, rawServer, start, until, upstreamTo } from './kit.ts'

const post = { method: 'POST', framing: { kind: 'length', length: 0 } } as const

test('one connection serves one request after the other', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(ok('fine')))
  const upstream = upstreamTo(t, server.port)
  for (let count = 0; count < 5; count++) {
    const answer = await fetchOver(upstream, get(`/${count}`))
    assert.equal(answer.body, 'fine')
  }
  assert.equal(server.sockets.length, 1)
  assert.equal(upstream.stats.reused, 4)
  assert.equal(upstream.stats.idle, 1)
})

test('what one response used up is not held against the next', async (t) => {
  const hints = 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(5)
  const chunked =
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;abc\r\nx\r\n0\r\nt: u\r\n\r\n'
  const server = await rawServer(t, (socket) => socket.write(hints + chunked))
  const upstream = upstreamTo(t, server.port)
  for (let count = 0; count < 4; count++) {
    const answer = await fetchOver(upstream, get())
    assert.equal(answer.informational.length, 5)
    assert.equal(answer.body, 'x')
    assert.deepEqual(answer.trailers, ['t', 'u'])
  }
  assert.equal(server.sockets.length, 1)
})

test('the connection used last is used first', async (t) => {
  const server = await rawServer(t, (socket, received) => {
    if (received.endsWith('GET /hold HTTP/1.1\r\nhost: a\r\n\r\n')) return
    socket.write(ok('x'))
  })
  const upstream = upstreamTo(t, server.port)
  const slow = start(upstream, get('/hold'))
  await until(() => server.received[0]?.includes('/hold') === true)
  await fetchOver(upstream, get('/second'))
  server.sockets[0]?.write(ok('late'))
  await slow.recorder.settled
  assert.equal((await fetchOver(upstream, get('/after'))).body, 'x')
  assert.ok(server.received[0]?.includes('/after'))
})

test('no more connections than allowed; the others wait their turn', async (t) => {
  const order: string[] = []
  const server = await rawServer(t, (socket, received) => {
    order.push(/.*GET (\S+)/s.exec(received)?.[1] ?? '')
    setTimeout(() => socket.write(ok('x')), 5)
  })
  const upstream = upstreamTo(t, server.port, { maxConnections: 2 })
  const all = Array.from({ length: 8 }, (_, index) => start(upstream, get(`/${index}`)))
  assert.equal(upstream.stats.open, 2)
  assert.equal(upstream.stats.queued, 6)
  await Promise.all(all.map(({ recorder }) => recorder.settled))
  assert.equal(server.sockets.length, 2)
  assert.deepEqual(order.toSorted(), order)
  for (const { recorder } of all) assert.equal(recorder.body, 'x')
})

test('a full queue answers at once that the pool is exhausted, but never from inside the call', async (t) => {
  const server = await rawServer(t, () => undefined)
  const upstream = upstreamTo(t, server.port, { maxConnections: 1, maxQueued: 2 })
  for (let count = 0; count < 3; count++) start(upstream, get())
  const { recorder } = start(upstream, get())
  assert.deepEqual(recorder.events, [])
  await recorder.settled
  assert.equal(recorder.failure?.kind, 'pool_exhausted')
  assert.equal(recorder.failure?.sent, false)
  assert.equal(upstream.stats.queued, 2)
})

test('who waits too long in the queue is told so', async (t) => {
  const server = await rawServer(t, () => undefined)
  const upstream = upstreamTo(t, server.port, { maxConnections: 1, connectTimeout: millis(60) })
  start(upstream, get('/hold'))
  const { recorder } = start(upstream, get('/wait'))
  await recorder.settled
  assert.equal(recorder.failure?.kind, 'pool_exhausted')
  assert.equal(upstream.stats.queued, 0)
})

test('an exchange given up in the queue is never sent', async (t) => {
  const server = await rawServer(t, () => undefined)
  const upstream = upstreamTo(t, server.port, { maxConnections: 1 })
  const first = start(upstream, get('/first'))
  const second = start(upstream, get('/second'))
  const third = start(upstream, get('/third'))
  second.exchange.abort()
  first.exchange.abort()
  await until(() => server.received.some((text) => text.includes('/third')))
  assert.ok(!server.received.join('').includes('/second'))
  assert.deepEqual([...second.recorder.events, ...third.recorder.events], [])
})

test('an exchange given up while connecting frees its place', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(ok('x')))
  const upstream = upstreamTo(t, server.port, { maxConnections: 1 })
  const first = start(upstream, get('/first'))
  first.exchange.abort()
  assert.equal(upstream.stats.open, 0)
  assert.equal((await fetchOver(upstream, get('/second'))).body, 'x')
  assert.ok(!server.received.join('').includes('/first'))
})

test('a second response to one request never reaches another (Q02)', async (t) => {
  for (const delay of [0, 20]) {
    const server = await rawServer(t, (socket, received, connection) => {
      if (connection > 0) socket.write(ok('own'))
      else if (delay === 0) socket.write(ok('first') + ok('evil'))
      else {
        socket.write(ok('first'))
        setTimeout(() => socket.write(ok('evil')), delay)
      }
      assert.ok(!received.includes('/next') || connection > 0)
    })
    const upstream = upstreamTo(t, server.port)
    assert.equal((await fetchOver(upstream, get('/one'))).body, 'first')
    if (delay > 0) await until(() => upstream.stats.open === 0)
    assert.equal((await fetchOver(upstream, get('/next'))).body, 'own')
    assert.equal(server.sockets.length, 2)
  }
})

test('a single stray byte on an unused connection closes it', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(ok('x')))
  const upstream = upstreamTo(t, server.port)
  await fetchOver(upstream, get())
  assert.equal(upstream.stats.idle, 1)
  server.sockets[0]?.write('\n')
  await until(() => upstream.stats.open === 0)
  assert.equal(upstream.stats.idle, 0)
})

test('a connection whose response said close is not used again, even when it stays open', async (t) => {
  for (const headers of ['connection: close\r\n', 'Connection: X, CLOSE\r\n']) {
    const server = await rawServer(t, (socket) => socket.write(ok('x', headers)))
    const upstream = upstreamTo(t, server.port)
    await fetchOver(upstream, get())
    await fetchOver(upstream, get())
    assert.equal(server.sockets.length, 2)
  }
})

test('a connection that served a failure is not used again', async (t) => {
  const server = await rawServer(t, (socket, _received, connection) => {
    socket.write(connection === 0 ? ok('x', 'content-length: 1\r\n') : ok('fine'))
  })
  const upstream = upstreamTo(t, server.port)
  assert.equal((await fetchOver(upstream, get())).failure?.kind, 'malformed')
  assert.equal((await fetchOver(upstream, get())).body, 'fine')
  assert.equal(server.sockets.length, 2)
})

test('an unused connection is closed after its time, or before the upstream would close it', async (t) => {
  const server = await rawServer(t, (socket, received) => {
    socket.write(ok('x', received.includes('/short') ? 'keep-alive: timeout=1\r\n' : ''))
  })
  const upstream = upstreamTo(t, server.port, { keepAliveTimeout: millis(80) })
  await fetchOver(upstream, get('/'))
  assert.equal(upstream.stats.idle, 1)
  await until(() => upstream.stats.open === 0)
  await fetchOver(upstream, get('/short'))
  assert.equal(upstream.stats.open, 0)
})

test('a GET on a kept connection that died unanswered is sent again on a fresh one', async (t) => {
  for (const method of ['GET', 'HEAD', 'OPTIONS']) {
    const server = await rawServer(t, (socket, received, connection) => {
      if (connection < 2 && received.split('\r\n\r\n').length > 2) socket.destroy()
      else socket.write(method === 'HEAD' ? 'HTTP/1.1 200 OK\r\n\r\n' : ok('x'))
    })
    const upstream = upstreamTo(t, server.port)
    // Two kept connections that will both die: the second attempt must not trust the other one.
    await Promise.all([1, 2].map(() => fetchOver(upstream, get('/warm', { method }))))
    const answer = await fetchOver(upstream, get('/again', { method }))
    assert.equal(answer.head?.status, 200, method)
    assert.equal(upstream.stats.retried, 1)
    assert.ok(upstream.stats.idle >= 1)
    assert.equal(server.sockets.length, 3)
  }
})

test('nothing that may have had an effect is sent twice', async (t) => {
  for (const request of [
    get('/', post),
    get('/', { method: 'PUT' }),
    get('/', { method: 'DELETE' }),
    get('/', { method: 'PATCH' }),
    get('/', { framing: { kind: 'length', length: 0 } }),
  ]) {
    const server = await rawServer(t, (socket, received) => {
      if (received.split('\r\n\r\n').length > 2) socket.destroy()
      else socket.write(ok('x'))
    })
    const upstream = upstreamTo(t, server.port)
    await fetchOver(upstream, get('/warm'))
    const { recorder, exchange } = start(upstream, request)
    exchange.end()
    await recorder.settled
    assert.equal(recorder.failure?.kind, 'reset', request.method)
    assert.deepEqual([recorder.failure?.beforeResponse, recorder.failure?.sent], [true, true])
    assert.equal(server.sockets.length, 1)
  }
})

test('a GET is not sent again on a first connection, after a byte of answer, or a second time', async (t) => {
  const first = await rawServer(t, (socket) => socket.destroy())
  assert.equal((await fetchOver(upstreamTo(t, first.port), get())).failure?.kind, 'reset')
  assert.equal(first.sockets.length, 1)

  const begun = await rawServer(t, (socket, received) => {
    if (received.split('\r\n\r\n').length > 2) socket.end('H')
    else socket.write(ok('x'))
  })
  const upstream = upstreamTo(t, begun.port)
  await fetchOver(upstream, get())
  assert.equal((await fetchOver(upstream, get())).failure?.kind, 'reset')
  assert.equal(begun.sockets.length, 1)

  const always = await rawServer(t, (socket, received, connection) => {
    if (connection > 0 || received.split('\r\n\r\n').length > 2) socket.destroy()
    else socket.write(ok('x'))
  })
  const stubborn = upstreamTo(t, always.port)
  await fetchOver(stubborn, get())
  assert.equal((await fetchOver(stubborn, get())).failure?.kind, 'reset')
  assert.equal(always.sockets.length, 2)
})

test('closing lets what is under way end, and takes nothing new', async (t) => {
  const server = await rawServer(t, (socket) => setTimeout(() => socket.write(ok('x')), 20))
  const upstream = upstreamTo(t, server.port, { maxConnections: 1 })
  const running = start(upstream, get('/one'))
  const waiting = start(upstream, get('/two'))
  const closed = upstream.close(millis(30_000))
  const late = await fetchOver(upstream, get('/three'))
  assert.equal(late.failure?.kind, 'aborted')
  await closed
  assert.equal(running.recorder.body, 'x')
  assert.equal(waiting.recorder.body, 'x')
  assert.equal(upstream.stats.open, 0)
})

test('closing ends everything at its deadline', async (t) => {
  const server = await rawServer(t, () => undefined)
  const upstream = upstreamTo(t, server.port, { maxConnections: 1 })
  const running = start(upstream, get('/one'))
  const waiting = start(upstream, get('/two'))
  await until(() => server.received[0]?.includes('/one') === true)
  await upstream.close(millis(10))
  assert.equal(running.recorder.failure?.kind, 'aborted')
  assert.equal(waiting.recorder.failure?.kind, 'aborted')
  assert.equal(upstream.stats.open, 0)
})

test('a sink may ask for more from inside its end', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(ok('x')))
  const upstream = upstreamTo(t, server.port)
  let left = 200
  await new Promise<void>((resolve, reject) => {
    const next = (): void => {
      if (left-- === 0) {
        resolve()
        return
      }
      upstream.request(get(), {
        onHead: () => undefined,
        onData: () => true,
        onEnd: next,
        onFailure: (failure) => reject(new Error(failure.detail)),
      })
    }
    next()
  })
  assert.equal(server.sockets.length, 1)
})
