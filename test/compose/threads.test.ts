import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Worker } from 'node:worker_threads'
import { startServer } from '../../src/compose/index.ts'
import { packConfiguration, unpackConfiguration } from '../../src/config/apart/index.ts'
import { loadConfiguration, readTextFile } from '../../src/config/index.ts'
import type { Configuration } from '../../src/config/index.ts'
import { readRecords, verifyAuditLog } from '../../src/audit/index.ts'
import { Secret } from '../../src/core/index.ts'
import { freePort } from '../kit/ports.ts'
import { temporaryDirectory } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import { operationsConfiguration, startService, until } from '../kit/operations.ts'

const service = await startService()
after(() => service.close())

/** The threads this process starts, as the runtime announces them. */
const threads: Worker[] = []
let serving = 0
process.on('worker', (worker: Worker) => {
  threads.push(worker)
  worker.on('message', (message: { kind: string }) => {
    if (message.kind === 'listening') serving++
  })
})

async function configuration(more = ''): Promise<Configuration> {
  const loaded = loadConfiguration({
    text: operationsConfiguration(service, `workers: 2\nlog: { level: error }\n${more}`),
    environment: {},
    overrides: {
      dataDirectory: temporaryDirectory(),
      port: await freePort(),
      adminPort: await freePort(),
    },
    readFile: readTextFile,
  })
  assert.ok('configuration' in loaded, JSON.stringify(loaded))
  return loaded.configuration
}

test('a configuration is the same in another thread, secrets included, and cannot be changed there', async () => {
  const sent = await configuration(
    "clients:\n  - { id: app, name: App, redirectUris: ['https://app.example/cb'], secret: 'a-secret-of-the-app-0123456789abcdef' }\n",
  )
  const packed = structuredClone(packConfiguration(sent))
  const arrived = unpackConfiguration(packed)
  const secrets = (one: Configuration): readonly (string | undefined)[] =>
    one.clients.map((client) => client.secret?.reveal())
  assert.deepEqual(secrets(arrived), secrets(sent))
  assert.ok(arrived.clients.some((client) => client.secret instanceof Secret))
  const plain = (one: Configuration): unknown => ({ ...one, clients: secrets(one) })
  assert.ok(isDeepStrictEqual(plain(arrived), plain(sent)))
  assert.ok(Object.isFrozen(arrived.apis[0]?.routes[0]))
})

test('a thread that dies is replaced, the others serve on, and no acknowledged record is lost', async () => {
  const settings = await configuration()
  threads.length = 0
  serving = 0
  const server = await startServer({
    configuration: settings,
    reload: async () => undefined,
    version: 'test',
  })
  const url = `http://api.proofgate.localhost:${server.ports.public}/open`
  const answered: string[] = []
  let failed = 0
  const over = new AbortController()
  const caller = async (): Promise<void> => {
    while (!over.signal.aborted) {
      try {
        const { status, headers } = await call(url)
        if (status === 200) answered.push(String(headers['x-request-id']))
        else failed++
      } catch {
        failed++
      }
    }
  }
  const callers = [caller(), caller(), caller(), caller()]
  await until('requests are answered', () => answered.length > 50)
  assert.equal(threads.length, 2)
  await threads[0]?.terminate()
  const before = answered.length
  await until('requests are answered meanwhile', () => answered.length > before + 50)
  await until('another thread serves', () => serving === 3)
  await threads[1]?.terminate()
  const later = answered.length
  await until('the new thread serves', () => answered.length > later + 50)
  await until('and the other was replaced as well', () => serving === 4)
  over.abort()
  await Promise.all(callers)
  // What a thread that dies was just doing is cut off, never what came after it.
  assert.ok(failed <= 16, `${failed} requests failed`)
  await server.stop()
  const directory = `${settings.dataDirectory}/audit`
  const recorded = new Set<string>()
  for await (const record of readRecords(directory)) recorded.add(record.id)
  assert.deepEqual(
    answered.filter((id) => !recorded.has(id)),
    [],
  )
  assert.equal((await verifyAuditLog(directory)).ok, true)
})

test('a port that is taken is said as with one thread, and leaves nothing running', async () => {
  const settings = await configuration()
  const { port } = settings.listeners.public
  const { createServer } = await import('node:net')
  const other = createServer().listen(port, '127.0.0.1')
  after(() => other.close())
  await assert.rejects(
    startServer({ configuration: settings, reload: async () => undefined, version: 'test' }),
    (error: unknown) => (error as { code?: string }).code === 'gateway.cannot_listen',
  )
})

for (const workers of [1, 2]) {
  test(`a start that fails at its end leaves nothing that serves (workers: ${workers})`, async () => {
    const settings = { ...(await configuration()), workers }
    // In the place of the file in which a server says who it is.
    mkdirSync(join(settings.dataDirectory, 'run', 'server.json'), { recursive: true, mode: 0o700 })
    await assert.rejects(
      startServer({ configuration: settings, reload: async () => undefined, version: 'test' }),
    )
    const { public: open, admin } = settings.listeners
    for (const { port } of [open, admin]) {
      await assert.rejects(call(`http://api.proofgate.localhost:${port}/open`), /ECONNREFUSED/)
    }
  })
}

test('a log that takes no records any more keeps no server from ending', async () => {
  const settings = await configuration()
  const server = await startServer({
    configuration: settings,
    reload: async () => undefined,
    version: 'test',
  })
  await server.areas.audit.close()
  await server.stop()
  assert.equal(existsSync(join(settings.dataDirectory, 'run', 'server.json')), false)
  const next = await startServer({
    configuration: settings,
    reload: async () => undefined,
    version: 'test',
  })
  await next.stop()
})

test('what a connection said that is gone before it is accepted is decided on by nobody', async (t) => {
  const settings = { ...(await configuration()), workers: 1 }
  const server = await startServer({
    configuration: settings,
    reload: async () => undefined,
    version: 'test',
  })
  t.after(() => server.stop())
  const before = server.areas.audit.size
  // This process stands still until the other one has said it and gone.
  const program = `
    const socket = require('node:net').connect(${server.ports.public}, '127.0.0.1', () => {
      socket.write('GET /open HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n', () => socket.resetAndDestroy())
    })`
  assert.equal(spawnSync(process.execPath, ['-e', program]).status, 0)
  const answer = await call(`http://api.proofgate.localhost:${server.ports.public}/open`)
  assert.equal(answer.status, 200)
  assert.equal(server.areas.audit.size, before + 1)
})
