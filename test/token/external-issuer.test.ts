import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { isRefusal, manualClock, millis } from '../../src/core/index.ts'
import { ExternalTokenVerifier } from '../../src/token/index.ts'
import type { ExternalTokenRules, VerifiedToken } from '../../src/token/index.ts'
import { fixedKeys, forge, rs256, rsa, verdict } from './forge.ts'

const pair = rsa()
const start = 1_700_000_000
const header = { alg: 'RS256', typ: 'JWT', kid: 'k' }
const claims = {
  iss: 'https://id.example/tenant/',
  aud: 'api://orders',
  sub: 'person-1',
  iat: start,
  exp: start + 3600,
}

function verifierWith(changes: Partial<ExternalTokenRules> = {}) {
  const clock = manualClock(start * 1000)
  const verifier = new ExternalTokenVerifier({
    issuer: claims.iss,
    audiences: ['api://orders', 'other-client'],
    algorithms: ['RS256'],
    requiredScopes: [],
    usernameClaim: 'sub',
    groupsClaim: 'groups',
    conditionClaims: [],
    keys: fixedKeys({ k: ['RS256', pair.publicKey] }),
    clock,
    maximumLifetime: millis(86_400_000),
    maximumAge: millis(7_200_000),
    clockSkew: millis(5000),
    cacheSize: 10,
    ...changes,
  })
  return { clock, verifier }
}

const token = (changes: object = {}, headerChanges: object = {}) =>
  forge({ ...header, ...headerChanges }, { ...claims, ...changes }, rs256(pair.privateKey))

const judge = (text: string, changes: Partial<ExternalTokenRules> = {}) =>
  verdict(verifierWith(changes).verifier.verify(text))

for (const typ of [undefined, 'JWT', 'jwt', 'at+jwt', 'AT+JWT', 'application/at+jwt']) {
  test(`a token of type ${String(typ)} is accepted`, async () => {
    assert.equal(await judge(token({}, { typ })), 'accepted')
  })
}

for (const typ of [
  '',
  'id+jwt',
  'logout+jwt',
  'dpop+jwt',
  'secevent+jwt',
  'JWT+at',
  'pg-assertion+jwt',
]) {
  test(`a token of type ${JSON.stringify(typ)} is refused`, async () => {
    assert.equal(await judge(token({}, { typ })), 'token.invalid')
  })
}

const otherKinds: readonly object[] = [
  { nonce: 'n' },
  { nonce: null },
  { at_hash: 'x' },
  { c_hash: 'x' },
  { s_hash: 'x' },
  { events: {} },
  { token_use: 'id' },
  { token_use: null },
  { token_use: ['access'] },
  { typ: 'ID' },
  { typ: 'Refresh' },
  { typ: 'Offline' },
  { typ: 'Logout' },
  { typ: null },
  { typ: {} },
]
for (const change of otherKinds) {
  test(`E12: a token with ${JSON.stringify(change)} is another kind of token`, async () => {
    assert.equal(await judge(token(change)), 'token.invalid')
  })
}

test('what providers put into access tokens to mark them is accepted', async () => {
  assert.equal(await judge(token({ token_use: 'access', typ: 'Bearer' })), 'accepted')
})

const audiences: readonly (readonly [object, string])[] = [
  [{ aud: ['elsewhere', 'api://orders'] }, 'accepted'],
  [{ aud: undefined, client_id: 'other-client' }, 'accepted'],
  [{ aud: undefined, client_id: 'unknown' }, 'token.wrong_audience'],
  [{ aud: undefined }, 'token.wrong_audience'],
  [{ aud: 'elsewhere', client_id: 'other-client' }, 'token.wrong_audience'],
  [{ aud: [], client_id: 'other-client' }, 'token.wrong_audience'],
  [{ aud: ['elsewhere'] }, 'token.wrong_audience'],
  [{ aud: 'api://orders/' }, 'token.wrong_audience'],
  [{ aud: 'API://orders' }, 'token.wrong_audience'],
  [{ aud: null, client_id: 'other-client' }, 'token.invalid'],
  [{ aud: '', client_id: 'other-client' }, 'token.invalid'],
  [{ aud: { 'api://orders': 1 } }, 'token.invalid'],
  [{ aud: [['api://orders']] }, 'token.invalid'],
  [{ aud: undefined, client_id: ['other-client'] }, 'token.invalid'],
]
for (const [change, expected] of audiences) {
  test(`E10: ${JSON.stringify(change)} is ${expected}`, async () => {
    const text = token({
      ...change,
      ...('aud' in change && change.aud === undefined ? { aud: undefined } : {}),
    })
    assert.equal(await judge(text), expected)
  })
}

test('a verifier without issuer, audiences or algorithms does not start', () => {
  for (const change of [
    { issuer: '' },
    { audiences: [] },
    { audiences: ['a', ''] },
    { algorithms: [] },
  ]) {
    assert.throws(() => verifierWith(change), { code: 'token.misconfigured' })
  }
})

test('the issuer is compared exactly', async () => {
  for (const iss of [
    'https://id.example/tenant',
    'https://ID.example/tenant/',
    'https://id.example/',
    undefined,
    null,
    [claims.iss],
  ]) {
    assert.equal(await judge(token({ iss })), 'token.invalid')
  }
})

