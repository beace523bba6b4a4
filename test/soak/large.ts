import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dataPlaneText } from '../kit/data-plane.ts'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import { mebibytes } from './watch.ts'

/*
 * Large bodies both ways with checksums, and what the gateway's memory does meanwhile:
 * `node test/soak/large.ts [MiB]`, a GiB unless given.
 */

const mebibyte = 1024 * 1024
const piece = randomBytes(mebibyte)

export interface LargeReport {
  readonly mebibytes: number
  readonly uploadSeconds: number
  readonly downloadSeconds: number
  /** Most resident memory during a first transfer of a quarter, above that of a gateway at rest. */
  readonly first: number
  /** Most during the whole, above the most of the first: what grows with the length of a body. */
  readonly extra: number
}

export async function large(size: number): Promise<LargeReport> {
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
  })
  const gateway = await startGateway({ command: ['serve', '--config', configurationFile(text)] })
  try {
    const api = new URL(gateway.api)
    const rest = residentOf(gateway.child.pid)
    let most = rest
    const timer = setInterval(() => (most = Math.max(most, residentOf(gateway.child.pid))), 50)
    await upload(api, size / 4)
    await download(api, size / 4)
    const quarter = most
    const uploadSeconds = await upload(api, size)
    const downloadSeconds = await download(api, size)
    clearInterval(timer)
    const memory = { first: quarter - rest, extra: most - quarter }
    return { mebibytes: size, uploadSeconds, downloadSeconds, ...memory }
  } finally {
    await gateway.stop()
    service.closeAllConnections()
    service.close()
  }
}

async function upload({ host, port }: URL, pieces: number): Promise<number> {
  const begun = performance.now()
  const headers = { host, 'content-length': String(pieces * mebibyte) }
  const path = '/large/up'
  const outgoing = request({ host: '127.0.0.1', port, path, method: 'POST', headers })
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>
  await send(outgoing, pieces)
  const [incoming] = await answered
  assert.equal(incoming.statusCode, 200)
  const chunks: Buffer[] = []
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
  assert.equal(Buffer.concat(chunks).toString(), digestFor(pieces), 'the upload arrived changed')
  return (performance.now() - begun) / 1000
}

async function download({ host, port }: URL, pieces: number): Promise<number> {
  const begun = performance.now()
  const outgoing = request({ host: '127.0.0.1', port, path: `/large/${pieces}`, headers: { host } })
  outgoing.end()
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  assert.equal(await digestOf(incoming), digestFor(pieces), 'the download arrived changed')
  return (performance.now() - begun) / 1000
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

async function digestOf(incoming: IncomingMessage): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of incoming as AsyncIterable<Buffer>) hash.update(chunk)
  return hash.digest('hex')
}

function residentOf(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024
}

if (import.meta.main) {
  const report = await large(Number(process.argv[2] ?? 1024))
  const [first, extra] = [mebibytes(report.first), mebibytes(report.extra)]
  console.log(JSON.stringify({ ...report, first, extra }))
  assert.ok(report.extra <= 16 * mebibyte, `memory grows by ${extra}`)
  console.log('held')
}
