import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, mock, test } from 'node:test'
import { inspect } from 'node:util'
import { browserLaunch } from '../../src/client/browser.ts'
import { personOf } from '../../src/client/claims.ts'
import { CredentialStore } from '../../src/client/credential-store.ts'
import { signInByDevice } from '../../src/client/sign-in/device.ts'
import { discover } from '../../src/client/issuer.ts'
import type { Keyring } from '../../src/client/keyring.ts'
import { openLoopback } from '../../src/client/sign-in/loopback.ts'
import type { Profile } from '../../src/client/profile.ts'
import { ProofKey } from '../../src/client/proof-key.ts'
import { printable } from '../../src/client/terminal.ts'
import { isLoopbackHost } from '../../src/client/transport.ts'
import { manualClock, Secret, systemClock } from '../../src/core/index.ts'
import { startFakeIssuer } from './fake-issuer.ts'
import type { FakeIssuer } from './fake-issuer.ts'

const issuerName = 'https://auth.example.com'
const clock = manualClock()

let issuer: FakeIssuer
before(async () => {
  issuer = await startFakeIssuer()
})
after(() => issuer.close())
beforeEach(() => {
  issuer.faults = {}
})

function profileAt(name: string): Profile {
  return {
    issuer: name,
    person: {
      subject: 'person-1',
      name: undefined,
      username: 'ada',
      groups: ['admins'],
      acr: undefined,
      amr: [],
      authTime: undefined,
    },
    key: ProofKey.generate(),
    refreshToken: new Secret('refresh-secret'),
    accessTokens: new Map([
      ['live', { token: new Secret('access-secret'), expiresAt: clock.now() + 1000 }],
      ['dead', { token: new Secret('dead-secret'), expiresAt: clock.now() }],
    ]),
    lastAudience: 'live',
    role: undefined,
    signedInAt: clock.now(),
  }
}

class MemoryKeyring implements Keyring {
  readonly keys = new Map<string, Uint8Array>()
  loadKey(name: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.keys.get(name))
  }
  ensureKey(name: string): Promise<Uint8Array> {
    const key = this.keys.get(name) ?? crypto.getRandomValues(new Uint8Array(32))
    this.keys.set(name, key)
    return Promise.resolve(key)
  }
  removeKey(name: string): Promise<void> {
    this.keys.delete(name)
    return Promise.resolve()
  }
}

async function storeWith(keyring?: Keyring): Promise<{ store: CredentialStore; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'proofgate-store-'))
  const keyrings = {
    probe: () => Promise.resolve(keyring),
    open: () =>
      keyring === undefined ? Promise.reject(new Error('none')) : Promise.resolve(keyring),
  }
  return { folder, store: new CredentialStore({ folder, fileOnly: false, clock, keyrings }) }
}

test('a profile comes back as it was stored, without tokens that have ended', async () => {
  const { store } = await storeWith()
  assert.equal(await store.choose(), 'file')
  const profile = profileAt(issuerName)
  await store.save(profile, 'file')
  const stored = await store.load(issuerName)
  assert.equal(stored?.protection, 'file')
  assert.equal(stored?.profile.key.thumbprint, profile.key.thumbprint)
  assert.equal(stored?.profile.refreshToken.reveal(), 'refresh-secret')
  assert.deepEqual([...(stored?.profile.accessTokens.keys() ?? [])], ['live'])
  assert.ok(!inspect(stored, { depth: 9 }).includes('-secret'))
})

test('with a keyring the file is sealed and opens only with its key and for its issuer', async () => {
  const keyring = new MemoryKeyring()
  const { store } = await storeWith(keyring)
  assert.equal(await store.choose(), 'keyring')
  await store.save(profileAt(issuerName), 'keyring')
  const path = store.pathOf(issuerName)
  const text = await readFile(path, 'utf8')
  assert.ok(!text.includes('refresh-secret') && !text.includes('ada'))
  assert.equal((await store.load(issuerName))?.profile.refreshToken.reveal(), 'refresh-secret')

  const file = JSON.parse(text)
  const flipped = Buffer.from(file.sealed, 'base64url')
  flipped[3] = (flipped[3] ?? 0) ^ 1
  await writeFile(path, JSON.stringify({ ...file, sealed: flipped.toString('base64url') }))
  await assert.rejects(store.load(issuerName), { code: 'client.store_damaged' })

  const other = 'https://other.example.com'
  keyring.keys.set(other, keyring.keys.get(issuerName) ?? new Uint8Array())
  await writeFile(path, text)
  await rename(path, store.pathOf(other))
  await assert.rejects(store.load(other), { code: 'client.store_damaged' })

  await store.save(profileAt(issuerName), 'keyring')
  keyring.keys.clear()
  await assert.rejects(store.load(issuerName), { code: 'client.store_damaged' })
})

