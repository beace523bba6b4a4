/** Proofgate as people run it: bearer token, policy, throttle, and the durable audit record. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { JWK } from 'jose'
import { ask } from '../load.ts'
import { findFreePort, startServer } from '../process.ts'
import type { Headers, Subject } from '../subject.ts'
import { dropSignature, signToken, spoilSignature } from '../token.ts'
import type { TokenFacts } from '../token.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/proofgate.cjs', import.meta.url))
const DOMAIN = 'proofgate.localhost'
const PERSON = 'bench'
// High enough that no request is held back, so that the check is paid for and always passes.
const UNLIMITED = { rate: 1_000_000, burst: 1_000_000 }
const READY_LIMIT_MILLIS = 10_000

export const proofgate: Subject = {
  name: 'proofgate',
  packages: [],
  start: async ({ directory, upstreamPort, signal }) => {
    const [port, adminPort] = [await findFreePort(), await findFreePort()]
    const file = join(directory, 'proofgate.yaml')
    // YAML 1.2 contains JSON.
    writeFileSync(file, JSON.stringify(configure({ port, adminPort, upstreamPort }), null, 2))
    const command = [process.execPath, PROGRAM, 'serve', '--config', file] as const
    const server = await startServer({ command: [...command], directory, port, signal })
    try {
      const issuer = await discoverIssuer(port)
      const person = await findPerson(file)
      const gateway = { issuer, port, person, keysDirectory: join(directory, 'data', 'keys') }
      const host = `api.${DOMAIN}:${port}`
      const bearer = (token: string): Headers => ({ Host: host, authorization: `Bearer ${token}` })
      return {
        pids: [server.pid],
        url: `http://127.0.0.1:${port}/orders/1`,
        stop: server.stop,
        headers: async () => bearer(await obtainToken(gateway)),
        refused: async () => ({
          'no token': { Host: host },
          'a wrong signature': bearer(spoilSignature(await obtainToken(gateway))),
          'no signature': bearer(dropSignature(await obtainToken(gateway))),
          'another issuer': bearer(await obtainToken(gateway, { issuer: 'http://auth.example' })),
          'another audience': bearer(
            await obtainToken(gateway, { audience: 'http://api.example' }),
          ),
          'an expired token': bearer(await obtainToken(gateway, { lifetimeSeconds: -120 })),
        }),
      }
    } catch (error) {
      await server.stop()
      throw error
    }
  },
}

interface Ports {
  readonly port: number
  readonly adminPort: number
  readonly upstreamPort: number
}

/** A configuration of one API with one allowed route for one person by way of a group. */
function configure({ port, adminPort, upstreamPort }: Ports): object {
  return {
    version: 1,
    dataDir: 'data',
    domain: DOMAIN,
    listeners: {
      public: { address: '127.0.0.1', port },
      admin: { address: '127.0.0.1', port: adminPort },
    },
    people: [{ username: PERSON, name: 'Bench', groups: ['readers'] }],
    groups: { readers: { description: 'May read single orders', policies: ['orders-reader'] } },
    policies: {
      'orders-reader': {
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Action: 'execute-api:Invoke',
            Resource: 'arn:aws:execute-api:local:000000000000:orders/default/GET/orders/*',
          },
        ],
      },
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
        ],
      },
    },
    throttles: { address: UNLIMITED, principal: UNLIMITED },
    log: { level: 'error' },
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
async function findPerson(file: string): Promise<string> {
  const command = [PROGRAM, 'people', 'list', '--json', '--config', file]
  const { stdout } = await promisify(execFile)(process.execPath, command)
  const { people } = JSON.parse(stdout) as { people: { id: string; username: string }[] }
  const found = people.find(({ username }) => username === PERSON)
  if (found === undefined) throw new Error(`there is no person called ${PERSON}`)
  return found.id
}

interface Gateway {
  readonly issuer: string
  readonly port: number
  /** Id of the person the token is for. */
  readonly person: string
  readonly keysDirectory: string
}

/** An access token as the gateway's issuer makes them, signed with the issuer's own key on disk. */
async function obtainToken(gateway: Gateway, changes: Partial<TokenFacts> = {}): Promise<string> {
  const { jwk, keyId } = readSigningKey(gateway.keysDirectory)
  return signToken({
    key: jwk,
    keyId,
    issuer: gateway.issuer,
    audience: `http://api.${DOMAIN}:${gateway.port}`,
    subject: gateway.person,
    claims: {
      client_id: 'proofgate-cli',
      preferred_username: PERSON,
      groups: ['readers'],
      auth_time: Math.floor(Date.now() / 1000),
      acr: 'phr',
      amr: ['hwk', 'user'],
    },
    ...changes,
  })
}

interface KeyFile {
  readonly keyId: string
  readonly jwk: JWK
}

/** The ES256 key among the issuer's private keys; each file holds one as a JWK. */
function readSigningKey(folder: string): KeyFile {
  const keys = readdirSync(folder)
    .filter((name) => /^sig-.*\.json$/.test(name))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as KeyFile)
  const found = keys.find(({ jwk }) => jwk.crv === 'P-256')
  if (found === undefined) throw new Error(`there is no ES256 signing key in ${folder}`)
  return found
}
