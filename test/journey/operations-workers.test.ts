import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { call } from '../kit/http.ts'
import { configurationFile, proofgate, startGateway } from '../kit/gateway.ts'
import { callAdmin, operationsConfiguration, startService, until } from '../kit/operations.ts'
import { boundHeaders, obtainTokens, SoftPerson } from '../kit/person.ts'

/*
 * One process with three serving threads. Every call here is a connection of its own, so the threads take turns
 * as the kernel likes; nothing tells from outside which one answered.
 */
const service = await startService()
const routes = `      - { method: GET, path: /limited, authorizer: open, throttle: { route: { rate: 0.001, burst: 25 } } }\n`
const marker = '      - { method: GET, path: /orders }\n'
const base = operationsConfiguration(service, 'workers: 3\n').replace(marker, `${routes}${marker}`)
const file = configurationFile(base)
const gateway = await startGateway({ command: ['serve', '--config', file] })
// Each step of it may be answered by another thread.
const person = new SoftPerson(gateway)
assert.equal((await person.enrolByLink(gateway.enrolment?.link ?? '')).status, 200)
const { tokens, key } = await obtainTokens(person)
after(async () => {
  service.close()
  await gateway.kill()
})

function many(count: number, path: string): Promise<readonly number[]> {
  const one = async (): Promise<number> => (await call(`${gateway.api}${path}`)).status
  return Promise.all(Array.from({ length: count }, one))
}

async function orders(): Promise<number> {
  const url = `${gateway.api}/orders/1`
  const headers = boundHeaders(key, tokens.access_token, 'GET', url)
  return (await call(url, { headers })).status
}

test('a bucket is one bucket, whichever thread a request meets', async () => {
  const statuses = await many(200, '/limited')
  assert.equal(statuses.filter((status) => status === 200).length, 25)
  assert.equal(statuses.filter((status) => status === 429).length, 175)
})

test('all threads serve', async () => {
  const before = await requestsTo('/open')
  assert.ok((await many(60, '/open')).every((status) => status === 200))
  await until('all are counted', async () => (await requestsTo('/open')) - before >= 60)
  assert.equal((await requestsTo('/open')) - before, 60)
  for (let turn = 0; turn < 12; turn++) assert.equal(await orders(), 200)
})

async function requestsTo(path: string): Promise<number> {
  const { text } = await call(`${gateway.admin}/metrics`)
  const lines = text.split('\n').filter((line) => line.startsWith('proofgate_requests_total'))
  const line = lines.find((one) => one.includes(`"GET ${path}"`))
  return Number(line?.split(' ').at(-1) ?? 0)
}

test('a proof is used up in all threads', async () => {
  const url = `${gateway.api}/orders/1`
  const headers = boundHeaders(key, tokens.access_token, 'GET', url)
  const statuses = await Promise.all(
    Array.from({ length: 20 }, async () => (await call(url, { headers })).status),
  )
  assert.equal(statuses.filter((status) => status === 200).length, 1)
})

test('another configuration is in force in all threads once the reload is answered', async () => {
  writeFileSync(file, base.replace('path: /open,', 'path: /fresh,'))
  assert.equal((await callAdmin(gateway, '/v1/reload', { method: 'POST' })).status, 200)
  assert.ok((await many(40, '/fresh')).every((status) => status === 200))
  assert.ok((await many(40, '/open')).every((status) => status === 404))
  writeFileSync(file, base)
  assert.equal((await callAdmin(gateway, '/v1/reload', { method: 'POST' })).status, 200)
  assert.ok((await many(40, '/open')).every((status) => status === 200))
})

test('what is revoked is refused by all threads, and stays refused', async () => {
  const disabled = await proofgate([
    'people',
    'disable',
    'admin',
    '--data-dir',
    gateway.dataDirectory,
  ])
  assert.equal(disabled.code, 0, disabled.stderr)
  // A tenth of a second is what the threads have to hear of it, on a machine that has nothing else to do.
  await until('the threads have heard of it', async () => {
    for (let turn = 0; turn < 20; turn++) if ((await orders()) !== 401) return false
    return true
  })
  for (let turn = 0; turn < 30; turn++) assert.equal(await orders(), 401)
})

test('the log of all threads is one, has each decision once, and verifies', async () => {
  assert.equal(await gateway.stop(), 0, gateway.errors())
  const verified = await proofgate(['audit', 'verify', '--data-dir', gateway.dataDirectory])
  assert.equal(verified.code, 0, verified.stdout + verified.stderr)
  const shown = await proofgate([
    'audit',
    'tail',
    '--json',
    '--lines',
    '5000',
    '--data-dir',
    gateway.dataDirectory,
  ])
  const records = shown.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; kind: string; what?: { path?: string } })
  const limited = records.filter((record) => record.what?.path === '/limited')
  assert.equal(limited.length, 200)
  assert.equal(new Set(limited.map((record) => record.id)).size, 200)
})
