import assert from 'node:assert/strict'
import files, { mkdtemp, rm } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { SignJWT } from 'jose'
import { isRefusal, manualClock, millis } from '../../src/core/index.ts'
import { AccessTokenVerifier, KeyRing } from '../../src/token/index.ts'

async function setUp(t: TestContext) {
  const parent = await mkdtemp(join(tmpdir(), 'key-ring-looks-'))
  t.after(() => rm(parent, { recursive: true, force: true }))
  const directory = join(parent, 'keys')
  const clock = manualClock()
  const open = () =>
    KeyRing.open({ directory, clock, algorithms: ['ES256'], overlap: millis(600_000) })
  return { directory, clock, open }
}

test('a key that another process made is found without a reload, each time one is made', async (t) => {
  const { open } = await setUp(t)
  const [here, there] = [await open(), await open()]
  for (let turn = 0; turn < 3; turn++) {
    const { keyId, publicKey } = await there.rotate('ES256')
    const found = await Promise.all(
      Array.from({ length: 5 }, async () => here.find(keyId, 'ES256')),
    )
    for (const key of found) assert.ok(key?.equals(publicKey))
    assert.equal(here.active('ES256').keyId, keyId)
    assert.equal(await here.find(keyId, 'RS256'), undefined)
  }
})

test('a token by a key that another process made a moment ago holds', async (t) => {
  const { clock, open } = await setUp(t)
  const [here, there] = [await open(), await open()]
  const verifier = new AccessTokenVerifier({
    issuer: 'https://auth.example',
    audience: 'https://api.example',
    keys: here,
    clock,
    algorithms: ['ES256'],
    maximumLifetime: millis(600_000),
    clockSkew: millis(5000),
    cacheSize: 100,
  })
  const { keyId, privateKey } = await there.rotate('ES256')
  const iat = Math.floor(clock.now() / 1000)
  const token = await new SignJWT({ client_id: 'portal', jti: 'one' })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: keyId })
    .setIssuer('https://auth.example')
    .setAudience('https://api.example')
    .setSubject('person-1')
    .setIssuedAt(iat)
    .setExpirationTime(iat + 300)
    .sign(privateKey)
  const outcome = await verifier.verify(token)
  assert.ok(!isRefusal(outcome), JSON.stringify(outcome))
})

test('ids that no key has cost few looks into the folder, and none reads a key', async (t) => {
  const { directory, open } = await setUp(t)
  const ring = await open()
  const listings = t.mock.method(files, 'readdir')
  const opened = t.mock.method(files, 'open')
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  const began = performance.now()
  const ask = async (at: number) => ring.find(String(at).padStart(43, '-'), 'ES256')
  for (let turn = 0; turn < 5; turn++) {
    const found = await Promise.all(Array.from({ length: 2000 }, (_, at) => ask(at)))
    assert.ok(found.every((key) => key === undefined))
  }
  const pauses = Math.ceil((performance.now() - began) / 100)
  assert.ok(listings.mock.callCount() >= 1)
  assert.ok(listings.mock.callCount() <= 1 + pauses, `${listings.mock.callCount()} in ${pauses}`)
  assert.equal(opened.mock.callCount(), 0)
  await rm(directory, { recursive: true })
  await assert.rejects(ask(1), { code: 'token.key_storage' })
})
