import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { configurationFile, proofgate, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { operationsConfiguration, startService, until } from '../kit/operations.ts'
import { freePort } from '../kit/ports.ts'

const service = await startService()
const started: GatewayProcess[] = []
after(async () => {
  service.close()
  await Promise.all(started.map((one) => one.kill()))
})

async function startOne(options: Parameters<typeof startGateway>[0]): Promise<GatewayProcess> {
  const gateway = await startGateway(options)
  started.push(gateway)
  return gateway
}

/** How long a server that drains waits for what may be on its way, less some, in milliseconds. */
const crossing = 250

/** Calls again and again until it is told to stop; what failed, by what it says. */
class Load {
  readonly failures: string[] = []
  answered = 0
  readonly #over = new AbortController()
  readonly #callers: Promise<void>[]

  constructor(origin: string, callers: { keepAlive: boolean; method: string }[]) {
    this.#callers = callers.map((caller) => this.#run(origin, caller))
  }

  async stop(): Promise<void> {
    this.#over.abort()
    await Promise.all(this.#callers)
  }

  async #run(origin: string, caller: { keepAlive: boolean; method: string }): Promise<void> {
    const agent = new Agent({ keepAlive: caller.keepAlive, maxSockets: 1 })
    let before = performance.now()
    while (!this.#over.signal.aborted) {
      const at = performance.now()
      // Who says nothing for so long may find a connection closed that was kept (RFC 9112 9.3.1).
      const isLate = caller.keepAlive && at - before > crossing
      before = at
      const status = await once(`${origin}/open`, caller.method, agent)
      if (status === 200) this.answered++
      else if (!isLate || status !== 'socket hang up')
        this.failures.push(`${caller.method} keep-alive ${caller.keepAlive}: ${status}`)
    }
    agent.destroy()
  }
}

function once(url: string, method: string, agent: Agent): Promise<number | string> {
  const { hostname, port, pathname, host } = new URL(url)
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path: pathname, method, agent, headers: { host } }
    assert.notEqual(hostname, '')
    const sent = request(options, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode ?? 0))
      response.once('error', (error) => resolve(error.message))
    })
    sent.once('error', (error) => resolve(error.message))
    sent.end(method === 'POST' ? 'body' : undefined)
  })
}

/** At once, by those who call again and again. */
const callers = 4

async function takeOvers(more: string, times: number, threads = 1): Promise<void> {
  const text = operationsConfiguration(service, more).replace(
    '      - { method: GET, path: /slow, authorizer: open }',
    '      - { method: GET, path: /slow, authorizer: open }\n      - { method: POST, path: /open, authorizer: open }',
  )
  const file = configurationFile(text)
  const dataDirectory = temporaryDirectory()
  const port = await freePort()
  const start = (...flags: string[]): Promise<GatewayProcess> =>
    startOne({ command: ['serve', '--config', file, ...flags], dataDirectory, port })
  let current = await start()
  const load = new Load(current.api, [
    { keepAlive: true, method: 'GET' },
    { keepAlive: true, method: 'POST' },
    { keepAlive: false, method: 'GET' },
    { keepAlive: false, method: 'POST' },
  ])
  try {
    for (let turn = 0; turn < times; turn++) {
      const before = load.answered
      await until('callers are answered', () => load.answered > before + 20)
      const next = await start('--take-over')
      assert.equal(await exitOf(current), 0, current.errors())
      current = next
    }
    const before = load.answered
    await until('the last one serves', () => load.answered > before + 20)
  } finally {
    await load.stop()
    await current.stop()
  }
  // A connection that the system made in the very moment in which a thread unbinds is reset by the system. On a
  // busy machine that moment may last until each caller has made one.
  const resets = load.failures.filter((failure) => failure.includes('ECONNRESET'))
  assert.deepEqual(
    load.failures.filter((failure) => !resets.includes(failure)),
    [],
  )
  assert.ok(
    resets.length <= times * threads * callers,
    `${resets.length} resets in ${load.answered} answers`,
  )
  const verified = await proofgate(['audit', 'verify', '--data-dir', dataDirectory])
  assert.equal(verified.code, 0, verified.stdout + verified.stderr)
}

function exitOf({ child }: GatewayProcess): Promise<number | null> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code))
  })
}

test('a server is replaced again and again under load, and answers what it took on', () =>
  takeOvers('', 4))

test('the same with several threads', () => takeOvers('workers: 2', 2, 2))

test('without a server to replace it is an ordinary start; without the flag the directory is in use', async () => {
  const file = configurationFile(operationsConfiguration(service))
  const dataDirectory = temporaryDirectory()
  const port = await freePort()
  const command = ['serve', '--config', file]
  const first = await startOne({ command: [...command, '--take-over'], dataDirectory, port })
  await assert.rejects(startOne({ command, dataDirectory, port }), /in use by process/)
  // Another installation must not share the port by accident.
  await assert.rejects(
    startOne({ command, dataDirectory: temporaryDirectory(), port }),
    /Another process has this port/,
  )
  assert.equal(await first.stop(), 0)
})

test('nobody is told to end who does not hold the directory', async () => {
  const file = configurationFile(operationsConfiguration(service))
  const dataDirectory = temporaryDirectory()
  const port = await freePort()
  const command = ['serve', '--config', file]
  await (await startOne({ command, dataDirectory, port })).kill()
  const bystander = spawn('sleep', ['60'])
  const said = join(dataDirectory, 'run', 'server.json')
  const facts = JSON.parse(readFileSync(said, 'utf8')) as object
  writeFileSync(said, JSON.stringify({ ...facts, pid: bystander.pid }))
  const next = await startOne({ command: [...command, '--take-over'], dataDirectory, port })
  assert.equal(bystander.signalCode, null)
  bystander.kill()
  assert.equal(await next.stop(), 0)
})

test('two that take over at once do not cut the old one short, and one of them serves', async () => {
  const text = operationsConfiguration(service).replace('drain: 2s', 'drain: 30s')
  const file = configurationFile(text)
  const dataDirectory = temporaryDirectory()
  const port = await freePort()
  const start = (...flags: string[]): Promise<GatewayProcess> =>
    startOne({ command: ['serve', '--config', file, ...flags], dataDirectory, port })
  const old = await start()
  const slow = once(`${old.api}/slow?millis=1500`, 'GET', new Agent())
  await until('the slow request has arrived', () => service.seen.includes('/slow'))
  const outcomes = await Promise.allSettled([start('--take-over'), start('--take-over')])
  assert.equal(await slow, 200)
  const serving = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  assert.equal(await exitOf(old), 0)
  // The slower of the two was refused, or came so late that it took over from the other.
  const isAlive = ({ child }: GatewayProcess): boolean => child.exitCode === null
  await until('one of them is left', () => serving.filter(isAlive).length === 1)
  assert.equal(await once(`${old.api}/open`, 'GET', new Agent()), 200)
  assert.equal(await serving.find(isAlive)?.stop(), 0)
})
