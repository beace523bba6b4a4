import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { verifyAuditLog } from '../src/audit/index.ts'
import { configurationFile, program, startGateway, temporaryDirectory } from './kit/gateway.ts'
import type { GatewayProcess } from './kit/gateway.ts'
import { call } from './kit/http.ts'
import type { Answer } from './kit/http.ts'
import { callAdmin, operationsConfiguration, startService, until } from './kit/operations.ts'
import { boundHeaders, obtainTokens, SoftPerson } from './kit/person.ts'
import type { ProofKey } from './kit/person.ts'
import { freePort } from './kit/ports.ts'
import { SoftAuthenticator } from './kit/soft-authenticator.ts'

/*
 * Kills the gateway at random moments under mixed load, and in the middle of its start, and holds it to what
 * it acknowledged: `node test/kill-loop.ts [rounds] [seed]`.
 */

/** Somebody whose enrolment was acknowledged, with the browsers that are signed in as them. */
interface Enrolled {
  readonly username: string
  readonly authenticator: SoftAuthenticator
  readonly browsers: SoftPerson[]
}

interface Bearer {
  readonly token: string
  readonly key: ProofKey
}

/** Everything that was answered with yes, and so has to be true for ever. */
interface Acknowledged {
  readonly people: Set<string>
  readonly enrolled: Enrolled[]
  readonly endedBrowsers: SoftPerson[]
  readonly endedBearers: Bearer[]
  readonly records: string[]
  readonly keys: Set<string>
}

export interface KillReport {
  readonly rounds: number
  readonly seed: number
  readonly startMillis: { readonly median: number; readonly most: number }
  readonly people: number
  readonly credentials: number
  readonly endedSessions: number
  readonly records: number
}

/** Small, seeded and repeatable (mulberry32). */
function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export async function killLoop({
  rounds,
  seed,
}: {
  rounds: number
  seed: number
}): Promise<KillReport> {
  const loop = new KillLoop(await startService(), await freePort(), dice(seed))
  try {
    for (let round = 0; round < rounds; round++) await loop.round(round)
    return { rounds, seed, ...(await loop.report()) }
  } finally {
    await loop.close()
  }
}

