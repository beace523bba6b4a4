import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { call } from '../kit/http.ts'
import { configurationFile, proofgate, startGateway } from '../kit/gateway.ts'
import { Mint, personId, recordsOf } from '../kit/minting.ts'
import { callAdmin, operationsConfiguration, startService, until } from '../kit/operations.ts'

const service = await startService()
const base = operationsConfiguration(service, 'policyTests: [tests/orders.yaml]\n')
const file = configurationFile(base)
const testFile = join(dirname(file), 'tests', 'orders.yaml')
mkdirSync(dirname(testFile))

const reads = `tests:
  - name: admins may read orders
    who: { user: admin }
    request: GET service /orders
    expect: allow
    by: everything
  - name: readers may not
    who: { user: rita, groups: [readers] }
    request: GET service /orders
    expect: deny
  - name: readers get no order
    who: { user: rita, groups: [readers] }
    request: GET service /orders/1
    expect: deny
    by: policy.no_statement_allows
`
writeFileSync(testFile, reads)
const gateway = await startGateway({ command: ['serve', '--config', file] })
const mint = new Mint(gateway)
const admin = personId(gateway, 'admin')
after(async () => {
  service.close()
  await gateway.kill()
})

/** Readers may read everything, so that what is expected of them fails. */
const generous = base.replace('policies: [] }', 'policies: [everything] }')
const strict = base.replace('Effect: Allow', 'Effect: Deny')

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}

async function reload(): Promise<number> {
  return (await callAdmin(gateway, '/v1/reload', { method: 'POST' })).status
}

async function versionInForce(): Promise<string> {
  return (await callAdmin(gateway, '/v1/status')).json().configuration
}

async function orders(): Promise<number> {
  const headers = { authorization: `Bearer ${mint.token(admin)}` }
  return (await call(`${gateway.api}/orders`, { headers })).status
}

test('a reload whose tests fail is refused, and the one in force stays', async () => {
  const before = await versionInForce()
  assert.equal(await orders(), 200)
  replace(file, strict)
  assert.equal(await reload(), 409)
  assert.equal(await versionInForce(), before)
  assert.equal(await orders(), 200)
  replace(file, generous)
  assert.equal(await reload(), 409)
  assert.equal(await versionInForce(), before)
})

test('what failed is printed with its place, logged and on record by name', async () => {
  await until('it is logged by name', () =>
    gateway.errors().includes('"tests":["readers may not","readers get no order"]'),
  )
  assert.match(
    gateway.errors(),
    /orders\.yaml:5:13 {2}config\.policy-test {2}found deny by everything\/#0 \(.*\), expected allow by everything in the test "admins may read orders"/,
  )
  const refused = (await recordsOf(gateway, 'configuration')).filter(
    ({ reason }) => reason === 'configuration.refused',
  )
  assert.ok(
    refused.some(
      ({ outcome, detail, what }) =>
        outcome === 'failure' &&
        detail === 'config.policy-test' &&
        JSON.stringify(what?.['failedTests']) === '["readers may not","readers get no order"]',
    ),
    JSON.stringify(refused),
  )
})

test('the answers that would change are printed, old against new, also of tests that pass', async () => {
  // Denied before and after, but by a statement now.
  const start = gateway.errors().length
  replace(file, strict.replace('policies: [] }', 'policies: [everything] }'))
  assert.equal(await reload(), 409)
  await until('it is printed', () => gateway.errors().slice(start).includes('refused'))
  const printed = gateway.errors().slice(start)
  assert.match(
    printed,
    /answers of policy tests that would change:\n {2}admins may read orders \(FAILED\)\n {4}- allow by everything\/#0 \(.*\)\n {4}\+ deny by everything\/#0 \(.*\)\n {2}readers may not\n {4}- deny \(policy\.no_statement_allows\)\n {4}\+ deny by everything\/#0/,
  )
})

test('policy test says what is answered by the configuration in force', async () => {
  replace(file, generous)
  const where = ['--config', file, '--data-dir', gateway.dataDirectory]
  const { code, stdout } = await proofgate(['policy', 'test', ...where])
  assert.equal(code, 1)
  assert.match(stdout, /^ok {6}admins may read orders\n/)
  assert.match(
    stdout,
    /\nFAILED {2}readers may not: expected deny, found allow by everything\/#0 \(.*\); in force: deny \(policy\.no_statement_allows\) {2}.*orders\.yaml:10\n/,
  )
  const json = await proofgate(['policy', 'test', ...where, '--json'])
  const { tests } = JSON.parse(json.stdout)
  assert.deepEqual(
    tests.map(({ inForce }: { inForce?: string }) => inForce),
    [undefined, 'deny (policy.no_statement_allows)', 'deny (policy.no_statement_allows)'],
  )
})

test('tests are watched: one that is mended lets a waiting configuration in', async () => {
  const before = await versionInForce()
  replace(
    testFile,
    reads
      .replaceAll('expect: deny', 'expect: allow')
      .replace('by: policy.no_statement_allows', 'by: policy.allowed'),
  )
  await until('it is in force', async () => (await versionInForce()) !== before)
  const allowed = await proofgate([
    'policy',
    'test',
    '--data-dir',
    gateway.dataDirectory,
    '-c',
    file,
  ])
  assert.equal(allowed.code, 0, allowed.stdout)
  assert.doesNotMatch(allowed.stdout, /in force/)
})

test('loads are dealt with in their order, tested or not', async () => {
  replace(testFile, reads)
  const many = Array.from(
    { length: 900 },
    (_, index) =>
      `  - { name: t${index}, who: { user: admin }, request: GET service /orders, expect: allow }\n`,
  )
  writeFileSync(join(dirname(file), 'tests', 'many.yaml'), `tests:\n${many.join('')}`)
  const tested = base.replace('[tests/orders.yaml]', '[tests/orders.yaml, tests/many.yaml]')
  replace(file, tested)
  const first = reload()
  // Long enough for the first to be loaded, not for its tests. What is in force in the end does not depend on it.
  await delay(10)
  const open = 'path: /open, authorizer: open }'
  const more = `${open}\n      - { method: GET, path: /fresh, authorizer: open }`
  replace(file, base.replace(/policyTests.*\n/, '').replace(open, more))
  assert.deepEqual(await Promise.all([first, reload()]), [200, 200])
  assert.equal((await call(`${gateway.api}/fresh`)).status, 200)
})
