import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import type { ClientHttp2Session } from 'node:http2'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { Caller } from '../kit/faults.ts'
import { callHttp2, openHttp2 } from '../kit/http2.ts'
import { until } from '../kit/operations.ts'
import { head, raw } from '../kit/raw.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

/* What a gateway has no business with goes through as it is, over both protocols. */

let plane: DataPlane
let session: ClientHttp2Session
const upstream = new RecordingUpstream()
const file = Buffer.from(Array.from({ length: 5000 }, (_, n) => (n * 7) % 256))
const zipped = gzipSync('as it is '.repeat(500))

before(async () => {
  plane = await startDataPlane({
    upstream: await upstream.listen(),
    more: 'listeners: { public: { h2c: true } }',
  })
  session = openHttp2(plane.port)
  upstream.answer = (request, response) => {
    if (request.url === '/public/file') {
      const range = /^bytes=(\d+)-(\d+)$/.exec(String(request.headers.range))
      const [start, end] = [Number(range?.[1]), Number(range?.[2])]
      const part = file.subarray(start, end + 1)
      response.writeHead(206, {
        'content-range': `bytes ${start}-${end}/${file.length}`,
        'accept-ranges': 'bytes',
        'content-length': part.length,
        etag: String(request.headers['if-range']),
      })
      response.end(part)
    } else if (request.url === '/public/zip') {
      const takes = String(request.headers['accept-encoding'])
      response.writeHead(200, { 'content-encoding': 'gzip', 'x-takes': takes, vary: 'x-takes' })
      response.end(zipped)
    } else if (request.url === '/public/hints') {
      response.writeInformation(103, { link: '</a.css>; rel=preload', 'set-cookie': 'a=b' })
      response.writeInformation(102, {})
      response.writeContinue()
      response.end('ok')
    } else return false
    return true
  }
})

after(async () => {
  session?.destroy()
  await plane.finish().finally(() => upstream.close())
})

function bodyOf(text: string): Buffer {
  return Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1')
}

test('ranges are asked for and answered by the service', async () => {
  const wanted = { range: 'bytes=100-1099', 'if-range': '"v1"' }
  const lines = Object.entries(wanted).map(([name, value]) => `${name}: ${value}`)
  const old = await raw(
    plane.port,
    head('GET /public/file HTTP/1.1', `Host: ${plane.host}`, ...lines),
  )
  assert.deepEqual(old.statuses, [206])
  assert.match(old.text, /content-range: bytes 100-1099\/5000\r\n/i)
  assert.match(old.text, /etag: "v1"\r\n/i)
  assert.ok(bodyOf(old.text).equals(file.subarray(100, 1100)))
  const call = { path: '/public/file', authority: plane.host, headers: wanted }
  const answer = await callHttp2(session, call)
  assert.equal(answer.status, 206)
  assert.equal(answer.headers['content-range'], 'bytes 100-1099/5000')
  assert.ok(Buffer.from(answer.body, 'latin1').equals(file.subarray(100, 1100)))
})

test('answers of every length leave their connection to the service for the next request', async () => {
  const get = (path: string) =>
    head(`GET ${path} HTTP/1.1`, `Host: ${plane.host}`, 'Connection: close')
  const paths = ['/public/zip', '/public/short', '/public/hints', '/public/short']
  for (const path of paths) assert.ok((await raw(plane.port, get(path))).statuses.includes(200))
  const before = upstream.connections
  for (const path of [...paths, ...paths]) await raw(plane.port, get(path))
  assert.equal(upstream.connections, before)
})

