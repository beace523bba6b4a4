import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Random } from '../fuzz/random.ts'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { Caller } from '../kit/faults.ts'
import { until } from '../kit/operations.ts'
import { head } from '../kit/raw.ts'
import { encodeFrame } from '../kit/websocket.ts'

/*
 * All plain connections are read into one piece of memory. Each caller fills what it sends with its own letters,
 * cut anywhere, while others send too and a service reads slowly: nobody's bytes are ever another's.
 */

interface Told {
  readonly path: string
  readonly length: number
  readonly sum: string
  readonly trailer: string
}

const service = createServer((request, response) => void serve(request, response))
const tunnelled = new Map<string, string>()
let plane: DataPlane

before(async () => {
  service.on('upgrade', (request, socket) => {
    socket.write('HTTP/1.1 101 a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.on('error', () => socket.destroy())
    const path = request.url ?? ''
    // What it does not read yet waits in the gateway, while others go on.
    if (path.endsWith('0')) setTimeout(() => socket.resume(), 500)
    socket.on('data', (chunk: Buffer) => {
      tunnelled.set(path, (tunnelled.get(path) ?? '') + chunk.toString('latin1'))
    })
    if (path.endsWith('0')) socket.pause()
  })
  service.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  service.unref()
  plane = await startDataPlane({
    upstream: (service.address() as AddressInfo).port,
    upstreamKeys: 'timeouts: { connect: 20s, headers: 60s, idle: 60s }\n    maxConnections: 100',
    routes: `      - { method: GET, path: '/tunnels/{rest+}', authorizer: open, websocket: true }
      - { method: POST, path: '/large/{rest+}', authorizer: open, maxBody: 8MiB }\n`,
    limits: '{ drain: 1s, shedding: { eventLoopDelay: 1m } }',
  })
})
after(async () => {
  await plane?.finish().finally(() => {
    service.closeAllConnections()
    service.close()
  })
})

/** Reads as fast as the path says, and answers what it read. */
async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? ''
  const hash = createHash('sha256')
  let length = 0
  if (path.includes('slow')) await delay(60)
  for await (const chunk of request) {
    const piece = chunk as Buffer
    hash.update(piece)
    length += piece.length
    if (path.includes('slow')) await delay(2)
  }
  const trailer = request.trailers['x-own'] ?? ''
  response.end(JSON.stringify({ path, length, sum: hash.digest('hex'), trailer } satisfies Told))
}

/** Different from one place to the next, and from one caller to the other. */
function bytesOf(owner: number, length: number): string {
  const line = `<${owner}:${'abcdefghijklmnopqrstuvwxyz'.slice(owner % 26)}>`
  return line.repeat(Math.ceil(length / line.length)).slice(0, length)
}

interface Asked {
  readonly bytes: string
  readonly told: Told
}

function makeRequest(random: Random, owner: number, number: number): Asked {
  const host = `Host: ${plane.host}`
  const isLarge = random.chance(20)
  const length = isLarge ? random.below(3_000_000) : random.below(random.pick([3, 200, 40_000]))
  const body = bytesOf(owner, length)
  const pace = random.pick(['fast', 'slow'])
  const path = `/${isLarge ? 'large' : 'public'}/${pace}/${owner}-${number}`
  const sum = createHash('sha256').update(body, 'latin1').digest('hex')
  const first = `POST ${path} HTTP/1.1`
  if (random.chance(50)) {
    const bytes = `${head(first, host, `X-Own: ${owner}`, `Content-Length: ${length}`)}${body}`
    return { bytes, told: { path, length, sum, trailer: '' } }
  }
  let bytes = head(first, host, 'Transfer-Encoding: chunked', `X-Own: ${owner}`)
  for (let at = 0; at < body.length;) {
    const size = 1 + random.below(random.pick([4, 5000, 200_000]))
    const piece = body.slice(at, at + size)
    bytes += `${piece.length.toString(16)};own=${owner}\r\n${piece}\r\n`
    at += size
  }
  bytes += `0\r\nX-Own: ${owner}-${number}\r\n\r\n`
  return { bytes, told: { path, length, sum, trailer: `${owner}-${number}` } }
}

/** Sends all of it at once or in pieces, with others in between. */
async function sendCut(random: Random, caller: Caller, bytes: string): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random.below(random.pick([5, 700, 70_000, 1_000_000]))
    caller.send(bytes.slice(at, at + size))
    at += size
    if (random.chance(50)) await new Promise(setImmediate)
    if (random.chance(2)) await delay(random.below(5))
  }
}

async function converse(seed: number, owner: number): Promise<void> {
  const random = new Random(seed, owner)
  const caller = new Caller(plane.port)
  const asked = Array.from({ length: 6 }, (_, number) => makeRequest(random, owner, number))
  const tunnel = `/tunnels/${seed}/${owner}`
  const handshake = head(
    `GET ${tunnel} HTTP/1.1`,
    `Host: ${plane.host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  )
  await sendCut(random, caller, asked.map(({ bytes }) => bytes).join(''))
  const answers = (): Told[] =>
    [...caller.text.matchAll(/\r\n\r\n(?:[0-9a-f]+\r\n)?(\{"path"[^}]*\})/g)].map(
      (match) => JSON.parse(match[1] ?? '') as Told,
    )
  await until(`the answers of ${owner} are there`, () => answers().length === asked.length, 60_000)
  assert.deepEqual(
    answers(),
    asked.map(({ told }) => told),
  )
  caller.send(handshake)
  await until(
    `the tunnel of ${owner} is asked for`,
    () => tunnelled.has(tunnel) || / 101 /.test(caller.text),
    60_000,
  )
  const frames = encodeFrame(bytesOf(owner, owner % 10 === 0 ? 9_000_000 : 100_000), {
    masked: false,
  }).toString('latin1')
  await sendCut(random, caller, frames)
  await until(
    `the tunnel of ${owner} has it all`,
    () => tunnelled.get(tunnel)?.length === frames.length,
    60_000,
  )
  assert.ok(tunnelled.get(tunnel) === frames, `the tunnel of ${owner} holds other bytes`)
  caller.socket.destroy()
}

for (const seed of [1, 2, 3]) {
  test(`nobody’s bytes are another’s, with seed ${seed}`, { timeout: 120_000 }, async () => {
    const owners = Array.from({ length: 24 }, (_, owner) => converse(seed, owner))
    await Promise.all(owners)
  })
}
