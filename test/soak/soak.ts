import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { dataPlaneText } from '../kit/data-plane.ts'
import { configurationFile, proofgate, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import { Mint, personId } from '../kit/minting.ts'
import { callAdmin, until } from '../kit/operations.ts'
import { boundHeaders, obtainTokens, SoftPerson } from '../kit/person.ts'
import { balance } from './ledger.ts'
import type { Balance } from './ledger.ts'
import { Loader } from './loader.ts'
import type { Target } from './target.ts'
import type { Counts } from './traffic.ts'
import { growth, mebibytes, Watch } from './watch.ts'
import type { Held } from './watch.ts'

/*
 * Everything at once for a long time, against a gateway in a process of its own:
 * `npm run soak -- [requests] [minutes] [callers]`, a million in at most 60 minutes unless given. Reloads,
 * revocations and new keys go on all the while.
 */

export interface SoakReport {
  readonly requests: number
  readonly balance: Balance
  readonly kinds: Readonly<Record<string, number>>
  readonly seconds: number
  readonly reloads: number
  readonly rotations: number
  readonly revocations: number
  /** From the end of the warm-up to the end, by the line that fits best. */
  readonly heapGrowth: number
  readonly rssGrowth: number
  readonly atRest: { readonly before: Held; readonly after: Held }
}

export interface SoakOptions {
  readonly requests: number
  readonly callers?: number
  /** After so many minutes of load it is enough, however many requests that was. */
  readonly minutes?: number
  /** Seconds between two samples: each collects garbage, which a busy machine notices. */
  readonly every?: number
  readonly onProgress?: (line: string) => void
}

const routes = `      - { method: GET, path: '/socket/{rest+}', authorizer: open, websocket: true }`
const h2c = 'listeners: { public: { h2c: true } }'
/** A machine that others keep busy runs the gateway late, which is not what is looked for. */
const limits = '{ drain: 1s, shedding: { eventLoopDelay: 30s } }'

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const loader = await Loader.start()
  const watch = new Watch()
  const text = dataPlaneText({ upstream: loader.servicePort, routes, limits, more: h2c })
  const file = configurationFile(text)
  const gateway = await startGateway({
    command: ['serve', '--config', file],
    environment: watch.environment,
  })
  const operator = new Operator(gateway, loader, { file, text })
  try {
    return await soakIt({ ...options, gateway, loader, watch, operator })
  } finally {
    await operator.stop()
    await loader.end()
    await gateway.kill()
  }
}

interface Parts extends SoakOptions {
  readonly gateway: GatewayProcess
  readonly loader: Loader
  readonly watch: Watch
  readonly operator: Operator
}

async function soakIt(parts: Parts): Promise<SoakReport> {
  const { gateway, loader, watch, operator, requests, callers = 48, minutes = 60 } = parts
  const begun = performance.now()
  await operator.start()
  const bound = setTimeout(() => loader.enough(), minutes * 60_000).unref()
  await loader.run(Math.floor(requests / 5), callers)
  await operator.pause()
  loader.rest()
  const before = await atRest(watch, gateway)
  operator.resume()
  const samples: Held[] = []
  const over = loader.run(requests, callers)
  const sampling = sample(parts, samples, over)
  const counts = await over
  clearTimeout(bound)
  await sampling
  await operator.stop()
  loader.rest()
  let after = await atRest(watch, gateway)
  for (let more = 0; more < 20 && !isAsBefore(before, after); more++) {
    after = await atRest(watch, gateway)
  }
  const stopped = await gateway.stop()
  assert.deepEqual(counts.failures, [])
  assert.deepEqual(operator.failures, [])
  assert.equal(stopped, 0, gateway.errors())
  assert.doesNotMatch(gateway.errors(), /"level":"error"/)
  const verified = await proofgate(['audit', 'verify', '--data-dir', gateway.dataDirectory])
  assert.equal(verified.code, 0, verified.stdout)
  const { silent, unread, notBegun } = await loader.counts()
  assert.equal(unread + notBegun, 0, 'a gateway that does not stop reads every request')
  const own = { path: '/app/own', sent: operator.sent }
  return {
    requests: counts.sent + operator.sent,
    balance: await balance([gateway.dataDirectory], { sent: counts.sent, silent, own }),
    kinds: counts.kinds,
    seconds: Math.round((performance.now() - begun) / 1000),
    ...operator.done,
    heapGrowth: growth(samples, ({ heap }) => heap),
    rssGrowth: growth(samples, ({ rss }) => rss),
    atRest: { before, after },
  }
}

/** Holds a report to what a long run must not do. */
export function judge(report: SoakReport, most: { heap: number; rss: number }): void {
  const { before, after } = report.atRest
  const { records, silent, differences } = report.balance
  assert.deepEqual(differences, [], 'each request has its record, and each record its request')
  assert.equal(records, report.requests + silent, 'a decision record for each request')
  assert.ok(report.heapGrowth < most.heap, `the heap grows by ${mebibytes(report.heapGrowth)}`)
  assert.ok(report.rssGrowth < most.rss, `resident memory grows by ${mebibytes(report.rssGrowth)}`)
  const { descriptors, timers } = before
  assert.ok(
    isAsBefore(before, after),
    `at rest ${descriptors} descriptors and ${timers} timers, then ${after.descriptors} and ${after.timers}`,
  )
}