test('all required scopes must be there, in scope or scp, as a text or a list', async () => {
  const requiredScopes = ['read', 'write']
  const enough = [
    { scope: 'write x read' },
    { scp: ['read', 'write'] },
    { scp: 'read write' },
    { scope: ['read', 'write'] },
  ]
  const lacking = [
    {},
    { scope: 'read' },
    { scp: ['write'] },
    { scope: 'readwrite' },
    { scope: 'READ WRITE' },
    { scope: '', scp: 'read write' },
  ]
  for (const change of enough)
    assert.equal(await judge(token(change), { requiredScopes }), 'accepted')
  for (const change of lacking) {
    assert.equal(await judge(token(change), { requiredScopes }), 'token.insufficient_scope')
  }
  for (const scope of [null, 5, {}, [1]]) {
    assert.equal(await judge(token({ scope }), { requiredScopes }), 'token.invalid')
  }
})

test('groups and user name come from the configured claims', () => {
  const { verifier } = verifierWith({ usernameClaim: 'email', groupsClaim: 'cognito:groups' })
  const text = token({ email: 'a@example.org', 'cognito:groups': ['x'], groups: ['admins'] })
  const verified = verifier.verify(text) as VerifiedToken
  assert.equal(verified.username, 'a@example.org')
  assert.deepEqual(verified.groups, ['x'])
})

test('of the other claims only those are kept that conditions can name, as they are', () => {
  const said = { department: 'x', level: [1, true], uv: 'true', transports: ['usb'] }
  const kept = (conditionClaims: readonly string[]) =>
    verifierWith({ conditionClaims }).verifier.verify(token(said)) as VerifiedToken
  const chosen = kept(['department', 'level', 'absent', 'toString'])
  assert.deepEqual(chosen.claims, { department: 'x', level: [1, true] })
  assert.deepEqual(kept([]).claims, {})
  assert.deepEqual(
    [chosen.openedAt, chosen.registeredAt, chosen.transports],
    [undefined, undefined, []],
  )
})

test('a token without the claim that names the person is refused', async () => {
  assert.equal(await judge(token(), { usernameClaim: 'email' }), 'token.invalid')
  assert.equal(await judge(token({ email: 5 }), { usernameClaim: 'email' }), 'token.invalid')
})

test('groups of another shape or left out for their number are refused, not taken as none', async () => {
  for (const groups of ['admins', null, { a: 1 }, [1]]) {
    assert.equal(await judge(token({ groups })), 'token.invalid')
  }
  assert.equal(await judge(token({ _claim_names: { groups: 'src1' } })), 'token.invalid')
  assert.equal(await judge(token({ _claim_names: { address: 'src1' } })), 'accepted')
})

const times: readonly (readonly [string, object, string])[] = [
  ['has no end', { exp: undefined }, 'token.invalid'],
  ['has no time of issue', { iat: undefined }, 'token.invalid'],
  ['ended at the edge of the skew', { iat: start - 60, exp: start - 5 }, 'token.expired'],
  ['ended within the skew', { iat: start - 60, exp: start - 4 }, 'accepted'],
  ['begins within the skew', { nbf: start + 5 }, 'accepted'],
  ['begins later', { nbf: start + 6 }, 'token.invalid'],
  ['was issued later', { iat: start + 6 }, 'token.invalid'],
  ['lives longer than allowed', { exp: start + 86_401 }, 'token.invalid'],
  ['lives as long as allowed', { exp: start + 86_400 }, 'accepted'],
  ['is older than allowed', { iat: start - 7206 }, 'token.expired'],
  ['is as old as allowed', { iat: start - 7205 }, 'accepted'],
  ['has fractions of seconds', { iat: start + 0.5, exp: start + 60.25 }, 'accepted'],
]
for (const [name, change, expected] of times) {
  test(`E09: a token that ${name} is ${expected}`, async () => {
    assert.equal(await judge(token(change)), expected)
  })
}

test('bindings to a key and to a certificate are handed on', () => {
  const bindingOf = (cnf: Record<string, string>): readonly (string | undefined)[] => {
    const verified = verifierWith().verifier.verify(token({ cnf })) as VerifiedToken
    return [verified.confirmationThumbprint, verified.certificateThumbprint]
  }
  const [a, b] = ['A'.repeat(43), 'B'.repeat(43)]
  assert.deepEqual(bindingOf({ jkt: b }), [b, undefined])
  assert.deepEqual(bindingOf({ 'x5t#S256': a }), [undefined, a])
  assert.deepEqual(bindingOf({ 'x5t#S256': a, jkt: b }), [b, a])
})

test('a binding that cannot be checked is refused', async () => {
  const thumbprint = 'A'.repeat(43)
  for (const cnf of [
    {},
    [],
    'x',
    null,
    { kid: 'x' },
    { jkt: thumbprint, kid: 'x' },
    { 'x5t#S256': thumbprint, x5t: 'x' },
    { 'x5t#S256': '' },
    { 'x5t#S256': 'A'.repeat(42) },
    { 'x5t#S256': 7 },
    { 'x5t#S256': null },
    { 'x5t#S256': thumbprint, jkt: 'short' },
    { 'x5t#s256': thumbprint },
  ]) {
    assert.equal(await judge(token({ cnf })), 'token.invalid', JSON.stringify(cnf))
  }
})

test('no claims make the verifier throw', async () => {
  const names = fc.constantFrom(
    'aud',
    'client_id',
    'scp',
    'scope',
    '_claim_names',
    'typ',
    'token_use',
    'iat',
  )
  await fc.assert(
    fc.asyncProperty(names, fc.jsonValue(), async (name, value) => {
      const outcome = await verifierWith().verifier.verify(token({ [name]: value }))
      assert.ok(isRefusal(outcome) || outcome.issuer === claims.iss)
    }),
    { numRuns: 300 },
  )
})