class KillLoop {
  readonly #service: Awaited<ReturnType<typeof startService>>
  readonly #random: () => number
  readonly #file: string
  readonly #texts: readonly string[]
  readonly #data = join(temporaryDirectory(), 'data')
  readonly #known: Acknowledged = {
    people: new Set(),
    enrolled: [],
    endedBrowsers: [],
    endedBearers: [],
    records: [],
    keys: new Set(),
  }
  readonly #starts: number[] = []
  readonly #port: number
  #gateway: GatewayProcess | undefined

  constructor(
    service: Awaited<ReturnType<typeof startService>>,
    port: number,
    random: () => number,
  ) {
    this.#service = service
    this.#port = port
    this.#random = random
    const text = operationsConfiguration(service)
    this.#texts = [text, text.replace('description: reading', 'description: only reading')]
    this.#file = configurationFile(text)
  }

  /** Start, hold it to its word, load it, kill it; sometimes kill a start on the way. */
  async round(round: number): Promise<void> {
    if (round % 4 === 3) await this.#killWhileStarting(this.#data, 400)
    if (round % 10 === 5) await this.#killABirth()
    const gateway = await this.#start()
    await this.#check(gateway)
    const killed = new AbortController()
    const work = Promise.all(
      this.#workers().map((worker) => repeat(worker, gateway, killed.signal)),
    )
    await this.#aMoment(round)
    await gateway.kill()
    killed.abort()
    const failures = (await work).flat()
    assert.deepEqual(failures, [])
    assert.doesNotMatch(gateway.errors(), /"level":"error"/)
    this.#checkDatabase()
  }

  /** When to kill: at random, and every second time not before something of each kind was acknowledged. */
  async #aMoment(round: number): Promise<void> {
    const before = this.#counts()
    await delay(50 + this.#random() * 700)
    if (round % 2 === 0) return
    await until('something of each kind is acknowledged', () => {
      const now = this.#counts()
      return (
        now.credentials > before.credentials &&
        now.endedSessions > before.endedSessions &&
        now.records > before.records + 4
      )
    })
  }

  #counts(): Pick<KillReport, 'people' | 'credentials' | 'endedSessions' | 'records'> {
    const { people, enrolled, endedBrowsers, endedBearers, records } = this.#known
    return {
      people: people.size,
      credentials: enrolled.length,
      endedSessions: endedBrowsers.length + endedBearers.length,
      records: records.length,
    }
  }

  async report(): Promise<Omit<KillReport, 'rounds' | 'seed'>> {
    const gateway = await this.#start()
    await this.#check(gateway, true)
    assert.equal(await gateway.stop(), 0)
    const sorted = this.#starts.toSorted((a, b) => a - b)
    return {
      startMillis: {
        median: Math.round(sorted[sorted.length >> 1] ?? 0),
        most: Math.round(sorted.at(-1) ?? 0),
      },
      ...this.#counts(),
    }
  }

  async close(): Promise<void> {
    await this.#gateway?.kill()
    this.#service.close()
  }

  async #start(dataDirectory = this.#data): Promise<GatewayProcess> {
    const begun = performance.now()
    const gateway = await startGateway({
      command: ['serve', '--config', this.#file],
      dataDirectory,
      port: this.#port,
    })
    this.#starts.push(performance.now() - begun)
    this.#gateway = gateway
    return gateway
  }

  async #killWhileStarting(directory: string, most: number): Promise<void> {
    const args = ['serve', '--config', this.#file, '--data-dir', directory, '--admin-port', '0']
    const port = ['--port', String(this.#port)]
    const child = spawn(process.execPath, [program, ...args, ...port], { stdio: 'ignore' })
    const ended = new Promise((resolve) => {
      child.once('exit', resolve)
    })
    await delay(this.#random() * most)
    child.kill('SIGKILL')
    await ended
  }

  /** A first start that is killed acknowledged nothing: the next one begins as if it were the first. */
  async #killABirth(): Promise<void> {
    const directory = join(temporaryDirectory(), 'data')
    await this.#killWhileStarting(directory, 600)
    const gateway = await this.#start(directory)
    assert.equal(gateway.enrolment?.username, 'admin')
    await gateway.kill()
    const again = await this.#start(directory)
    assert.equal(again.enrolment?.username, 'admin')
    await again.kill()
  }

  /** What was acknowledged last, and some of what was before; or all of it. */
  #sample<Item>(items: readonly Item[], everything: boolean): readonly Item[] {
    return items.filter(
      (_, index) => everything || index >= items.length - 4 || this.#random() < 0.05,
    )
  }

  async #check(gateway: GatewayProcess, everything = false): Promise<void> {
    const known = this.#known
    if (known.enrolled.length > 0) assert.equal(gateway.enrolment, null, 'a second first enrolment')
    for (const { username, authenticator } of this.#sample(known.enrolled, everything)) {
      const answer = await signInPatiently(new SoftPerson(gateway, authenticator))
      assert.equal(answer.status, 200, `${username} cannot sign in: ${answer.text}`)
    }
    for (const browser of this.#sample(known.endedBrowsers, everything)) {
      const page = await browser.client.call(`${gateway.identity}/account`)
      assert.notEqual(page.status, 200, 'an ended session is back')
    }
    for (const { token, key } of this.#sample(known.endedBearers, everything)) {
      const url = `${gateway.api}/orders/1`
      const answer = await call(url, { headers: boundHeaders(key, token, 'GET', url) })
      assert.equal(answer.status, 401, 'a token of an ended session is back')
    }
    const { people } = (await callAdmin(gateway, '/v1/people')).json()
    const names = new Set(people.map((one: { username: string }) => one.username))
    for (const username of known.people) assert.ok(names.has(username), `${username} is lost`)
    const { keys } = (await callAdmin(gateway, '/v1/keys')).json()
    const ids = new Set(keys.map((one: { id: string }) => one.id))
    for (const id of known.keys) assert.ok(ids.has(id), `the key ${id} is lost`)
    await this.#checkRecords()
  }

  async #checkRecords(): Promise<void> {
    const folder = join(this.#data, 'audit')
    const report = await verifyAuditLog(folder, {
      publicKey: readFileSync(join(this.#data, 'keys', 'audit.pub'), 'utf8'),
    })
    assert.equal(report.ok, true, JSON.stringify(report.problems))
    const log = readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), 'latin1'))
      .join('\n')
    const kept = new Set([...log.matchAll(/"id":"([^"]+)"/g)].map(([, id]) => id))
    for (const id of this.#known.records) assert.ok(kept.has(id), `the record ${id} is lost`)
  }

  /** Of a copy, so that looking repairs nothing. */
  #checkDatabase(): void {
    const copy = temporaryDirectory()
    for (const name of readdirSync(this.#data)) {
      if (name.startsWith('proofgate.db')) cpSync(join(this.#data, name), join(copy, name))
    }
    const database = new DatabaseSync(join(copy, 'proofgate.db'))
    const verdict = database.prepare('PRAGMA integrity_check').get()
    database.close()
    rmSync(copy, { recursive: true })
    assert.deepEqual({ ...verdict }, { integrity_check: 'ok' })
  }

  #workers(): readonly Worker[] {
    return [
      (gateway) => this.#enrol(gateway),
      (gateway) => this.#signIn(gateway),
      (gateway) => this.#endSessions(gateway),
      (gateway) => this.#callApi(gateway),
      (gateway) => this.#callApi(gateway),
      (gateway) => this.#administer(gateway),
    ]
  }

  async #enrol(gateway: GatewayProcess): Promise<void> {
    const first = this.#known.enrolled.length === 0 && gateway.enrolment !== null
    const username = first ? 'admin' : `p${Math.floor(this.#random() * 1e9)}`
    if (!first) {
      const added = await post(gateway, '/v1/people', { username, groups: ['admins'] })
      if (added.status === 200) this.#known.people.add(username)
    }
    const link = first
      ? (gateway.enrolment?.link ?? '')
      : String((await post(gateway, `/v1/people/${username}/invite`)).json().link)
    const person = new SoftPerson(gateway, new SoftAuthenticator())
    const answer = await person.enrolByLink(link)
    if (answer.status !== 200) return
    const { authenticator } = person
    this.#known.enrolled.push({ username, authenticator, browsers: [person] })
  }

  #anyone(): Enrolled | undefined {
    const { enrolled } = this.#known
    return enrolled[Math.floor(this.#random() * enrolled.length)]
  }

  async #signIn(gateway: GatewayProcess): Promise<void> {
    const one = this.#anyone()
    if (one === undefined) return
    const browser = new SoftPerson(gateway, one.authenticator)
    if ((await browser.signIn()).status === 200) one.browsers.push(browser)
  }

  async #endSessions(gateway: GatewayProcess): Promise<void> {
    const one = this.#anyone()
    if (one === undefined) return
    const person = new SoftPerson(gateway, one.authenticator)
    // Another loop may be signing in with the same authenticator, whose counter is then ahead.
    if ((await person.signIn()).status !== 200) return
    const bearer = await bearerOf(person)
    const browsers = [...one.browsers.splice(0), person]
    const path = `/v1/people/${one.username}/sessions/end`
    if ((await post(gateway, path)).status !== 200) return
    this.#known.endedBrowsers.push(...browsers)
    if (bearer !== undefined) this.#known.endedBearers.push(bearer)
  }

  async #callApi(gateway: GatewayProcess): Promise<void> {
    const one = this.#anyone()
    const open = await call(`${gateway.api}/open`)
    this.#known.records.push(String(open.headers['x-request-id']))
    if (one === undefined) return
    const person = new SoftPerson(gateway, one.authenticator)
    if ((await person.signIn()).status !== 200) return
    const bearer = await bearerOf(person)
    if (bearer === undefined) return
    const url = `${gateway.api}/orders/1`
    for (let count = 0; count < 5; count++) {
      const headers = boundHeaders(bearer.key, bearer.token, 'GET', url)
      const answer = await call(url, { headers })
      this.#known.records.push(String(answer.headers['x-request-id']))
    }
  }

  async #administer(gateway: GatewayProcess): Promise<void> {
    const text = this.#texts[Math.floor(this.#random() * 2)] ?? ''
    writeFileSync(`${this.#file}.new`, text)
    renameSync(`${this.#file}.new`, this.#file)
    await post(gateway, '/v1/reload')
    if (this.#random() > 0.2) return
    const rotated = await post(gateway, '/v1/keys/rotate', { algorithm: 'ES256' })
    if (rotated.status === 200) for (const id of rotated.json().active) this.#known.keys.add(id)
  }
}

