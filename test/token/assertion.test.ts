import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import type { JSONWebKeySet } from 'jose'
import { manualClock, millis } from '../../src/core/index.ts'
import { AssertionMinter, KeyRing } from '../../src/token/index.ts'
import type { AssertionSubject, SigningKey } from '../../src/token/index.ts'

const alice: AssertionSubject = {
  issuer: 'https://auth.example',
  subject: 'person-1',
  username: 'alice',
  groups: ['admins'],
  session: 's1',
  acr: 'phr',
  amr: ['pop', 'user'],
  authTime: 1_699_999_000_000,
  clientId: 'portal',
}
const orders = 'https://orders.internal'

async function setUp(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'assertion-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const clock = manualClock()
  const keys = await KeyRing.open({
    directory,
    clock,
    algorithms: ['ES256'],
    overlap: millis(600_000),
  })
  const minter = new AssertionMinter({ issuer: 'https://auth.example', keys, clock })
  return { clock, keys, minter }
}

test('an assertion says who called, for one upstream, for 60 s, under the published keys', async (t) => {
  const { clock, keys, minter } = await setUp(t)
  const set = createLocalJWKSet(keys.publicJwks() as unknown as JSONWebKeySet)
  const { payload, protectedHeader } = await jwtVerify(minter.mint(alice, orders), set, {
    issuer: 'https://auth.example',
    audience: orders,
    typ: 'pg-assertion+jwt',
    algorithms: ['ES256'],
    currentDate: new Date(clock.now()),
  })
  assert.equal(protectedHeader.kid, keys.active('ES256').keyId)
  const { jti, ...rest } = payload
  assert.match(String(jti), /^[\w-]{22}$/)
  const iat = clock.now() / 1000
  assert.deepEqual(rest, {
    iss: 'https://auth.example',
    aud: orders,
    sub: 'person-1',
    username: 'alice',
    groups: ['admins'],
    sid: 's1',
    acr: 'phr',
    amr: ['pop', 'user'],
    auth_time: 1_699_999_000,
    client_id: 'portal',
    iat,
    exp: iat + 60,
  })
})

test('what is not known of the caller is left out', async (t) => {
  const { minter } = await setUp(t)
  const unknown = {
    username: undefined,
    session: undefined,
    acr: undefined,
    authTime: undefined,
    clientId: undefined,
  }
  const payload = decodeJwt(minter.mint({ ...alice, ...unknown, groups: [], amr: [] }, orders))
  assert.deepEqual(Object.keys(payload).sort(), [
    'amr',
    'aud',
    'exp',
    'groups',
    'iat',
    'iss',
    'jti',
    'sub',
  ])
})

test('a caller of another issuer is told apart from one of ours with the same name', async (t) => {
  const { minter } = await setUp(t)
  const stranger = { ...alice, issuer: 'https://idp.example' }
  assert.equal(decodeJwt(minter.mint(stranger, orders))['subject_issuer'], 'https://idp.example')
  assert.equal(decodeJwt(minter.mint(alice, orders))['subject_issuer'], undefined)
})

test('one assertion serves the same caller and upstream for less than 40 s', async (t) => {
  const { clock, minter } = await setUp(t)
  const first = minter.mint(alice, orders)
  clock.advance(39_999)
  assert.equal(minter.mint(alice, orders), first)
  clock.advance(1)
  const second = minter.mint(alice, orders)
  assert.notEqual(second, first)
  assert.notEqual(decodeJwt(second).jti, decodeJwt(first).jti)
})

test('another upstream gets another assertion, and both are reused', async (t) => {
  const { minter } = await setUp(t)
  const first = minter.mint(alice, orders)
  const billing = minter.mint(alice, 'https://billing.internal')
  assert.equal(decodeJwt(billing).aud, 'https://billing.internal')
  assert.equal(minter.mint(alice, orders), first)
  assert.equal(minter.mint(alice, 'https://billing.internal'), billing)
})

test('another caller never gets an assertion made before, not even one who looks the same', async (t) => {
  const { minter } = await setUp(t)
  const first = minter.mint(alice, orders)
  const bob = minter.mint({ ...alice, subject: 'person-2' }, orders)
  assert.equal(decodeJwt(bob).sub, 'person-2')
  assert.notEqual(minter.mint({ ...alice }, orders), first)
  assert.equal(decodeJwt(minter.mint(alice, orders)).sub, 'person-1')
})

test('what is put together again is the same assertion, whether it was kept whole or not', async (t) => {
  const { clock, minter } = await setUp(t)
  for (const isFrequent of [false, true]) {
    const subject: AssertionSubject = { ...alice, isFrequent }
    // Two signatures of the same differ, so the same assertion was signed once.
    const first = minter.mint(subject, orders)
    clock.advance(5000)
    assert.equal(minter.mint(subject, orders), first)
    assert.equal(subject.minted?.text, isFrequent ? first : undefined)
    subject.minted = undefined
    assert.equal(minter.mint(subject, orders), first)
  }
  assert.notEqual(minter.mint({ ...alice }, orders), minter.mint({ ...alice }, orders))
})

test('a copy of a subject with other groups gets an assertion of its own', async (t) => {
  const { minter } = await setUp(t)
  const subject: AssertionSubject = { ...alice, isFrequent: true }
  const first = minter.mint(subject, orders)
  const copy: AssertionSubject = { ...subject, groups: [] }
  assert.equal(copy.minted, subject.minted)
  const second = minter.mint(copy, orders)
  assert.notEqual(decodeJwt(second).jti, decodeJwt(first).jti)
  assert.deepEqual(decodeJwt(second)['groups'], [])
  assert.equal(minter.mint(subject, orders), first)
})

test('a signature that fails leaves nothing behind that would be sent', async (t) => {
  const { clock, keys } = await setUp(t)
  const real = keys.active('ES256')
  let key: SigningKey = real
  const minter = new AssertionMinter({
    issuer: 'https://auth.example',
    keys: { active: () => key },
    clock,
  })
  const subject: AssertionSubject = { ...alice }
  const first = minter.mint(subject, orders)
  clock.advance(45_000)
  // A public key signs nothing.
  key = { ...real, keyId: 'none', privateKey: real.publicKey }
  assert.throws(() => minter.mint(subject, orders))
  assert.throws(() => minter.mint(subject, orders))
  key = real
  const next = minter.mint(subject, orders)
  assert.notEqual(decodeJwt(next).jti, decodeJwt(first).jti)
  const set = createLocalJWKSet(keys.publicJwks() as unknown as JSONWebKeySet)
  await jwtVerify(next, set, { currentDate: new Date(clock.now()) })
})

test('after a rotation the new key signs at once', async (t) => {
  const { clock, keys, minter } = await setUp(t)
  const first = minter.mint(alice, orders)
  const fresh = await keys.rotate('ES256')
  const second = minter.mint(alice, orders)
  assert.notEqual(second, first)
  assert.equal(decodeProtectedHeader(second).kid, fresh.keyId)
  const set = createLocalJWKSet(keys.publicJwks() as unknown as JSONWebKeySet)
  await jwtVerify(second, set, { currentDate: new Date(clock.now()) })
})

test('an assertion without an audience is a bug', async (t) => {
  const { minter } = await setUp(t)
  assert.throws(() => minter.mint(alice, ''), { name: 'InvariantError' })
})
