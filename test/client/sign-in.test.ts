import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { lookup } from '../../src/client/transport.ts'
import { startFakeIssuer } from './fake-issuer.ts'
import type { FakeIssuer } from './fake-issuer.ts'
import { machineFor, programPath } from './run.ts'

let issuer: FakeIssuer
before(async () => {
  issuer = await startFakeIssuer()
})
after(() => issuer.close())
beforeEach(() => {
  issuer.faults = {}
})

async function credentials(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => /^credentials-.*\.json$/.test(name))
}

test('login keeps the tokens in a file only its owner can read, and says which', async () => {
  const machine = await machineFor(issuer.url)
  const folder = join(machine.folder, 'new')
  machine.environment['PROOFGATE_CREDENTIALS_DIR'] = folder
  const ran = await machine.run('login', '--json')
  assert.equal(ran.code, 0, ran.stderr)
  const { subject, username, store } = JSON.parse(ran.stdout)
  assert.deepEqual([subject, username, store], ['person-1', 'ada', 'file'])
  const [name = ''] = await credentials(folder)
  const path = join(folder, name)
  assert.ok(ran.stderr.includes(path))
  assert.match(ran.stderr, /http:\/\/auth\.proofgate\.localhost:\d+\/oauth2\/authorize\?/)
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  const left = (await readdir(folder)).filter((entry) => entry.endsWith('.new'))
  assert.deepEqual(left, [])
})

test('login and whoami print no token', async () => {
  const machine = await machineFor(issuer.url)
  const login = await machine.run('login', '--json')
  const whoami = await machine.run('whoami', '--json')
  const [name = ''] = await credentials(machine.folder)
  const file = JSON.parse(await readFile(join(machine.folder, name), 'utf8'))
  const profile = JSON.parse(file.profile)
  const printed = login.stdout + login.stderr + whoami.stdout + whoami.stderr
  const secrets = [profile.refreshToken, profile.key.d, profile.accessTokens[0].token]
  for (const secret of secrets) {
    assert.equal(typeof secret, 'string')
    assert.ok(!printed.includes(secret))
  }
})

test('answers that are not the one asked for leave nothing behind', async () => {
  const cases: [RegExp, FakeIssuer['faults']][] = [
    [/access_denied/, { denyAuthorization: true }],
    [/came from another issuer/, { wrongIss: true }],
    [/came from another issuer/, { noIss: true }],
    [/not bound to our key/, { bearer: true }],
    [/ID token is for another sign-in/, { wrongNonce: true }],
    [/says it is another issuer/, { discoveredIssuer: 'http://evil.localhost' }],
  ]
  for (const [message, faults] of cases) {
    issuer.faults = faults
    const machine = await machineFor(issuer.url)
    const ran = await machine.run('login')
    assert.equal(ran.code, 1, JSON.stringify(faults))
    assert.match(ran.stderr, message)
    assert.deepEqual(await credentials(machine.folder), [])
  }
})

test('a token endpoint that wants a nonce in the proof gets one', async () => {
  issuer.faults = { demandNonce: true }
  const machine = await machineFor(issuer.url)
  assert.equal((await machine.run('login')).code, 0)
  assert.equal((await machine.run('whoami')).code, 0)
})

test('signing in again ends the sign-in before', async () => {
  const machine = await machineFor(issuer.url)
  await machine.run('login')
  const first = [...issuer.families.values()].at(-1)
  await machine.run('login')
  assert.equal(first?.revoked, true)
  assert.equal([...issuer.families.values()].at(-1)?.revoked, false)
  assert.equal((await machine.run('whoami')).code, 0)
})

test('login remembers the issuer for the commands after it', async () => {
  const machine = await machineFor('')
  await machine.run('login', '--issuer', `${issuer.url}/`)
  const ran = await machine.run('whoami', '--json')
  assert.equal(JSON.parse(ran.stdout).issuer, issuer.url)
})

