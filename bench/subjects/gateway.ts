/** Proofgate in any shape: how many routes, statements, people; over which protocol; with how many workers. */
import { execFile } from 'node:child_process'
import { createPrivateKey, randomBytes, randomUUID } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { JWK } from 'jose'
import { configurationSchema } from '../../src/config/index.ts'
import { ask } from '../load.ts'
import { findFreePort, startServer } from '../process.ts'
import type { ServerProcess } from '../process.ts'
import type { Headers, Surroundings } from '../subject.ts'
import { signToken } from '../token.ts'
import type { TokenFacts } from '../token.ts'

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))
const DOMAIN = 'proofgate.localhost'
const PERSON = 'bench'
// High enough that no request is held back, so that the check is paid for and always passes.
const UNLIMITED = { rate: 1_000_000, burst: 1_000_000 }
const READY_LIMIT_MILLIS = 10_000
/** Below the longest policy document, which is 10,240 characters. */
const STATEMENTS_PER_POLICY = 70
const RESOURCE = 'arn:aws:execute-api:local:000000000000:orders/default'

export interface GatewayShape {
  /** Besides those every shape has. */
  readonly routes?: number
  /** Statements that do not apply and are looked at before the one that does. */
  readonly statements?: number
  /** People in the database besides the first; all may do the same. */
  readonly people?: number
  /** Cleartext HTTP/2 with prior knowledge on the public listener. */
  readonly h2c?: boolean
  readonly workers?: number
  /** Folder of another checkout to run in place of this one. */
  readonly checkout?: string
  readonly environment?: Readonly<Record<string, string>>
}

export interface RunningGateway extends ServerProcess {
  readonly port: number
  /** The `Host` of its API. */
  readonly host: string
  /** The `Host` of its identity origin. */
  readonly identityHost: string
  /** Ids of the people, the first one first. */
  readonly people: readonly string[]
  readonly mint: (changes?: Partial<TokenFacts>) => string
  /** Headers of a request with this token. */
  readonly bearer: (token: string) => Headers
  /** Starts the same again on the same state; the one before must have been stopped. */
  readonly restart: () => Promise<ServerProcess>
}

/** Whether the configuration knows a key, such as `listeners.public.h2c`. */
export function knowsSetting(path: string): boolean {
  interface Schema {
    readonly properties?: Readonly<Record<string, Schema>>
  }
  let at: Schema | undefined = configurationSchema()
  for (const name of path.split('.')) at = at?.properties?.[name]
  return at !== undefined
}

export async function startGateway(
  { directory, upstreamPort, signal }: Surroundings,
  shape: GatewayShape = {},
): Promise<RunningGateway> {
  const [port, adminPort] = [await findFreePort(), await findFreePort()]
  const file = join(directory, 'proofgate.yaml')
  const policies = writePolicies(directory, shape.statements ?? 0)
  // YAML 1.2 contains JSON; on one line it is read fastest.
  writeFileSync(file, JSON.stringify(configure({ port, adminPort, upstreamPort, policies }, shape)))
  const program = join(shape.checkout ?? CHECKOUT, 'bin', 'proofgate.cjs')
  const start = (): Promise<ServerProcess> =>
    startServer({
      command: [process.execPath, program, 'serve', '--config', file],
      directory,
      port,
      signal,
      environment: shape.environment ?? {},
    })
  const server = await start()
  try {
    const issuer = await discoverIssuer(port)
    const first = await findPerson(program, file)
    const others = addPeople(join(directory, 'data', 'proofgate.db'), shape.people ?? 0)
    const usernames = new Map(others.map((id, index) => [id, usernameOf(index)]))
    const key = readSigningKey(join(directory, 'data', 'keys'))
    const host = `api.${DOMAIN}:${port}`
    return {
      ...server,
      port,
      host,
      identityHost: `auth.${DOMAIN}:${port}`,
      people: [first, ...others],
      mint: (changes) =>
        mint({ ...key, issuer, audience: `http://${host}`, subject: first }, usernames, changes),
      bearer: (token) => ({ Host: host, authorization: `Bearer ${token}` }),
      restart: start,
    }
  } catch (error) {
    await server.stop()
    throw error
  }
}

/** An access token as the gateway's issuer makes them. */
function mint(
  facts: TokenFacts,
  usernames: ReadonlyMap<string, string>,
  changes: Partial<TokenFacts> = {},
): string {
  const claims = {
    client_id: 'proofgate-cli',
    preferred_username: usernames.get(changes.subject ?? facts.subject) ?? PERSON,
    groups: ['readers'],
    auth_time: Math.floor(Date.now() / 1000),
    acr: 'phr',
    amr: ['hwk', 'user'],
    ...changes.claims,
  }
  return signToken({ ...facts, ...changes, claims })
}

interface Wiring {
  readonly port: number
  readonly adminPort: number
  readonly upstreamPort: number
  /** Names of the policies with statements that do not apply. */
  readonly policies: readonly string[]
}

