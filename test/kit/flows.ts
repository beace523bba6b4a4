import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { configurationFile, startGateway } from './gateway.ts'
import type { GatewayFacts, GatewayOptions, GatewayProcess } from './gateway.ts'
import { call } from './http.ts'
import type { Answer } from './http.ts'
import { boundHeaders, SoftPerson } from './person.ts'
import type { ProofKey } from './person.ts'
import type { SoftAuthenticator } from './soft-authenticator.ts'

/** A service behind the gateway that remembers what reached it. */
export interface Recorder {
  readonly url: string
  readonly seen: { method: string; url: string; headers: IncomingHttpHeaders }[]
  readonly close: () => void
}

export async function startRecorder(): Promise<Recorder> {
  const seen: Recorder['seen'] = []
  const server: Server = createServer((request, response) => {
    seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers })
    request.resume()
    response.end('reached')
  })
  server.keepAliveTimeout = 70_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** A gateway with two people, two APIs and three clients, before a recorder. */
export async function startHouse(
  recorder: Pick<Recorder, 'url'>,
  more: { text?: string } & GatewayOptions = {},
): Promise<GatewayProcess> {
  const { text = '', ...options } = more
  const file = configurationFile(houseText(recorder.url, text))
  return startGateway({ command: ['serve', '--config', file], ...options })
}

export function houseText(upstream: string, more = ''): string {
  return `version: 1
upstreams: { recorder: { url: '${upstream}' } }
apis:
  orders:
    host: api.proofgate.localhost
    upstream: recorder
    routes:
      - { method: GET, path: /orders }
      - { method: POST, path: /orders }
      - { method: GET, path: /public, authorizer: open }
  ledger:
    host: ledger.proofgate.localhost
    upstream: recorder
    signingAlgorithm: RS256
    routes: [{ method: GET, path: /entries }]
people:
  - { username: alice, name: Alice Example, groups: [members] }
  - { username: bob, name: Bob Example, groups: [members] }
groups:
  members: { policies: [everything] }
  extra: { policies: [] }
policies:
  everything:
    Version: '2012-10-17'
    Statement: [{ Effect: Allow, Action: 'execute-api:Invoke', Resource: '*' }]
clients:
  - id: portal
    name: Portal & Friends
    redirectUris: ['https://portal.example/cb']
    postLogoutRedirectUris: ['https://portal.example/bye']
    secret: a-portal-secret-of-32-characters
    scopes: [openid, invoke]
  - id: reader
    name: Reader
    redirectUris: ['https://reader.example/cb']
    secret: a-reader-secret-of-32-characters
    scopes: [openid]
  - id: ours
    name: Ours
    redirectUris: ['https://ours.example/cb']
    public: true
    firstParty: true
    scopes: [openid, invoke]
throttles:
  address: { rate: 10000, burst: 10000 }
  principal: { rate: 10000, burst: 10000 }
${/^limits:/m.test(more) ? '' : 'limits: { shedding: { eventLoopDelay: 1m } }\n'}${more}`
}

/** What a client asks the authorization endpoint for. */
export interface Asked {
  readonly url: string
  readonly verifier: string
  readonly redirectUri: string
}

export function authorizationUrl(
  gateway: GatewayFacts,
  parameters: Readonly<Record<string, string | undefined>> = {},
): Asked {
  const verifier = randomBytes(32).toString('base64url')
  const all: Record<string, string | undefined> = {
    client_id: 'proofgate-cli',
    response_type: 'code',
    redirect_uri: 'http://127.0.0.1:45678/callback',
    scope: 'openid profile groups offline_access invoke',
    code_challenge: challengeOf(verifier),
    code_challenge_method: 'S256',
    state: 'state-1',
    prompt: 'consent',
    ...parameters,
  }
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(all)) if (value !== undefined) query.set(name, value)
  return {
    url: `${gateway.issuer}/oauth2/authorize?${query.toString()}`,
    verifier,
    redirectUri: all['redirect_uri'] ?? '',
  }
}

