import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createSecureServer } from 'node:http2'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import type { TLSSocket } from 'node:tls'

import { millis } from '../../../src/core/index.ts'
import { openOrigin } from '../../../src/upstream/index.ts'
import type { UpstreamOptions, UpstreamPool } from '../../../src/upstream/index.ts'
import { selfSigned } from '../certificate.ts'
import { freePort } from '../../kit/ports.ts'
import { fetchOver, get, rawServer, Recorder, until } from '../kit.ts'
import { service } from './kit.ts'

const identity = selfSigned('app.example')

interface Secure {
  readonly port: number
  readonly sockets: Set<TLSSocket>
  readonly close: () => void
}

/** A service that offers these protocols, both of which it speaks. */
async function secureService(
  t: TestContext,
  offers: 'both' | 'h2' | 'http/1.1',
  port = 0,
): Promise<Secure> {
  const sockets = new Set<TLSSocket>()
  const serve = (request: { httpVersion: string }, response: { end(text: string): unknown }) => {
    response.end(request.httpVersion)
  }
  const server =
    offers === 'http/1.1'
      ? createHttpsServer(identity, serve)
      : createSecureServer(
          { ...identity, allowHTTP1: offers === 'both' },
          (request: Http2ServerRequest, response: Http2ServerResponse) => serve(request, response),
        )
  server.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => undefined)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const close = (): void => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  t.after(close)
  return { port: (server.address() as AddressInfo).port, sockets, close }
}

function opened(
  t: TestContext,
  port: number,
  changes: Partial<UpstreamOptions> = {},
): UpstreamPool {
  const upstream = openOrigin({
    name: 'test',
    url: new URL(`https://app.example:${port}`),
    allowPrivateAddresses: true,
    connectTimeout: millis(20_000),
    headersTimeout: millis(20_000),
    idleTimeout: millis(20_000),
    maxConnections: 4,
    keepAliveTimeout: millis(60_000),
    maxHeaderBytes: 16_384,
    tls: { ca: identity.cert },
    resolve: (_host, answer) => answer(undefined, ['127.0.0.1']),
    ...changes,
  })
  t.after(() => upstream.close(millis(0)))
  return upstream
}

test('over TLS the protocol is what was configured, or what the service chose', async (t) => {
  const cases = [
    ['both', undefined, '1.1'],
    ['both', 'http1', '1.1'],
    ['both', 'h2', '2.0'],
    ['both', 'auto', '2.0'],
    ['h2', 'h2', '2.0'],
    ['h2', 'auto', '2.0'],
    ['http/1.1', 'http1', '1.1'],
    ['http/1.1', 'auto', '1.1'],
  ] as const
  for (const [offers, protocol, version] of cases) {
    const { port, sockets } = await secureService(t, offers)
    const upstream = opened(t, port, protocol === undefined ? {} : { protocol })
    const recorders = await Promise.all([1, 2, 3].map(() => fetchOver(upstream, get())))
    assert.deepEqual(
      recorders.map(({ body, failure }) => failure?.detail ?? body),
      [version, version, version],
      `${offers} ${protocol}`,
    )
    if (version === '2.0') assert.equal(sockets.size, 1)
    assert.equal([...sockets][0]?.servername, 'app.example')
    assert.equal(upstream.stats.requests, 3)
  }
})

test('a service that does not offer HTTP/2 is said so clearly, and nothing is sent', async (t) => {
  const cases = [await secureService(t, 'http/1.1'), await silentAboutAlpn(t)]
  for (const { port } of cases) {
    const upstream = opened(t, port, { protocol: 'h2' })
    const recorder = await fetchOver(upstream, get('/', { method: 'POST' }))
    assert.equal(recorder.failure?.kind, 'tls')
    assert.equal(recorder.failure.sent, false)
    assert.match(recorder.failure.detail, /HTTP\/2|protocol/)
  }
})

