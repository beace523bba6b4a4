import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { configurationFile, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import { head, raw } from '../kit/raw.ts'

const answers: Readonly<Record<string, string>> = {
  '/chunked':
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-a\r\n\r\n2\r\nok\r\n0\r\nx-a: 1\r\n\r\n',
  '/length': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTrailer: x-a\r\n\r\nok',
}

let service: Server
let gateway: GatewayProcess
let keys: string
let command: readonly string[]
const dataDirectory = temporaryDirectory()

before(async () => {
  service = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes) => {
      const path = bytes.toString('latin1').split(' ')[1] ?? ''
      socket.write(answers[path] ?? 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
    })
  })
  await new Promise<void>((resolve) => {
    service.listen(0, '127.0.0.1', resolve)
  })
  service.unref()
  keys = join(temporaryDirectory(), 'shared')
  const { port } = service.address() as AddressInfo
  const file = configurationFile(`version: 1
storage: { keys: '${keys}' }
upstreams: { main: { url: 'http://127.0.0.1:${port}' } }
apis: { main: { upstream: main, authorizer: open, routes: [{ method: ANY, path: '/{rest+}' }] } }
people: [{ username: alice, name: Alice }]
`)
  command = ['serve', '--config', file]
  gateway = await startGateway({ command, dataDirectory })
})
after(async () => {
  await gateway.stop()
  service.close()
})

describe('trailers', () => {
  const at = (): { host: string; port: number } => {
    const url = new URL(gateway.api)
    return { host: url.host, port: Number(url.port) }
  }

  test('that are announced where none can follow end no process', async () => {
    const { host, port } = at()
    const close = 'Connection: close'
    for (const [line, path] of [
      ['HTTP/1.0', '/chunked'],
      ['HTTP/1.1', '/length'],
    ]) {
      const answer = await raw(port, head(`GET ${path} ${line}`, `Host: ${host}`, close))
      assert.equal(answer.statuses[0], 200)
      assert.match(answer.text, /ok/)
    }
    const answer = await call(`${gateway.api}/length`, { method: 'HEAD' })
    assert.equal(answer.status, 200)
    assert.equal(gateway.child.exitCode, null)
  })

  test('arrive when they come in one piece with the body', async () => {
    const { host, port } = at()
    const answer = await raw(
      port,
      head('GET /chunked HTTP/1.1', `Host: ${host}`, 'TE: trailers', 'Connection: close'),
    )
    assert.match(answer.text, /\r\n0\r\nx-a: 1\r\n\r\n$/)
  })
})

test('an enrolment link opened at the wrong host leaves no secret in the log', async () => {
  const secret = 'S'.repeat(43)
  await call(`${gateway.api}/enrol/${secret}`)
  const log = readFileSync(join(dataDirectory, 'audit/log-000000.ndjson'), 'latin1')
  assert.ok(log.includes('/enrol/-'))
  assert.ok(!log.includes(secret))
})

test('an installation whose signing keys are elsewhere starts again', async () => {
  await gateway.stop()
  gateway = await startGateway({ command, dataDirectory })
  assert.equal((await call(`${gateway.api}/length`)).status, 200)
})

test('the same signal twice at once, as from a terminal and a launcher, is one', async () => {
  gateway.child.kill('SIGINT')
  gateway.child.kill('SIGINT')
  const code = await new Promise((resolve) => {
    gateway.child.once('exit', resolve)
  })
  assert.equal(code, 0)
  gateway = await startGateway({ command, dataDirectory })
})
