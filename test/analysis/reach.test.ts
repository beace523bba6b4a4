import assert from 'node:assert/strict'
import { test } from 'node:test'

import { whatCan, whoCan } from '../../src/analysis/index.ts'
import type { Callers } from '../../src/analysis/index.ts'
import { accessViewOf } from '../../src/compose/index.ts'
import { millis } from '../../src/core/index.ts'
import type { Instant } from '../../src/core/index.ts'
import { loadConfiguration } from '../../src/config/index.ts'
import type { Person } from '../../src/identity/index.ts'

const now = millis(1_700_000_000_000) as unknown as Instant
const base = 'arn:aws:execute-api:local:000000000000:orders/default'

const text = `version: 1
groups:
  readers: { policies: [read] }
  operators: { policies: [read, change] }
  auditors: { policies: [late] }
policies:
  read:
    Version: '2012-10-17'
    Statement: [{ Sid: Read, Effect: Allow, Action: 'execute-api:Invoke', Resource: '${base}/GET/*' }]
  change:
    Version: '2012-10-17'
    Statement:
      - Sid: Change
        Effect: Allow
        Action: 'execute-api:Invoke'
        Resource: '${base}/POST/orders'
        Condition: { NumericLessThan: { 'proofgate:AuthAge': '600' } }
      - { Sid: NoSecrets, Effect: Deny, Action: 'execute-api:Invoke', Resource: '${base}/*/orders/secret' }
  late:
    Version: '2012-10-17'
    Statement: [{ Sid: Late, Effect: Allow, Action: 'execute-api:Invoke', Resource: '${base}/GET/orders/7' }]
upstreams: { main: { url: 'http://127.0.0.1:9', allowPrivateAddresses: true } }
issuers:
  idp: { issuer: 'https://idp.example', audiences: [orders] }
apis:
  orders:
    host: api.localhost
    upstream: main
    routes:
      - { method: ANY, path: '/orders/{id}' }
      - { method: POST, path: /orders }
      - { method: GET, path: /public, authorizer: open }
      - { method: GET, path: '/partner/{rest+}', authorizer: idp }
`

const loaded = loadConfiguration({
  text,
  environment: {},
  readFile: () => {
    throw new Error('none')
  },
})
if ('problems' in loaded) assert.fail(JSON.stringify(loaded.problems))
const view = accessViewOf(loaded.configuration)

function person(username: string, groups: readonly string[], disabled = false): Person {
  const id = `p-${username}` as Person['id']
  return { id, username, name: username, groups, userHandle: 'h', disabled, createdAt: now }
}

const people = [
  person('ann', ['readers']),
  person('bob', ['operators']),
  person('cleo', ['auditors']),
  person('dan', []),
  person('eve', ['operators'], true),
]

function who(method: string, path: string): Promise<Callers> {
  const [origin = ''] = [...view.apis.values()].map((api) => api.origin)
  return whoCan(view, { method, url: `${origin}${path}` }, { people, now })
}

function answers({ callers }: Callers): Record<string, string> {
  return Object.fromEntries(callers.map(({ caller, answer }) => [caller, answer]))
}

test('who can make a request is everybody whose policies allow it, and nobody else', async () => {
  assert.deepEqual(answers(await who('GET', '/orders/7')), { ann: 'yes', bob: 'yes', cleo: 'yes' })
  assert.deepEqual(answers(await who('GET', '/orders/8')), { ann: 'yes', bob: 'yes' })
  assert.deepEqual(answers(await who('GET', '/orders/secret')), { ann: 'yes' })
  assert.deepEqual(answers(await who('DELETE', '/orders/7')), {})
})

test('what the answer depends on comes with it', async () => {
  const { callers } = await who('POST', '/orders')
  assert.deepEqual(answers(await who('POST', '/orders')), { bob: 'maybe' })
  assert.deepEqual(
    callers[0]?.by.map(({ policy, statement, conditions }) => [policy, statement, conditions]),
    [['change', 'Change', ['NumericLessThan proofgate:AuthAge 600']]],
  )
  assert.deepEqual(callers[0]?.unless, [])
})

test('an open route is open to everybody, one of another issuer to none of our people', async () => {
  assert.deepEqual(answers(await who('GET', '/public')), { anonymous: 'yes' })
  const partner = await who('GET', '/partner/x')
  assert.deepEqual(answers(partner), {})
  assert.match(partner.note ?? '', /issuer idp/)
})

test('a request that no route takes has nobody, and a reason', async () => {
  assert.equal((await who('GET', '/nowhere')).note, 'gateway.no_route')
  assert.equal((await who('TRACE', '/orders/7')).note, 'gateway.method_not_supported')
  assert.equal((await who('GET', '/a/%2e%2e/b')).callers.length, 0)
})

test('what somebody can call is listed by route and method', async () => {
  const of = async (index: number): Promise<readonly string[]> =>
    (await whatCan(view, people[index], now)).map(
      ({ method, path, answer }) => `${method} ${path} ${answer}`,
    )
  assert.deepEqual(await of(0), ['GET /orders/{id} yes', 'GET /public yes'])
  assert.deepEqual(await of(1), ['GET /orders/{id} maybe', 'POST /orders maybe', 'GET /public yes'])
  assert.deepEqual(await of(2), ['GET /orders/{id} maybe', 'GET /public yes'])
  assert.deepEqual(await of(3), ['GET /public yes'])
  assert.deepEqual(
    (await whatCan(view, undefined, now)).map(({ path }) => path),
    ['/public'],
  )
})

test('what is true of a part of a route only says so', async () => {
  const [first] = await whatCan(view, people[2], now)
  assert.deepEqual(
    first?.by.map(({ statement, inPart }) => [statement, inPart]),
    [['Late', true]],
  )
  const [ofBob] = await whatCan(view, people[1], now)
  assert.deepEqual(
    ofBob?.unless.map(({ statement, inPart }) => [statement, inPart]),
    [['NoSecrets', true]],
  )
})

test('a question about every route leaves time for requests between them', async () => {
  let turns = 0
  const timer = { on: true }
  const count = (): void => {
    turns += 1
    if (timer.on) setImmediate(count)
  }
  setImmediate(count)
  await whatCan(view, people[0], now)
  timer.on = false
  assert.ok(turns > 2, `${turns}`)
})

test('a question about many people leaves time for requests between them', async () => {
  const order: string[] = []
  const asked = who('GET', '/orders/7').then(() => order.push('answer'))
  setImmediate(() => order.push('request'))
  await asked
  assert.deepEqual(order, ['request', 'answer'])
})
