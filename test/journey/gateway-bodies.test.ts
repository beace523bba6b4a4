import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { createServer as createSecureServer, request as requestSecure } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { TestAuthority, writePair } from '../kit/certificates.ts'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { temporaryDirectory } from '../kit/gateway.ts'

const pieces = 128
const pieceLength = 65_000
const size = pieces * pieceLength
/** As many bodies at once: what one of them gave back is another's memory. */
const atOnce = 4

const authority = new TestAuthority()
const directory = temporaryDirectory()

/** A body in which no piece is like another, and no body like one of another seed. */
function* bodyOf(seed: number, count = pieces): Generator<Buffer> {
  for (let n = 0; n < count; n += 1) {
    const word = Buffer.alloc(8)
    word.writeUInt32LE(seed)
    word.writeUInt32LE(n, 4)
    yield Buffer.alloc(pieceLength, word)
  }
}

function digestOf(seed: number, count = pieces): string {
  const hash = createHash('sha256')
  for (const piece of bodyOf(seed, count)) hash.update(piece)
  return hash.digest('hex')
}

interface Pace {
  /** Reads a piece now and then. */
  readonly slow: boolean
}

async function digest(stream: AsyncIterable<unknown>, { slow }: Pace): Promise<string> {
  const hash = createHash('sha256')
  let count = 0
  for await (const piece of stream) {
    hash.update(piece as Buffer)
    count += 1
    if (slow && count % 40 === 0) await delay(1)
  }
  return hash.digest('hex')
}

/** Answers bodies (`/down/SEED/FRAMING`), and says what it makes of those it gets (`/up/SEED/PACE`). */
async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, , way, seed, how] = (incoming.url ?? '').split('/')
  if (way === 'down') {
    if (how === 'length') response.setHeader('content-length', size)
    response.shouldKeepAlive = how !== 'close'
    response.useChunkedEncodingByDefault = how === 'chunked'
    await pipeline(bodyOf(Number(seed)), response)
  } else response.end(await digest(incoming, { slow: how === 'slow' }))
}

const copies: string[] = []

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

const answer: RequestListener = (incoming, response) => {
  serve(incoming, response).catch(() => response.destroy())
}

