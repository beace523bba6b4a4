import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { InvariantError } from '../../src/core/index.ts'
import { encodeHead } from '../../src/upstream/encode.ts'
import { encodeTrailers } from '../../src/http1/trailers.ts'
import { fetchOver, get, ok, rawServer, start, until, upstreamTo } from './kit.ts'

test('a request without a body is one head, byte for byte as given', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(ok('x')))
  const headers = ['Host', 'app.example', 'X-Caf\xe9'.slice(0, 5), 'caf\xe9', 'accept', '*/*']
  await fetchOver(upstreamTo(t, server.port), get('/a/b%2Fc?d=e', { headers }))
  assert.equal(
    server.received[0],
    'GET /a/b%2Fc?d=e HTTP/1.1\r\nHost: app.example\r\nX-Caf: caf\xe9\r\naccept: */*\r\n\r\n',
  )
})

test('framing is written as asked, and a bodiless POST says so', () => {
  const head = (method: string, framing: Parameters<typeof encodeHead>[0]['framing']): string =>
    encodeHead({ method, target: '/', headers: ['host', 'a'], framing })
  assert.ok(head('POST', { kind: 'length', length: 7 }).endsWith('\r\ncontent-length: 7\r\n\r\n'))
  assert.ok(head('POST', { kind: 'chunked' }).endsWith('\r\ntransfer-encoding: chunked\r\n\r\n'))
  assert.ok(head('POST', { kind: 'none' }).endsWith('\r\ncontent-length: 0\r\n\r\n'))
  assert.ok(head('DELETE', { kind: 'none' }).endsWith('host: a\r\n\r\n'))
})

test('nothing that could add a line, a request or a second framing is ever written', () => {
  const bad = [
    get('/', { method: 'GET /admin HTTP/1.1\r\nx: y' }),
    get('/', { method: '' }),
    get(''),
    get('/a b'),
    get('/a\r\nb'),
    get('/a\0'),
    get('/caf\xe9'),
    get('/', { headers: ['host', 'a', 'x', 'y\r\nz: w'] }),
    get('/', { headers: ['host', 'a', 'x', 'y\nz'] }),
    get('/', { headers: ['host', 'a', 'x', 'y\0'] }),
    get('/', { headers: ['host', 'a', 'x', '\u010d\u010a'] }),
    get('/', { headers: ['host', 'a', 'x y', 'z'] }),
    get('/', { headers: ['host', 'a', 'x:', 'z'] }),
    get('/', { headers: ['host', 'a', 'x\r\ny', 'z'] }),
    get('/', { headers: ['host', 'a', '', 'z'] }),
    get('/', { headers: ['host', 'a', 'odd'] }),
    get('/', { headers: [] }),
    get('/', { headers: ['host', 'a', 'Host', 'b'] }),
    get('/', { headers: ['host', 'a\r\n'] }),
    get('/', { framing: { kind: 'length', length: -1 } }),
    get('/', { framing: { kind: 'length', length: 1.5 } }),
    get('/', { framing: { kind: 'length', length: Number.NaN } }),
  ]
  for (const name of [
    'Content-Length',
    'transfer-encoding',
    'CONNECTION',
    'Upgrade',
    'Keep-Alive',
    'Proxy-Connection',
    'TE',
  ]) {
    bad.push(get('/', { headers: ['host', 'a', name, '5'] }))
  }
  for (const request of bad) {
    assert.throws(() => encodeHead(request), InvariantError, JSON.stringify(request))
  }
  assert.throws(() => encodeHead(get(), 'websocket\r\nx: y'), InvariantError)
})

test('whatever the strings, a head that is written has exactly the lines that were meant', () => {
  const text = fc.string({ unit: fc.constantFrom('a', ':', ' ', '\r', '\n', '\0', '\u010a', '\t') })
  fc.assert(
    fc.property(text, text, text, text, (method, target, name, value) => {
      let head: string
      try {
        head = encodeHead({
          method,
          target,
          headers: ['host', 'a', name, value],
          framing: { kind: 'none' },
        })
      } catch (error) {
        assert.ok(error instanceof InvariantError)
        return
      }
      const wire = Buffer.from(head, 'latin1').toString('latin1')
      assert.deepEqual(wire.split('\r\n'), [
        `${method} ${target} HTTP/1.1`,
        'host: a',
        `${name}: ${value}`,
        '',
        '',
      ])
      assert.ok(!/[\0\n\r]/.test(wire.replaceAll('\r\n', '')))
    }),
  )
})

