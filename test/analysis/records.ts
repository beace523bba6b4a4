import assert from 'node:assert/strict'
import type { Setting } from '../../src/analysis/index.ts'
import type { StoredRecord } from '../../src/audit/index.ts'
import { replaySetting } from '../../src/compose/index.ts'
import { loadConfiguration } from '../../src/config/index.ts'
import type { Configuration } from '../../src/config/index.ts'
import type { Person } from '../../src/identity/index.ts'

export const base = 'arn:aws:execute-api:local:000000000000:orders/default'
export const startAt = Date.parse('2026-11-22T09:00:00.000Z')

/** A statement in one line of YAML. */
export function statement(
  sid: string,
  resource: string,
  { effect = 'Allow', condition = '' } = {},
): string {
  const tail = condition === '' ? '' : `, Condition: ${condition}`
  return `      - { Sid: ${sid}, Effect: ${effect}, Action: 'execute-api:Invoke', Resource: '${base}/${resource}'${tail} }`
}

/** A configuration with the statements that readers have, and what an API may say besides. */
export function configurationOf(
  statements: readonly string[],
  { routes = '', api = '', policies = '', more = '' } = {},
): Configuration {
  const text = `version: 1
groups: { readers: { policies: [read] } }
people: [{ username: ann, groups: [readers], tags: { team: red } }]
policies:
  read:
    Version: '2012-10-17'
    Statement:
${statements.join('\n')}
${policies}
upstreams: { main: { url: 'http://127.0.0.1:9', allowPrivateAddresses: true } }
issuers: { idp: { issuer: 'https://idp.example', audiences: [orders] } }
apis:
  orders:
    host: api.localhost
    upstream: main
${api}
    routes:
      - { method: GET, path: '/orders/{id}', conditionQuery: [status] }
      - { method: POST, path: /orders }
      - { method: GET, path: '/partner/{rest+}', authorizer: idp }
      - { method: GET, path: /public, authorizer: open }
${routes}
${more}`
  const loaded = loadConfiguration({
    text,
    environment: {},
    readFile: () => {
      throw new Error('none')
    },
  })
  if ('problems' in loaded) assert.fail(JSON.stringify(loaded.problems))
  return loaded.configuration
}

export function settingOf(...given: Parameters<typeof configurationOf>): Setting {
  return replaySetting(configurationOf(...given))
}

export function person(username: string, groups: readonly string[] = [], disabled = false): Person {
  const id = `id-${username}` as Person['id']
  return { id, username, name: username, groups, userHandle: 'h', disabled, createdAt: startAt }
}

export const people = [person('ann'), person('bob', ['readers']), person('eve', ['readers'], true)]

let made = 0

export interface RecordShape {
  readonly who?: StoredRecord['who']
  readonly method?: string
  readonly path?: string
  readonly route?: string
  readonly by?: readonly [policy: string, statement: string]
  readonly reason?: string
  readonly outcome?: StoredRecord['outcome']
  readonly address?: string
  readonly at?: number
  readonly version?: string
  readonly record?: Partial<StoredRecord>
}

/** What the gateway would have recorded of a request by ann. */
export function recordOf(shape: RecordShape = {}): StoredRecord {
  const { method = 'GET', path = '/orders/7', outcome = 'allow', version = '' } = shape
  const { who = { subject: 'id-ann', username: 'ann' }, by } = shape
  const reason =
    shape.reason ?? (outcome === 'allow' ? 'policy.allowed' : 'policy.no_statement_allows')
  made += 1
  return {
    v: 1,
    seq: made,
    at: new Date(shape.at ?? startAt + made).toISOString(),
    id: `request-${made}`,
    kind: 'decision',
    action: 'request',
    outcome,
    reason,
    who,
    where: { address: shape.address ?? '203.0.113.7' },
    what: {
      api: 'orders',
      configuration: version,
      host: 'elsewhere.example',
      method,
      path,
      resource: `${base}/${method}${path}`,
      route: shape.route ?? `${method} ${path.startsWith('/orders/') ? '/orders/{id}' : path}`,
      ...(by === undefined ? {} : { policy: by[0], statement: by[1] }),
    },
    ...shape.record,
  }
}

export async function* streamOf(records: readonly StoredRecord[]): AsyncGenerator<StoredRecord> {
  yield* records
}