describe('large bodies', { timeout: 300_000 }, () => {
  const service = createServer(answer)
  const secure = createSecureServer(authority.server('localhost'), answer)
  const shadow = createServer((incoming, response) => {
    void digest(incoming, { slow: false }).then((hash) => {
      copies.push(hash)
      response.end()
    })
  })
  let plane: DataPlane
  let secured: DataPlane
  const planes: DataPlane[] = []

  before(async () => {
    const [port, shadowPort] = [await listening(service), await listening(shadow)]
    const securePort = await listening(secure)
    writePair(
      directory,
      'pages',
      authority.server('auth.proofgate.localhost', 'console.proofgate.localhost'),
    )
    writePair(directory, 'apis', authority.server('api.proofgate.localhost'))
    writeFileSync(join(directory, 'ca.pem'), authority.ca)
    plane = await startDataPlane({
      upstream: port,
      upstreamKeys: `timeouts: { connect: 2s, headers: 20s, idle: 20s }
  shadow: { url: 'http://127.0.0.1:${shadowPort}' }
  several:
    targets: [{ url: 'http://127.0.0.1:${port}' }, { url: 'http://localhost:${port}' }]`,
      more: 'listeners: { public: { h2c: true } }',
      routes: `      - { method: ANY, path: '/one/{rest+}', authorizer: open, maxBody: 1GiB }
      - { method: ANY, path: '/several/{rest+}', authorizer: open, maxBody: 1GiB, split: [{ upstream: several, weight: 1 }] }
      - { method: ANY, path: '/copied/{rest+}', authorizer: open, maxBody: 1GiB, mirror: { upstream: shadow, maxBody: 1MiB, unsafeMethods: true } }`,
    })
    planes.push(plane)
    secured = await startDataPlane({
      upstream: port,
      upstreamKeys: `timeouts: { connect: 2s, headers: 20s, idle: 20s }
  secure: { url: 'https://localhost:${securePort}', tls: { ca: '${directory}/ca.pem' } }`,
      tls: { ca: authority.ca },
      more: `listeners:
  public:
    tls:
      certificates:
        - { cert: '${directory}/pages.pem', key: '${directory}/pages.key' }
        - { cert: '${directory}/apis.pem', key: '${directory}/apis.key' }`,
      routes: `      - { method: ANY, path: '/one/{rest+}', authorizer: open, maxBody: 1GiB, split: [{ upstream: secure, weight: 1 }] }`,
    })
    planes.push(secured)
  })
  after(async () => {
    await Promise.all(planes.map((one) => one.finish())).finally(() => {
      for (const server of [service, secure, shadow]) {
        server.closeAllConnections()
        server.close()
      }
    })
  })

  function ask(path: string, body?: Iterable<Buffer>, length?: number): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: plane.port,
        path,
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          host: plane.host,
          ...(length === undefined ? {} : { 'content-length': length }),
        },
        agent: false as const,
      }
      send(request(options, resolve).on('error', reject), body)
    })
  }

  function askSecurely(path: string, body?: Iterable<Buffer>): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: secured.port,
        path,
        method: body === undefined ? 'GET' : 'POST',
        headers: { host: secured.host },
        servername: 'api.proofgate.localhost',
        ca: authority.ca,
        agent: false as const,
      }
      send(requestSecure(options, resolve).on('error', reject), body)
    })
  }

  function askOverHttp2(path: string, body?: Iterable<Buffer>): Promise<Duplex> {
    const session = connectHttp2(`http://127.0.0.1:${plane.port}`)
    const stream = session.request({
      ':path': path,
      ':authority': plane.host,
      ':method': body === undefined ? 'GET' : 'POST',
    })
    stream.once('close', () => session.close())
    if (body === undefined) stream.end()
    else pipeline(body, stream).catch(() => undefined)
    return Promise.resolve(stream)
  }

  /** Several at a time, each its own body, each byte for byte. */
  async function all(one: (seed: number) => Promise<string>): Promise<void> {
    const seeds = Array.from({ length: atOnce }, (_, index) => index + 1)
    assert.deepEqual(
      await Promise.all(seeds.map(one)),
      seeds.map((seed) => digestOf(seed)),
    )
  }

  const downOf =
    (how: string, pace: Pace, by: (path: string) => Promise<AsyncIterable<unknown>> = ask) =>
    async (seed: number) =>
      digest(await by(`/one/down/${seed}/${how}`), pace)

  const upOf =
    (
      path: (seed: number) => string,
      by: (path: string, body: Iterable<Buffer>) => Promise<AsyncIterable<unknown>> = ask,
    ) =>
    async (seed: number) =>
      textOf(await by(path(seed), bodyOf(seed)))

  for (const how of ['length', 'chunked', 'close']) {
    it(`come down as they were sent, framed by ${how}`, async () => {
      await all(downOf(how, { slow: false }))
    })
    it(`come down as they were sent to callers that take their time, framed by ${how}`, async () => {
      await all(downOf(how, { slow: true }))
    })
  }

  for (const pace of ['fast', 'slow']) {
    it(`go up as they were sent to a ${pace} service, with and without a length`, async () => {
      await all(upOf((seed) => `/one/up/${seed}/${pace}`))
      const declared = (path: string, body: Iterable<Buffer>) => ask(path, body, size)
      await all(upOf((seed) => `/one/up/${seed}/${pace}`, declared))
    })
    it(`go up as they were sent to one of several ${pace} targets`, async () => {
      await all(upOf((seed) => `/several/up/${seed}/${pace}`))
    })
    it(`go both ways over HTTP/2 with a ${pace} other side`, async () => {
      await all(upOf((seed) => `/one/up/${seed}/${pace}`, askOverHttp2))
      await all(downOf('length', { slow: pace === 'slow' }, askOverHttp2))
    })
    it(`go both ways over TLS, to a ${pace} service that speaks TLS as well`, async () => {
      await all(upOf((seed) => `/one/up/${seed}/${pace}`, askSecurely))
      await all(downOf('length', { slow: pace === 'slow' }, askSecurely))
    })
  }

  it('reach a mirror as they reach the service', async () => {
    const seeds = [1, 2, 3, 4]
    const expected = seeds.map((seed) => digestOf(seed, 15))
    const answers = seeds.map(async (seed) => {
      return textOf(await ask(`/copied/up/${seed}/slow`, bodyOf(seed, 15)))
    })
    assert.deepEqual(await Promise.all(answers), expected)
    for (let tries = 0; copies.length < seeds.length && tries < 1200; tries += 1) await delay(50)
    assert.deepEqual(copies.toSorted(), expected.toSorted())
  })
})

function send(out: NodeJS.WritableStream, body: Iterable<Buffer> | undefined): void {
  if (body === undefined) out.end()
  else pipeline(body, out).catch(() => undefined)
}

async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  const all: Buffer[] = []
  for await (const piece of stream) all.push(piece as Buffer)
  return Buffer.concat(all).toString()
}