test('a head is the lines that were passed in, in order, and then those about its body', () => {
  const name = fc.stringMatching(/^X[!#$%&'*+.^_`|~A-Za-z0-9-]{0,80}$/)
  const value = fc.stringMatching(/^[\t\x20-\x7e\x80-\xff]{0,40}$/)
  const framings = [
    { framing: { kind: 'none' }, line: 'content-length: 0\r\n' },
    { framing: { kind: 'length', length: 7 }, line: 'content-length: 7\r\n' },
    { framing: { kind: 'chunked' }, line: 'transfer-encoding: chunked\r\n' },
  ] as const
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, value), { maxLength: 12 }),
      fc.constantFrom(...framings),
      fc.constantFrom(undefined, 'websocket'),
      (lines, { framing, line }, protocol) => {
        const headers = ['Host', 'a', ...lines.flat()]
        const expected = [['Host', 'a'], ...lines].map(([one, its]) => `${one}: ${its}\r\n`)
        const upgrade =
          protocol === undefined ? '' : `connection: upgrade\r\nupgrade: ${protocol}\r\n`
        assert.equal(
          encodeHead({ method: 'POST', target: '/', headers, framing }, protocol),
          `POST / HTTP/1.1\r\n${expected.join('')}${line}${upgrade}\r\n`,
        )
      },
    ),
  )
})

test('an assertion is judged by what it is, whatever was sent before it', () => {
  const encode = (assertion: string): string =>
    encodeHead(get('/', { headers: ['host', 'a', 'x-proofgate-assertion', assertion] }))
  for (const length of [10, 700, 3000]) {
    const good = 'x'.repeat(length)
    for (let turn = 0; turn < 2; turn++) {
      assert.ok(encode(good).endsWith(`: ${good}\r\n\r\n`))
      for (const bad of ['\r\nx: y', '\n', '\0', '\u010a', '\x7f']) {
        assert.throws(() => encode(good.slice(bad.length) + bad), InvariantError)
      }
    }
  }
})

test('trailers that could end the request early, or frame it anew, are left out', () => {
  for (const trailers of [
    ['x y', 'z'],
    ['', 'z'],
    ['odd'],
    ['x', 'y\r\n\r\nGET /admin HTTP/1.1'],
    ['x', 'y\n'],
    ['x', 'y\u010a'],
    ['Content-Length', '5'],
    ['transfer-encoding', 'chunked'],
    ['HOST', 'b'],
    ['Authorization', 'Bearer x'],
  ]) {
    const wire = encodeTrailers(['a', 'b', ...trailers])
    assert.equal(wire, 'a: b\r\n\r\n', JSON.stringify(trailers))
  }
  assert.equal(encodeTrailers(['a', 'b', 'c', 'd']), 'a: b\r\nc: d\r\n\r\n')
})

test('a body arrives byte for byte, whatever its length and its bytes', async (t) => {
  for (const length of [1, 255, 2048, 2049, 16_384, 16_385]) {
    for (const kind of ['length', 'chunked'] as const) {
      const body = Buffer.from(Array.from({ length }, (_, at) => (at * 7) % 256))
      const whole = body.toString('latin1')
      const tail = kind === 'length' ? whole : `${length.toString(16)}\r\n${whole}\r\n0\r\n\r\n`
      const server = await rawServer(t, (socket, received) => {
        if (received.endsWith(`\r\n\r\n${tail}`)) socket.write(ok('x'))
      })
      const framing = kind === 'length' ? { kind, length } : { kind }
      const { recorder, exchange } = start(
        upstreamTo(t, server.port),
        get('/', { method: 'POST', framing }),
      )
      exchange.write(body)
      exchange.end()
      await recorder.settled
      assert.equal(recorder.body, 'x', `${length} ${kind}`)
    }
  }
})

test('a small body leaves in one write with its head', async (t) => {
  const reads: string[] = []
  const server = await rawServer(t, (socket, received) => {
    reads.push(received)
    if (received.endsWith('warm')) socket.write(ok('x'))
    if (received.endsWith('{"a":1}')) socket.write(ok('x'))
  })
  const upstream = upstreamTo(t, server.port)
  const warm = start(upstream, get('/', { method: 'POST', framing: { kind: 'length', length: 4 } }))
  warm.exchange.write(Buffer.from('warm'))
  warm.exchange.end()
  await warm.recorder.settled
  const { recorder, exchange } = start(
    upstream,
    get('/x', { method: 'POST', framing: { kind: 'length', length: 7 } }),
  )
  exchange.write(Buffer.from('{"a":1}'))
  exchange.end()
  await recorder.settled
  assert.equal(reads.length, 2)
})

