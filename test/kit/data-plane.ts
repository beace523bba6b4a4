import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { configurationFile, proofgate, startGateway } from './gateway.ts'
import type { GatewayProcess } from './gateway.ts'
import { call } from './http.ts'
import { Mint, personId, recordsOf } from './minting.ts'
import type { StoredRecord } from '../../src/audit/index.ts'

/** A gateway with two people, in front of an upstream of the test. */
export interface DataPlane {
  readonly gateway: GatewayProcess
  readonly port: number
  readonly host: string
  readonly mint: Mint
  readonly alice: string
  readonly bob: string
  /** Asserts that the gateway still serves and that its whole audit log is proven. */
  readonly finish: () => Promise<void>
}

export interface DataPlaneOptions {
  readonly upstream: number
  /** More lines below `apis.app.routes`. */
  readonly routes?: string
  /** More keys below `upstreams.main`. */
  readonly upstreamKeys?: string
  /** More text below `policies`: one of them is `fresh`, which the readers then have too. */
  readonly policies?: string
  /** More top-level text. */
  readonly more?: string
  /** Changes the text as a whole. */
  readonly edit?: (text: string) => string
  /** Replaces the usual throttles. */
  readonly throttles?: string
  readonly limits?: string
  /** For an upstream that speaks HTTP/2. */
  readonly withoutWebSocket?: boolean
  readonly port?: number
  readonly dataDirectory?: string
  readonly environment?: Readonly<Record<string, string>>
  /** With TLS at the gateway: whom to believe. */
  readonly tls?: { readonly ca: string }
}

const roomy =
  '{ address: { rate: 100000, burst: 100000 }, principal: { rate: 100000, burst: 100000 } }'

/** A service that is part of a test stops whenever the test does, which is no fault of the gateway. */
const patient = 'timeouts: { connect: 10s, headers: 30s, idle: 30s }'

/** `/public` is open, `/app` is for everybody, `/admin` for admins, `/ws` takes WebSockets. */
export function dataPlaneText(options: DataPlaneOptions): string {
  return `version: 1
domain: proofgate.localhost
people:
  - { username: alice, groups: [admins] }
  - { username: bob, groups: [readers] }
groups:
  admins: { policies: [everything] }
  readers: { policies: [app-only${options.policies === undefined ? '' : ', fresh'}] }
policies:
  everything:
    Version: '2012-10-17'
    Statement: [{ Effect: Allow, Action: 'execute-api:Invoke', Resource: '*' }]
  app-only:
    Version: '2012-10-17'
    Statement:
      - { Effect: Allow, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/default/*/app/*' }
      - { Effect: Deny, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/default/DELETE/*' }
${options.policies ?? ''}upstreams:
  main:
    url: http://127.0.0.1:${options.upstream}
    ${options.upstreamKeys ?? patient}
apis:
  app:
    host: api.proofgate.localhost
    upstream: main
    routes:
      - { method: ANY, path: '/public/{rest+}', authorizer: open }
      - { method: ANY, path: '/app/{rest+}' }
      - { method: ANY, path: '/admin/{rest+}' }
${options.withoutWebSocket === true ? '' : "      - { method: GET, path: '/ws/{rest+}', websocket: true }\n"}${options.routes ?? ''}
throttles: ${options.throttles ?? roomy}
limits: ${unshed(options.limits ?? '{ drain: 1s }')}
${options.more ?? ''}
`
}

/** A machine that others keep busy runs a gateway late: nobody is turned away for it who does not look for that. */
export function unshed(limits: string): string {
  if (limits.includes('shedding')) return limits
  return limits.replace(/\s*\}\s*$/, ', shedding: { eventLoopDelay: 1m } }')
}

export async function startDataPlane(options: DataPlaneOptions): Promise<DataPlane> {
  const { edit = (text: string) => text } = options
  const gateway = await startGateway({
    command: ['serve', '--config', configurationFile(edit(dataPlaneText(options)))],
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.dataDirectory === undefined ? {} : { dataDirectory: options.dataDirectory }),
    ...(options.environment === undefined ? {} : { environment: options.environment }),
  })
  const { host, port } = new URL(gateway.api)
  try {
    return {
      gateway,
      port: Number(port),
      host,
      mint: new Mint(gateway),
      alice: personId(gateway, 'alice'),
      bob: personId(gateway, 'bob'),
      finish: () => finish(gateway, options.tls),
    }
  } catch (error) {
    await gateway.kill()
    throw error
  }
}

async function finish(gateway: GatewayProcess, tls: DataPlaneOptions['tls']): Promise<void> {
  const asked = call(`${gateway.api}/public/last`, tls === undefined ? {} : { tls })
  const [last] = await Promise.allSettled([asked])
  // Before anything is asserted: what fails here must not leave a process behind.
  const stopped = await gateway.stop()
  assert.equal(last.status, 'fulfilled')
  assert.notEqual((await asked).status, 500)
  const verified = await proofgate(['audit', 'verify', '--data-dir', gateway.dataDirectory])
  assert.equal(verified.code, 0, verified.stdout)
  assert.equal(stopped, 0, gateway.errors())
  assert.doesNotMatch(gateway.errors(), /"level":"error"/)
}

/** Runs `work` and answers the decision records it made, once there are at least so many. */
export async function decisionsDuring(
  plane: Pick<DataPlane, 'gateway'>,
  work: () => Promise<unknown>,
  atLeast = 1,
): Promise<StoredRecord[]> {
  const before = (await recordsOf(plane.gateway, 'decision')).length
  await work()
  for (let tries = 0; ; tries++) {
    const made = (await recordsOf(plane.gateway, 'decision')).slice(before)
    if (made.length >= atLeast || tries === 600) return made
    await delay(50)
  }
}