test('forgetting a sealed sign-in takes the key out of the keyring', async () => {
  const keyring = new MemoryKeyring()
  const { store } = await storeWith(keyring)
  await store.save(profileAt(issuerName), 'keyring')
  await store.remove(issuerName, 'keyring')
  assert.equal(keyring.keys.size, 0)
  assert.equal(await store.load(issuerName), undefined)
})

test('a plain file moved to the name of another issuer is refused', async () => {
  const { store } = await storeWith()
  await store.save(profileAt(issuerName), 'file')
  await rename(store.pathOf(issuerName), store.pathOf('https://evil.example.com'))
  await assert.rejects(store.load('https://evil.example.com'), { code: 'client.store_damaged' })
})

test('files that others can read, links and damaged files are refused', async () => {
  const { store, folder } = await storeWith()
  const path = store.pathOf(issuerName)
  await store.save(profileAt(issuerName), 'file')
  const good = await readFile(path, 'utf8')
  for (const mode of [0o640, 0o604, 0o620, 0o602]) {
    await chmod(path, mode)
    await assert.rejects(store.load(issuerName), { code: 'client.store_exposed' })
  }
  await chmod(path, 0o600)
  for (const bad of [
    '',
    '{',
    '[]',
    '{}',
    '{"profile":"{}"}',
    good.replace('EC', 'oct'),
    `${good}x`,
  ]) {
    await writeFile(path, bad)
    await assert.rejects(store.load(issuerName), { code: 'client.store_damaged' }, bad)
  }
  await rename(path, join(folder, 'elsewhere'))
  await symlink(join(folder, 'elsewhere'), path)
  await assert.rejects(store.load(issuerName), { code: 'client.store_unavailable' })
})

test('a write that fails leaves the old sign-in and no half file', async () => {
  const { store, folder } = await storeWith()
  await store.save(profileAt(issuerName), 'file')
  const broken = new CredentialStore({
    folder: join(folder, 'missing'),
    fileOnly: true,
    clock,
    keyrings: { probe: () => Promise.resolve(undefined), open: () => Promise.reject(new Error()) },
  })
  await assert.rejects(broken.save(profileAt(issuerName), 'file'), {
    code: 'client.store_unavailable',
  })
  assert.equal((await readdir(folder)).length, 1)
  assert.notEqual(await store.load(issuerName), undefined)
})

test('the lock lets one in at a time and ends with the process that held it', async (t) => {
  const { store, folder } = await storeWith()
  let inside = 0
  let most = 0
  const work = async (): Promise<void> => {
    inside++
    most = Math.max(most, inside)
    await new Promise((done) => setTimeout(done, 5))
    inside--
  }
  await Promise.all(Array.from({ length: 8 }, () => store.locked(issuerName, work)))
  assert.equal(most, 1)

  const [name = ''] = (await readdir(folder)).filter((entry) => entry.endsWith('.lock'))
  const holder = spawn(process.execPath, [
    '-e',
    `const db = new (require('node:sqlite').DatabaseSync)(process.argv[1]); db.exec('BEGIN EXCLUSIVE'); console.log('held'); setInterval(() => db, 1000)`,
    join(folder, name),
  ])
  t.after(() => holder.kill('SIGKILL'))
  await new Promise((held) => holder.stdout.once('data', held))
  let entered = false
  const waiting = store.locked(issuerName, async () => {
    entered = true
    return Promise.resolve()
  })
  await new Promise((done) => setTimeout(done, 100))
  assert.equal(entered, false)
  holder.kill('SIGKILL')
  await waiting
  assert.equal(entered, true)
})

function visit(
  url: string,
  method = 'GET',
): Promise<{ status: number; headers: object; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method, agent: false, signal: AbortSignal.timeout(30_000) },
      (answer) => {
        let text = ''
        answer.on('data', (chunk: Buffer) => {
          text += chunk.toString()
        })
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }),
        )
      },
    )
    sent.on('error', reject)
    sent.end()
  })
}

