import assert from 'node:assert/strict'
import { test } from 'node:test'

import { millis } from '../../src/core/index.ts'
import { refuseFailure, upstreamErrors } from '../../src/upstream/index.ts'
import type { Resolver } from '../../src/upstream/index.ts'
import { freePort } from '../kit/ports.ts'
import { fetchOver, get, ok, rawServer, start, until, upstreamTo } from './kit.ts'

test('an upstream that is not there refuses the connection', async (t) => {
  const { failure } = await fetchOver(upstreamTo(t, await freePort()), get())
  assert.equal(failure?.kind, 'connect_refused')
  assert.deepEqual([failure?.beforeResponse, failure?.sent], [true, false])
})

test('the next address is tried when one refuses', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(ok('x')))
  const resolve: Resolver = (_host, answer) => answer(undefined, ['127.0.0.99', '127.0.0.1'])
  const url = new URL(`http://two.example:${server.port}`)
  assert.equal((await fetchOver(upstreamTo(t, server.port, { url, resolve }), get())).body, 'x')
})

test('a name that cannot be looked up is not found', async (t) => {
  const resolve: Resolver = (_host, answer) => answer(new Error('no such name'), [])
  const url = new URL('http://gone.example')
  const { failure } = await fetchOver(upstreamTo(t, 80, { url, resolve }), get())
  assert.equal(failure?.kind, 'name_not_found')
})

test('a look-up that never answers is a connection not had in time', async (t) => {
  const upstream = upstreamTo(t, 80, {
    url: new URL('http://slow.example'),
    resolve: () => undefined,
    connectTimeout: millis(50),
  })
  const { failure } = await fetchOver(upstream, get())
  assert.equal(failure?.kind, 'connect_timeout')
  assert.equal(upstream.stats.open, 0)
})

test('internal addresses are not connected to unless allowed', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(ok('secret')))
  for (const host of [
    '127.0.0.1',
    'localhost',
    'x.localhost',
    '[::ffff:127.0.0.1]',
    '2130706433',
  ]) {
    const upstream = upstreamTo(t, server.port, {
      url: new URL(`http://${host}:${server.port}`),
      allowPrivateAddresses: false,
    })
    const { failure } = await fetchOver(upstream, get())
    assert.equal(failure?.kind, 'address_forbidden', host)
    assert.equal(failure?.sent, false)
  }
  assert.equal(server.sockets.length, 0)
})

test('a name that turns to an internal address is caught at the next connection (Q04)', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(ok('x', 'connection: close\r\n')))
  let answers = 0
  const resolve: Resolver = (_host, answer) => {
    answers += 1
    answer(undefined, [answers === 1 ? '127.0.0.1' : '169.254.169.254'])
  }
  const url = new URL(`http://rebind.example:${server.port}`)
  const upstream = upstreamTo(t, server.port, { url, resolve })
  assert.equal(
    (await fetchOver(upstream, get('/', { headers: ['Host', 'rebind.example'] }))).body,
    'x',
  )
  assert.equal(answers, 1)
  assert.ok(server.received[0]?.includes('Host: rebind.example\r\n'))
  assert.equal((await fetchOver(upstream, get())).failure?.kind, 'address_forbidden')
  assert.equal(server.sockets.length, 1)
})

test('an upstream that never answers is given up', async (t) => {
  const server = await rawServer(t, () => undefined)
  const upstream = upstreamTo(t, server.port, { headersTimeout: millis(50) })
  const { failure } = await fetchOver(upstream, get())
  assert.equal(failure?.kind, 'headers_timeout')
  assert.deepEqual([failure?.beforeResponse, failure?.sent], [true, true])
  assert.equal(upstream.stats.open, 0)
})

test('a request can bring a header time-out of its own', async (t) => {
  const server = await rawServer(t, () => undefined)
  const upstream = upstreamTo(t, server.port, { headersTimeout: millis(60_000) })
  const { failure } = await fetchOver(upstream, get('/', { headersTimeout: millis(20) }))
  assert.equal(failure?.kind, 'headers_timeout')
})

test('a head that trickles in, or hides behind interim answers, does not extend its time', async (t) => {
  for (const drip of ['H', 'HTTP/1.1 103 Hints\r\n\r\n']) {
    const server = await rawServer(t, (socket) => {
      let at = 0
      const text =
        drip === 'H' ? 'HTTP/1.1 200 OK\r\nx: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy' : drip.repeat(8)
      const step = drip === 'H' ? 1 : drip.length
      const timer = setInterval(() => {
        socket.write(text.slice(at, at + step))
        at += step
      }, 25)
      socket.on('close', () => clearInterval(timer))
    })
    const upstream = upstreamTo(t, server.port, { headersTimeout: millis(100) })
    assert.equal((await fetchOver(upstream, get())).failure?.kind, 'headers_timeout')
  }
})

