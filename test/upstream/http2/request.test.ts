import assert from 'node:assert/strict'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { test } from 'node:test'

import { millis } from '../../../src/core/index.ts'
import { Http2Upstream } from '../../../src/upstream/http2/http2-upstream.ts'
import { fetchOver, get, Recorder, start, until } from '../kit.ts'
import { errorCodes, frameTypes } from '../../kit/h2-frames.ts'
import { http2To, rawService, service } from './kit.ts'

type OnStream = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  raw: string[],
) => void

function serving(onStream: OnStream): OnStream {
  return onStream
}

const hello = serving((stream) => {
  stream.respond({ ':status': 200, 'content-type': 'text/plain' })
  stream.end('hello')
})

test('a request goes out with its pseudo-headers, and the answer comes back whole', async (t) => {
  const seen: string[][] = []
  const { port } = await service(
    t,
    serving((stream, _headers, _flags, raw) => {
      seen.push(raw)
      stream.respond({ ':status': 201, 'x-a': ['1', '2'] }, { endStream: false })
      stream.end('made')
    }),
  )
  const upstream = http2To(t, port)
  const recorder = await fetchOver(
    upstream,
    get('/p?q=%20', { headers: ['Host', 'orders.test', 'X-Caller', 'a', 'x-caller', 'b'] }),
  )
  assert.equal(recorder.failure, undefined)
  assert.equal(recorder.head?.status, 201)
  assert.equal(recorder.head.statusText, 'Created')
  assert.equal(recorder.body, 'made')
  assert.deepEqual(
    recorder.head.headers.slice(0, 4),
    ['x-a', '1', 'x-a', '2'],
    'lines are kept one by one',
  )
  assert.deepEqual(seen, [
    [':method', 'GET', ':scheme', 'http', ':authority', 'orders.test', ':path', '/p?q=%20']
      .concat(['x-caller', 'a'])
      .concat(['x-caller', 'b']),
  ])
})

test('many requests share one session', async (t) => {
  const { port, sessions } = await service(t, hello)
  const upstream = http2To(t, port)
  await fetchOver(upstream, get())
  const recorders = await Promise.all(Array.from({ length: 50 }, () => fetchOver(upstream, get())))
  assert.ok(recorders.every((recorder) => recorder.body === 'hello'))
  assert.equal(sessions.size, 1)
  assert.deepEqual(
    { ...upstream.stats, idle: 1 },
    { open: 1, idle: 1, queued: 0, requests: 51, reused: 50, retried: 0, failed: 0, upgraded: 0 },
  )
})

test('a thousand requests at once are served over as few sessions as have room', async (t) => {
  const { port, sessions } = await service(
    t,
    serving((stream, headers) => {
      stream.respond({ ':status': 200 })
      setTimeout(() => stream.end(headers[':path']), 20)
    }),
    { settings: { maxConcurrentStreams: 200 } },
  )
  const upstream = http2To(t, port, { maxConnections: 3 })
  const recorders = await Promise.all(
    Array.from({ length: 1000 }, (_, index) => fetchOver(upstream, get(`/${index}`))),
  )
  for (const [index, recorder] of recorders.entries()) {
    assert.equal(recorder.failure, undefined)
    assert.equal(recorder.body, `/${index}`)
  }
  assert.ok(sessions.size <= 3, `${sessions.size} sessions`)
})

test('no more streams are open at once than the service allows', async (t) => {
  let open = 0
  let most = 0
  const { port } = await service(
    t,
    serving((stream) => {
      open += 1
      most = Math.max(most, open)
      stream.on('close', () => (open -= 1))
      setTimeout(() => {
        stream.respond({ ':status': 200 })
        stream.end('ok')
      }, 5)
    }),
    { settings: { maxConcurrentStreams: 3 } },
  )
  const upstream = http2To(t, port, { maxConnections: 2 })
  const recorders = await Promise.all(Array.from({ length: 40 }, () => fetchOver(upstream, get())))
  assert.ok(recorders.every((recorder) => recorder.body === 'ok'))
  assert.ok(most <= 6, `${most} streams at once`)
})