/** Signing in everybody at once meets the limit on tries, which is waited for. */
async function signInPatiently(person: SoftPerson): Promise<Answer> {
  for (let tries = 0; tries < 60; tries++) {
    const answer = await person.signIn()
    if (answer.status !== 429) return answer
    await delay(1000)
  }
  return person.signIn()
}

/** A token, unless another worker ended the session on the way. */
async function bearerOf(person: SoftPerson): Promise<Bearer | undefined> {
  try {
    const { tokens, key } = await obtainTokens(person)
    return { token: tokens.access_token, key }
  } catch (error) {
    if (error instanceof Error && /^(?:no code|no tokens|Invalid URL)/.test(error.message)) {
      return undefined
    }
    throw error
  }
}

type Worker = (gateway: GatewayProcess) => Promise<void>

/** Again and again until the process is killed; answers what failed while it lived. */
async function repeat(
  worker: Worker,
  gateway: GatewayProcess,
  killed: AbortSignal,
): Promise<readonly unknown[]> {
  while (!killed.aborted) {
    try {
      await worker(gateway)
      await delay(5)
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException
      if (/^(?:ECONN|EPIPE|HPE_|UND_)/.test(code) || gateway.child.killed) return []
      return [error]
    }
  }
  return []
}

function post(gateway: GatewayProcess, path: string, body: unknown = {}) {
  return callAdmin(gateway, path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

if (import.meta.main) {
  const rounds = Number(process.argv[2] ?? 100)
  const seed = Number(process.argv[3] ?? Date.now() % 1_000_000)
  console.log(`seed ${seed}`)
  console.log(JSON.stringify(await killLoop({ rounds, seed }), null, 2))
}