test('a body that stops is given up, and says that the response had begun', async (t) => {
  for (const head of ['content-length: 10\r\n', 'transfer-encoding: chunked\r\n', '']) {
    const server = await rawServer(t, (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n${head.startsWith('t') ? '3\r\nabc\r\n' : 'abc'}`)
    })
    const upstream = upstreamTo(t, server.port, { idleTimeout: millis(50) })
    const { failure, body } = await fetchOver(upstream, get())
    assert.equal(failure?.kind, 'idle_timeout')
    assert.equal(failure?.beforeResponse, false)
    assert.equal(body, 'abc')
  }
})

test('a body that keeps moving is not given up, nor one that is paused on our side', async (t) => {
  const server = await rawServer(t, (socket, received) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n')
    let left = 8
    const timer = setInterval(() => {
      socket.write('x')
      left -= 1
      if (left === 0) clearInterval(timer)
    }, 20)
    assert.ok(received.length > 0)
  })
  const upstream = upstreamTo(t, server.port, { idleTimeout: millis(60) })
  assert.equal((await fetchOver(upstream, get())).body, 'xxxxxxxx')

  const paused = start(upstream, get())
  paused.exchange.pause()
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.equal(paused.recorder.failure, undefined)
  paused.exchange.resume()
  await paused.recorder.settled
  assert.equal(paused.recorder.body, 'xxxxxxxx')
})

test('an upstream that stops reading a body is given up', async (t) => {
  const server = await rawServer(t, (socket) => socket.pause())
  const upstream = upstreamTo(t, server.port, { idleTimeout: millis(60) })
  const { recorder, exchange } = start(
    upstream,
    get('/', { method: 'PUT', framing: { kind: 'chunked' } }),
  )
  const piece = Buffer.alloc(256 * 1024)
  const pump = (): void => {
    while (exchange.write(piece) && recorder.failure === undefined);
  }
  exchange.onDrain(pump)
  pump()
  await recorder.settled
  assert.equal(recorder.failure?.kind, 'idle_timeout')
  assert.equal(recorder.failure?.beforeResponse, true)
})

test('a response that is cut is a failure, never a short body', async (t) => {
  const cuts: [string, string][] = [
    ['', 'end'],
    ['HTTP/1.1 200 OK\r\ncontent-le', 'end'],
    ['HTTP/1.1 103 Hints\r\n\r\n', 'end'],
    ['HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc', 'end'],
    ['HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc', 'reset'],
    ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n', 'end'],
    ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n', 'end'],
    ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n', 'reset'],
    ['HTTP/1.1 200 OK\r\n\r\nabc', 'reset'],
  ]
  for (const [text, how] of cuts) {
    const server = await rawServer(t, (socket) => {
      if (how === 'end') socket.end(text)
      else socket.write(text, () => setTimeout(() => socket.resetAndDestroy(), 10))
    })
    const upstream = upstreamTo(t, server.port)
    const answer = await fetchOver(upstream, get())
    assert.equal(answer.failure?.kind, 'reset', JSON.stringify([text, how]))
    assert.equal(answer.trailers, undefined)
    assert.equal(upstream.stats.open, 0)
  }
})

test('a body that ends with the connection is whole when the upstream closed in order', async (t) => {
  const server = await rawServer(t, (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'))
  const answer = await fetchOver(upstreamTo(t, server.port), get())
  assert.equal(answer.body, 'all of it')
  assert.deepEqual(answer.trailers, [])
})

test('hostile answers fail as what they are, close the connection and spare the next request', async (t) => {
  const forms: [string, string][] = [
    ['<html>no head</html>', 'malformed'],
    [
      'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      'malformed',
    ],
    ['HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n', 'malformed'],
    ['HTTP/1.1 200 OK\r\nx: a\nset-cookie: evil\r\n\r\n', 'malformed'],
    ['HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n', 'malformed'],
    ['HTTP/1.1 100 Continue\r\n\r\n'.repeat(100), 'malformed'],
    ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n', 'malformed'],
    [
      `HTTP/1.1 200 OK\r\n${'x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n'.repeat(300_000)}`,
      'too_large',
    ],
  ]
  for (const [text, kind] of forms) {
    const server = await rawServer(t, (socket, _received, connection) => {
      socket.write(connection === 0 ? text : ok('fine'))
    })
    const upstream = upstreamTo(t, server.port)
    const answer = await fetchOver(upstream, get())
    assert.equal(answer.failure?.kind, kind, text.slice(0, 60))
    assert.equal((await fetchOver(upstream, get())).body, 'fine')
    await until(() => server.sockets[0]?.destroyed === true)
  }
})

test('each failure has a refusal that tells a caller nothing of what was found', () => {
  for (const kind of Object.keys(upstreamErrors.specs) as (keyof typeof upstreamErrors.specs)[]) {
    const refusal = refuseFailure({
      kind,
      beforeResponse: true,
      sent: true,
      answered: false,
      detail: '10.1.2.3',
    })
    assert.equal(refusal.code, `upstream.${kind}`)
    const isCallers = upstreamErrors.specs[kind].fault === 'caller'
    assert.ok((isCallers ? [431] : [502, 503, 504]).includes(refusal.status))
    assert.ok(!refusal.title.includes('10.1.2.3'))
    assert.equal(refusal.detail, '10.1.2.3')
  }
})