test('a body with its length arrives as it was written', async (t) => {
  const { port } = await service(
    t,
    serving((stream, headers) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        stream.respond({ ':status': 200, 'x-length': headers['content-length'] ?? 'none' })
        stream.end(Buffer.concat(chunks))
      })
    }),
  )
  const upstream = http2To(t, port)
  for (const connected of [false, true]) {
    const framing = { kind: 'length', length: 10 } as const
    const { recorder, exchange } = start(upstream, get('/', { method: 'POST', framing }))
    exchange.write(Buffer.from('01234'))
    exchange.write(Buffer.from('56789'))
    exchange.end()
    await recorder.settled
    assert.equal(recorder.body, '0123456789', String(connected))
    assert.ok(recorder.head?.headers.includes('10'))
  }
  const empty = await fetchOver(upstream, get('/', { method: 'POST' }))
  assert.ok(empty.head?.headers.includes('0'), 'a POST without a body says so')
})

test('a body that breaks its declared length is never whole for the service', async (t) => {
  const ends: string[] = []
  let begun = 0
  const { port } = await service(
    t,
    serving((stream) => {
      stream.once('data', () => begun++)
      stream.on('error', () => undefined)
      stream.on('aborted', () => ends.push('aborted'))
      stream.on('end', () => ends.push(stream.aborted ? 'cut' : 'whole'))
      stream.resume()
    }),
  )
  const upstream = http2To(t, port)
  for (const [index, text] of ['0123456789x', '0123'].entries()) {
    const framing = { kind: 'length', length: 10 } as const
    const { recorder, exchange } = start(upstream, get('/', { method: 'POST', framing }))
    await until(() => upstream.stats.open === 1)
    exchange.write(Buffer.from(text.slice(0, 3)))
    // A stream that is reset before the service has heard of it is aborted for nobody.
    await until(() => begun > index)
    exchange.write(Buffer.from(text.slice(3)))
    exchange.end()
    await recorder.settled
    assert.equal(recorder.failure?.kind, 'aborted')
  }
  await until(() => ends.filter((end) => end === 'aborted').length === 2)
  assert.ok(!ends.includes('whole'))
})

test('trailers go both ways without those that do not belong there', async (t) => {
  let received: string[] = []
  const { port } = await service(
    t,
    serving((stream) => {
      stream.on('trailers', (_headers, _flags, raw: string[]) => {
        received = raw
      })
      stream.resume()
      stream.on('end', () => {
        stream.respond({ ':status': 200 }, { waitForTrailers: true })
        stream.on('wantTrailers', () =>
          stream.sendTrailers({ 'grpc-status': '0', 'set-cookie': 'a=b', 'x-t': ['1', '2'] }),
        )
        stream.end('body')
      })
    }),
  )
  const upstream = http2To(t, port)
  const { recorder, exchange } = start(
    upstream,
    get('/', { method: 'POST', framing: { kind: 'chunked' } }),
  )
  exchange.write(Buffer.from('x'))
  exchange.end([
    'X-Checksum',
    'abc',
    'Connection',
    'close',
    'Host',
    'evil',
    'te',
    'gzip',
    'x\r\ny',
    'z',
  ])
  await recorder.settled
  assert.equal(recorder.failure, undefined)
  assert.deepEqual(recorder.trailers, ['grpc-status', '0', 'x-t', '1', 'x-t', '2'])
  assert.deepEqual(received, ['x-checksum', 'abc'])
})