function isAsBefore(before: Held, after: Held): boolean {
  return after.descriptors <= before.descriptors && after.timers <= before.timers
}

/** With no request under way, once connections to the service have settled. */
async function atRest(watch: Watch, gateway: GatewayProcess): Promise<Held> {
  await until('nothing is under way', async () => {
    const { text } = await call(`${gateway.admin}/metrics`)
    return /in_flight\D* 0\n/.test(text)
  })
  await delay(500)
  return watch.look(gateway)
}

async function sample(
  { watch, gateway, loader, every = 5, onProgress }: Parts,
  samples: Held[],
  over: Promise<Counts>,
): Promise<void> {
  const done = new AbortController()
  void over.finally(() => done.abort())
  for (;;) {
    const held = await watch.look(gateway)
    samples.push(held)
    const { sent } = await loader.counts()
    onProgress?.(
      `${sent} requests, heap ${mebibytes(held.heap)}, resident ${mebibytes(held.rss)}, ${held.descriptors} descriptors, ${held.timers} timers`,
    )
    await delay(every * 1000, undefined, { signal: done.signal }).catch(() => undefined)
    if (done.signal.aborted) return
  }
}

/** Does what operators do, at once and then every few seconds, and checks that it has its effect. */
class Operator {
  /** Its own requests that a decision has to be on record for. */
  sent = 0
  readonly failures: string[] = []
  readonly done = { reloads: 0, rotations: 0, revocations: 0 }
  readonly #gateway: GatewayProcess
  readonly #loader: Loader
  readonly #file: string
  readonly #texts: readonly [string, string]
  #person: SoftPerson
  #running = false
  #loops: Promise<unknown> = Promise.resolve()

  constructor(gateway: GatewayProcess, loader: Loader, given: { file: string; text: string }) {
    this.#gateway = gateway
    this.#loader = loader
    this.#file = given.file
    this.#texts = [given.text, given.text.replace('username: bob', 'username: bob, name: Bob')]
    this.#person = new SoftPerson(gateway)
  }

  async start(): Promise<void> {
    const { status, text } = await this.#person.enrolByLink(this.#gateway.enrolment?.link ?? '')
    assert.equal(status, 200, text)
    this.#aim()
    this.resume()
  }

  resume(): void {
    this.#running = true
    this.#loops = Promise.all([
      this.#every(2000, () => this.#reload()),
      this.#every(7000, () => this.#revoke()),
      this.#every(15_000, () => this.#rotate()),
    ])
  }

  async pause(): Promise<void> {
    this.#running = false
    await this.#loops
  }

  stop(): Promise<void> {
    return this.pause()
  }

  async #every(millis: number, work: () => Promise<void>): Promise<void> {
    while (this.#running) {
      await work().catch((error: unknown) => this.failures.push(String(error)))
      for (let waited = 0; waited < millis && this.#running; waited += 100) await delay(100)
    }
  }

  /** Tokens live for five minutes. */
  #aim(): void {
    const { host, port } = new URL(this.#gateway.api)
    const mint = new Mint(this.#gateway)
    const tokens: Pick<Target, 'alice' | 'bob'> = {
      alice: mint.token(personId(this.#gateway, 'alice')),
      bob: mint.token(personId(this.#gateway, 'bob')),
    }
    this.#loader.aim({ port: Number(port), host, ...tokens })
  }

  async #reload(): Promise<void> {
    writeFileSync(this.#file, this.#texts[(this.done.reloads + 1) % 2] ?? '')
    const { status, text } = await callAdmin(this.#gateway, '/v1/reload', { method: 'POST' })
    assert.equal(status, 200, text)
    this.done.reloads += 1
  }

  async #rotate(): Promise<void> {
    const rotated = await callAdmin(this.#gateway, '/v1/keys/rotate', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"algorithm":"ES256"}',
    })
    assert.equal(rotated.status, 200, rotated.text)
    this.done.rotations += 1
    // Behind it, because the load's tokens are signed with the newest key there is, known to the gateway or not.
    this.#aim()
  }

  /** Somebody signs in, calls, and is signed out; the token is then worth nothing. */
  async #revoke(): Promise<void> {
    const person = new SoftPerson(this.#gateway, this.#person.authenticator)
    assert.equal((await person.signIn()).status, 200)
    const { tokens, key } = await obtainTokens(person)
    const url = `${this.#gateway.api}/app/own`
    const status = async (): Promise<number> => {
      this.sent += 1
      const headers = boundHeaders(key, tokens.access_token, 'GET', url)
      return (await call(url, { headers })).status
    }
    assert.equal(await status(), 200)
    const path = '/v1/people/alice/sessions/end'
    const ended = await callAdmin(this.#gateway, path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    assert.equal(ended.status, 200, ended.text)
    await until('a revoked token is refused', async () => (await status()) === 401)
    this.done.revocations += 1
  }
}

if (import.meta.main) {
  const [requests = 1_000_000, minutes = 60, callers = 96] = process.argv.slice(2).map(Number)
  const onProgress = (line: string): void => console.log(line)
  const report = await soak({ requests, minutes, callers, every: 20, onProgress })
  console.log(JSON.stringify(report, null, 2))
  judge(report, { heap: 16 * 1024 * 1024, rss: 64 * 1024 * 1024 })
  const isWhole = report.requests >= requests
  console.log(isWhole ? 'held' : `held, for as many requests as ${minutes} minutes had room for`)
  if (!isWhole) process.exitCode = 2
}
