import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { startFakeIssuer } from './fake-issuer.ts'
import type { FakeIssuer } from './fake-issuer.ts'
import { machineFor } from './run.ts'
import type { Machine } from './run.ts'

let issuer: FakeIssuer
let machine: Machine
before(async () => {
  issuer = await startFakeIssuer()
  machine = await machineFor(issuer.url)
  assert.equal((await machine.run('login')).code, 0)
})
after(() => issuer.close())
beforeEach(() => {
  issuer.faults = {}
  issuer.seen.length = 0
})

test('ten calls at once with an expired token use the refresh token once and all succeed', async () => {
  issuer.faults = { tokenDelay: 150 }
  const crowd = await machineFor(issuer.url)
  issuer.faults.lifetime = 1
  assert.equal((await crowd.run('login')).code, 0)
  issuer.faults.lifetime = 300
  const before = { refreshes: issuer.refreshes, reuses: issuer.reuses }
  const runs = await Promise.all(
    Array.from({ length: 10 }, () => crowd.run('curl', '-f', `${issuer.api}/orders/1`)),
  )
  assert.deepEqual(
    runs.map(({ code }) => code),
    runs.map(() => 0),
    runs.map(({ stderr }) => stderr).join(''),
  )
  assert.equal(issuer.reuses, before.reuses)
  assert.equal(issuer.refreshes, before.refreshes + 1)
})

test('ten calls at once, each needing its own refresh, never use one refresh token twice', async () => {
  const crowd = await machineFor(issuer.url)
  // Shorter than the margin before the end, so no token is ever kept.
  issuer.faults = { lifetime: 1, tokenDelay: 20 }
  assert.equal((await crowd.run('login')).code, 0)
  const reuses = issuer.reuses
  const runs = await Promise.all(
    Array.from({ length: 10 }, () => crowd.run('curl', '-f', `${issuer.api}/orders/1`)),
  )
  assert.ok(
    runs.every(({ code }) => code === 0),
    runs.map(({ stderr }) => stderr).join(''),
  )
  assert.equal(issuer.reuses, reuses)
})

test('a kept token is used until shortly before its end, then a new one is fetched', async () => {
  const { refreshes } = issuer
  assert.equal((await machine.run('curl', `${issuer.api}/a`)).code, 0)
  assert.equal((await machine.run('curl', `${issuer.api}/b`)).code, 0)
  assert.equal(issuer.refreshes, refreshes)
})

test('method, headers and form data arrive as curl sends them', async () => {
  const file = join(machine.folder, 'data.txt')
  await writeFile(file, 'c=3\n&d=4\r\n')
  const headers = ['-H', 'X-One: 1', '-H', 'x-one: 2', '-H', 'Accept:', '-H', 'X-Empty;']
  const data = ['-d', 'a=1', '--data-raw', '@b', '-d', `@${file}`, '--data-binary', `@${file}`]
  const url = `${issuer.api}/orders?q=%20x`
  const ran = await machine.run('curl', '-X', 'PATCH', ...headers, ...data, url)
  assert.equal(ran.code, 0, ran.stderr)
  const seen = issuer.seen.at(-1)
  assert.equal(seen?.method, 'PATCH')
  assert.equal(seen?.path, '/orders?q=%20x')
  assert.equal(seen?.body, 'a=1&@b&c=3&d=4&c=3\n&d=4\r\n')
  assert.equal(seen?.headers['x-one'], '1, 2')
  assert.equal(seen?.headers['x-empty'], '')
  assert.equal(seen?.headers.accept, undefined)
  assert.equal(seen?.headers['content-type'], 'application/x-www-form-urlencoded')
})

test('--json sends JSON with its media type, from stdin too', async () => {
  const ran = await machine.runWith('{"a":1}', 'curl', '--json', '@-', `${issuer.api}/orders`)
  assert.equal(ran.code, 0, ran.stderr)
  const seen = issuer.seen.at(-1)
  assert.equal(seen?.method, 'POST')
  assert.equal(seen?.body, '{"a":1}')
  assert.equal(seen?.headers['content-type'], 'application/json')
  assert.equal(seen?.headers.accept, 'application/json')
})

test('-T uploads a file with PUT and its length, and stdin without one', async () => {
  const file = join(machine.folder, 'upload.bin')
  await writeFile(file, 'upload')
  assert.equal((await machine.run('curl', '-T', file, `${issuer.api}/x`)).code, 0)
  assert.equal(issuer.seen.at(-1)?.method, 'PUT')
  assert.equal(issuer.seen.at(-1)?.headers['content-length'], '6')
  assert.equal((await machine.runWith('piped', 'curl', '-T', '-', `${issuer.api}/x`)).code, 0)
  assert.equal(issuer.seen.at(-1)?.body, 'piped')
})