test('te is sent only where the caller reads trailers', async (t) => {
  const seen: unknown[] = []
  const { port } = await service(
    t,
    serving((stream, headers) => {
      seen.push(headers['te'])
      stream.respond({ ':status': 204 }, { endStream: true })
    }),
  )
  const upstream = http2To(t, port)
  await fetchOver(upstream, get())
  await fetchOver(upstream, get('/', { acceptsTrailers: true }))
  assert.deepEqual(seen, [undefined, 'trailers'])
})

test('interim answers are passed on, and a ninth ends the request', async (t) => {
  const { port } = await service(
    t,
    serving((stream, headers) => {
      const count = headers[':path'] === '/many' ? 9 : 2
      for (let at = 0; at < count; at++) stream.additionalHeaders({ ':status': 103, link: '</a>' })
      stream.respond({ ':status': 200 })
      stream.end('ok')
    }),
  )
  const upstream = http2To(t, port)
  const few = await fetchOver(upstream, get())
  assert.deepEqual(few.informational, [103, 103])
  assert.equal(few.body, 'ok')
  const many = await fetchOver(upstream, get('/many'))
  assert.equal(many.failure?.kind, 'malformed')
  assert.equal(many.failure.beforeResponse, true)
})

test('answers without a body are whole at once', async (t) => {
  const { port } = await service(
    t,
    serving((stream, headers) => {
      const status = Number(headers['x-status'] ?? 200)
      const more = status === 304 ? { 'content-length': '9' } : {}
      stream.respond({ ':status': status, ...more }, { endStream: true })
    }),
  )
  const upstream = http2To(t, port)
  const cases = [
    ['GET', '204'],
    ['GET', '304'],
    ['HEAD', '200'],
    ['GET', '200'],
  ] as const
  for (const [method, status] of cases) {
    const headers = ['host', 'a', 'x-status', status]
    const recorder = await fetchOver(upstream, get('/', { method, headers }))
    assert.deepEqual(recorder.events, ['head', 'end'], `${method} ${status}`)
    assert.equal(recorder.head?.framing, 'none')
    assert.equal(recorder.head.length, status === '304' ? 9 : undefined)
  }
})

test('an upgrade is refused without a connection', async (t) => {
  const { port, sessions } = await service(t, hello)
  const upstream = http2To(t, port)
  const recorder = new Recorder()
  const sink = Object.assign(recorder, { onUpgrade: () => assert.fail('upgraded') })
  const framing = { kind: 'none' } as const
  upstream.upgrade({ ...get(), framing, protocol: 'websocket' }, sink)
  assert.deepEqual(recorder.events, [], 'not from inside the call')
  await recorder.settled
  assert.equal(recorder.failure?.kind, 'aborted')
  assert.equal(sessions.size, 0)
})

test('headers that would make a second meaning stop the request here', (t) => {
  const upstream = http2To(t, 9)
  const wrong: readonly (readonly string[])[] = [
    ['host', 'a', 'host', 'b'],
    ['x', 'y'],
    ['host', 'a', ':path', '/other'],
    ['host', 'a', 'Transfer-Encoding', 'chunked'],
    ['host', 'a', 'Connection', 'close'],
    ['host', 'a', 'content-length', '5'],
    ['host', 'a', 'TE', 'trailers'],
    ['host', 'a', 'x', 'a\r\nb: c'],
    ['host', 'a', 'x y', 'z'],
    ['host', 'a', 'x', 'a\u0100'],
  ]
  for (const headers of wrong) {
    assert.throws(
      () => upstream.request(get('/', { headers }), new Recorder()),
      JSON.stringify(headers),
    )
  }
  for (const target of ['/a b', '/a\r\n', '']) {
    assert.throws(() => upstream.request(get(target), new Recorder()), target)
  }
  assert.throws(() => upstream.request(get('/', { method: 'GE T' }), new Recorder()))
})

