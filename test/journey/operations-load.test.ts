import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { configurationFile, proofgate, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import { operationsConfiguration, startService, until } from '../kit/operations.ts'
import { WebSocketCaller } from '../kit/websocket.ts'

const service = await startService()
const text = operationsConfiguration(service)
  .replace('drain: 2s', 'drain: 5s')
  .replace(`url: '${service.url}'`, `url: '${service.url}', maxConnections: 700`)
const file = configurationFile(text)
const started: GatewayProcess[] = []
after(async () => {
  service.close()
  await Promise.all(started.map((gateway) => gateway.kill()))
})

async function start(): Promise<GatewayProcess> {
  const gateway = await startGateway({ command: ['serve', '--config', file] })
  started.push(gateway)
  service.seen.length = 0
  return gateway
}

function times<Value>(count: number, make: () => Promise<Value>): Promise<Value[]> {
  return Promise.all(Array.from({ length: count }, make))
}

async function openSocket(gateway: GatewayProcess): Promise<WebSocketCaller> {
  const { host, port } = new URL(gateway.api)
  const caller = await WebSocketCaller.open(Number(port), '/socket', { host })
  if (typeof caller === 'string') throw new Error(caller)
  return caller
}

function openEvents(gateway: GatewayProcess): Promise<IncomingMessage> {
  const { host, port } = new URL(gateway.api)
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/events', headers: { host } }, (answer) => {
      answer.once('data', () => resolve(answer))
      answer.on('error', () => undefined)
    }).once('error', reject)
  })
}

async function ended(answer: IncomingMessage): Promise<void> {
  if (answer.closed) return
  await new Promise((resolve) => {
    answer.once('close', resolve)
  })
}

test(
  '500 requests end well when the process is told to stop; 50 streams and 50 WebSockets are told at the deadline',
  {
    timeout: 240_000,
  },
  async () => {
    const gateway = await start()
    const events = await times(50, () => openEvents(gateway))
    const sockets = await times(50, () => openSocket(gateway))
    const underWay = async (): Promise<number> => {
      const metrics = await (await fetch(`${gateway.admin}/metrics`)).text()
      return Number(/^proofgate_requests_in_flight (\d+)$/m.exec(metrics)?.[1])
    }
    const lasting = await underWay()
    const slow = times(500, () => call(`${gateway.api}/slow?millis=120000`))
    // All of them: the system resets a connection that nobody has accepted when its listener closes.
    await until('they are under way', async () => (await underWay()) >= lasting + 500)
    const arrived = (): number => service.seen.filter((path) => path === '/slow').length
    await until('the service has them', () => arrived() === 500)
    const exit = new Promise<number | null>((resolve) => {
      gateway.child.once('exit', resolve)
    })
    const at = performance.now()
    gateway.child.kill('SIGTERM')
    await until('it was told', () => gateway.errors().includes('finishing requests under way'))
    service.release()
    const answers = await slow
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
    assert.deepEqual([...new Set(answers.map((answer) => answer.text))], ['slow'])
    await Promise.all(events.map(ended))
    assert.ok(
      events.every(({ complete }) => complete),
      'an event stream ends whole',
    )
    for (const closing of await Promise.all(sockets.map(({ closed }) => closed))) {
      assert.deepEqual([closing.code, closing.reason], [1001, 'gateway.draining'])
      assert.ok(closing.at - at >= 4900, `told after ${closing.at - at} ms`)
    }
    assert.equal(await exit, 0)
    const where = ['--config', file, '--data-dir', gateway.dataDirectory]
    assert.equal((await proofgate(['audit', 'verify', ...where])).code, 0)
  },
)

test(
  'a hundred signals to reload under load fail no request and close nothing that may go on',
  {
    timeout: 240_000,
  },
  async () => {
    const gateway = await start()
    const [events, socket] = [await openEvents(gateway), await openSocket(gateway)]
    const agent = new Agent({ keepAlive: true, maxSockets: 8 })
    const { host, port } = new URL(gateway.api)
    const statuses = new Map<string, number>()
    const once = (): Promise<string> =>
      new Promise((resolve) => {
        const options = { agent, host: '127.0.0.1', port, path: '/open', headers: { host } }
        get(options, (answer) => {
          answer.resume()
          answer.once('end', () => resolve(String(answer.statusCode)))
          answer.once('error', (error) => resolve(error.message))
        }).once('error', (error) => resolve(error.message))
      })
    const ending = new AbortController()
    const callers = times(8, async () => {
      while (!ending.signal.aborted) {
        const status = await once()
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        await delay(2)
      }
    })
    const loaded = (): number => gateway.errors().split('configuration in force').length - 1
    const reload = (configuration: string): void => {
      writeFileSync(`${file}.new`, configuration)
      renameSync(`${file}.new`, file)
      gateway.child.kill('SIGHUP')
    }
    // Those that come while one is read are one; a busy machine is given more of them.
    for (let round = 0; round < 100 || (round < 2000 && loaded() < 5); round++) {
      reload(text.replace('path: /open,', `path: /open, timeout: ${10 + round}s,`))
      await delay(40)
    }
    reload(
      text.replace(
        'path: /orders }',
        'path: /orders }\n      - { method: GET, path: /last, authorizer: open }',
      ),
    )
    await until(
      'the last is in force',
      async () => (await call(`${gateway.api}/last`)).status === 200,
    )
    ending.abort()
    await callers
    agent.destroy()
    assert.deepEqual([...statuses.keys()], ['200'])
    assert.ok(loaded() >= 5, `only ${loaded()} were loaded`)
    assert.equal(socket.socket.destroyed, false)
    assert.equal(events.destroyed, false)
    socket.socket.destroy()
    events.destroy()
    assert.equal(await gateway.stop(), 0)
  },
)
