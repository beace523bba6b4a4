import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'

import { fetchOver, get, ok, rawServer, start, until, upstreamTo } from './kit.ts'

/* Answers that nobody asked for, on connections that are kept (RFC 9112 9.3). */

/** Everything that is said and done in `act` is on its way before any of it is noticed. */
function atOnce<T>(act: () => T): Promise<T> {
  return new Promise((resolve) => {
    // Timers come before what can be read, and what `setImmediate` does after it.
    setTimeout(() => {
      const done = act()
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60)
      resolve(done)
    }, 1)
  })
}

/** Answers each request once it is whole. */
function answerWhole(socket: Socket, received: string): void {
  if (!received.endsWith('content-length: 4\r\n\r\n')) socket.write(ok('first'))
}

const upload = get('/upload', { method: 'POST', framing: { kind: 'length', length: 4 } })

const endings: Record<string, (socket: Socket) => void> = {
  'an answer that nobody asked for': (socket) => void socket.write(ok('poison')),
  'a byte of one': (socket) => void socket.write('H'),
  'an end': (socket) => void socket.destroy(),
}

for (const [name, end] of Object.entries(endings)) {
  for (const resends of [true, false]) {
    test(`${name}, before a byte of an upload has left, sends it over another connection (resends: ${resends})`, async (t) => {
      const server = await rawServer(t, answerWhole)
      const upstream = upstreamTo(t, server.port, { resends, maxConnections: 1 })
      assert.equal((await fetchOver(upstream, get('/warm'))).body, 'first')
      const { exchange, recorder } = await atOnce(() => {
        const [kept] = server.sockets
        if (kept !== undefined) end(kept)
        return start(upstream, upload)
      })
      await until(() => server.sockets.length === 2)
      exchange.write(Buffer.from('body'))
      exchange.end()
      await recorder.settled
      assert.equal(recorder.failure, undefined)
      assert.deepEqual([recorder.head?.status, recorder.body], [200, 'first'])
      assert.deepEqual(recorder.events, ['head', 'end'])
      const [before = '', after = ''] = server.received
      assert.doesNotMatch(before, /upload/)
      assert.equal(after.split('POST /upload').length, 2)
      assert.match(after, /\r\n\r\nbody$/)
      assert.equal((await fetchOver(upstream, get('/next'))).body, 'first')
      assert.equal(server.sockets.length, 2)
      assert.equal(upstream.stats.open, 1)
    })
  }
}

test('what was never sent and has gone to a fresh connection in vain fails there, once', async (t) => {
  const server = await rawServer(t, (socket, received, connection) => {
    if (connection > 0) socket.destroy()
    else answerWhole(socket, received)
  })
  const upstream = upstreamTo(t, server.port)
  await fetchOver(upstream, get('/warm'))
  const { recorder } = await atOnce(() => {
    server.sockets[0]?.write(ok('poison'))
    return start(upstream, upload)
  })
  await recorder.settled
  assert.deepEqual([recorder.failure?.kind, recorder.failure?.sent], ['reset', true])
  assert.equal(server.sockets.length, 2)
})

test('a caller that leaves before the other connection is there is heard of by nobody', async (t) => {
  const requests = {
    'an upload': { request: upload, end: (socket: Socket) => void socket.write(ok('poison')) },
    'a GET': { request: get('/again'), end: (socket: Socket) => void socket.destroy() },
  }
  for (const [name, { request, end }] of Object.entries(requests)) {
    const server = await rawServer(t, answerWhole)
    let leave: (() => void) | undefined
    const upstream = upstreamTo(t, server.port, {
      url: new URL(`http://service.example:${server.port}`),
      resolve: (_host, answer) => {
        leave?.()
        answer(undefined, ['127.0.0.1'])
      },
    })
    await fetchOver(upstream, get('/warm'))
    await atOnce(() => {
      const [kept] = server.sockets
      const { exchange, recorder } = start(upstream, request)
      leave = () => {
        exchange.abort()
        assert.deepEqual(recorder.events, [])
      }
      if (kept !== undefined) end(kept)
    })
    await until(() => upstream.stats.open === 0)
    leave = undefined
    assert.equal((await fetchOver(upstream, get('/after'))).body, 'first')
    assert.doesNotMatch(server.received.slice(1).join(''), /upload|again/, name)
  }
})

test('what comes while nobody asks ends its connection', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(ok('first')))
  const upstream = upstreamTo(t, server.port)
  assert.equal((await fetchOver(upstream, get())).body, 'first')
  await until(() => upstream.stats.idle === 1)
  server.sockets[0]?.write(ok('poison'))
  await until(() => upstream.stats.open === 0)
  assert.equal((await fetchOver(upstream, get())).body, 'first')
  assert.equal(server.sockets.length, 2)
})