test('a caller that goes away resets its stream and nothing else', async (t) => {
  const codes: number[] = []
  const { port, sessions } = await service(
    t,
    serving((stream, headers) => {
      stream.on('error', () => undefined)
      stream.on('close', () => codes.push(stream.rstCode ?? -1))
      stream.respond({ ':status': 200 })
      if (headers[':path'] === '/long') stream.write('begun')
      else stream.end('short')
    }),
  )
  const upstream = http2To(t, port)
  const { recorder, exchange } = start(upstream, get('/long'))
  await until(() => recorder.body === 'begun')
  exchange.abort()
  await until(() => codes.length === 1)
  assert.deepEqual(codes, [8], 'CANCEL')
  assert.deepEqual(recorder.events, ['head'])
  assert.equal((await fetchOver(upstream, get('/'))).body, 'short')
  assert.equal(sessions.size, 1)
  exchange.abort()
  exchange.resume()
  assert.equal(exchange.write(Buffer.from('late')), true)
})

test('a request that is cut short is reset and never ended, whatever its framing', async (t) => {
  const { port, connections } = await rawService(t, {})
  const upstream = http2To(t, port)
  let stream = -1
  for (const framing of [{ kind: 'chunked' }, { kind: 'length', length: 10 }] as const) {
    for (const write of [true, false]) {
      stream += 2
      const { exchange } = start(upstream, get('/', { method: 'POST', framing }))
      if (write) exchange.write(Buffer.from('half'))
      const frames = () => (connections[0]?.frames ?? []).filter((one) => one.stream === stream)
      await until(() => frames().some(({ type }) => type === (write ? 0 : 1)))
      exchange.abort()
      await until(() => frames().some(({ type }) => type === frameTypes.rstStream))
      await new Promise((resolve) => setTimeout(resolve, 20))
      const ended = frames().some(({ type, flags }) => type <= 1 && (flags & 1) !== 0)
      assert.equal(ended, false, `${framing.kind} ${String(write)}`)
      assert.equal(frames().at(-1)?.payload.readUInt32BE(0), errorCodes.cancel)
    }
  }
})

test('a session without streams is closed after its time', async (t) => {
  const { port, sessions } = await service(t, hello)
  const upstream = http2To(t, port, { keepAliveTimeout: millis(300) })
  await fetchOver(upstream, get())
  assert.equal(sessions.size, 1)
  await until(() => sessions.size === 0 && upstream.stats.open === 0)
  assert.equal((await fetchOver(upstream, get())).body, 'hello')
})

test('closing lets what is under way end, and takes nothing new', async (t) => {
  const { port, sessions } = await service(
    t,
    serving((stream) => {
      stream.respond({ ':status': 200 })
      setTimeout(() => stream.end('slow'), 100)
    }),
  )
  const upstream = http2To(t, port)
  const { recorder } = start(upstream, get())
  const waiting = start(upstream, get())
  await until(() => recorder.head !== undefined)
  const closed = upstream.close(millis(30_000))
  const late = await fetchOver(upstream, get())
  assert.equal(late.failure?.kind, 'aborted')
  await closed
  assert.equal(recorder.body, 'slow')
  assert.equal(waiting.recorder.body, 'slow')
  await until(() => sessions.size === 0)
})

test('what is still under way at the deadline fails', async (t) => {
  const { port } = await service(
    t,
    serving((stream) => {
      stream.on('error', () => undefined)
      stream.respond({ ':status': 200 })
      stream.write('never ends')
    }),
  )
  const upstream = http2To(t, port)
  const { recorder } = start(upstream, get())
  await until(() => recorder.body !== '')
  await upstream.close(millis(50))
  await recorder.settled
  assert.equal(recorder.failure?.kind, 'aborted')
  const unused = new Http2Upstream({
    name: 'unused',
    url: new URL('http://127.0.0.1:9'),
    allowPrivateAddresses: true,
    connectTimeout: millis(100),
    headersTimeout: millis(100),
    idleTimeout: millis(100),
    maxConnections: 1,
    keepAliveTimeout: millis(100),
    maxHeaderBytes: 1024,
  })
  await unused.close(millis(50))
})
