import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { configurationFile, proofgate, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import { adminSecret, callAdmin, operationsConfiguration, startService } from '../kit/operations.ts'
import { boundHeaders, obtainTokens, SoftPerson } from '../kit/person.ts'

const portalSecret = 'portal-secret-that-nobody-prints'
const upstreamPassword = 'inline-secret-that-nobody-prints'
const service = await startService()
const file = configurationFile(
  operationsConfiguration(
    service,
    `log: { level: debug }
clients:
  - { id: portal, name: Portal, redirectUris: ['https://portal.example/cb'], secret: '\${PORTAL_SECRET}' }
  - { id: inline, name: Inline, redirectUris: ['https://inline.example/cb'], secret: ${upstreamPassword} }
`,
  ),
)
const environment = { PORTAL_SECRET: portalSecret }
const gateway = await startGateway({ command: ['serve', '--config', file], environment })
const link = gateway.enrolment?.link ?? ''
const person = new SoftPerson(gateway)
assert.equal((await person.enrolByLink(link)).status, 200)
const { tokens, key } = await obtainTokens(person)
const orders = `${gateway.api}/orders/1`
const served = await call(orders, {
  headers: boundHeaders(key, tokens.access_token, 'GET', orders),
})
assert.equal(served.status, 200, served.text)
/** Everything any surface answered, to be searched for secrets at the end. */
const outputs: string[] = []
after(async () => {
  service.close()
  await gateway.kill()
})

async function keep(answer: Promise<Answer>): Promise<Answer> {
  const kept = await answer
  outputs.push(kept.text, JSON.stringify(kept.headers))
  return kept
}

/** A call with any Host; node:http would correct some of them. */
function withHost(
  host: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<number> {
  const { hostname, port } = new URL(gateway.admin)
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { hostname, port, path, headers: { ...headers, host } },
      (incoming) => {
        incoming.resume()
        resolve(incoming.statusCode ?? 0)
      },
    )
    outgoing.once('error', reject)
    outgoing.end()
  })
}

test('health, readiness and metrics are open on the admin listener and say nothing secret', async () => {
  const health = await keep(call(`${gateway.admin}/healthz`))
  assert.equal(health.status, 200)
  assert.equal(health.text, 'ok\n')
  const ready = await keep(call(`${gateway.admin}/readyz`))
  assert.deepEqual(ready.json(), { ready: true, problems: [] })
})

test('metrics are Prometheus text: types first, one line a series, labels quoted, histogram rising', async () => {
  const { text, headers } = await keep(call(`${gateway.admin}/metrics`))
  assert.equal(headers['content-type'], 'text/plain; version=0.0.4')
  assert.ok(text.endsWith('\n'))
  const types = new Map<string, string>()
  const seen = new Set<string>()
  let last = -1
  for (const line of text.trimEnd().split('\n')) {
    const type = /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/.exec(line)
    if (type !== null) {
      assert.ok(!types.has(type[1] ?? ''), `${type[1]} is declared twice`)
      types.set(type[1] ?? '', type[2] ?? '')
      continue
    }
    if (line.startsWith('# HELP ')) continue
    const sample = /^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})? (-?[0-9.e+-]+)$/.exec(
      line,
    )
    assert.ok(sample !== null, `not a sample: ${line}`)
    const [, name = '', labels = '', value] = sample
    const family = name.replace(/_(?:bucket|sum|count)$/, '')
    assert.ok(types.has(name) || types.get(family) === 'histogram', `${name} has no type`)
    assert.ok(!seen.has(name + labels), `${name}${labels} comes twice`)
    seen.add(name + labels)
    if (name !== 'proofgate_request_seconds_bucket') continue
    assert.ok(Number(value) >= last, 'a histogram never falls')
    last = Number(value)
  }
  assert.equal(types.get('proofgate_requests_total'), 'counter')
  assert.equal(types.get('process_cpu_seconds_total'), 'counter')
  assert.match(
    text,
    /proofgate_requests_total\{api="service",route="GET \/orders\/\{id\}",status="200",/,
  )
})