/** A configuration of one API with one allowed route for one person by way of a group. */
export function configure(
  { port, adminPort, upstreamPort, policies }: Wiring,
  shape: GatewayShape,
): object {
  const routes = Array.from({ length: shape.routes ?? 0 }, (_, index) => ({
    method: 'GET',
    path: routePath(index),
  }))
  return {
    version: 1,
    dataDir: 'data',
    domain: DOMAIN,
    ...(shape.workers === undefined ? {} : { workers: shape.workers }),
    listeners: {
      public: { address: '127.0.0.1', port, ...(shape.h2c === true ? { h2c: true } : {}) },
      admin: { address: '127.0.0.1', port: adminPort },
    },
    people: [{ username: PERSON, name: 'Bench', groups: ['readers'] }],
    groups: {
      readers: { description: 'May read orders', policies: [...policies, 'orders-reader'] },
    },
    policies: {
      ...Object.fromEntries(policies.map((name) => [name, { file: `${name}.json` }])),
      'orders-reader': document([`${RESOURCE}/GET/*`, `${RESOURCE}/POST/orders/*`]),
    },
    upstreams: { orders: { url: `http://127.0.0.1:${upstreamPort}` } },
    apis: {
      orders: {
        host: `api.${DOMAIN}`,
        upstream: 'orders',
        throttle: { principal: UNLIMITED },
        routes: [
          {
            method: 'GET',
            path: '/orders/{id}',
            throttle: { route: UNLIMITED, principal: UNLIMITED },
          },
          { method: 'POST', path: '/orders/{id}', maxBody: '2GiB', timeout: '2m' },
          ...routes,
        ],
      },
    },
    throttles: { address: UNLIMITED, principal: UNLIMITED },
    limits: { keepAlive: '10m', shedding: { eventLoopDelay: '1m', memory: '100%' } },
    log: { level: 'error' },
  }
}

/** Path of one of the additional routes. */
export function routePath(index: number): string {
  return `/r${index}`
}

function document(resources: readonly string[]): object {
  const Statement = resources.map((Resource) => ({
    Effect: 'Allow',
    Action: 'execute-api:Invoke',
    Resource,
  }))
  return { Version: '2012-10-17', Statement }
}

/** Names sort before `orders-reader`, in which order statements are looked at. */
function writePolicies(directory: string, statements: number): readonly string[] {
  const names: string[] = []
  for (let from = 0; from < statements; from += STATEMENTS_PER_POLICY) {
    const count = Math.min(STATEMENTS_PER_POLICY, statements - from)
    const resources = Array.from(
      { length: count },
      (_, index) => `${RESOURCE}/GET/x${from + index}/*`,
    )
    const name = `a${names.length}`
    writeFileSync(join(directory, `${name}.json`), JSON.stringify(document(resources)))
    names.push(name)
  }
  return names
}

/** Of one who was added. */
function usernameOf(index: number): string {
  return `${PERSON}${index}`
}

/** Adds people straight to the database, as nobody would through the command line. */
function addPeople(file: string, count: number): readonly string[] {
  if (count === 0) return []
  const database = new DatabaseSync(file)
  try {
    database.exec('PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE')
    const insert = database.prepare(
      `INSERT INTO person (id, username, name, groups, user_handle, disabled, created_at)
       VALUES (?, ?, 'Bench', '["readers"]', ?, 0, ?)`,
    )
    const ids = Array.from({ length: count }, (_, index) => {
      const id = randomUUID()
      insert.run(id, usernameOf(index), randomBytes(32).toString('base64url'), Date.now())
      return id
    })
    database.exec('COMMIT')
    return ids
  } finally {
    database.close()
  }
}

/** Asks the running gateway what its issuer is called, which also waits until it is ready. */
async function discoverIssuer(port: number): Promise<string> {
  const url = `http://127.0.0.1:${port}/.well-known/openid-configuration`
  const giveUpAt = performance.now() + READY_LIMIT_MILLIS
  for (;;) {
    const { status, body } = await ask(url, { host: `auth.${DOMAIN}:${port}` })
    if (status === 200) return (JSON.parse(body) as { issuer: string }).issuer
    if (performance.now() > giveUpAt) throw new Error(`discovery answers ${status}: ${body}`)
    await delay(50)
  }
}

/** Asks the command line, which asks the running server. */
async function findPerson(program: string, file: string): Promise<string> {
  const command = [program, 'people', 'list', '--json', '--config', file]
  const { stdout } = await promisify(execFile)(process.execPath, command)
  const { people } = JSON.parse(stdout) as { people: { id: string; username: string }[] }
  const found = people.find(({ username }) => username === PERSON)
  if (found === undefined) throw new Error(`there is no person called ${PERSON}`)
  return found.id
}

/** The ES256 key among the issuer's private keys; each file holds one as a JWK. */
function readSigningKey(folder: string): { readonly key: KeyObject; readonly keyId: string } {
  const keys = readdirSync(folder)
    .filter((name) => /^sig-.*\.json$/.test(name))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as KeyFile)
  const found = keys.find(({ jwk }) => jwk.crv === 'P-256')
  if (found === undefined) throw new Error(`there is no ES256 signing key in ${folder}`)
  return { key: createPrivateKey({ key: found.jwk, format: 'jwk' }), keyId: found.keyId }
}

interface KeyFile {
  readonly keyId: string
  readonly jwk: JWK
}