test('compressed bodies stay as they are, and so does what the caller takes', async () => {
  const takes = 'br;q=0.5, gzip, zstd'
  const old = await raw(
    plane.port,
    head('GET /public/zip HTTP/1.1', `Host: ${plane.host}`, `Accept-Encoding: ${takes}`),
  )
  assert.match(old.text, /content-encoding: gzip\r\n/i)
  assert.ok(old.text.includes(`x-takes: ${takes}\r\n`))
  assert.ok(old.text.includes(zipped.toString('latin1')))
  const headers = { 'accept-encoding': takes }
  const answer = await callHttp2(session, { path: '/public/zip', authority: plane.host, headers })
  assert.equal(answer.headers['content-encoding'], 'gzip')
  assert.equal(answer.headers['x-takes'], takes)
  assert.ok(Buffer.from(answer.body, 'latin1').equals(zipped))
  const none = await callHttp2(session, { path: '/public/zip', authority: plane.host })
  assert.equal(none.headers['x-takes'], 'undefined', 'nothing is asked for that the caller did not')
})

test('hints go on to callers of HTTP/1.1, and none to those of HTTP/1.0', async () => {
  const answer = await raw(plane.port, head('GET /public/hints HTTP/1.1', `Host: ${plane.host}`), {
    answers: 3,
  })
  assert.deepEqual(answer.statuses, [103, 102, 200])
  assert.match(answer.text, /^HTTP\/1\.1 103 Early Hints\r\nlink: <\/a\.css>; rel=preload\r\n\r\n/)
  assert.doesNotMatch(answer.text, /set-cookie/i)
  const old = await raw(plane.port, head('GET /public/hints HTTP/1.0', `Host: ${plane.host}`))
  assert.deepEqual(old.statuses, [200])
})

test('a caller that waits for 100 Continue gets it once, and not when it is refused', async () => {
  const post = (path: string): string =>
    head(
      `POST ${path} HTTP/1.1`,
      `Host: ${plane.host}`,
      'Content-Length: 3',
      'Expect: 100-continue',
    )
  const options = { answers: 2, inTurn: true }
  const answer = await raw(plane.port, [post('/public/x'), 'abc'], options)
  assert.deepEqual(answer.statuses, [100, 200])
  const refused = await raw(plane.port, post('/app/x'))
  assert.deepEqual(refused.statuses, [401])
})

test('a caller that closes its side is taken to be gone, and the service hears of it', async () => {
  const usual = upstream.answer
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
  const left = new Promise<void>((resolve) => {
    upstream.answer = (_request, response) => {
      arrive()
      response.once('close', resolve)
      return true
    }
  })
  const socket = connect({ port: plane.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.write(head('GET /public/slow HTTP/1.1', `Host: ${plane.host}`))
  await arrived
  socket.end()
  await left
  upstream.answer = usual
  socket.destroy()
})

test('a connection to the service is used again, whatever shape its answers have', async () => {
  const shapes: Record<string, (response: ServerResponse) => void> = {
    short: (response) => response.end('short'),
    empty: (response) => response.writeHead(204).end(),
    'no-length': (response) => {
      response.write('in ')
      response.end('pieces')
    },
    large: (response) => response.end('x'.repeat(200_000)),
  }
  const ends: Record<string, string> = {
    short: 'short',
    empty: '\r\n\r\n',
    'no-length': '\r\n0\r\n\r\n',
    large: 'x'.repeat(200_000),
  }
  /** Asks, and goes when all of the answer has come. */
  const askAndGo = async (shape: string): Promise<void> => {
    const caller = new Caller(plane.port)
    caller.send(head(`GET /public/${shape} HTTP/1.1`, `Host: ${plane.host}`))
    await until(`${shape}: all has come`, () => caller.text.endsWith(ends[shape] ?? '?'))
    caller.socket.destroy()
  }
  const before = upstream.answer
  upstream.answer = ({ url = '' }, response) => {
    const shape = shapes[url.replace('/public/', '')]
    if (shape === undefined) return false
    shape(response)
    return true
  }
  try {
    for (const shape of Object.keys(shapes)) {
      await askAndGo(shape)
      const { connections } = upstream
      for (let n = 0; n < 5; n++) await askAndGo(shape)
      assert.ok(upstream.connections - connections <= 1, `${shape}: connections are thrown away`)
    }
  } finally {
    upstream.answer = before
    upstream.take()
  }
})