test('administration takes the secret of this run and no other credential', async () => {
  const secret = adminSecret(gateway)
  const status = `${gateway.admin}/v1/status`
  const refused: (Record<string, string> | undefined)[] = [
    undefined,
    { authorization: `Bearer ${tokens.access_token}` },
    { authorization: `Bearer ${tokens.id_token}` },
    { authorization: `DPoP ${tokens.access_token}` },
    { authorization: `Bearer ${secret.slice(0, -1)}` },
    { authorization: `Bearer ${secret}x` },
    { authorization: `bearer  ${secret}` },
    { authorization: `Basic ${Buffer.from(`admin:${secret}`).toString('base64')}` },
    { cookie: `secret=${secret}` },
    boundHeaders(key, tokens.access_token, 'GET', status),
  ]
  for (const headers of refused) {
    const answer = await keep(call(status, headers === undefined ? {} : { headers }))
    assert.equal(answer.status, 401, JSON.stringify(headers))
    assert.equal(answer.headers['www-authenticate'], 'Bearer')
    assert.equal(answer.json().code, 'admin.unauthorized')
  }
  assert.equal((await keep(call(`${status}?secret=${secret}`))).status, 401)
  assert.equal((await keep(callAdmin(gateway, '/v1/status'))).status, 200)
  assert.equal((await keep(callAdmin(gateway, '/v1/nothing'))).status, 404)
})

test('what a page could send from a browser does not reach administration', async () => {
  const secret = adminSecret(gateway)
  const posts: [Record<string, string>, string][] = [
    [{ 'content-type': 'text/plain' }, '{"username":"eve"}'],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, 'username=eve'],
    [{ 'content-type': 'application/json', origin: 'https://evil.example' }, '{"username":"eve"}'],
    [{ 'content-type': 'application/json', origin: 'null' }, '{"username":"eve"}'],
    [{ 'content-type': 'application/json', 'sec-fetch-site': 'cross-site' }, '{"username":"eve"}'],
  ]
  for (const [headers, body] of posts) {
    const path = `${gateway.admin}/v1/people`
    const without = await keep(call(path, { method: 'POST', headers, body }))
    assert.equal(without.status, 401, JSON.stringify(headers))
  }
  for (const body of ['{"username":', '[]', '"x"', '{"username":1}']) {
    const answer = await keep(
      callAdmin(gateway, '/v1/people', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      }),
    )
    assert.equal(answer.status, 400, body)
  }
  const text = callAdmin(gateway, '/v1/people', {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: '{"username":"eve"}',
  })
  assert.equal((await keep(text)).status, 415)
  const large = callAdmin(gateway, '/v1/people', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'x'.repeat(200_000) }),
  })
  assert.equal((await keep(large)).status, 413)
  const { people } = (await keep(callAdmin(gateway, '/v1/people'))).json()
  assert.deepEqual(
    people.map((one: any) => one.username),
    ['admin'],
  )
  const port = new URL(gateway.admin).port
  const bearer = { authorization: `Bearer ${secret}` }
  for (const host of [
    `evil.example:${port}`,
    `admin.localhost:${port}`,
    '127.0.0.1',
    'localhost:1',
  ]) {
    assert.equal(await withHost(host, '/v1/status', bearer), 421, host)
    assert.equal(await withHost(host, '/metrics'), 421, host)
  }
  assert.equal(await withHost(`localhost:${port}`, '/v1/status', bearer), 200)
})

test('the admin API is not to be found on the public listener', async () => {
  for (const base of [gateway.api, gateway.identity, gateway.console]) {
    const url = `${new URL(base).origin}/v1/status`
    const answer = await keep(
      call(url, { headers: { authorization: `Bearer ${adminSecret(gateway)}` } }),
    )
    assert.ok(answer.status >= 400, url)
    assert.doesNotMatch(answer.text, /"configuration"/)
  }
})

