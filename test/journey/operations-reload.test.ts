import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { call } from '../kit/http.ts'
import { configurationFile, proofgate, startGateway } from '../kit/gateway.ts'
import { callAdmin, operationsConfiguration, startService, until } from '../kit/operations.ts'
import { boundHeaders, obtainTokens, SoftPerson } from '../kit/person.ts'

const service = await startService()
const base = operationsConfiguration(service)
const file = configurationFile(base)
const gateway = await startGateway({ command: ['serve', '--config', file] })
const person = new SoftPerson(gateway)
assert.equal((await person.enrolByLink(gateway.enrolment?.link ?? '')).status, 200)
const { tokens, key } = await obtainTokens(person)
after(async () => {
  service.close()
  await gateway.kill()
})

/** As an editor that replaces the file does it. */
function write(text: string): void {
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

async function versionInForce(): Promise<string> {
  return (await callAdmin(gateway, '/v1/status')).json().configuration
}

async function orders(): Promise<number> {
  const url = `${gateway.api}/orders/1`
  const headers = boundHeaders(key, tokens.access_token, 'GET', url)
  return (await call(url, { headers })).status
}

function linesSaying(text: string): number {
  return gateway.errors().split(text).length - 1
}

async function statusOf(path: string): Promise<number> {
  return (await call(`${gateway.api}${path}`)).status
}

const extraRoute = base.replace(
  '      - { method: GET, path: /open, authorizer: open }',
  '      - { method: GET, path: /open, authorizer: open }\n      - { method: GET, path: /fresh, authorizer: open }',
)

test('a changed file is in force without a restart, and back again', async () => {
  assert.equal(await statusOf('/fresh'), 404)
  write(extraRoute)
  await until('the new route answers', async () => (await statusOf('/fresh')) === 200)
  write(base)
  await until('the new route is gone', async () => (await statusOf('/fresh')) === 404)
})

test('a policy that no longer allows is in force for tokens that were issued before', async () => {
  assert.equal(await orders(), 200)
  writeFileSync(file, base.replace('Effect: Allow', 'Effect: Deny'))
  const reloaded = await callAdmin(gateway, '/v1/reload', { method: 'POST' })
  assert.equal(reloaded.status, 200, reloaded.text)
  assert.equal(await orders(), 403)
  writeFileSync(file, base)
  assert.equal((await callAdmin(gateway, '/v1/reload', { method: 'POST' })).status, 200)
  assert.equal(await orders(), 200)
})

test('a bad file never replaces a good one, by watching, by signal or by command', async () => {
  const before = await versionInForce()
  const faults = [
    `${base}unknown: true\n`,
    base.replace('http://127', 'ftp://127'),
    base.replace('authorizer: open', 'authorizer: nobody'),
    base.replace('path: /open', 'path: open'),
    base.replace(service.url, gateway.api.replace('api.proofgate.localhost', '127.0.0.1')),
    base.replace(service.url, 'http://169.254.169.254'),
    base.replace("url: '", "url: 'x"),
    'version: 1\napis: {',
    '',
  ]
  for (const fault of faults) {
    assert.notEqual(fault, base)
    write(fault)
    const reloaded = await callAdmin(gateway, '/v1/reload', { method: 'POST' })
    assert.equal(reloaded.status, 409, fault.slice(0, 200))
    assert.equal(reloaded.json().code, 'admin.configuration_refused')
    assert.equal(await versionInForce(), before)
  }
  const refusals = linesSaying('configuration refused')
  gateway.child.kill('SIGHUP')
  await until('the signal loads again', () => linesSaying('configuration refused') > refusals)
  const commanded = await proofgate(['reload', '--data-dir', gateway.dataDirectory])
  assert.equal(commanded.code, 1)
  assert.match(commanded.stderr, /the one in force stays/)
  // A broken file must not stand between an operator and the server that runs.
  const ended = await proofgate(['status', '--data-dir', gateway.dataDirectory])
  assert.equal(ended.code, 0, ended.stderr)
  assert.equal(await statusOf('/open'), 200)
  assert.equal(await orders(), 200)
  assert.equal((await call(`${gateway.admin}/readyz`)).status, 200)
  write(base)
  assert.equal((await callAdmin(gateway, '/v1/reload', { method: 'POST' })).status, 200)
})

test('a refused configuration is on record', async () => {
  const { stdout } = await proofgate([
    'audit',
    'tail',
    '--config',
    file,
    '--data-dir',
    gateway.dataDirectory,
    '--kind',
    'configuration',
    '--json',
    '-n',
    '100',
  ])
  const records = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.ok(
    records.some((one) => one.reason === 'configuration.refused' && one.outcome === 'failure'),
  )
  assert.ok(records.some((one) => one.reason === 'configuration.in_force'))
})

test('what only the next start can change is named in the log', async () => {
  write(base.replace('drain: 2s', 'drain: 3s'))
  await until('the log names it', () => linesSaying('these changes wait for the next start') > 0)
  assert.match(gateway.errors(), /"keys":\["limits"\]/)
  write(base)
  await callAdmin(gateway, '/v1/reload', { method: 'POST' })
})

test('a request under way when a configuration is replaced ends as it began', async () => {
  const slow = call(`${gateway.api}/slow?millis=60000`)
  await until('it arrived', () => service.seen.includes('/slow'))
  write(base.replace('- { method: GET, path: /slow, authorizer: open }', ''))
  assert.equal((await callAdmin(gateway, '/v1/reload', { method: 'POST' })).status, 200)
  assert.equal(await statusOf('/slow?millis=1'), 404)
  service.release()
  const answer = await slow
  assert.equal(answer.status, 200)
  assert.equal(answer.text, 'slow')
  write(base)
  await callAdmin(gateway, '/v1/reload', { method: 'POST' })
})

test('twenty reloads under load fail no request', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const statuses = new Map<string, number>()
  const ending = new AbortController()
  const caller = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const status = await statusOver(agent).catch(
        (error: NodeJS.ErrnoException) => error.code ?? '?',
      )
      statuses.set(String(status), (statuses.get(String(status)) ?? 0) + 1)
      await delay(2)
    }
  }
  const callers = [caller(), caller(), caller(), caller()]
  const loaded = linesSaying('configuration in force')
  for (let round = 1; round <= 20; round++) {
    write(round % 2 === 1 ? extraRoute : base)
    if (round % 3 === 0) gateway.child.kill('SIGHUP')
    else assert.equal((await callAdmin(gateway, '/v1/reload', { method: 'POST' })).status, 200)
    await delay(20)
  }
  await until('all are in force', () => linesSaying('configuration in force') >= loaded + 20)
  ending.abort()
  await Promise.all(callers)
  agent.destroy()
  assert.deepEqual([...statuses.keys()], ['200'])
  assert.ok((statuses.get('200') ?? 0) > 40, `only ${statuses.get('200')} requests`)
  assert.equal(await statusOf('/fresh'), 404)
})

function statusOver(agent: Agent): Promise<number> {
  const { host, port } = new URL(gateway.api)
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { agent, host: '127.0.0.1', port, path: '/open', headers: { host } },
      (incoming) => {
        incoming.resume()
        incoming.once('end', () => resolve(incoming.statusCode ?? 0))
        incoming.once('error', reject)
      },
    )
    outgoing.once('error', reject)
    outgoing.end()
  })
}
