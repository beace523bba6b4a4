import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'

import { fetchOver, get, listen, ok, rawServer, start, until, upstreamTo } from './kit.ts'

/* Answers that nobody asked for, on connections that are kept (RFC 9112 9.3). */

test('what comes before a byte of a request has left is no answer to it', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(ok('first')))
  const upstream = upstreamTo(t, server.port)
  assert.equal((await fetchOver(upstream, get())).body, 'first')
  await until(() => upstream.stats.idle === 1)
  // The request begins in the very turn in which the unasked answer is read, and a moment before.
  const other = createServer()
  const port = await listen(other)
  const near = connect(port, '127.0.0.1')
  const [far] = await once(other, 'connection')
  t.after(() => {
    near.destroy()
    other.close()
  })
  const begun = new Promise<ReturnType<typeof start>>((resolve) => {
    near.once('data', () => {
      const upload = start(
        upstream,
        get('/upload', { method: 'POST', framing: { kind: 'length', length: 4 } }),
      )
      resolve(upload)
    })
  })
  far.write('now')
  server.sockets[0]?.write(ok('poison'))
  const { exchange, recorder } = await begun
  setTimeout(() => {
    exchange.write(Buffer.from('body'))
    exchange.end()
  }, 50)
  await recorder.settled
  assert.doesNotMatch(recorder.body, /poison/)
  assert.equal(recorder.failure?.kind, 'malformed')
  assert.equal((await fetchOver(upstream, get('/next'))).body, 'first')
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