test('whoami tells what the issuer says now, without control characters', async () => {
  const machine = await machineFor(issuer.url)
  await machine.run('login')
  const json = JSON.parse((await machine.run('whoami', '--json')).stdout)
  assert.deepEqual(
    [json.subject, json.username, json.groups, json.acr, json.checked, json.store],
    ['person-1', 'ada', ['admins'], 'phr', true, 'file'],
  )
  const plain = await machine.run('whoami')
  assert.ok(!plain.stdout.includes('\u001b'))
  assert.ok(plain.stdout.includes(machine.folder))
})

test('whoami and token say that a revoked sign-in has ended', async () => {
  const machine = await machineFor(issuer.url)
  issuer.faults = { lifetime: 1 }
  await machine.run('login')
  for (const family of issuer.families.values()) family.revoked = true
  for (const command of [['whoami'], ['token', '--audience', issuer.api]]) {
    const ran = await machine.run(...command)
    assert.equal(ran.code, 1)
    assert.match(ran.stderr, /client\.sign_in_ended/)
    assert.match(ran.stderr, /proofgate login/)
    assert.equal(ran.stdout, '')
  }
})

test('logout ends the sign-in at the issuer and here', async () => {
  const machine = await machineFor(issuer.url)
  await machine.run('login')
  const ran = await machine.run('logout', '--json')
  assert.deepEqual(JSON.parse(ran.stdout), { issuer: issuer.url, signedOut: true, revoked: true })
  assert.equal([...issuer.families.values()].at(-1)?.revoked, true)
  assert.deepEqual(await credentials(machine.folder), [])
  assert.match((await machine.run('whoami')).stderr, /client\.not_signed_in/)
  assert.equal((await machine.run('logout')).code, 0)
})

test('without the issuer, logout still forgets, whoami still answers, and both warn', async () => {
  const gone = await startFakeIssuer()
  const machine = await machineFor(gone.url)
  await machine.run('login')
  gone.close()
  const whoami = await machine.run('whoami', '--json')
  assert.equal(JSON.parse(whoami.stdout).checked, false)
  assert.match(whoami.stderr, /warning/)
  const ran = await machine.run('logout', '--json')
  assert.deepEqual([ran.code, JSON.parse(ran.stdout).revoked], [0, false])
  assert.match(ran.stderr, /warning/)
  assert.deepEqual(await credentials(machine.folder), [])
  const login = await machine.run('login')
  assert.match(login.stderr, /client\.issuer_unreachable/)
})

test('an issuer that fails to revoke is told apart from one that did', async () => {
  const machine = await machineFor(issuer.url)
  await machine.run('login')
  issuer.faults = { revocationStatus: 503 }
  assert.equal(JSON.parse((await machine.run('logout', '--json')).stdout).revoked, false)
})

