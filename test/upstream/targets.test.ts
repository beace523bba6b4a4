import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createServer as createSecureServer } from 'node:tls'
import type { TlsOptions } from 'node:tls'

import { millis } from '../../src/core/index.ts'
import { refuseFailure } from '../../src/upstream/index.ts'
import type { Resolver } from '../../src/upstream/index.ts'
import { selfSigned } from './certificate.ts'
import { fetchOver, get, listen, ok, rawServer, start, until, upstreamTo } from './kit.ts'

async function socketServer(t: TestContext, answer: (socket: Socket) => void): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'pg-'))
  const path = join(directory, 'app.sock')
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => socket.destroy())
    socket.on('data', () => answer(socket))
  })
  server.listen(path)
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return path
}

test('a service on a unix socket is asked there and nowhere else, and its connection kept', async (t) => {
  const decoy = await rawServer(t, (socket) => socket.write(ok('decoy')))
  const socketPath = await socketServer(t, (socket) => socket.write(ok('local')))
  const upstream = upstreamTo(t, decoy.port, {
    socketPath,
    // A socket is a place of its own: rules about addresses have nothing to say.
    allowPrivateAddresses: false,
    resolve: () => assert.fail('a socket has no name to look up'),
  })
  for (let count = 0; count < 3; count++) {
    assert.equal((await fetchOver(upstream, get())).body, 'local')
  }
  assert.equal(upstream.stats.reused, 2)
  assert.equal(decoy.sockets.length, 0)
})

test('a socket that is not there is a connection refused', async (t) => {
  for (const socketPath of ['/nowhere/app.sock', '/dev/null', '/']) {
    const { failure } = await fetchOver(upstreamTo(t, 1, { socketPath }), get())
    assert.equal(failure?.kind, 'connect_refused', socketPath)
    assert.equal(failure?.sent, false)
  }
})

test('a socket is never spoken to over TLS', (t) => {
  const url = new URL('https://127.0.0.1')
  assert.throws(() => upstreamTo(t, 1, { url, socketPath: '/a' }))
})

async function secureServer(
  t: TestContext,
  options: TlsOptions,
): Promise<{ port: number; names: string[] }> {
  const names: string[] = []
  const sockets: Socket[] = []
  const server = createSecureServer(options, (socket) => {
    names.push(String(socket.getPeerCertificate().subject?.CN))
    socket.on('error', () => socket.destroy())
    socket.on('data', () => socket.write(ok('private')))
  })
  server.on('connection', (socket: Socket) => sockets.push(socket))
  server.on('tlsClientError', () => undefined)
  const port = await listen(server)
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port, names }
}

test('an upstream that asks who we are is shown our certificate', async (t) => {
  const [service, us, stranger] = ['app.example', 'gateway', 'stranger'].map(selfSigned)
  assert.ok(service !== undefined && us !== undefined && stranger !== undefined)
  const server = await secureServer(t, {
    ...service,
    ca: us.cert,
    requestCert: true,
    rejectUnauthorized: true,
  })
  const ask = (identity?: { key: string; cert: string }) =>
    fetchOver(
      upstreamTo(t, server.port, {
        url: new URL(`https://127.0.0.1:${server.port}`),
        tls: {
          ca: service.cert,
          servername: 'app.example',
          ...(identity === undefined ? {} : { identity }),
        },
      }),
      get(),
    )
  assert.equal((await ask(us)).body, 'private')
  assert.deepEqual(server.names, ['gateway'])
  for (const identity of [undefined, stranger]) {
    const { failure } = await ask(identity)
    assert.match(String(failure?.kind), /^(tls|reset)$/)
  }
  assert.deepEqual(server.names, ['gateway'])
})

test('an upstream with too old a version of TLS is not spoken to', async (t) => {
  const service = selfSigned('app.example')
  const server = await secureServer(t, { ...service, maxVersion: 'TLSv1.2' })
  const ask = (minVersion: 'TLSv1.2' | 'TLSv1.3') =>
    fetchOver(
      upstreamTo(t, server.port, {
        url: new URL(`https://127.0.0.1:${server.port}`),
        tls: { ca: service.cert, servername: 'app.example', minVersion },
      }),
      get(),
    )
  assert.equal((await ask('TLSv1.2')).body, 'private')
  assert.equal((await ask('TLSv1.3')).failure?.kind, 'tls')
})