export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url')
}

/** Where an authorization request leads a person's browser: a page of ours, or back to the client. */
export async function follow(person: SoftPerson, asked: Asked): Promise<URL> {
  const isBack = (location: string): boolean => location.startsWith(asked.redirectUri)
  const first = await person.client.follow(asked.url, isBack)
  const reached = new URL(first.url)
  if (isBack(first.url) || !reached.pathname.endsWith('/sign-in')) return reached
  const signedIn = await person.signIn('sign-in', reached.searchParams.get('return_to') ?? '')
  assert.equal(signedIn.status, 200, signedIn.text)
  const next = await person.client.follow(
    new URL(signedIn.json().redirect, person.origin).href,
    isBack,
  )
  return new URL(next.url)
}

export function basic(id: string, secret: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` }
}

/** A form POST to an endpoint of the issuer, with a proof by `key` when one is given. */
export function postForm(
  url: string,
  fields: Readonly<Record<string, string>>,
  options: { key?: ProofKey; headers?: Readonly<Record<string, string>> } = {},
): Promise<Answer> {
  return call(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      ...(options.key === undefined ? {} : { dpop: options.key.prove('POST', url) }),
      ...options.headers,
    },
    body: new URLSearchParams(fields).toString(),
  })
}

/** Asks an API with a bound token. */
export function callApi(url: string, key: ProofKey, token: string): Promise<Answer> {
  return call(url, { headers: boundHeaders(key, token, 'GET', url) })
}

/** The admin API, as the owner of the data directory. */
export async function administer(
  gateway: Pick<GatewayFacts, 'dataDirectory'>,
  method: string,
  path: string,
  body: object = {},
): Promise<Answer> {
  const running = JSON.parse(
    readFileSync(join(gateway.dataDirectory, 'run/server.json'), 'utf8'),
  ) as { admin: string; secret: string }
  return call(`${running.admin}${path}`, {
    method,
    headers: { authorization: `Bearer ${running.secret}`, 'content-type': 'application/json' },
    ...(method === 'GET' ? {} : { body: JSON.stringify(body) }),
  })
}

/** Somebody of the configuration, with a fresh link used up and a session open. */
export async function enrolled(
  gateway: GatewayFacts,
  username: string,
  authenticator?: SoftAuthenticator,
): Promise<SoftPerson> {
  const person = new SoftPerson(gateway, authenticator)
  const answer = await person.enrolByLink(await invite(gateway, username))
  assert.equal(answer.status, 200, answer.text)
  return person
}

export async function invite(gateway: GatewayFacts, username: string): Promise<string> {
  const answer = await administer(gateway, 'POST', `/v1/people/${username}/invite`)
  assert.equal(answer.status, 200, answer.text)
  return answer.json().link as string
}

/** Changes what is stored, as time or damage would. */
export function inDatabase<Result>(path: string, work: (database: DatabaseSync) => Result): Result {
  const database = new DatabaseSync(path, { timeout: 5000 })
  try {
    return work(database)
  } finally {
    database.close()
  }
}

export function databaseOf(gateway: Pick<GatewayFacts, 'dataDirectory'>): string {
  return join(gateway.dataDirectory, 'proofgate.db')
}

/** Whether something happens that is promised for a second, on a busy machine for a minute. */
export async function eventually(holds: () => Promise<boolean> | boolean): Promise<boolean> {
  const end = performance.now() + 60_000
  do {
    if (await holds()) return true
    await new Promise((resolve) => setTimeout(resolve, 50))
  } while (performance.now() < end)
  return false
}

/** The same thing many times at once; how many answers had each status. */
export async function atOnce(
  times: number,
  work: (index: number) => Promise<Answer>,
): Promise<Readonly<Record<number, number>>> {
  const answers = await Promise.all(Array.from({ length: times }, (_, index) => work(index)))
  const counts: Record<number, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return counts
}