test('token needs to know the API, and says which proof it needs', async () => {
  const machine = await machineFor(issuer.url)
  await machine.run('login')
  const unknown = await machine.run('token')
  assert.deepEqual([unknown.code, unknown.stdout], [1, ''])
  assert.match(unknown.stderr, /--audience/)
  const named = await machine.run('token', '--audience', issuer.api)
  assert.match(named.stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  assert.match(named.stderr, /bound to the key of this machine/)
  const again = await machine.run('token')
  assert.equal(again.stdout, named.stdout)
})

test('token --header prints the two lines of one request', async () => {
  const machine = await machineFor(issuer.url)
  await machine.run('login')
  const url = `${issuer.api}/orders?x=1`
  const ran = await machine.run('token', '--header', '--url', url, '--method', 'POST')
  const [authorization = '', proof = ''] = ran.stdout.split('\n')
  assert.match(authorization, /^Authorization: DPoP \S+$/)
  const claims = JSON.parse(Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString())
  assert.deepEqual([claims.htm, claims.htu], ['POST', `${issuer.api}/orders`])
  const headers = { authorization: authorization.slice(15), dpop: proof.slice(6) }
  const sent = request(url, { method: 'POST', headers, lookup, agent: false })
  sent.end()
  const [answer] = await once(sent, 'response')
  answer.resume()
  assert.equal(answer.statusCode, 200)
  assert.equal((await machine.run('token', '--header')).code, 1)
  assert.equal((await machine.run('token', '--url', 'x')).code, 1)
})

test('issuers that are no issuers or not safe to speak to are refused', async () => {
  const machine = await machineFor('')
  const cases: [RegExp, string][] = [
    [/client\.issuer_invalid/, 'auth.example.com'],
    [/client\.issuer_invalid/, 'https://ada:pw@auth.example.com'],
    [/client\.issuer_invalid/, 'https://auth.example.com/?x=1'],
    [/client\.transport_unsafe/, 'http://192.0.2.1'],
    [/client\.transport_unsafe/, 'http://localhost.example.com'],
    [/client\.issuer_misbehaves/, issuer.api],
  ]
  for (const [message, address] of cases) {
    const ran = await machine.run('login', '--issuer', address)
    assert.equal(ran.code, 1, address)
    assert.match(ran.stderr, message)
  }
})

test('login --device shows the address, the code and a QR code on stderr only', async () => {
  const machine = await machineFor(issuer.url)
  const ran = await machine.run('login', '--device')
  assert.equal(ran.code, 0, ran.stderr)
  assert.equal(ran.stdout, '')
  assert.match(ran.stderr, /WDJB-MJHT/)
  assert.match(ran.stderr, /\/device\n/)
  assert.match(ran.stderr, /[▀▄█]{5}/)
})

test('a folder that others can write to is not used', async () => {
  const machine = await machineFor(issuer.url)
  const folder = join(machine.folder, 'open')
  await mkdir(folder)
  await chmod(folder, 0o777)
  machine.environment['PROOFGATE_CREDENTIALS_DIR'] = folder
  const ran = await machine.run('login')
  assert.match(ran.stderr, /client\.store_exposed/)
  assert.deepEqual(await credentials(folder), [])
})

test('without a keyring and a named folder, the file lives in the XDG folder', async () => {
  const machine = await machineFor(issuer.url)
  delete machine.environment['PROOFGATE_CREDENTIALS_DIR']
  machine.environment['XDG_CONFIG_HOME'] = machine.folder
  machine.environment['DBUS_SESSION_BUS_ADDRESS'] = 'unix:path=/nonexistent'
  const ran = await machine.run('login', '--json')
  assert.equal(JSON.parse(ran.stdout).store, 'file', ran.stderr)
  const folder = join(machine.folder, 'proofgate')
  assert.equal((await credentials(folder)).length, 1)
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
})

test('Ctrl-C ends a login by its signal, says so and keeps nothing', async () => {
  const machine = await machineFor(issuer.url)
  const child = spawn(process.execPath, [programPath, 'login', '--no-browser'], {
    env: machine.environment,
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    const waiting = /Open it in a browser/
    const before = waiting.test(stderr)
    stderr += chunk.toString()
    if (!before && waiting.test(stderr)) child.kill('SIGINT')
  })
  const signal = await new Promise((resolve) => {
    child.on('close', (_code, by) => resolve(by))
  })
  assert.equal(signal, 'SIGINT')
  assert.match(stderr, /Nothing was saved/)
  assert.deepEqual(await credentials(machine.folder), [])
})

test('login with a role keeps nothing when the issuer gives tokens without it', async () => {
  const machine = await machineFor(issuer.url)
  const ran = await machine.run('login', '--role', 'writer')
  assert.equal(ran.code, 1)
  assert.match(ran.stderr, /the issuer gave no token for the role writer/)
  assert.equal((await machine.run('whoami')).code, 1)
})

test('a session policy is read, and refused when it is no JSON', async () => {
  const machine = await machineFor(issuer.url)
  await machine.run('login')
  const ran = await machine.run('token', '--audience', 'a', '--session-policy', '/dev/null')
  assert.equal(ran.code, 1)
  assert.match(ran.stderr, /is not JSON/)
  const missing = await machine.run('token', '--audience', 'a', '--session-policy', '/nowhere')
  assert.match(missing.stderr, /cannot read/)
})