test('-i, -I, -o and -w print what curl prints', async () => {
  const head = await machine.run('curl', '-I', `${issuer.api}/x`)
  assert.match(head.stdout, /^HTTP\/1\.1 200 OK\r\n/)
  assert.equal(issuer.seen.at(-1)?.method, 'HEAD')
  const file = join(machine.folder, 'out.json')
  const facts = '%{http_code} %{content_type}\\n'
  const ran = await machine.run('curl', '-si', '-o', file, '-w', facts, `${issuer.api}/x`)
  assert.equal(ran.stdout, '200 application/json\n')
  assert.match(await readFile(file, 'utf8'), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n\{"method":"GET"/)
})

test('-v shows the heads on stderr and no secret', async () => {
  const ran = await machine.run('curl', '-v', `${issuer.api}/x`)
  assert.match(ran.stderr, /> GET \/x HTTP\/1\.1/)
  assert.match(ran.stderr, /< HTTP\/1\.1 200 OK/)
  const sent = issuer.seen.at(-1)?.headers
  assert.ok(!ran.stderr.includes(String(sent?.authorization).slice(5)))
  assert.ok(!ran.stderr.includes(String(sent?.['dpop'])))
})

test('redirects are not followed', async () => {
  const ran = await machine.run('curl', '-w', '%{http_code}', `${issuer.api}/moved`)
  assert.equal(ran.stdout, 'moved\n302')
  assert.equal(issuer.seen.length, 1)
})

test('-f ends with 22 and without a body, --fail-with-body with it', async () => {
  const quiet = await machine.run('curl', '-f', `${issuer.api}/missing`)
  assert.deepEqual([quiet.code, quiet.stdout], [22, ''])
  assert.match(quiet.stderr, /\(22\) the answer was 404/)
  const loud = await machine.run('curl', '-s', '--fail-with-body', `${issuer.api}/missing`)
  assert.deepEqual([loud.code, loud.stdout, loud.stderr], [22, '{"code":"missing"}', ''])
  assert.equal((await machine.run('curl', `${issuer.api}/missing`)).code, 0)
})

test('an API that wants a nonce in the proof gets the request once more with it', async () => {
  issuer.faults = { apiNonce: true }
  const ran = await machine.run('curl', '-f', '-d', 'a=1', `${issuer.api}/x`)
  assert.equal(ran.code, 0, ran.stderr)
  assert.deepEqual(
    issuer.seen.map(({ body }) => body),
    ['a=1', 'a=1'],
  )
})

test('an API that no longer takes the token gets one new token and no third request', async () => {
  const { refreshes } = issuer
  issuer.faults = { rejectTokens: 1 }
  assert.equal((await machine.run('curl', '-f', `${issuer.api}/x`)).code, 0)
  assert.equal(issuer.refreshes, refreshes + 1)
  issuer.faults = { rejectTokens: 5 }
  issuer.seen.length = 0
  assert.equal((await machine.run('curl', '-f', `${issuer.api}/x`)).code, 22)
  assert.equal(issuer.seen.length, 2)
  assert.equal(issuer.refreshes, refreshes + 2)
})

test('what came from stdin is not sent a second time', async () => {
  issuer.faults = { rejectTokens: 5 }
  assert.equal((await machine.runWith('x', 'curl', '-f', '-T', '-', `${issuer.api}/x`)).code, 22)
  assert.equal(issuer.seen.length, 1)
})

test('a host that names another API gets no token unless the person names it', async () => {
  issuer.faults = { metadataResource: 'http://api.other.localhost:1' }
  const ran = await machine.run('curl', `${issuer.api}/x`)
  assert.equal(ran.code, 1)
  assert.match(ran.stderr, /client\.audience_mismatch/)
  assert.equal(issuer.seen.length, 0)
  assert.equal((await machine.run('curl', '--audience', issuer.api, `${issuer.api}/x`)).code, 0)
})

test('a host without metadata is its own API; any other answer is refused', async () => {
  issuer.faults = { metadataStatus: 404 }
  assert.equal((await machine.run('curl', '-f', `${issuer.api}/x`)).code, 0)
  issuer.faults = { metadataStatus: 500 }
  const ran = await machine.run('curl', `${issuer.api}/x`)
  assert.match(ran.stderr, /client\.audience_unknown/)
  assert.equal(ran.code, 1)
})

test('an API the issuer does not know is refused and the sign-in stays usable', async () => {
  issuer.faults = { metadataStatus: 404 }
  const unknown = await machine.run('curl', `http://unknown.localhost:${issuer.port}/x`)
  assert.match(unknown.stderr, /client\.audience_unknown/)
  assert.equal(issuer.seen.length, 0)
  assert.equal((await machine.run('whoami')).code, 0)
})

test('a token for another API than the one asked for is not used', async () => {
  const other = await machineFor(issuer.url)
  issuer.faults = { lifetime: 1 }
  assert.equal((await other.run('login')).code, 0)
  issuer.faults = { wrongAudience: true }
  const ran = await other.run('curl', `${issuer.api}/x`)
  assert.equal(ran.code, 1)
  assert.match(ran.stderr, /token for another API/)
  assert.equal(issuer.seen.length, 0)
  issuer.faults = {}
  assert.equal((await other.run('curl', '-f', `${issuer.api}/x`)).code, 0)
})

test('transfers that fail end with the exit codes of curl', async () => {
  const cases: [number, string[]][] = [
    [3, ['api.proofgate.localhost:8080/x']],
    [3, ['http://ada:pw@api.proofgate.localhost/x']],
    [7, ['http://127.0.0.1:9/x']],
    [18, [`${issuer.api}/broken`]],
    [23, ['-o', '/nonexistent/file', `${issuer.api}/x`]],
    [26, ['-d', '@/nonexistent/file', `${issuer.api}/x`]],
    [28, ['-m', '0.7', `${issuer.api}/never`]],
  ]
  for (const [code, parameters] of cases) {
    const ran = await machine.run('curl', ...parameters)
    assert.equal(ran.code, code, `${parameters.join(' ')}: ${ran.stderr}`)
    assert.match(ran.stderr, new RegExp(`^proofgate curl: \\(${code}\\)`))
  }
  const silent = await machine.run('curl', '-s', 'http://127.0.0.1:9/x')
  assert.deepEqual([silent.code, silent.stderr], [7, ''])
  const shown = await machine.run('curl', '-sS', 'http://127.0.0.1:9/x')
  assert.match(shown.stderr, /\(7\)/)
})

test('flags that would weaken or mislead are refused with what to do', async () => {
  const cases: [RegExp, string[]][] = [
    [/redirects are not followed/, ['-L']],
    [/certificates are always checked/, ['-k']],
    [/unknown option '--proxy'/, ['--proxy', 'x']],
    [/sets the header Authorization itself/, ['-H', 'Authorization: Bearer x']],
    [/sets the header dPoP itself/, ['-H', 'dPoP: x']],
    [/is not a header/, ['-H', 'no header']],
    [/is not a header/, ['-H', 'x: a\r\ny: b']],
    [/is not a method/, ['-X', 'GET /']],
    [/do not go together/, ['-I', '-d', 'x']],
    [/number of seconds/, ['-m', '0']],
    [/does not know %\{remote_ip\}/, ['-w', '%{remote_ip}']],
  ]
  for (const [message, parameters] of cases) {
    const ran = await machine.run('curl', ...parameters, `${issuer.api}/x`)
    assert.equal(ran.code, 1, parameters.join(' '))
    assert.match(ran.stderr, message)
  }
  assert.equal(issuer.seen.length, 0)
})

test('no token is sent in plain http to another machine', async () => {
  const ran = await machine.run('curl', '--audience', issuer.api, 'http://192.0.2.1/x')
  assert.equal(ran.code, 1)
  assert.match(ran.stderr, /client\.transport_unsafe/)
})

test('every proof so far was made for its request and used once', () => {
  assert.deepEqual(issuer.problems, [])
})

test('what the API wants proved is asked of the person, once, and the request is sent again', async () => {
  issuer.faults = { demand: 'acr_values="phrh", max_age="300"' }
  const families = issuer.families.size
  const ended = (): number => [...issuer.families.values()].filter((one) => one.revoked).length
  const endedBefore = ended()
  const ran = await machine.run('curl', '-f', '-d', 'a=1', `${issuer.api}/transfers`)
  assert.equal(ran.code, 0, ran.stderr)
  assert.match(ran.stderr, /wants a sign-in of the last 300 s \(phrh\)/)
  assert.equal(issuer.families.size, families + 1)
  assert.deepEqual(
    issuer.seen.map(({ body }) => body),
    ['a=1', 'a=1'],
  )
  assert.equal(ended(), endedBefore + 1, 'the sign-in before it is ended')
  assert.equal((await machine.run('curl', '-f', `${issuer.api}/transfers`)).code, 0)
  assert.equal(issuer.families.size, families + 1, 'the new sign-in is kept')
})

test('a demand that signing in again does not meet is the answer, and not asked for ever', async () => {
  issuer.faults = { demand: 'acr_values="never"' }
  const families = issuer.families.size
  const ran = await machine.run('curl', '-f', `${issuer.api}/transfers`)
  assert.equal(ran.code, 22, ran.stderr)
  assert.equal(issuer.families.size, families + 1)
  assert.equal(issuer.seen.length, 2)
})

test('nobody is asked with --no-step-up, nor for a body that cannot be sent again', async () => {
  issuer.faults = { demand: 'acr_values="phrh", max_age="301"' }
  const families = issuer.families.size
  const ran = await machine.run('curl', '-f', '--no-step-up', `${issuer.api}/transfers`)
  assert.equal(ran.code, 22, ran.stderr)
  const piped = await machine.runWith('once', 'curl', '-f', '-T', '-', `${issuer.api}/transfers`)
  assert.equal(piped.code, 22, piped.stderr)
  assert.equal(issuer.families.size, families)
})

test('somebody else who signs in then changes nothing', async () => {
  issuer.faults = { demand: 'acr_values="phrh", max_age="302"', subject: 'person-2' }
  const ran = await machine.run('curl', '-f', `${issuer.api}/transfers`)
  assert.notEqual(ran.code, 0)
  assert.match(ran.stderr, /somebody else signed in/)
  assert.equal(issuer.seen.length, 1)
  issuer.faults = {}
  const whoami = await machine.run('whoami', '--json')
  assert.equal(JSON.parse(whoami.stdout).subject, 'person-1', whoami.stderr)
})
