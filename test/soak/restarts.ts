import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { configurationFile, proofgate, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { freePort } from '../kit/ports.ts'
import { dataPlaneText } from '../kit/data-plane.ts'
import { Mint, personId } from '../kit/minting.ts'
import { callAdmin } from '../kit/operations.ts'
import { balance } from './ledger.ts'
import { Loader } from './loader.ts'
import type { Counts } from './traffic.ts'

/*
 * Reloads and rolling restarts under load, without a failed request and with one decision record for each:
 * `node test/soak/restarts.ts [reloads] [restarts]`, 1,000 and 20 unless given.
 *
 * A data directory has one server, so a rolling restart is what it is with any load balancer: two processes
 * with a directory each, over one database and one folder of keys, and connections go to the one that is
 * ready.
 */

/** As much of a load balancer as a rolling restart needs: new connections go to the first that is in. */
class Balancer {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #in: number[] = []

  constructor() {
    this.#server = createServer((caller) => {
      const gateway = connect(this.#in[0] ?? 0, '127.0.0.1')
      for (const [from, to] of [
        [caller, gateway],
        [gateway, caller],
      ] as const) {
        this.#sockets.add(from)
        from.on('error', () => to.destroy())
        from.on('close', () => {
          this.#sockets.delete(from)
          // A whole answer is let through; what ended without an end is cut off on the other side too.
          if (!from.readableEnded) to.destroy()
        })
        from.pipe(to)
      }
    })
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve)
    })
    return (this.#server.address() as AddressInfo).port
  }

  add(port: number): void {
    this.#in.push(port)
  }

  remove(port: number): void {
    this.#in.splice(this.#in.indexOf(port), 1)
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}

const sockets = `      - { method: GET, path: '/socket/{rest+}', authorizer: open, websocket: true }`
const h2c = 'listeners: { public: { h2c: true } }'
/** A machine that others keep busy runs the gateway late, which is not what is looked for. */
const limits = '{ drain: 15s, shedding: { eventLoopDelay: 30s } }'

/** A gateway and the port it listens on, which is not the one it answers for. */
interface Balanced {
  readonly at: number
  readonly gateway: GatewayProcess
}

/** Load that goes on until the work is done. */
async function loaded(loader: Loader, work: () => Promise<void>): Promise<Counts> {
  const over = new AbortController()
  const load = (async () => {
    for (let total = 500; ; total += 500) {
      const counts = await loader.run(total, 16)
      if (over.signal.aborted || counts.failures.length > 0) return counts
    }
  })()
  await Promise.race([work(), load])
  over.abort()
  return load
}

export interface Outcome extends Pick<Counts, 'unread' | 'notBegun'> {
  readonly requests: number
  readonly records: number
}

/** Fails when requests and records differ. */
async function settle(counts: Counts, directories: readonly string[]): Promise<Outcome> {
  const { records, differences } = await balance(directories, counts)
  // Together: whether the gateway had read what failed is in its records.
  assert.deepEqual({ failures: counts.failures, differences }, { failures: [], differences: [] })
  for (const directory of directories) {
    const verified = await proofgate(['audit', 'verify', '--data-dir', directory])
    assert.equal(verified.code, 0, verified.stdout)
  }
  const { sent, unread, notBegun } = counts
  return { requests: sent, records, unread, notBegun }
}

export async function reloads(count: number): Promise<Outcome> {
  const loader = await Loader.start()
  const text = dataPlaneText({ upstream: loader.servicePort, routes: sockets, limits, more: h2c })
  const texts = [text, text.replace('username: bob', 'username: bob, name: Bob')]
  const file = configurationFile(text)
  const gateway = await startGateway({ command: ['serve', '--config', file] })
  try {
    const aim = (): void => aimAt(loader, gateway, Number(new URL(gateway.api).port))
    aim()
    await loaded(loader, async () => {
      for (let number = 1; number <= count; number++) {
        writeFileSync(file, texts[number % 2] ?? '')
        const answer = await callAdmin(gateway, '/v1/reload', { method: 'POST' })
        assert.equal(answer.status, 200, answer.text)
        if (number % 20 === 0) aim()
      }
    })
    const counts = await atRest(loader)
    assert.equal(await gateway.stop(), 0, gateway.errors())
    return await settle(counts, [gateway.dataDirectory])
  } finally {
    await loader.end()
    await gateway.kill()
  }
}

/** The last counts, when no connection is left that could still be counted. */
async function atRest(loader: Loader): Promise<Counts> {
  loader.rest()
  await delay(500)
  return loader.counts()
}

export async function restarts(count: number): Promise<Outcome> {
  const loader = await Loader.start()
  const balancer = new Balancer()
  const port = await balancer.listen()
  const shared = temporaryDirectory()
  const origin = (name: string): string => `http://${name}.proofgate.localhost:${port}`
  const text = dataPlaneText({
    upstream: loader.servicePort,
    routes: sockets,
    limits,
    more: `${h2c}
identity: { origin: '${origin('auth')}' }
console: { origin: '${origin('console')}' }
storage: { database: '${join(shared, 'proofgate.db')}', keys: '${join(shared, 'keys')}' }`,
  }).replace('host: api.proofgate.localhost', `host: api.proofgate.localhost:${port}`)
  const file = configurationFile(text)
  const start = async (dataDirectory: string): Promise<Balanced> => {
    const at = await freePort()
    const command = ['serve', '--config', file]
    return { at, gateway: await startGateway({ command, dataDirectory, port: at }) }
  }
  const directories = [temporaryDirectory(), temporaryDirectory()]
  let current = await start(directories[0] ?? '')
  balancer.add(current.at)
  try {
    aimAt(loader, current.gateway, port, shared)
    await loaded(loader, async () => {
      for (let number = 1; number <= count; number++) {
        const next = await start(directories[number % 2] ?? '')
        balancer.add(next.at)
        balancer.remove(current.at)
        await delay(300)
        assert.equal(await current.gateway.stop(), 0, current.gateway.errors())
        current = next
        if (number % 3 === 0) aimAt(loader, current.gateway, port, shared)
      }
    })
    const counts = await atRest(loader)
    assert.equal(await current.gateway.stop(), 0, current.gateway.errors())
    return await settle(counts, directories)
  } finally {
    await loader.end()
    balancer.close()
    await current.gateway.kill()
  }
}

function aimAt(loader: Loader, gateway: GatewayProcess, port: number, shared?: string): void {
  const mint = new Mint(gateway, shared === undefined ? {} : { keys: join(shared, 'keys') })
  const database = shared === undefined ? undefined : join(shared, 'proofgate.db')
  loader.aim({
    port,
    host: new URL(gateway.api).host,
    alice: mint.token(personId(gateway, 'alice', database)),
    bob: mint.token(personId(gateway, 'bob', database)),
  })
}

if (import.meta.main) {
  const [reloadCount = 1000, restartCount = 20] = process.argv.slice(2).map(Number)
  if (reloadCount > 0) {
    console.log(reloadCount, 'reloads', JSON.stringify(await reloads(reloadCount)))
  }
  if (restartCount > 0) {
    console.log(restartCount, 'rolling restarts', JSON.stringify(await restarts(restartCount)))
  }
  console.log('held')
}
