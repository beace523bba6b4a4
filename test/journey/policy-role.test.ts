import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { call } from '../kit/http.ts'
import { configurationFile, proofgate, startGateway } from '../kit/gateway.ts'
import { Mint, personId, recordsOf } from '../kit/minting.ts'
import { startService, until } from '../kit/operations.ts'

/*
 * What docs/roles.md walks through: engineers with a hardware key verified in the last hour may POST /orders.
 */

const service = await startService()
const resource = 'arn:aws:execute-api:local:000000000000:orders/default'
const before = `version: 1
people:
  - { username: alice, groups: [engineers] }
  - { username: bob, groups: [support] }
groups:
  engineers: { policies: [read-orders] }
  support: { policies: [read-orders] }
policies:
  read-orders:
    Version: '2012-10-17'
    Statement:
      - { Sid: ReadOrders, Effect: Allow, Action: 'execute-api:Invoke', Resource: '${resource}/GET/orders' }
upstreams: { orders: { url: '${service.url}' } }
apis:
  orders:
    upstream: orders
    routes: [{ method: GET, path: /orders }, { method: POST, path: /orders }]
`
const right = before.replace(
  'upstreams:',
  `  place-orders:
    Version: '2012-10-17'
    Statement:
      - { Sid: PlaceOrders, Effect: Allow, Action: 'execute-api:Invoke', Resource: '${resource}/POST/orders' }
upstreams:`,
).concat(`roles:
  order-writer:
    automatic: true
    policies: [place-orders]
    trust:
      Version: '2012-10-17'
      Statement:
        - Sid: EngineersWithHardware
          Effect: Allow
          Principal: '*'
          Action: sts:AssumeRole
          Condition:
            ForAnyValue:StringEquals: { proofgate:Group: engineers }
            StringEquals: { proofgate:Acr: phrh }
            NumericLessThan: { proofgate:AuthAge: '3600' }
`)
const wrongPath = right.replace('POST/orders', 'POST/order')
const wrongKey = wrongPath.replace('proofgate:AuthAge', 'proofgate:AuthenticationAge')
const tested = (text: string): string => `${text}policyTests: [tests.yaml]\n`

const tests = `tests:
  - name: engineers with a hardware key place orders
    who: { user: alice }
    request: POST orders /orders
    context: { proofgate:Acr: phrh }
    expect: allow
    by: order-writer/place-orders/PlaceOrders
  - name: not an hour later
    who: { user: alice }
    request: POST orders /orders
    context: { proofgate:Acr: phrh, proofgate:AuthAge: 3600 }
    expect: deny
  - name: not with a synced passkey
    who: { user: alice }
    request: POST orders /orders
    expect: deny
  - name: nobody else does
    who: { user: bob }
    request: POST orders /orders
    context: { proofgate:Acr: phrh }
    expect: deny
`

const file = configurationFile(before)
const cwd = dirname(file)
const gateway = await startGateway({ command: ['serve', '--config', file] })
const mint = new Mint(gateway)
const [alice, bob] = [personId(gateway, 'alice'), personId(gateway, 'bob')]
after(async () => {
  service.close()
  await gateway.kill()
})

function save(name: string, text: string): void {
  writeFileSync(join(cwd, `${name}.new`), text)
  renameSync(join(cwd, `${name}.new`), join(cwd, name))
}

function run(...args: readonly string[]): ReturnType<typeof proofgate> {
  return proofgate([...args, '--data-dir', gateway.dataDirectory], { cwd })
}

function said(text: string): number {
  return gateway.errors().split(text).length - 1
}

/** Saves, and waits until the server has taken the file or refused it. */
async function saveConfiguration(text: string, outcome: 'in force' | 'refused'): Promise<void> {
  const seen = said(`configuration ${outcome}`)
  save('proofgate.yaml', text)
  await until(`the file is ${outcome}`, () => said(`configuration ${outcome}`) > seen)
}

const hardware = { acr: 'phrh' }
const synced = { acr: 'phr' }
const twoHoursAgo = { acr: 'phrh', auth_time: Math.floor(Date.now() / 1000) - 7200 }

