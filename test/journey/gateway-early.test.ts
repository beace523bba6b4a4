import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { head, raw } from '../kit/raw.ts'
import { RawUpstream } from '../kit/upstream.ts'

/* Services that answer, or leave, before they are expected to. */

let plane: DataPlane
const service = new RawUpstream()
const bounded = { timeout: 300_000 }
/** By path; an answer to a path that is not here is empty. */
const answers = new Map<string, (socket: Socket) => void>()

before(async () => {
  service.serve = (socket, request) => {
    const path = /\/(?:public|large)\/(\w+)/.exec(request)?.[1] ?? ''
    const answer = answers.get(path)
    if (answer === undefined) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
    else answer(socket)
  }
  plane = await startDataPlane({
    upstream: await service.listen(),
    upstreamKeys: 'timeouts: { connect: 5s, headers: 60s, idle: 60s }',
    more: 'listeners: { public: { h2c: true } }',
    routes: `
      - { method: ANY, path: '/large/{rest+}', authorizer: open, maxBody: 1GiB }
      - { method: ANY, path: '/closed/{rest+}', maxBody: 1GiB }`,
  })
})

after(async () => {
  await plane.finish()
  service.close()
})

test(
  'an answer that is cut behind another one ends the connection in its turn',
  bounded,
  async () => {
    answers.set('slow', (socket) => {
      setTimeout(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow'), 200)
    })
    answers.set('cut', (socket) => {
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\npart')
    })
    const get = (path: string): string =>
      head(`GET /public/${path} HTTP/1.1`, `Host: ${plane.host}`)
    const all = get('slow') + get('cut') + get('slow')
    const { closed, text } = await raw(plane.port, all, { quiet: 10_000 })
    assert.match(text, /slow(?:HTTP[^]*part)?$/)
    assert.ok(closed, 'the caller was left waiting')
  },
)

function drained(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => {
    socket.once('drain', resolve)
  })
}

/** Sends a whole request before it reads anything, as simple clients do; what it reads then. */
async function sendsFirst(request: string, body: number): Promise<string> {
  const socket = connect({ port: plane.port, host: '127.0.0.1', allowHalfOpen: true })
  const heard = Promise.withResolvers<string>()
  let text = ''
  socket.on('error', () => heard.resolve(`reset after ${text}`))
  socket.on('end', () => socket.end())
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  socket.on('close', () => heard.resolve(text))
  socket.pause()
  socket.write(request)
  const piece = Buffer.alloc(64 * 1024, 'b')
  for (let left = body; left > 0 && !socket.destroyed; left -= piece.length) {
    const flows = socket.write(piece.subarray(0, Math.min(left, piece.length)))
    if (!flows) await Promise.race([heard.promise, drained(socket)])
  }
  socket.resume()
  return heard.promise
}

const large = 8 * 1024 * 1024
const post = (path: string): string =>
  head(`POST ${path} HTTP/1.1`, `Host: ${plane.host}`, `Content-Length: ${large}`)

test('a caller that sends everything first reads why it was refused', bounded, async () => {
  for (let round = 0; round < 5; round++) {
    assert.match(await sendsFirst(post('/closed/x'), large), /^HTTP\/1\.1 401 /)
    assert.match(await sendsFirst(post('/nowhere'), large), /^HTTP\/1\.1 40[34] /)
  }
})

test('a caller whose body has no certain end reads why it was refused', bounded, async () => {
  const flaws = [
    ['Content-Length: 7', 'Content-Length: 8'],
    ['Content-Length: 7', 'Transfer-Encoding: chunked'],
    ['Transfer-Encoding: gzip'],
  ]
  for (const lines of flaws) {
    const socket = connect({ port: plane.port, host: '127.0.0.1', allowHalfOpen: true })
    const heard = Promise.withResolvers<string>()
    let text = ''
    socket.on('error', () => heard.resolve(`reset after ${text}`))
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    socket.on('end', () => heard.resolve(text))
    socket.pause()
    socket.write(head('POST /large/x HTTP/1.1', `Host: ${plane.host}`, ...lines))
    // The answer waits unread here by the time the body is sent; the gateway listens for two seconds.
    await delay(100)
    for (let piece = 0; piece < 20; piece++) {
      socket.write(Buffer.alloc(64 * 1024, 'b'))
      await delay(1)
    }
    socket.resume()
    assert.match(await heard.promise, /^HTTP\/1\.1 400 /, lines.join())
    socket.destroy()
  }
})

test(
  'a caller that sends everything first reads what a service answered early',
  bounded,
  async () => {
    const body = 'n'.repeat(40_000)
    const answer = `HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    answers.set('early', (socket) => socket.end(answer))
    for (let round = 0; round < 5; round++) {
      const text = await sendsFirst(post('/large/early'), large)
      assert.match(text, /^HTTP\/1\.1 403 /)
      assert.ok(text.endsWith(body), `${text.length}`)
    }
  },
)

test('a caller that never stops sending is left after a while', bounded, async () => {
  const socket = connect({ port: plane.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => undefined)
  socket.resume()
  socket.write(head('POST /closed/x HTTP/1.1', `Host: ${plane.host}`, 'Content-Length: 1000000000'))
  const timer = setInterval(() => socket.write(Buffer.alloc(1024)), 20)
  await new Promise((resolve) => {
    socket.once('close', resolve)
  })
  clearInterval(timer)
})
