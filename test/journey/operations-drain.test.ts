import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { get } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { call } from '../kit/http.ts'
import { configurationFile, proofgate, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { operationsConfiguration, startService, until } from '../kit/operations.ts'

const service = await startService()
const file = configurationFile(operationsConfiguration(service))
/** With more time for requests under way than any of them takes, however busy the machine is. */
const patient = configurationFile(
  operationsConfiguration(service).replace('drain: 2s', 'drain: 1m'),
)
const started: GatewayProcess[] = []
after(async () => {
  service.close()
  await Promise.all(started.map((gateway) => gateway.kill()))
})

async function start(configuration = file): Promise<GatewayProcess> {
  const gateway = await startGateway({ command: ['serve', '--config', configuration] })
  started.push(gateway)
  service.seen.length = 0
  return gateway
}

function ended(gateway: GatewayProcess): Promise<number | null> {
  return new Promise((resolve) => {
    gateway.child.once('exit', (code) => resolve(code))
  })
}

/** An event stream: how it began and what became of it. */
function listen(gateway: GatewayProcess): {
  begun: Promise<number>
  closed: Promise<number>
} {
  const { host, port } = new URL(gateway.api)
  const { promise: closed, resolve: close } = Promise.withResolvers<number>()
  const begun = new Promise<number>((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/events', headers: { host } }, (incoming) => {
      incoming.once('data', () => resolve(incoming.statusCode ?? 0))
      incoming.on('error', () => undefined)
      incoming.once('close', () => close(Date.now()))
      incoming.resume()
    }).once('error', reject)
  })
  return { begun, closed }
}

async function openSocket(
  gateway: GatewayProcess,
): Promise<{ socket: Socket; closed: Promise<number> }> {
  const { host, port } = new URL(gateway.api)
  const socket = connect(Number(port), '127.0.0.1')
  socket.on('error', () => undefined)
  const closed = new Promise<number>((resolve) => {
    socket.once('close', () => resolve(Date.now()))
  })
  socket.write(
    `GET /socket HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n',
  )
  let text = ''
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part
  })
  await until('the tunnel is open', () => text.includes('\r\n\r\n'))
  assert.match(text, /^HTTP\/1\.1 101 /)
  return { socket, closed }
}

/** How long a connection is kept open behind a signal for what may be on its way, less some, in milliseconds. */
const crossing = 200

/** Asks on a connection that is kept, right behind SIGTERM. @returns `undefined` when that came too late to count. */
async function cross(gateway: GatewayProcess): Promise<string | undefined> {
  const { host, port } = new URL(gateway.api)
  const bytes = `GET /open HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  const socket = connect(Number(port), '127.0.0.1')
  socket.on('error', () => undefined)
  let text = ''
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part
  })
  socket.write(bytes)
  await until('the first is answered', () => text.endsWith('/open'))
  assert.match(text, /connection: keep-alive/i)
  text = ''
  const exit = ended(gateway)
  const closed = new Promise((resolve) => {
    socket.once('close', resolve)
  })
  const at = performance.now()
  gateway.child.kill('SIGTERM')
  await until('it says so', () => gateway.errors().includes('finishing requests under way'))
  socket.write(bytes)
  const isLate = performance.now() - at > crossing
  await closed
  assert.equal(await exit, 0, gateway.errors())
  return isLate ? undefined : text
}

test('a request that crosses SIGTERM on a connection that is kept is answered, as the last one', async () => {
  let text: string | undefined
  for (let tries = 0; text === undefined && tries < 10; tries++) text = await cross(await start())
  assert.match(text ?? '', /^HTTP\/1\.1 200 /)
  assert.match(text ?? '', /connection: close/i)
})

test('SIGTERM lets requests finish, takes no new connection and ends with 0', async () => {
  const gateway = await start(patient)
  const slow = Array.from({ length: 20 }, () => call(`${gateway.api}/slow?millis=60000`))
  await until('they arrived', () => service.seen.length === 20)
  const exit = ended(gateway)
  gateway.child.kill('SIGTERM')
  await until('it says so', () =>
    gateway.errors().includes('finishing requests under way (up to 60 s)'),
  )
  await until('new connections are refused', async () => {
    const refused = await call(`${gateway.api}/open`).catch(
      (error: NodeJS.ErrnoException) => error.code,
    )
    return refused === 'ECONNREFUSED'
  })
  service.release()
  for (const answer of await Promise.all(slow)) {
    assert.equal(answer.status, 200)
    assert.equal(answer.text, 'slow')
  }
  assert.equal(await exit, 0)
  assert.ok(!existsSync(join(gateway.dataDirectory, 'run', 'server.json')))
  const where = ['--config', patient, '--data-dir', gateway.dataDirectory, '--json']
  const { stdout } = await proofgate(['audit', 'tail', '-n', '1', ...where])
  assert.equal(JSON.parse(stdout).action, 'server.stop')
  const verified = await proofgate(['audit', 'verify', ...where])
  assert.equal(verified.code, 0, verified.stdout)
})

test('event streams and tunnels go on while requests finish, and end at the deadline', async () => {
  const gateway = await start()
  const streams = [listen(gateway), listen(gateway)]
  for (const { begun } of streams) assert.equal(await begun, 200)
  const tunnel = await openSocket(gateway)
  const exit = ended(gateway)
  const at = Date.now()
  gateway.child.kill('SIGTERM')
  for (const { closed } of [...streams, tunnel]) {
    const after = (await closed) - at
    assert.ok(after >= 1500, `it was cut after ${after} ms`)
  }
  assert.equal(await exit, 0)
})

test('a request that is slower than the deadline is cut, not waited for', async () => {
  const gateway = await start()
  const slow = call(`${gateway.api}/slow?millis=60000`).catch((error: Error) => error)
  await until('it arrived', () => service.seen.length === 1)
  const exit = ended(gateway)
  gateway.child.kill('SIGTERM')
  assert.ok((await slow) instanceof Error)
  assert.equal(await exit, 0)
})

test('a second signal ends at once', async () => {
  const gateway = await start(patient)
  const slow = call(`${gateway.api}/slow?millis=60000`).catch((error: Error) => error)
  await until('it arrived', () => service.seen.length === 1)
  const exit = ended(gateway)
  gateway.child.kill('SIGINT')
  await until('the first was heard', () => gateway.errors().includes('SIGINT: finishing'))
  gateway.child.kill('SIGTERM')
  assert.equal(await exit, 1)
  assert.ok((await slow) instanceof Error)
  assert.match(gateway.errors(), /"second signal: ending at once"/)
  const again = await startGateway({
    command: ['serve', '--config', file],
    dataDirectory: gateway.dataDirectory,
  })
  started.push(again)
  assert.equal((await call(`${again.api}/open`)).status, 200)
})

test('while it drains it says that it is not ready', async () => {
  const gateway = await start(patient)
  const slow = call(`${gateway.api}/slow?millis=60000`)
  await until('it arrived', () => service.seen.length === 1)
  const exit = ended(gateway)
  gateway.child.kill('SIGTERM')
  await until('readiness says so', async () => {
    const ready = await call(`${gateway.admin}/readyz`)
    return ready.status === 503 && ready.text.includes('shutting down')
  })
  service.release()
  assert.equal((await slow).status, 200)
  assert.equal(await exit, 0)
})

test('the sample service of `start` ends with it, also when it is killed', async () => {
  const gateway = await startGateway()
  started.push(gateway)
  const { promise, resolve } = Promise.withResolvers<void>()
  // The sample holds our standard error open; it closes when the last of both has gone.
  gateway.child.stderr?.once('close', () => resolve())
  await gateway.kill()
  await promise
})