test('any certificate is taken only by who says so in so many words', async (t) => {
  const server = await secureServer(t, selfSigned('other.example'))
  const url = new URL(`https://127.0.0.1:${server.port}`)
  for (const tls of [{}, { dangerouslySkipVerification: false }]) {
    assert.equal((await fetchOver(upstreamTo(t, 1, { url, tls }), get())).failure?.kind, 'tls')
  }
  const tls = { dangerouslySkipVerification: true }
  assert.equal((await fetchOver(upstreamTo(t, 1, { url, tls }), get())).body, 'private')
})

test('an exchange ends at its total time-out, however lively it is', async (t) => {
  const server = await rawServer(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
    const drip = setInterval(() => socket.write('1\r\nx\r\n'), 10)
    socket.on('close', () => clearInterval(drip))
  })
  const upstream = upstreamTo(t, server.port, { totalTimeout: millis(400) })
  const begun = performance.now()
  const { failure, body } = await fetchOver(upstream, get())
  assert.ok(performance.now() - begun >= 400)
  assert.equal(failure?.kind, 'total_timeout')
  assert.equal(failure?.beforeResponse, false)
  assert.ok(body.length > 3)
  await until(() => server.sockets[0]?.destroyed === true)
  assert.equal(upstream.stats.open, 0)
})

test('the total time-out counts while there is no connection, no place and no answer', async (t) => {
  const silent = await rawServer(t, () => undefined)
  const upstream = upstreamTo(t, silent.port, { maxConnections: 1, totalTimeout: millis(100) })
  const all = [start(upstream, get('/first')), start(upstream, get('/waits'))]
  const never: Resolver = () => undefined
  const url = new URL('http://slow.example')
  all.push(start(upstreamTo(t, 1, { url, resolve: never, totalTimeout: millis(100) }), get()))
  await Promise.all(all.map(({ recorder }) => recorder.settled))
  for (const { recorder } of all) {
    assert.equal(recorder.failure?.kind, 'total_timeout')
    assert.equal(recorder.failure?.beforeResponse, true)
    assert.equal(recorder.failure === undefined ? 0 : refuseFailure(recorder.failure).status, 504)
  }
})

test('who waits for a place waits no longer than the total time-out', async (t) => {
  const server = await rawServer(t, () => undefined)
  const upstream = upstreamTo(t, server.port, { maxConnections: 1 })
  const first = start(upstream, get('/first'))
  const { recorder } = start(upstream, get('/waits', { totalTimeout: millis(100) }))
  await recorder.settled
  assert.equal(recorder.failure?.kind, 'total_timeout')
  assert.deepEqual(first.recorder.events, [])
})

test('a reader that pauses does not stop the total time-out', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(ok('x'.repeat(1_000_000))))
  const upstream = upstreamTo(t, server.port)
  const { recorder, exchange } = start(upstream, get('/', { totalTimeout: millis(100) }))
  recorder.accept = () => false
  await recorder.settled
  assert.equal(recorder.failure?.kind, 'total_timeout')
  exchange.resume()
})

test('an exchange that is over in time has no total time-out', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(ok('x')))
  const upstream = upstreamTo(t, server.port, { totalTimeout: millis(250) })
  const first = await fetchOver(upstream, get())
  await delay(600)
  const second = await fetchOver(upstream, get())
  assert.deepEqual([first.body, second.body], ['x', 'x'])
  assert.equal(server.sockets.length, 1, 'the connection outlives the exchange')
})

test('the wait for a place has a time-out of its own', async (t) => {
  const server = await rawServer(t, () => undefined)
  const upstream = upstreamTo(t, server.port, { maxConnections: 1, queueTimeout: millis(60) })
  const first = start(upstream, get('/first'))
  const { recorder } = start(upstream, get('/waits'))
  await recorder.settled
  assert.equal(recorder.failure?.kind, 'pool_exhausted')
  assert.deepEqual(first.recorder.events, [])
})

test('nothing is sent again where that is not wanted', async (t) => {
  const server = await rawServer(t, (socket, received) => {
    if (received.split('\r\n\r\n').length > 2) socket.destroy()
    else socket.write(ok('x'))
  })
  const upstream = upstreamTo(t, server.port, { resends: false })
  await fetchOver(upstream, get('/warm'))
  assert.equal((await fetchOver(upstream, get('/again'))).failure?.kind, 'reset')
  assert.equal(server.sockets.length, 1)
})

