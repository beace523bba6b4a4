import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type { ClientHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'

/* Memory of bodies is freed as they leave: none may hold an octet of another, or lack one of its own. */

let plane: DataPlane
/** Octets that were not those of their own body. */
const foreign: string[] = []
const service = createServer()

function check(piece: Buffer, key: number, where: string): void {
  if (piece.some((octet) => octet !== key)) foreign.push(`${where} of ${key}`)
}

service.on('session', (session) => session.on('error', () => undefined))
service.on('stream', (stream: ServerHttp2Stream, headers) => {
  const key = Number(headers['x-key'])
  let length = 0
  stream.on('error', () => undefined)
  stream.on('data', (piece: Buffer) => {
    length += piece.length
    check(piece, key, 'upload')
    if (key % 3 !== 0) return
    stream.pause()
    setTimeout(() => stream.resume(), 1)
  })
  stream.on('end', () => {
    if (stream.destroyed) return
    stream.respond({ 'x-length': String(length) })
    stream.end(Buffer.alloc(length, key))
  })
})

before(async () => {
  service.listen(0, '127.0.0.1')
  await once(service, 'listening')
  service.unref()
  plane = await startDataPlane({
    upstream: (service.address() as AddressInfo).port,
    withoutWebSocket: true,
    more: 'listeners: { public: { h2c: true } }',
    upstreamKeys: 'protocol: h2',
  })
})

after(async () => {
  await plane.finish().finally(() => service.close())
})

/** Sends a body and reads the same back. @returns how many octets came. */
async function echo(session: ClientHttp2Session, key: number, isCut: boolean): Promise<number> {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/public/x',
    ':authority': plane.host,
    'x-key': String(key),
  })
  let came = 0
  stream.on('error', () => undefined)
  stream.on('data', (piece: Buffer) => {
    came += piece.length
    check(piece, key, 'answer')
    if (isCut && came > 50_000) stream.close(8)
  })
  for (let left = lengthOf(key); left > 0; left -= 7919 * (1 + (key % 7))) {
    stream.write(Buffer.alloc(Math.min(left, 7919 * (1 + (key % 7))), key))
  }
  stream.end()
  await once(stream, 'close')
  return came
}

function lengthOf(key: number): number {
  return 100_000 + key * 2000
}

test('of bodies that pass at once, some cut, each is whole and only its own', async () => {
  for (let round = 0; round < 4; round++) {
    const session = connect(`http://127.0.0.1:${plane.port}`)
    session.on('error', () => undefined)
    const keys = Array.from({ length: 24 }, (_, n) => 1 + round * 24 + n)
    const came = await Promise.all(keys.map((key) => echo(session, key, key % 5 === 0)))
    for (const [at, key] of keys.entries()) {
      if (key % 5 !== 0) assert.equal(came[at], lengthOf(key), `body ${key}`)
    }
    session.destroy()
  }
  assert.deepEqual(foreign, [])
})