test('the loopback listener takes one answer with its state and passes over all others', async (t) => {
  const expected = { state: 'state-1', issuer: issuerName, timeout: 60_000 }
  const loopback = await openLoopback(expected)
  t.after(() => loopback.close())
  const { redirectUri } = loopback
  assert.match(redirectUri, /^http:\/\/127\.0\.0\.1:\d+\/callback$/)
  const iss = encodeURIComponent(issuerName)
  const passedOver: [number, string, string?][] = [
    [404, redirectUri.replace('callback', '')],
    [404, `${redirectUri}/x?state=state-1&code=c&iss=${iss}`],
    [404, `${redirectUri}?state=state-1&code=c&iss=${iss}`, 'POST'],
    [400, `${redirectUri}?code=c&iss=${iss}`],
    [400, `${redirectUri}?state=state-2&code=c&iss=${iss}`],
    [400, `${redirectUri}?state=state-1&state=state-1&code=c&iss=${iss}`],
    [400, `${redirectUri}?state=wrong&error=access_denied&iss=${iss}`],
  ]
  for (const [status, url, method] of passedOver) {
    assert.equal((await visit(url, method)).status, status, url)
  }
  const answer = visit(`${redirectUri}?state=state-1&code=the-code&iss=${iss}`)
  const callback = await loopback.callback
  assert.equal(callback.code, 'the-code')
  const second = await visit(`${redirectUri}?state=state-1&code=other&iss=${iss}`)
  assert.equal(second.status, 400)
  callback.finish(true)
  const { headers, text } = await answer
  assert.match(text, /You can close this window/)
  assert.ok(!text.includes('the-code') && !/<script|<style|https?:/.test(text))
  assert.match(String(Reflect.get(headers, 'content-security-policy')), /^default-src 'none'/)
  assert.equal(Reflect.get(headers, 'cache-control'), 'no-store')
})

test('the loopback listener refuses answers of other issuers, errors and missing codes', async (t) => {
  const iss = encodeURIComponent(issuerName)
  const cases: [RegExp, string][] = [
    [/another issuer/, 'code=c'],
    [/another issuer/, 'code=c&iss=https%3A%2F%2Fevil.example.com'],
    [/another issuer/, `code=c&iss=${iss}&iss=${iss}`],
    [/access_denied: no trick/, `error=access_denied&error_description=no%1Btrick&iss=${iss}`],
    [/holds no code/, `iss=${iss}`],
    [/holds no code/, `code=a&code=b&iss=${iss}`],
  ]
  for (const [message, query] of cases) {
    const loopback = await openLoopback({ state: 's', issuer: issuerName, timeout: 60_000 })
    t.after(() => loopback.close())
    const page = await visit(`${loopback.redirectUri}?state=s&${query}`)
    assert.match(page.text, /did not finish/)
    await assert.rejects(loopback.callback, { code: 'client.sign_in_refused', message })
  }
})

test('nobody signing in ends the wait', async () => {
  const loopback = await openLoopback({ state: 's', issuer: issuerName, timeout: 20 })
  await assert.rejects(loopback.callback, { code: 'client.sign_in_timeout' })
  loopback.close()
})

/** Signs in by device with time that passes only while it pauses; gives the pauses in seconds. */
async function byDevice(answers: string[]): Promise<{ pauses: number[]; error: unknown }> {
  issuer.faults = { deviceAnswers: answers }
  const pauses: number[] = []
  const start = systemClock().now()
  let waited = 0
  const pause = (time: number): Promise<void> => {
    pauses.push(time / 1000)
    waited += time
    return Promise.resolve()
  }
  issuer.now = () => start + waited
  const quiet = mock.method(process.stderr, 'write', () => true)
  const parts = { key: ProofKey.generate(), pause, clock: { now: issuer.now } }
  try {
    await signInByDevice(await discover(issuer.url), parts)
    return { pauses, error: undefined }
  } catch (error) {
    return { pauses, error }
  } finally {
    quiet.mock.restore()
    issuer.now = () => Date.now()
  }
}