/** A name whose addresses the test changes. */
function changingName(): {
  resolve: Resolver
  addresses: string[]
  asked: number
  broken: boolean
  silent: boolean
} {
  const name = {
    addresses: ['127.0.0.1'],
    asked: 0,
    broken: false,
    silent: false,
    resolve: ((_host, answer) => {
      name.asked += 1
      if (name.silent) return
      if (name.broken) answer(new Error('SERVFAIL'), [])
      else answer(undefined, name.addresses)
    }) satisfies Resolver,
  }
  return name
}

test('a connection to an address the name no longer has is let go, after what it carries', async (t) => {
  const server = await rawServer(t, (socket, text) => {
    if (!text.endsWith('/hold HTTP/1.1\r\nhost: a\r\n\r\n')) socket.write(ok('old'))
  })
  const name = changingName()
  const url = new URL(`http://app.example:${server.port}`)
  const upstream = upstreamTo(t, 1, {
    url,
    ...name,
    addressRefresh: millis(30),
    connectTimeout: millis(200),
  })
  assert.equal((await fetchOver(upstream, get())).body, 'old')
  const held = start(upstream, get('/hold'))
  await fetchOver(upstream, get('/second'))
  assert.equal(upstream.stats.idle, 1)
  const asked = name.asked
  await until(() => name.asked > asked + 1)
  assert.equal(upstream.stats.idle, 1, 'the same answer changes nothing')
  name.addresses = ['127.0.0.2']
  await until(() => upstream.stats.idle === 0)
  name.silent = true
  assert.deepEqual(held.recorder.events, [])
  for (const socket of server.sockets) if (!socket.destroyed) socket.write(ok('late'))
  await held.recorder.settled
  assert.equal(held.recorder.body, 'late')
  await until(() => upstream.stats.open === 0)
})

test('a name that turns to a forbidden address keeps no connection and gets no new one (Q04)', async (t) => {
  for (const address of [
    '169.254.169.254',
    '::ffff:169.254.169.254',
    'fd00:ec2::254',
    ...(['127.0.0.1', '::1', 'fd00::1', '10.0.0.1', '100.64.0.1'] as const),
  ]) {
    const server = await rawServer(t, (socket) => socket.write(ok('x')))
    const name = changingName()
    const url = new URL(`http://app.example:${server.port}`)
    const metadata = address.includes('169.254') || address.includes('ec2')
    // Loopback stands in for a public address; what must not be reached is judged as for one.
    const upstream = upstreamTo(t, 1, {
      url,
      ...name,
      addressRefresh: millis(20),
      connectTimeout: millis(200),
      allowPrivateAddresses: metadata,
    })
    if (metadata) {
      assert.equal((await fetchOver(upstream, get())).body, 'x')
      name.addresses = ['127.0.0.1', address]
      await until(() => upstream.stats.open === 0)
    } else name.addresses = [address]
    const { failure } = await fetchOver(upstream, get())
    assert.equal(failure?.kind, 'address_forbidden', address)
    assert.equal(failure?.sent, false)
  }
})

test('a resolver that fails takes no connection away', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(ok('x')))
  const name = changingName()
  const url = new URL(`http://app.example:${server.port}`)
  const upstream = upstreamTo(t, 1, {
    url,
    ...name,
    addressRefresh: millis(20),
    connectTimeout: millis(200),
  })
  await fetchOver(upstream, get())
  name.broken = true
  const asked = name.asked
  await until(() => name.asked > asked + 2)
  assert.equal((await fetchOver(upstream, get())).body, 'x')
  assert.equal(server.sockets.length, 1)
})

test('what is no name, or leads nowhere else, is not looked up', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(ok('x')))
  for (const host of ['127.0.0.1', 'localhost', 'app.localhost']) {
    const name = changingName()
    const url = new URL(`http://${host}:${server.port}`)
    const upstream = upstreamTo(t, 1, {
      url,
      ...name,
      addressRefresh: millis(20),
      connectTimeout: millis(200),
    })
    await fetchOver(upstream, get())
    await delay(120)
    assert.equal(name.asked, 0, host)
  }
})
