import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { call } from '../kit/http.ts'
import { until } from '../kit/operations.ts'
import { head } from '../kit/raw.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

const each = 500
/** More than the system takes off the gateway's hands for one connection, and less. */
const [large, small] = [Buffer.alloc(8 * 1024 * 1024), Buffer.alloc(256 * 1024)]
const upstream = new RecordingUpstream()
let plane: DataPlane

before(async () => {
  plane = await startDataPlane({
    upstream: await upstream.listen(),
    upstreamKeys: 'maxConnections: 2000',
    routes: '      - { method: POST, path: /upload, authorizer: open, maxBody: 1MiB }',
    // A test machine that is busy itself is another matter, and would be answered with 503.
    limits:
      '{ drain: 1s, requestHeaderTimeout: 2s, requestIdle: 5s, keepAlive: 2s, shedding: { eventLoopDelay: 1m } }',
  })
  upstream.answer = (request, response) => {
    if (request.url === '/public/large') response.end(large)
    else if (request.url === '/public/small') response.end(small)
    else if (request.url === '/public/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hi\n\n')
    } else return false
    return true
  }
})
after(async () => {
  upstream.answer = () => false
  await plane.finish().finally(() => upstream.close())
})

/** Connections so far. */
let come = 0

/** Connections that begin with some bytes and go on one byte at a time, or read one at a time. */
function trickle(count: number, bytes: string, step: (socket: Socket) => void): Socket[] {
  return Array.from({ length: count }, () => {
    const socket = connect(plane.port, '127.0.0.1')
    socket.on('error', () => socket.destroy())
    socket.write(bytes)
    socket.once('connect', () => (come += 1))
    const timer = setInterval(() => step(socket), 300)
    socket.once('close', () => clearInterval(timer))
    return socket
  })
}

/** Established, at the gateway's port. */
function connections(): number {
  const text = readFileSync(`/proc/${plane.gateway.child.pid}/net/tcp`, 'latin1')
  const port = plane.port.toString(16).toUpperCase().padStart(4, '0')
  const established = new RegExp(`^ *\\d+: \\w+:${port} \\w+:\\w+ 01 `)
  return text.split('\n').filter((line) => established.test(line)).length
}

test(
  'slow senders of headers and bodies and slow readers, 500 each, are ended while others are served',
  {
    timeout: 300_000,
  },
  async () => {
    const host = `Host: ${plane.host}`
    const upload = head('POST /upload HTTP/1.1', host, 'Content-Length: 100000')
    const get = (path: string): string => head(`GET /public/${path} HTTP/1.1`, host)
    const senders = [
      ...trickle(each, `GET /public/x HTTP/1.1\r\n${host}\r\n`, (socket) => socket.write('x')),
      ...trickle(each, upload, (socket) => socket.write('x')),
    ]
    const readers = [
      ...trickle(each / 5, get('large'), (socket) => socket.read(1)),
      ...trickle((each * 4) / 5, get('small'), (socket) => socket.read(1)),
    ]
    for (const socket of senders) socket.resume()
    for (const socket of readers) socket.pause()
    // Those that came first may be gone again before the last have come.
    await until('they have come', () => come === 3 * each)
    const statuses = new Set<number>()
    await until(
      'all are ended',
      async () => {
        const other = await call(`${plane.gateway.api}/public/other`, {
          headers: { connection: 'close' },
        })
        statuses.add(other.status)
        await delay(50)
        return connections() < 10
      },
      40_000,
    )
    assert.deepEqual([...statuses], [200])
    for (const socket of readers) socket.resume()
    await until('they notice', () => [...senders, ...readers].every(({ destroyed }) => destroyed))
    await nothingIsUnderWay()
    upstream.take()
  },
)

function nothingIsUnderWay(): Promise<void> {
  return until('nothing is under way', async () => {
    const metrics = await (await fetch(`${plane.gateway.admin}/metrics`)).text()
    return /^proofgate_requests_in_flight 0$/m.test(metrics)
  })
}

test('a caller that has gone is noticed though more waits behind its event stream than is read', async () => {
  const host = `Host: ${plane.host}`
  const socket = connect(plane.port, '127.0.0.1')
  socket.on('error', () => socket.destroy())
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  socket.write(head('GET /public/events HTTP/1.1', host, 'Accept: text/event-stream'))
  await until('the stream has begun', () => text.includes(': hi'))
  socket.write('GET /public/x HTTP/1.1\r\nX: '.padEnd(300_000, 'x'))
  await delay(300)
  socket.resetAndDestroy()
  await nothingIsUnderWay()
})
