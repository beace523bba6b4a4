import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { freePort } from '../../src/cli/free-port.ts'
import { configurationFile, proofgate, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { operationsConfiguration, startService, until } from '../kit/operations.ts'

const service = await startService()
after(() => service.close())

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
    while (!this.#over.signal.aborted) {
      const status = await once(`${origin}/open`, caller.method, agent)
      if (status === 200) this.answered++
      else this.failures.push(`${caller.method} keep-alive ${caller.keepAlive}: ${status}`)
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

async function takeOvers(more: string, times: number): Promise<void> {
  const text = operationsConfiguration(service, more).replace(
    '      - { method: GET, path: /slow, authorizer: open }',
    '      - { method: GET, path: /slow, authorizer: open }\n      - { method: POST, path: /open, authorizer: open }',
  )
  const file = configurationFile(text)
  const dataDirectory = temporaryDirectory()
  const port = await freePort()
  const start = (...flags: string[]): Promise<GatewayProcess> =>
    startGateway({ command: ['serve', '--config', file, ...flags], dataDirectory, port })
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
  assert.deepEqual(load.failures, [])
  const verified = await proofgate(['audit', 'verify', '--data-dir', dataDirectory])
  assert.equal(verified.code, 0, verified.stdout + verified.stderr)
}

function exitOf({ child }: GatewayProcess): Promise<number | null> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code))
  })
}

test('a server is replaced again and again under load, and no request fails', () =>
  takeOvers('', 4))

test('the same with several threads', () => takeOvers('workers: 2', 2))

test('without a server to replace it is an ordinary start; without the flag the directory is in use', async () => {
  const file = configurationFile(operationsConfiguration(service))
  const dataDirectory = temporaryDirectory()
  const port = await freePort()
  const command = ['serve', '--config', file]
  const first = await startGateway({ command: [...command, '--take-over'], dataDirectory, port })
  await assert.rejects(startGateway({ command, dataDirectory, port }), /in use by process/)
  // Another installation must not share the port by accident.
  await assert.rejects(
    startGateway({ command, dataDirectory: temporaryDirectory(), port }),
    /Another process has this port/,
  )
  assert.equal(await first.stop(), 0)
})
