import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'
import { dataPlaneText } from '../kit/data-plane.ts'
import { proofgate, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { Mint, personId } from '../kit/minting.ts'

/*
 * Programs that others wrote, over a gateway without and one with TLS: `node test/soak/clients.ts`. Needs
 * `apt-get install --no-install-recommends curl wrk nghttp2-client`.
 */

const large = randomBytes(16 * 1024 * 1024)
const zipped = gzipSync('as it is '.repeat(1000))
const run = promisify(execFile)

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Files, ranges of them, and the hash of what is sent to it. */
function serve(request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'PUT') {
    const hash = createHash('sha256')
    request.on('data', (chunk: Buffer) => hash.update(chunk))
    request.on('end', () => response.end(hash.digest('hex')))
  } else if (request.url === '/app/large') {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    const isPart = from !== undefined
    const body = isPart ? large.subarray(Number(from), Number(to) + 1) : large
    const range = isPart ? { 'content-range': `bytes ${from}-${to}/${large.length}` } : {}
    response.writeHead(isPart ? 206 : 200, { 'content-length': body.length, ...range })
    response.end(request.method === 'HEAD' ? undefined : body)
  } else if (request.url === '/app/zip') {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(zipped)
  } else response.end(request.url)
}

interface Served {
  readonly name: string
  readonly gateway: GatewayProcess
  readonly authorization: string
  /** Options of curl by version of HTTP, and those that every call needs. */
  readonly versions: Readonly<Record<string, string>>
  readonly more: readonly string[]
}

async function start(port: number, hasTls: boolean): Promise<Served> {
  const cwd = temporaryDirectory()
  const file = join(cwd, 'proofgate.yaml')
  const text = dataPlaneText({ upstream: port }).replace(
    `path: '/app/{rest+}'`,
    `path: '/app/{rest+}', maxBody: 64MiB`,
  )
  writeFileSync(file, text)
  let [more, listeners] = [[] as string[], 'listeners: { public: { h2c: true } }']
  if (hasTls) {
    const made = await proofgate(['dev-ca', '--json'], { cwd })
    assert.equal(made.code, 0, made.stderr)
    const { ca, yaml } = JSON.parse(made.stdout)
    listeners = yaml
    more = ['--cacert', ca]
  }
  writeFileSync(file, `${text}\n${listeners}\n`)
  const gateway = await startGateway({ command: ['serve', '--config', file] })
  const url = new URL(gateway.api)
  return {
    name: hasTls ? 'with TLS' : 'without TLS',
    gateway,
    authorization: `Authorization: Bearer ${new Mint(gateway).token(personId(gateway, 'alice'))}`,
    versions: { '1.1': '--http1.1', '2': hasTls ? '--http2' : '--http2-prior-knowledge' },
    more: [...more, '--resolve', `${url.hostname}:${url.port}:127.0.0.1`],
  }
}

/** Every kind of request that curl makes, over each version of HTTP. @returns how many. */
async function tryCurl({ gateway, authorization, versions, more }: Served): Promise<number> {
  const folder = temporaryDirectory()
  const [out, sent] = [join(folder, 'out'), join(folder, 'sent')]
  writeFileSync(sent, large)
  let calls = 0
  for (const [version, option] of Object.entries(versions)) {
    const curl = async (path: string, ...options: string[]): Promise<string> => {
      calls += 1
      const format = ['--write-out', '%{http_code} %{http_version}', '--output', out]
      const url = `${gateway.api}${path}`
      const base = ['--silent', '--show-error', '--max-time', '60', option, ...more, ...format]
      return (await run('curl', [...base, ...options, url])).stdout
    }
    const signed = ['--header', authorization]
    assert.equal(await curl('/app/x'), `401 ${version}`)
    assert.equal(await curl('/app/x', ...signed), `200 ${version}`)
    assert.equal(readFileSync(out, 'latin1'), '/app/x')
    assert.equal(await curl('/app/large', ...signed), `200 ${version}`)
    assert.equal(digest(readFileSync(out)), digest(large), 'the download came changed')
    assert.equal(await curl('/app/large', '--range', '1000-1999', ...signed), `206 ${version}`)
    assert.deepEqual(readFileSync(out), large.subarray(1000, 2000))
    assert.equal(await curl('/app/large', '--head', ...signed), `200 ${version}`)
    assert.match(readFileSync(out, 'latin1'), new RegExp(`content-length: ${large.length}`, 'i'))
    assert.equal(await curl('/app/zip', ...signed), `200 ${version}`)
    assert.equal(gunzipSync(readFileSync(out)).toString(), 'as it is '.repeat(1000))
    // By itself curl waits for 100 Continue before a body of this length, over HTTP/1.1.
    const lengths = version === '2' ? [[]] : [[], ['--header', 'Transfer-Encoding: chunked']]
    for (const how of lengths) {
      assert.equal(
        await curl('/app/up', '--upload-file', sent, ...how, ...signed),
        `200 ${version}`,
      )
      assert.equal(readFileSync(out, 'latin1'), digest(large), 'the upload came changed')
      // Over HTTP/2 curl 7.88 loses answers that come before it has sent all, from nginx as well.
      if (version === '2') continue
      assert.equal(await curl('/app/up', '--upload-file', sent, ...how), `401 ${version}`)
    }
  }
  return calls
}

/** @returns how many requests were answered; fails when one was not, or not with 2xx. */
async function tryLoad({ gateway, authorization }: Served): Promise<Record<string, number>> {
  const { host, port } = new URL(gateway.api)
  const address = `127.0.0.1:${port}`
  const wrkOptions = ['-t1', '-c64', '-d3s', '-H', authorization, '-H', `Host: ${host}`]
  const wrk = (await run('wrk', [...wrkOptions, `http://${address}/app/x`])).stdout
  assert.doesNotMatch(wrk, /Non-2xx|Socket errors/, wrk)
  const options = ['-n', '5000', '-c', '8', '-m', '16', '-H', authorization]
  const url = `http://${host}/app/x`
  const h2load = (await run('h2load', [...options, '--connect-to', address, url])).stdout
  assert.match(h2load, /5000 succeeded, 0 failed, 0 errored, 0 timeout/, h2load)
  assert.match(h2load, /status codes: 5000 2xx, 0 3xx, 0 4xx, 0 5xx/, h2load)
  return { wrk: Number(/(\d+) requests in/.exec(wrk)?.[1]), h2load: 5000 }
}

const service = createServer(serve)
await new Promise<void>((resolve) => {
  service.listen(0, '127.0.0.1', resolve)
})
try {
  for (const hasTls of [false, true]) {
    const served = await start((service.address() as AddressInfo).port, hasTls)
    try {
      const report = { curl: await tryCurl(served), ...(hasTls ? {} : await tryLoad(served)) }
      console.log(served.name, JSON.stringify(report))
    } finally {
      await served.gateway.stop()
    }
    const { dataDirectory } = served.gateway
    const verified = await proofgate(['audit', 'verify', '--data-dir', dataDirectory])
    assert.equal(verified.code, 0, verified.stdout)
  }
  console.log('held')
} finally {
  service.closeAllConnections()
  service.close()
}
