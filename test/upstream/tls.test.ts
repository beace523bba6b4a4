import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createServer } from 'node:tls'
import type { TLSSocket } from 'node:tls'

import { millis } from '../../src/core/index.ts'
import { Upstream } from '../../src/upstream/index.ts'
import type { Resolver } from '../../src/upstream/index.ts'
import { selfSigned } from './certificate.ts'
import { fetchOver, get, ok, rawServer, Recorder, upstreamTo } from './kit.ts'

const identity = selfSigned('app.example')
const toLoopback: Resolver = (_host, answer) => answer(undefined, ['127.0.0.1'])

async function secureServer(
  t: TestContext,
  answer: (socket: TLSSocket, received: string) => void,
): Promise<{ port: number; sockets: TLSSocket[] }> {
  const sockets: TLSSocket[] = []
  const server = createServer({ ...identity, ALPNProtocols: ['http/1.1'] }, (socket) => {
    sockets.push(socket)
    socket.on('data', (chunk) => answer(socket, chunk.toString('latin1')))
    socket.on('error', () => socket.destroy())
  })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, sockets }
}

test('an upstream over TLS is reached by its checked address and its own name, and kept', async (t) => {
  const server = await secureServer(t, (socket) => socket.write(ok('private')))
  const upstream = upstreamTo(t, server.port, {
    url: new URL(`https://app.example:${server.port}`),
    tls: { ca: identity.cert },
    resolve: toLoopback,
  })
  for (let count = 0; count < 3; count++) {
    assert.equal((await fetchOver(upstream, get())).body, 'private')
  }
  assert.equal(server.sockets.length, 1)
  assert.equal(server.sockets[0]?.servername, 'app.example')
  assert.equal(server.sockets[0]?.alpnProtocol, 'http/1.1')
})

test('the name to check can be given apart from the URL', async (t) => {
  const server = await secureServer(t, (socket) => socket.write(ok('private')))
  const upstream = upstreamTo(t, server.port, {
    url: new URL(`https://127.0.0.1:${server.port}`),
    tls: { ca: identity.cert, servername: 'app.example' },
  })
  assert.equal((await fetchOver(upstream, get())).body, 'private')
})

test('nothing is sent to who cannot prove to be the upstream', async (t) => {
  let received = ''
  const server = await secureServer(t, (_socket, text) => {
    received += text
  })
  const cases = [
    { host: 'app.example', tls: {} },
    { host: 'other.example', tls: { ca: identity.cert } },
    { host: '127.0.0.1', tls: { ca: identity.cert } },
    { host: 'app.example', tls: { ca: selfSigned('app.example').cert } },
    { host: 'app.example', tls: { ca: identity.cert, servername: 'other.example' } },
  ]
  for (const { host, tls } of cases) {
    const upstream = upstreamTo(t, server.port, {
      url: new URL(`https://${host}:${server.port}`),
      resolve: toLoopback,
      tls,
    })
    const { failure } = await fetchOver(upstream, get())
    assert.equal(failure?.kind, 'tls', JSON.stringify([host, Object.keys(tls)]))
    assert.equal(failure?.sent, false)
  }
  assert.equal(received, '')
})

test('an upstream that speaks no TLS, or hangs up in the handshake, is a TLS failure', async (t) => {
  const answers: ((socket: Socket) => void)[] = [
    (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
    (socket) => socket.end(),
  ]
  for (const answer of answers) {
    const server = await rawServer(t, answer)
    const url = new URL(`https://127.0.0.1:${server.port}`)
    const { failure } = await fetchOver(upstreamTo(t, server.port, { url }), get())
    assert.equal(failure?.kind, 'tls')
  }
})

test('a handshake that never ends is a connection not had in time', async (t) => {
  const server = await rawServer(t, () => undefined)
  const url = new URL(`https://127.0.0.1:${server.port}`)
  const upstream = upstreamTo(t, server.port, { url, connectTimeout: millis(60) })
  const { failure } = await fetchOver(upstream, get())
  assert.equal(failure?.kind, 'connect_timeout')
  assert.equal(upstream.stats.open, 0)
})

test('an address that hangs leaves time for the next one', async (t) => {
  const secure = await secureServer(t, (socket) => socket.write(ok('second')))
  const front = await rawServer(t, () => undefined)
  front.sockets.length = 0
  const url = new URL(`https://app.example:${front.port}`)
  // The first connection is never answered; the second is carried to a server that does answer.
  const { connect } = await import('node:net')
  const watch = setInterval(() => {
    const second = front.sockets[1]
    if (second === undefined) return
    clearInterval(watch)
    const onward = connect(secure.port, '127.0.0.1')
    second.removeAllListeners('data')
    onward.write(Buffer.from(front.received[1] ?? '', 'latin1'))
    second.pipe(onward).pipe(second)
    onward.on('error', () => undefined)
  }, 5)
  t.after(() => clearInterval(watch))
  const upstream = upstreamTo(t, front.port, {
    url,
    tls: { ca: identity.cert },
    resolve: (_host, answer) => answer(undefined, ['127.0.0.1', '127.0.0.1']),
    connectTimeout: millis(1000),
  })
  assert.equal((await fetchOver(upstream, get())).body, 'second')
  assert.equal(front.sockets.length, 2)
})

test('a large body over TLS passes a reader that pauses', async (t) => {
  const size = 4 * 1024 * 1024
  const server = await secureServer(t, (socket) => socket.write(ok('s'.repeat(size))))
  const upstream = upstreamTo(t, server.port, {
    url: new URL(`https://app.example:${server.port}`),
    tls: { ca: identity.cert },
    resolve: toLoopback,
  })
  const recorder = new Recorder()
  recorder.accept = () => {
    setImmediate(() => exchange.resume())
    return false
  }
  const exchange = upstream.request(get(), recorder)
  await recorder.settled
  assert.equal(recorder.body.length, size)
})

test('only http and https origins are taken', () => {
  for (const url of ['ftp://a/', 'file:///etc/passwd', 'ws://a/']) {
    assert.throws(
      () =>
        new Upstream({
          name: 'test',
          url: new URL(url),
          allowPrivateAddresses: true,
          connectTimeout: millis(1000),
          headersTimeout: millis(1000),
          idleTimeout: millis(1000),
          maxConnections: 1,
          keepAliveTimeout: millis(1000),
          maxHeaderBytes: 1000,
        }),
      url,
    )
  }
})
