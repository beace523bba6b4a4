import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dataPlaneText } from '../kit/data-plane.ts'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import { beginHttp2, openHttp2 } from '../kit/http2.ts'
import { mebibytes } from './watch.ts'

/*
 * Large bodies both ways with checksums, over HTTP/1.1 and 2, and what the gateway's memory does meanwhile:
 * `node test/soak/large.ts [MiB]`, a GiB unless given.
 */

const mebibyte = 1024 * 1024
const piece = randomBytes(mebibyte)

export type Version = 'HTTP/1.1' | 'HTTP/2'

export interface LargeReport {
  readonly version: Version
  readonly mebibytes: number
  readonly uploadSeconds: number
  readonly downloadSeconds: number
  /** Most resident memory during a first transfer of a quarter, above that of a gateway at rest. */
  readonly first: number
  /** Most during the whole, above the most of the first: what grows with the length of a body. */
  readonly extra: number
}

export async function large(size: number, version: Version): Promise<LargeReport> {
  const service = createServer((incoming, response) => {
    if (incoming.method === 'POST') {
      digestOf(incoming).then(
        (digest) => response.end(digest),
        () => response.destroy(),
      )
    } else {
      const pieces = Number(incoming.url?.slice(incoming.url.lastIndexOf('/') + 1))
      response.setHeader('content-length', String(pieces * mebibyte))
      void send(response, pieces)
    }
  })
  await new Promise<void>((resolve) => {
    service.listen(0, '127.0.0.1', resolve)
  })
  const text = dataPlaneText({
    upstream: (service.address() as AddressInfo).port,
    routes: `      - { method: ANY, path: '/large/{rest+}', authorizer: open, maxBody: 2GiB }`,
    more: 'listeners: { public: { h2c: true } }',
  })
  const gateway = await startGateway({ command: ['serve', '--config', configurationFile(text)] })
  try {
    const api = new URL(gateway.api)
    const rest = residentOf(gateway.child.pid)
    let most = rest
    const timer = setInterval(() => (most = Math.max(most, residentOf(gateway.child.pid))), 50)
    const { upload, download } = transfers[version]
    await upload(api, size / 4)
    await download(api, size / 4)
    const quarter = most
    const uploadSeconds = await timed(upload(api, size))
    const downloadSeconds = await timed(download(api, size))
    clearInterval(timer)
    const memory = { first: quarter - rest, extra: most - quarter }
    return { version, mebibytes: size, uploadSeconds, downloadSeconds, ...memory }
  } finally {
    await gateway.stop()
    service.closeAllConnections()
    service.close()
  }
}

interface Transfers {
  readonly upload: (api: URL, pieces: number) => Promise<void>
  readonly download: (api: URL, pieces: number) => Promise<void>
}

const transfers: Readonly<Record<Version, Transfers>> = {
  'HTTP/1.1': { upload, download },
  'HTTP/2': { upload: uploadHttp2, download: downloadHttp2 },
}

async function timed(work: Promise<void>): Promise<number> {
  const begun = performance.now()
  await work
  return (performance.now() - begun) / 1000
}

async function upload({ host, port }: URL, pieces: number): Promise<void> {
  const headers = { host, 'content-length': String(pieces * mebibyte) }
  const path = '/large/up'
  const outgoing = request({ host: '127.0.0.1', port, path, method: 'POST', headers })
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>
  await send(outgoing, pieces)
  const [incoming] = await answered
  assert.equal(incoming.statusCode, 200)
  assert.equal(await textOf(incoming), digestFor(pieces), 'the upload arrived changed')
}

async function download({ host, port }: URL, pieces: number): Promise<void> {
  const outgoing = request({ host: '127.0.0.1', port, path: `/large/${pieces}`, headers: { host } })
  outgoing.end()
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  assert.equal(await digestOf(incoming), digestFor(pieces), 'the download arrived changed')
}

/** Without a length, as a body of HTTP/2 may be. */
async function uploadHttp2({ host, port }: URL, pieces: number): Promise<void> {
  const session = openHttp2(Number(port))
  const call = { path: '/large/up', authority: host, method: 'POST', body: '' }
  const stream = beginHttp2(session, call)
  const answered = textOf(stream)
  await send(stream, pieces)
  assert.equal(await answered, digestFor(pieces), 'the upload arrived changed')
  assert.equal(stream.rstCode, 0)
  session.close()
}

async function downloadHttp2({ host, port }: URL, pieces: number): Promise<void> {
  const session = openHttp2(Number(port))
  const stream = beginHttp2(session, { path: `/large/${pieces}`, authority: host })
  assert.equal(await digestOf(stream), digestFor(pieces), 'the download arrived changed')
  assert.equal(stream.rstCode, 0)
  session.close()
}

async function send(to: NodeJS.WritableStream, pieces: number): Promise<void> {
  for (let sent = 0; sent < pieces; sent++) {
    if (!to.write(numbered(sent))) await once(to, 'drain')
  }
  to.end()
}

/** No two pieces are the same, so that one in another's place is seen. */
function numbered(number: number): Buffer {
  const copy = Buffer.from(piece)
  copy.writeUInt32BE(number)
  return copy
}

function digestFor(pieces: number): string {
  const hash = createHash('sha256')
  for (let number = 0; number < pieces; number++) hash.update(numbered(number))
  return hash.digest('hex')
}

async function textOf(incoming: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

async function digestOf(incoming: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of incoming) hash.update(chunk)
  return hash.digest('hex')
}

function residentOf(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024
}

if (import.meta.main) {
  const size = Number(process.argv[2] ?? 1024)
  for (const version of ['HTTP/1.1', 'HTTP/2'] as const) {
    const report = await large(size, version)
    const [first, extra] = [mebibytes(report.first), mebibytes(report.extra)]
    console.log(JSON.stringify({ ...report, first, extra }))
    assert.ok(report.extra <= 16 * mebibyte, `memory grows by ${extra}`)
  }
  console.log('held')
}