test('the device grant waits as long as it is told, and longer when told to slow down', async () => {
  const pending = await byDevice(['authorization_pending', 'slow_down', 'authorization_pending'])
  assert.equal(pending.error, undefined)
  assert.deepEqual(pending.pauses, [1, 1, 6, 6])
})

test('the device grant ends when it is denied, expired or broken', async () => {
  const cases: [string, RegExp][] = [
    ['access_denied', /client\.sign_in_refused/],
    ['expired_token', /client\.sign_in_timeout/],
    ['invalid_grant', /client\.sign_in_refused/],
    ['server_error', /client\.sign_in_refused/],
  ]
  for (const [answer, code] of cases) {
    const { error, pauses } = await byDevice([answer])
    assert.match(String(Reflect.get(error as object, 'code')), code)
    assert.ok(!String(error).includes('\u001b'))
    assert.equal(pauses.length, 1)
  }
})

test('the device grant gives up by itself when the code has expired', async () => {
  const endless = Array.from({ length: 500 }, () => 'slow_down')
  const { error, pauses } = await byDevice(endless)
  assert.equal(Reflect.get(error as object, 'code'), 'client.sign_in_timeout')
  assert.ok(pauses.length < 10)
})

test('an ID token for anybody or anything else is refused', () => {
  const now = 1_700_000_000_000
  const good = {
    iss: issuerName,
    aud: 'proofgate-cli',
    sub: 'p',
    exp: 1_700_000_300,
    nonce: 'n',
  }
  const expected = { issuer: issuerName, clientId: 'proofgate-cli', nonce: 'n', now }
  const token = (claims: object): string =>
    `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`
  assert.equal(personOf(token(good), expected).subject, 'p')
  const bad = [
    { ...good, iss: 'https://evil.example.com' },
    { ...good, aud: 'other' },
    { ...good, aud: ['proofgate-cli', 'other'] },
    { ...good, exp: 1_699_999_900 },
    { ...good, exp: '1700000300' },
    { ...good, nonce: 'm' },
    { ...good, nonce: undefined },
    { ...good, sub: '' },
    { ...good, sub: 7 },
  ]
  for (const claims of bad) {
    assert.throws(() => personOf(token(claims), expected), { code: 'client.issuer_misbehaves' })
  }
  for (const text of ['', 'a.b', 'a.!.c', `e30.${Buffer.from('[]').toString('base64url')}.s`]) {
    assert.throws(() => personOf(text, expected), { code: 'client.issuer_misbehaves' })
  }
})

test('loopback hosts are told from names that only look like them', () => {
  for (const host of [
    'localhost',
    'a.b.localhost',
    'LOCALHOST',
    'localhost.',
    '127.9.9.9',
    '[::1]',
  ]) {
    assert.equal(isLoopbackHost(host), true, host)
  }
  const others = [
    'localhost.evil',
    'evillocalhost',
    '128.0.0.1',
    '[::2]',
    '127.0.0.1.evil',
    '0.0.0.0',
  ]
  for (const host of others) assert.equal(isLoopbackHost(host), false, host)
})

test('text from elsewhere cannot move the cursor or turn the line around', () => {
  assert.equal(printable('a\u001b[2J\r\nb\u202Ec\u009Bd'), 'a [2J  b c d')
  assert.equal(printable('x'.repeat(400)).length, 303)
})

test('the browser is started without a shell, as BROWSER says or the system does', () => {
  const url = 'http://a/?x=1&y=$(z)'
  const cases: [object, NodeJS.Platform, object | undefined][] = [
    [{ BROWSER: 'firefox' }, 'linux', { command: 'firefox', parameters: [url] }],
    [{ BROWSER: 'b --at %s' }, 'linux', { command: 'b', parameters: ['--at', url] }],
    [{ DISPLAY: ':0' }, 'linux', { command: 'xdg-open', parameters: [url] }],
    [{ WAYLAND_DISPLAY: 'w' }, 'linux', { command: 'xdg-open', parameters: [url] }],
    [{}, 'linux', undefined],
    [{}, 'darwin', { command: 'open', parameters: [url] }],
    [{}, 'win32', { command: 'rundll32', parameters: ['url.dll,FileProtocolHandler', url] }],
  ]
  for (const [environment, platform, launch] of cases) {
    assert.deepEqual(browserLaunch(url, platform, environment as Record<string, string>), launch)
  }
})