test('the head goes out even when the body lets itself be waited for', async (t) => {
  const server = await rawServer(t, (socket, received) => {
    if (received.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 100 Continue\r\n\r\n')
    if (received.endsWith('body')) socket.write(ok('x'))
  })
  const upstream = upstreamTo(t, server.port)
  for (let round = 0; round < 2; round++) {
    const { recorder, exchange } = start(
      upstream,
      get('/', { method: 'PUT', framing: { kind: 'length', length: 4 } }),
    )
    await until(() => recorder.informational.length === 1)
    exchange.write(Buffer.from('body'))
    exchange.end()
    await recorder.settled
    assert.equal(recorder.body, 'x')
  }
  assert.equal(server.sockets.length, 1)
})

test('chunks and trailers are written as the coding wants them, empty pieces not at all', async (t) => {
  const server = await rawServer(t, (socket, received) => {
    if (received.includes('sum: 1')) socket.write(ok('x'))
  })
  const big = Buffer.alloc(20_000, 'b')
  const { recorder, exchange } = start(
    upstreamTo(t, server.port),
    get('/', { method: 'POST', framing: { kind: 'chunked' } }),
  )
  exchange.write(Buffer.from('hello'))
  exchange.write(Buffer.alloc(0))
  await until(() => server.received[0]?.includes('hello') === true)
  exchange.write(big)
  exchange.end(['sum', '1'])
  await recorder.settled
  assert.equal(
    server.received[0]?.split('\r\n\r\n').slice(1).join('\r\n\r\n'),
    `5\r\nhello\r\n4e20\r\n${big.toString()}\r\n0\r\nsum: 1\r\n\r\n`,
  )
})

test('a body longer or shorter than declared never becomes the next request', async (t) => {
  const server = await rawServer(t, () => undefined)
  const upstream = upstreamTo(t, server.port)
  const framing = { kind: 'length', length: 4 } as const

  const long = start(upstream, get('/', { method: 'POST', framing }))
  await until(() => server.sockets.length === 1)
  long.exchange.write(Buffer.from('bodyGET /admin HTTP/1.1\r\nhost: a\r\n\r\n'))
  assert.equal(long.recorder.failure?.kind, 'aborted')

  const short = start(upstream, get('/', { method: 'POST', framing }))
  short.exchange.write(Buffer.from('bod'))
  short.exchange.end()
  assert.equal(short.recorder.failure?.kind, 'aborted')
  await until(() => upstream.stats.open === 0)
  assert.ok(!server.received.join('').includes('/admin'))
})

test('a connection whose answer came before the whole body was sent is not used again', async (t) => {
  const server = await rawServer(t, (socket, received) => {
    if (received.includes('GET ')) socket.write(ok('next'))
    else if (received.endsWith('some')) socket.write(ok('too big'))
  })
  const upstream = upstreamTo(t, server.port)
  const { recorder, exchange } = start(
    upstream,
    get('/', { method: 'POST', framing: { kind: 'length', length: 1000 } }),
  )
  exchange.write(Buffer.from('some'))
  await recorder.settled
  assert.equal(recorder.body, 'too big')
  assert.equal(exchange.write(Buffer.from('more')), true)
  exchange.end()
  assert.equal((await fetchOver(upstream, get())).body, 'next')
  assert.equal(server.sockets.length, 2)
  assert.ok(!server.received.join('').includes('more'))
})

test('an answer that begins while the body is still being sent is delivered at once', async (t) => {
  const server = await rawServer(t, (socket, received) => {
    if (received.endsWith('one')) {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nONE\r\n')
    }
    if (received.endsWith('0\r\n\r\n')) socket.write('3\r\nTWO\r\n0\r\n\r\n')
  })
  const upstream = upstreamTo(t, server.port)
  const { recorder, exchange } = start(
    upstream,
    get('/', { method: 'POST', framing: { kind: 'chunked' } }),
  )
  exchange.write(Buffer.from('x'))
  await until(() => server.received[0]?.includes('1\r\nx') === true)
  server.sockets[0]?.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nONE\r\n')
  await until(() => recorder.body === 'ONE')
  exchange.end()
  await recorder.settled
  assert.equal(recorder.body, 'ONETWO')
  assert.equal(upstream.stats.idle, 1)
})

test('an aborted exchange is silent and its connection is closed', async (t) => {
  const server = await rawServer(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc')
  })
  const upstream = upstreamTo(t, server.port)
  const { recorder, exchange } = start(upstream, get())
  await until(() => recorder.body === 'abc')
  exchange.abort()
  exchange.abort()
  assert.equal(upstream.stats.open, 0)
  await until(() => server.sockets[0]?.destroyed === true)
  assert.deepEqual(recorder.events, ['head'])
})

test('an exchange can be aborted from inside each of its calls', async (t) => {
  for (const stage of ['onInformational', 'onHead', 'onData'] as const) {
    const server = await rawServer(t, (socket) => {
      socket.write(`HTTP/1.1 103 Hints\r\n\r\n${ok('body')}`)
    })
    const upstream = upstreamTo(t, server.port)
    const calls: string[] = []
    const note = (call: string): true => {
      calls.push(call)
      if (call === stage) exchange.abort()
      return true
    }
    const exchange = upstream.request(get(), {
      onInformational: () => void note('onInformational'),
      onHead: () => void note('onHead'),
      onData: () => note('onData'),
      onEnd: () => void note('onEnd'),
      onFailure: () => void note('onFailure'),
    })
    await until(() => server.sockets[0]?.destroyed === true)
    assert.equal(calls.at(-1), stage)
    assert.equal(upstream.stats.open, 0)
  }
})