test('the log is one JSON object a line, whatever is in a request', async () => {
  const odd = `${gateway.api}/open/%0a%7b%22level%22:%22fake%22%7d?x=%1b[31m`
  await keep(call(odd, { headers: { 'user-agent': '\u00e9\u009b31m {"level":"fake"}' } }))
  const lines = gateway.errors().trimEnd().split('\n')
  assert.ok(lines.length > 3)
  for (const line of lines) {
    // The notes on an unset default of the configuration are prose, before the first line of the log.
    if (!line.startsWith('{')) continue
    const entry = JSON.parse(line)
    assert.match(entry.at, /^\d{4}-\d\d-\d\dT.*Z$/)
    assert.match(entry.level, /^(?:debug|info|warn|error)$/)
    assert.equal(typeof entry.message, 'string')
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f]/)
  }
})

test('no secret is read back from any output, log, metric, error, listing or backup report', async () => {
  const where = ['--config', file, '--data-dir', gateway.dataDirectory]
  const ran = await Promise.all(
    [
      ['config', 'show', '--json', ...where],
      ['config', 'show', ...where],
      ['check', '--config', file],
      ['doctor', '--json', ...where],
      ['credentials', 'list', '--json', ...where],
      ['sessions', 'list', '--json', ...where],
      ['keys', 'list', '--json', ...where],
      ['people', 'list', '--json', ...where],
      ['backup', join(temporaryDirectory(), 'copy'), '--json', ...where],
      ['audit', 'tail', '-n', '500', '--json', ...where],
      ['explain', 'GET', orders, '--as', 'admin', '--json', ...where],
    ].map((args) => proofgate(args, { environment })),
  )
  for (const { stdout, stderr } of ran) outputs.push(stdout, stderr)
  for (const path of ['/v1/people', '/v1/credentials', '/v1/sessions', '/v1/keys', '/metrics']) {
    await keep(callAdmin(gateway, path))
  }
  await keep(call(`${gateway.issuer}/.well-known/openid-configuration`))
  await keep(call(`${gateway.issuer}/.well-known/jwks.json`))
  outputs.push(gateway.errors())
  outputs.push(readFolder(join(gateway.dataDirectory, 'audit')))

  const secrets: Record<string, string> = {
    'client secret of the environment': portalSecret,
    'client secret of the file': upstreamPassword,
    'admin secret': adminSecret(gateway),
    'access token': tokens.access_token,
    'refresh token': tokens.refresh_token,
    'id token': tokens.id_token,
    'enrolment ticket': link.slice(link.lastIndexOf('/') + 1),
    'form token': await person.readCsrf(),
    ...keySecrets(),
    ...cookiesOf(person),
  }
  for (const [name, secret] of Object.entries(secrets)) {
    assert.ok(secret.length >= 16, `${name} is not there to look for`)
    for (const output of outputs) {
      const at = output.indexOf(secret)
      assert.equal(at, -1, `the ${name} is in: ${output.slice(Math.max(0, at - 200), at)}`)
    }
  }
})

function readFolder(folder: string): string {
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'latin1'))
    .join('\n')
}

/** The private parts of the keys, however the files write them down. */
function keySecrets(): Record<string, string> {
  const folder = join(gateway.dataDirectory, 'keys')
  const found: Record<string, string> = {}
  for (const name of readdirSync(folder)) {
    const text = readFileSync(join(folder, name), 'utf8')
    for (const [index, [, value = '']] of [
      ...text.matchAll(/"(?:d|p|q|k)"\s*:\s*"([^"]+)"/g),
    ].entries()) {
      found[`${name} ${index}`] = value
    }
    if (name === 'cookie.secret') found[name] = text.trim()
    const pem = /PRIVATE KEY-----\s+(\S{20,})/.exec(text)?.[1]
    if (pem !== undefined) found[name] = pem
  }
  assert.ok(Object.keys(found).length >= 3, 'no private key was found to look for')
  return found
}

function cookiesOf(someone: SoftPerson): Record<string, string> {
  const names = ['pg_session', 'pg_op', 'pg_op.sig']
  const found = names.flatMap((name) => {
    const value = someone.client.cookie(gateway.identity, name)
    return value === undefined ? [] : [[`cookie ${name}`, value] as const]
  })
  assert.ok(found.length > 0, 'no session cookie was found to look for')
  return Object.fromEntries(found)
}