async function silentAboutAlpn(t: TestContext): Promise<{ port: number }> {
  const server = createTlsServer(identity, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', () => assert.fail('a byte was sent'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { port: (server.address() as AddressInfo).port }
}

test('nothing is sent to who cannot prove to be the service', async (t) => {
  const { port } = await secureService(t, 'both')
  for (const protocol of ['h2', 'auto'] as const) {
    for (const changes of [
      { tls: {} },
      { url: new URL(`https://other.example:${port}`) },
      { tls: { ca: identity.cert, servername: 'other.example' } },
    ]) {
      const recorder = await fetchOver(opened(t, port, { protocol, ...changes }), get())
      assert.equal(recorder.failure?.kind, 'tls')
      assert.equal(recorder.failure.sent, false)
    }
    const forbidden = opened(t, port, { protocol, allowPrivateAddresses: false })
    assert.equal((await fetchOver(forbidden, get())).failure?.kind, 'address_forbidden')
  }
})

test('what waited while the service chose HTTP/1.1 goes on there, with its body', async (t) => {
  const { port } = await secureService(t, 'http/1.1')
  const upstream = opened(t, port, { protocol: 'auto' })
  const recorder = new Recorder()
  const request = get('/', { method: 'POST', framing: { kind: 'length', length: 10 } })
  const exchange = upstream.request(request, recorder)
  let drained = 0
  exchange.onDrain(() => {
    drained += 1
    exchange.write(Buffer.from('56789'))
    exchange.end()
  })
  assert.equal(exchange.write(Buffer.from('01234')), false)
  await recorder.settled
  assert.equal(recorder.body, '1.1')
  assert.equal(drained, 1)
  const aborted = new Recorder()
  const given = opened(t, port, { protocol: 'auto' }).request(get(), aborted)
  given.abort()
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.deepEqual(aborted.events, [])
})

test('a body that waited while a service is asked again goes on over a connection that was kept', async (t) => {
  const { port } = await secureService(t, 'http/1.1')
  const upstream = opened(t, port, { protocol: 'auto' })
  await fetchOver(upstream, get())
  await until(() => upstream.stats.idle === 1)
  const now = performance.now.bind(performance)
  t.mock.method(performance, 'now', () => now() + 61_000)
  const recorder = new Recorder()
  const framing = { kind: 'length', length: 10 } as const
  const exchange = upstream.request(get('/', { method: 'POST', framing }), recorder)
  let drained = 0
  exchange.onDrain(() => {
    drained += 1
    exchange.write(Buffer.from('56789'))
    exchange.end()
  })
  assert.equal(exchange.write(Buffer.from('01234')), false)
  await recorder.settled
  assert.equal(upstream.stats.reused, 1)
  assert.equal(drained, 1)
})

test('a service that no longer speaks HTTP/2 is followed without a failure', async (t) => {
  const first = await secureService(t, 'both', await freePort())
  const upstream = opened(t, first.port, { protocol: 'auto' })
  assert.equal((await fetchOver(upstream, get())).body, '2.0')
  first.close()
  await until(() => upstream.stats.open === 0)
  await secureService(t, 'http/1.1', first.port)
  assert.equal((await fetchOver(upstream, get())).body, '1.1')
})

test('a change of protocols goes over HTTP/1.1 where the service may choose', async (t) => {
  const { port } = await secureService(t, 'both')
  const upstream = opened(t, port, { protocol: 'auto' })
  const recorder = new Recorder()
  const sink = Object.assign(recorder, { onUpgrade: () => undefined })
  upstream.upgrade({ ...get(), framing: { kind: 'none' }, protocol: 'websocket' }, sink)
  await recorder.settled
  assert.equal(recorder.body, '1.1')
})

test('over plain TCP HTTP/2 is spoken by prior knowledge', async (t) => {
  const { port } = await service(t, (stream: { respond(): void; end(text: string): void }) => {
    stream.respond()
    stream.end('prior knowledge')
  })
  const url = new URL(`http://127.0.0.1:${port}`)
  assert.equal(
    (await fetchOver(opened(t, port, { url, protocol: 'h2' }), get())).body,
    'prior knowledge',
  )
  const other = await rawServer(t, (socket) =>
    socket.end('HTTP/1.1 505 No\r\ncontent-length: 0\r\n\r\n'),
  )
  const wrong = opened(t, 0, { url: new URL(`http://127.0.0.1:${other.port}`), protocol: 'h2' })
  const recorder = await fetchOver(wrong, get('/', { method: 'POST' }))
  assert.equal(recorder.failure?.kind, 'malformed')
  assert.equal(recorder.failure.sent, false)
})

test('sessions to an address the name no longer has are let go', async (t) => {
  const { port, sessions } = await service(
    t,
    (stream: { respond(): void; end(text: string): void }) => {
      stream.respond()
      stream.end('ok')
    },
  )
  let addresses = ['127.0.0.1']
  const upstream = opened(t, port, {
    url: new URL(`http://app.example:${port}`),
    protocol: 'h2',
    addressRefresh: millis(100),
    connectTimeout: millis(400),
    resolve: (_host, answer) => answer(undefined, addresses),
  })
  assert.equal((await fetchOver(upstream, get())).body, 'ok')
  assert.equal(sessions.size, 1)
  addresses = ['127.0.0.2']
  await until(() => sessions.size === 0)
  addresses = ['169.254.169.254']
  assert.equal((await fetchOver(upstream, get())).failure?.kind, 'address_forbidden')
})
