import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import type { ClientSessionOptions, ServerHttp2Stream } from 'node:http2'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import {
  ConnectionProblem,
  FrameReader,
  HeaderDecoder,
  HeaderEncoder,
  connectionPreface,
  headersFrame,
  pingAck,
  settingsAck,
  settingsFrame,
} from '../../src/http2/index.ts'
import type { FrameSink } from '../../src/http2/index.ts'
import { Random } from '../fuzz/random.ts'
import { until } from '../upstream/kit.ts'

/* The runtime's own HTTP/2 (nghttp2) as the other side: it reads what we write, and we read what it writes. */

const limits = { bytes: 1_000_000, count: 1000 }
const names = [
  'accept',
  'user-agent',
  'x-a',
  'x-b',
  'date',
  'cookie',
  'authorization',
  'te-x',
  'vary',
] as const
const requests = 300
const seed = 20_261_123

function randomFields(random: Random): [string, string][] {
  return Array.from({ length: random.below(12) }, () => {
    const octets = Array.from({ length: random.below(random.chance(5) ? 400 : 30) }, () =>
      random.chance(80) ? 0x21 + random.below(0x5e) : 0xa0 + random.below(0x60),
    )
    return [random.pick(names), random.chance(50) ? 'again' : String.fromCharCode(...octets)]
  })
}

async function listening(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

const idle: FrameSink = {
  data: () => undefined,
  headers: () => undefined,
  reset: () => undefined,
  settings: () => undefined,
  settingsAck: () => undefined,
  ping: () => undefined,
  pingAck: () => undefined,
  goaway: () => undefined,
  windowUpdate: () => undefined,
  ignored: () => undefined,
}
const options = { maxFrameSize: 16_384, maxBlockBytes: 65_536, expectPreface: true }

test('what nghttp2 encodes is decoded, block after block', async (t) => {
  const random = new Random(seed, 0)
  const decoded: string[][] = []
  const server = createServer((socket: Socket) => {
    t.after(() => socket.destroy())
    socket.on('error', () => undefined)
    const write = (frames: string): unknown => socket.write(frames, 'latin1')
    const encoder = new HeaderEncoder()
    const decoder = new HeaderDecoder(4096)
    const reader = new FrameReader(
      {
        ...idle,
        settings: () => write(settingsAck),
        ping: (opaque) => write(pingAck(opaque)),
        headers: (stream, block, endStream) => {
          const list = decoder.decode(block, limits)
          if (list instanceof ConnectionProblem) return assert.fail(list.detail)
          assert.deepEqual([list.malformed, list.tooLarge, endStream], [undefined, false, true])
          decoded.push([...list.fields])
          const answer = encoder.encode([':status', '204', 'x-nth', String(decoded.length)])
          return write(headersFrame(stream, answer, { endStream: true, maxFrameSize: 16_384 }))
        },
      },
      options,
    )
    write(settingsFrame([]))
    socket.on('data', (chunk) => assert.equal(reader.feed(chunk as Buffer), undefined))
  })
  const settings: ClientSessionOptions & { strictSingleValueFields: boolean } = {
    strictSingleValueFields: false,
  }
  const client = connectHttp2(`http://127.0.0.1:${await listening(t, server)}`, settings)
  t.after(() => client.destroy())
  for (let nth = 1; nth <= requests; nth++) {
    const raw = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'a.example']
    raw.push(...randomFields(random).flat())
    const stream = client.request(raw)
    const [headers] = (await once(stream, 'response')) as [Record<string, string>]
    assert.equal(headers['x-nth'], String(nth))
    stream.resume()
    assert.deepEqual(decoded.at(-1), raw)
  }
})

test('what we encode is decoded by nghttp2, block after block', async (t) => {
  const random = new Random(seed, 1)
  const seen: string[][] = []
  const server = createHttp2Server({ settings: { headerTableSize: 600 } })
  server.on(
    'stream',
    (stream: ServerHttp2Stream, _headers: unknown, _flags: number, raw: string[]) => {
      seen.push(raw)
      stream.respond({ ':status': 204 }, { endStream: true })
    },
  )
  const socket = connect(await listening(t, server), '127.0.0.1')
  t.after(() => socket.destroy())
  const encoder = new HeaderEncoder()
  socket.write(connectionPreface + settingsFrame([]), 'latin1')
  const reader = new FrameReader(
    {
      ...idle,
      settings: () => {
        encoder.resize(600, 600)
        socket.write(settingsAck, 'latin1')
      },
      goaway: (_last, code) => assert.equal(code, 0),
    },
    { ...options, expectPreface: false },
  )
  socket.on('data', (chunk) => assert.equal(reader.feed(chunk as Buffer), undefined))
  await once(socket, 'data')
  const sent: string[][] = []
  for (let nth = 0; nth < requests; nth++) {
    const fields = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'a.example']
    fields.push(...randomFields(random).flat())
    sent.push(fields)
    const block = encoder.encode(fields)
    const maxFrameSize = random.chance(50)
      ? 16_384
      : Math.ceil(block.length / (1 + random.below(8)))
    socket.write(headersFrame(nth * 2 + 1, block, { endStream: true, maxFrameSize }), 'latin1')
    await until(() => seen.length === sent.length || socket.destroyed)
  }
  assert.deepEqual(seen, sent)
})