async function statusOf(method: string, person: string, claims: object): Promise<number> {
  const headers = { authorization: `Bearer ${mint.token(person, { ...claims })}` }
  return (await call(`${gateway.api}/orders`, { method, headers })).status
}

test('at first engineers read orders and place none', async () => {
  assert.equal(await statusOf('GET', alice, hardware), 200)
  assert.equal(await statusOf('POST', alice, hardware), 403)
})

test('a role with a key that does not exist fails the linter, and the server keeps what it has', async () => {
  await saveConfiguration(wrongKey, 'refused')
  const { code, stdout } = await run('policy', 'lint')
  assert.equal(code, 1)
  assert.match(
    stdout,
    /policy\.unknown_key {2}there is no condition key "proofgate:AuthenticationAge"/,
  )
  assert.equal(await statusOf('GET', alice, hardware), 200)
})

test('mended, it is in force, and the linter doubts that its policy ever applies', async () => {
  await saveConfiguration(wrongPath, 'in force')
  const linted = await run('policy', 'lint')
  assert.equal(linted.code, 0)
  assert.match(linted.stdout, /policy\.warn_never_applies/)
  assert.equal((await run('policy', 'lint', '--strict')).code, 1)
  assert.equal(await statusOf('POST', alice, hardware), 403)
})

test('an explanation says that the role is held, and that it does not help', async () => {
  const url = `${gateway.api}/orders`
  const asked = ['explain', 'POST', url, '--as', 'alice', '--fact', 'proofgate:Acr=phrh']
  const { code, stdout } = await run(...asked)
  assert.equal(code, 2)
  assert.match(stdout, /order-writer +automatic +yes/)
  assert.match(stdout, /answer: deny \(policy\.no_statement_allows\)/)
  assert.match(stdout, /no Allow names this action and resource/)
})

test('tests fail, so that a configuration that names them is refused', async () => {
  save('tests.yaml', tests)
  const { code, stdout } = await run('policy', 'test', 'tests.yaml')
  assert.equal(code, 1)
  assert.match(
    stdout,
    /^FAILED {2}engineers with a hardware key place orders: expected allow by order-writer\/place-orders\/PlaceOrders, found deny \(policy\.no_statement_allows\) {2}tests\.yaml:6\n/,
  )
  assert.match(stdout, /\n4 tests, 1 failed\n$/)
  await saveConfiguration(tested(wrongPath), 'refused')
})

test('with the right path they pass, and it takes effect without a restart', async () => {
  save('proofgate.yaml', tested(right))
  await until('orders are placed', async () => (await statusOf('POST', alice, hardware)) === 200)
  const { code, stdout } = await run('policy', 'test')
  assert.equal(code, 0, stdout)
  assert.match(stdout, /\n4 tests, 0 failed\n$/)
  // Who would hold the role after signing in anew, or with another key, is told so (RFC 9470).
  for (const [person, claims, status] of [
    [alice, synced, 401],
    [alice, twoHoursAgo, 401],
    [bob, hardware, 403],
  ] as const) {
    assert.equal(await statusOf('POST', person, claims), status)
    assert.equal(await statusOf('GET', person, claims), 200)
  }
  const explained = await run(
    'explain',
    'POST',
    `${gateway.api}/orders`,
    '--as',
    'alice',
    '--fact',
    'proofgate:Acr=phrh',
  )
  assert.equal(explained.code, 0, explained.stdout)
  assert.match(
    explained.stdout,
    /answer: allow \(policy\.allowed\), by .*place-orders\/PlaceOrders/,
  )
  const records = await recordsOf(gateway, 'decision')
  const placed = records.find(
    ({ outcome, what }) => outcome === 'allow' && what?.['method'] === 'POST',
  )
  assert.equal(placed?.what?.['role'], 'order-writer', JSON.stringify(records.at(-1)))
})

test('whoever loosens it later is stopped by the tests', async () => {
  const loose = right.replace("            NumericLessThan: { proofgate:AuthAge: '3600' }\n", '')
  assert.notEqual(loose, right)
  await saveConfiguration(tested(loose), 'refused')
  assert.match(gateway.errors(), /"tests":\["not an hour later"\]/)
  assert.equal(await statusOf('POST', alice, twoHoursAgo), 401)
  assert.equal(await statusOf('POST', alice, hardware), 200)
})
