import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import test from 'node:test'
import * as fc from 'fast-check'
import { isRefusal, manualClock, millis } from '../../src/core/index.ts'
import { AccessTokenVerifier } from '../../src/token/index.ts'
import type {
  AccessTokenRules,
  VerificationKeys,
  VerifiedAccessToken,
} from '../../src/token/index.ts'
import {
  encode,
  es256,
  fixedKeys,
  forge,
  hs256,
  p256,
  rs256,
  rsa,
  unsigned,
  verdict,
} from './forge.ts'

const pair = p256()
const rsaPair = rsa()
const keys = fixedKeys({ ec: ['ES256', pair.publicKey], rsa: ['RS256', rsaPair.publicKey] })
const start = 1_700_000_000
const header = { alg: 'ES256', typ: 'at+jwt', kid: 'ec' }
const claims = {
  iss: 'https://auth.example',
  aud: 'https://api.example',
  sub: 'person-1',
  client_id: 'portal',
  jti: 'token-1',
  iat: start,
  exp: start + 300,
}

function verifierWith(changes: Partial<AccessTokenRules> = {}) {
  const clock = manualClock(start * 1000)
  const verifier = new AccessTokenVerifier({
    issuer: claims.iss,
    audience: claims.aud,
    keys,
    clock,
    algorithms: ['ES256', 'RS256'],
    maximumLifetime: millis(600_000),
    clockSkew: millis(5000),
    cacheSize: 100,
    ...changes,
  })
  return { clock, verifier }
}

const token = (changes: object = {}, headerChanges: object = {}) =>
  forge({ ...header, ...headerChanges }, { ...claims, ...changes }, es256(pair.privateKey))

const judge = (text: string) => verdict(verifierWith().verifier.verify(text))

test('a valid token answers at once with all it says', () => {
  const outcome = verifierWith().verifier.verify(
    token({
      sid: 's1',
      scope: 'openid invoke',
      groups: ['admins'],
      preferred_username: 'alice',
      auth_time: start - 10,
      acr: 'phr',
      amr: ['pop', 'user'],
      cnf: { jkt: 'A'.repeat(43) },
      uv: 'true',
      session_time: start - 20,
      credential_time: start - 30,
      transports: ['usb'],
    }),
  )
  assert.ok(!isRefusal(outcome) && !(outcome instanceof Promise))
  const said = {
    issuer: claims.iss,
    subject: 'person-1',
    username: 'alice',
    clientId: 'portal',
    tokenId: 'token-1',
    session: 's1',
    scopes: ['openid', 'invoke'],
    groups: ['admins'],
    issuedAt: start * 1000,
    expiresAt: (start + 300) * 1000,
    authTime: (start - 10) * 1000,
    acr: 'phr',
    amr: ['pop', 'user'],
    confirmationThumbprint: 'A'.repeat(43),
    certificateThumbprint: undefined,
    credential: undefined,
    openedAt: (start - 20) * 1000,
    registeredAt: (start - 30) * 1000,
    taken: undefined,
    transports: ['usb'],
    claims: { uv: 'true' },
  }
  for (const [name, value] of Object.entries(said)) {
    assert.deepEqual(outcome[name as keyof typeof said], value, name)
  }
})

test('an RS256 token and the long form of the type are accepted', async () => {
  const text = forge(
    { alg: 'RS256', typ: 'application/at+jwt', kid: 'rsa' },
    claims,
    rs256(rsaPair.privateKey),
  )
  assert.equal(await judge(text), 'accepted')
})

test('a verified token is frozen through and through', () => {
  const outcome = verifierWith().verifier.verify(token({ groups: ['a'], uv: 'true' }))
  const verified = outcome as VerifiedAccessToken
  assert.throws(() => Object.assign(verified, { subject: 'x' }), TypeError)
  assert.throws(() => (verified.groups as string[]).push('admins'), TypeError)
  assert.throws(() => Object.assign(verified.claims, { uv: 'false' }), TypeError)
  assert.throws(() => (verified.scopes as string[]).push('invoke'), TypeError)
  assert.throws(() => (verified.amr as string[]).push('mfa'), TypeError)
})

for (const alg of ['none', 'None', 'nOnE', '', undefined]) {
  test(`E01: alg ${String(alg)} is refused, signed or not`, async () => {
    assert.equal(await judge(forge({ ...header, alg }, claims, unsigned)), 'token.invalid')
    assert.equal(
      await judge(forge({ ...header, alg }, claims, es256(pair.privateKey))),
      'token.invalid',
    )
  })
}

test('E01: no signature, two dots and no token are refused', async () => {
  const [head = '', payload = ''] = token().split('.')
  for (const text of [`${head}.${payload}.`, `${head}.${payload}`, '..', '', '.', `${head}..`]) {
    assert.equal(await judge(text), 'token.invalid', text)
  }
})

test('E02: a public key in any spelling is no HMAC secret', async () => {
  for (const [kid, key] of [
    ['ec', pair.publicKey],
    ['rsa', rsaPair.publicKey],
  ] as const) {
    const pem = key.export({ type: 'spki', format: 'pem' })
    const jwk = JSON.stringify(key.export({ format: 'jwk' }))
    const der = key.export({ type: 'spki', format: 'der' })
    for (const secret of [pem, pem.trimEnd(), ` ${pem}`, jwk, der]) {
      for (const alg of ['HS256', 'ES256', 'RS256']) {
        const text = forge({ alg, typ: 'at+jwt', kid }, claims, hs256(secret))
        assert.equal(await judge(text), 'token.invalid')
      }
    }
  }
})

test('E02: a key is only used with its own algorithm', async () => {
  assert.equal(await judge(token({}, { alg: 'RS256' })), 'token.invalid')
  assert.equal(await judge(token({}, { kid: 'rsa' })), 'token.invalid')
  const ps = forge({ alg: 'RS512', typ: 'at+jwt', kid: 'rsa' }, claims, rs256(rsaPair.privateKey))
  assert.equal(await judge(ps), 'token.invalid')
})

test('E02: an algorithm outside the list is refused though a key for it is there', async () => {
  const { verifier } = verifierWith({ algorithms: ['RS256'] })
  assert.equal(await verdict(verifier.verify(token())), 'token.invalid')
})

test('E03: keys that come with the token are not used, and no request goes out', async (t) => {
  let connections = 0
  const server = createServer(() => connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const address = server.address() as { port: number }
  const url = `http://127.0.0.1:${address.port}/`
  const attacker = p256()
  const jwk = { ...attacker.publicKey.export({ format: 'jwk' }), kid: 'mine' }
  const der = attacker.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  for (const extra of [{ jwk }, { x5c: [der] }, { jku: url }, { x5u: url }]) {
    for (const kid of ['ec', 'mine', undefined]) {
      const text = forge({ ...header, kid, ...extra }, claims, es256(attacker.privateKey))
      assert.equal(await judge(text), 'token.invalid')
    }
  }
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(connections, 0)
})

test('a genuine token whose header names foreign keys is judged by our key alone', async () => {
  assert.equal(await judge(token({}, { jku: 'http://127.0.0.1:9/' })), 'accepted')
})

test('E06: an unknown kid, no kid and a kid of the prototype are refused', async () => {
  for (const kid of ['other', undefined, '__proto__', 'constructor', '']) {
    assert.equal(await judge(token({}, { kid })), 'token.invalid')
  }
})

const required = ['iss', 'aud', 'sub', 'client_id', 'jti', 'iat', 'exp'] as const
for (const name of required) {
  test(`a token without ${name} is refused`, async () => {
    assert.notEqual(await judge(token({ [name]: undefined })), 'accepted')
  })
  for (const value of [null, {}, [], true, '', ['a', 'b']]) {
    test(`a token whose ${name} is ${JSON.stringify(value)} is refused`, async () => {
      assert.notEqual(await judge(token({ [name]: value })), 'accepted')
    })
  }
}

const wrongTypes: readonly (readonly [string, readonly unknown[]])[] = [
  ['sub', [5, 'a'.repeat(257), 'a\nb', 'a\u0000', '\uD800', 'a\u0085']],
  ['jti', [5, 'a'.repeat(257), '\r\n']],
  ['client_id', [5, 'a'.repeat(2049), 'a\tb']],
  ['sid', [null, 5, '', [], 'a'.repeat(257), 'a\nb']],
  ['preferred_username', [null, 5, '', {}, 'a\r\nb']],
  ['scope', [null, 5, ['openid'], {}, 'a\nb', 'a'.repeat(4097)]],
  [
    'groups',
    [
      null,
      'admins',
      { 0: 'admins' },
      [1],
      [null],
      [['a']],
      [''],
      ['a\nb'],
      Array.from({ length: 513 }, String),
    ],
  ],
  ['amr', [null, 'pop', [1], [{}]]],
  ['acr', [null, 1, '', []]],
  ['auth_time', [null, '1700000000', -1, {}, 1e300]],
  ['nbf', [null, '1700000000', -1, []]],
  [
    'cnf',
    [
      null,
      {},
      [],
      'x',
      { jkt: 5 },
      { jkt: '' },
      { jkt: 'A'.repeat(42) },
      { jkt: `${'A'.repeat(42)}=` },
      { 'x5t#S256': 'A'.repeat(43) },
      { jkt: 'A'.repeat(43), jwk: {} },
    ],
  ],
]
for (const [name, values] of wrongTypes) {
  test(`a token whose ${name} is of another type or out of bounds is refused`, async () => {
    for (const value of values) {
      assert.equal(await judge(token({ [name]: value })), 'token.invalid', JSON.stringify(value))
    }
  })
}

test('another issuer is refused, also one that differs by a slash or by case', async () => {
  for (const iss of [
    'https://auth.example/',
    'https://AUTH.example',
    'https://evil',
    'auth.example',
  ]) {
    assert.equal(await judge(token({ iss })), 'token.invalid')
  }
})

test('E10: every audience but exactly ours is refused as one of another audience', async () => {
  const ours = claims.aud
  const others = [
    undefined,
    'other',
    `${ours}/`,
    ours.toUpperCase(),
    ['other', ours],
    [ours],
    [],
    { [ours]: 1 },
    '',
    null,
    1,
    true,
  ]
  for (const aud of others) {
    assert.equal(await judge(token({ aud })), 'token.wrong_audience', JSON.stringify(aud))
  }
})

test('E10: a verifier without issuer, audience or algorithm does not start', () => {
  const misconfigured = { code: 'token.misconfigured' }
  assert.throws(() => verifierWith({ audience: '' }), misconfigured)
  assert.throws(() => verifierWith({ issuer: '' }), misconfigured)
  assert.throws(() => verifierWith({ algorithms: [] }), misconfigured)
})

for (const typ of [
  undefined,
  '',
  'JWT',
  'jwt',
  'dpop+jwt',
  'id+jwt',
  'logout+jwt',
  'pg-assertion+jwt',
  'AT+JWT',
  'at+jwt ',
  'text/at+jwt',
]) {
  test(`E12: a token of type ${JSON.stringify(typ)} is refused`, async () => {
    assert.equal(await judge(token({}, { typ })), 'token.invalid')
  })
}

const times: readonly (readonly [string, object, string])[] = [
  ['ends now', { iat: start - 300, exp: start }, 'accepted'],
  ['ended 4 s ago, within the skew', { iat: start - 300, exp: start - 4 }, 'accepted'],
  ['ended 5 s ago, at the edge of the skew', { iat: start - 300, exp: start - 5 }, 'token.expired'],
  ['ended 61 s ago', { iat: start - 300, exp: start - 61 }, 'token.expired'],
  ['begins in 5 s, at the edge of the skew', { nbf: start + 5 }, 'accepted'],
  ['begins in 6 s', { nbf: start + 6 }, 'token.invalid'],
  ['begins in 120 s', { nbf: start + 120 }, 'token.invalid'],
  ['was issued in 5 s, at the edge of the skew', { iat: start + 5 }, 'accepted'],
  ['was issued in 6 s', { iat: start + 6 }, 'token.invalid'],
  ['was issued in 6 s though valid before', { iat: start + 6, nbf: start }, 'token.invalid'],
  ['lives as long as allowed', { exp: start + 600 }, 'accepted'],
  ['lives a second longer than allowed', { exp: start + 601 }, 'token.invalid'],
  ['ends in 100 years', { exp: start + 3_155_760_000 }, 'token.invalid'],
  ['ends before it was issued', { iat: start + 4, exp: start + 3 }, 'token.invalid'],
  ['ends when it was issued', { exp: start }, 'token.invalid'],
  ['has a negative end', { exp: -1 }, 'token.invalid'],
  ['has an end of text', { exp: '9999999999' }, 'token.invalid'],
  ['has an end beyond the year 9999', { exp: 253_402_300_800 }, 'token.invalid'],
]
for (const [name, changes, expected] of times) {
  test(`E09: a token that ${name} is ${expected}`, async () => {
    assert.equal(await judge(token(changes)), expected)
  })
}

test('E09: an end of 1e400 is refused', async () => {
  const payload = JSON.stringify(claims).replace(String(claims.exp), '1e400')
  assert.equal(await judge(forge(header, payload, es256(pair.privateKey))), 'token.invalid')
})

test('claims inherited from a polluted prototype count for nothing', async () => {
  const polluted = Object.prototype as Record<string, unknown>
  polluted['aud'] = claims.aud
  polluted['sub'] = 'root'
  polluted['groups'] = ['admins']
  try {
    assert.equal(await judge(token({ aud: undefined })), 'token.wrong_audience')
    assert.equal(await judge(token({ sub: undefined })), 'token.invalid')
    const verified = verifierWith().verifier.verify(token()) as VerifiedAccessToken
    assert.deepEqual(verified.groups, [])
  } finally {
    for (const name of ['aud', 'sub', 'groups']) delete polluted[name]
  }
})

test('the public text of every refusal is fixed and holds nothing of the token', async () => {
  const secret = 'very-secret-subject'
  const refusal = await verifierWith().verifier.verify(token({ sub: secret, iss: 'x' }))
  assert.ok(isRefusal(refusal))
  assert.equal(JSON.stringify(refusal).includes(secret), false)
})

/** Counts look-ups: a remembered token causes none. */
function countingKeys(over: VerificationKeys = keys) {
  const counting = {
    finds: 0,
    revision: 1,
    find: (keyId: string, algorithm: 'ES256') => {
      counting.finds++
      return over.find(keyId, algorithm)
    },
    revisionAt: () => counting.revision,
  }
  return counting
}

test('a token seen before is answered from memory, as the same object', () => {
  const counting = countingKeys()
  const { verifier } = verifierWith({ keys: counting })
  const text = token()
  const first = verifier.verify(text)
  assert.equal(verifier.verify(text), first)
  assert.equal(counting.finds, 1)
})

test('a remembered token ends with its own end', async () => {
  const { clock, verifier } = verifierWith()
  const text = token()
  assert.equal(await verdict(verifier.verify(text)), 'accepted')
  clock.advance(304_999)
  assert.equal(await verdict(verifier.verify(text)), 'accepted')
  clock.advance(1)
  assert.equal(await verdict(verifier.verify(text)), 'token.expired')
})

test('E17: a remembered token ends when the key set changes', async () => {
  const changing = { key: pair.publicKey as typeof pair.publicKey | undefined, revision: 1 }
  const { verifier } = verifierWith({
    keys: { find: () => changing.key, revisionAt: () => changing.revision },
  })
  const text = token()
  assert.equal(await verdict(verifier.verify(text)), 'accepted')
  changing.key = undefined
  changing.revision = 2
  assert.equal(await verdict(verifier.verify(text)), 'token.invalid')
})

test('only the exact text is remembered', async () => {
  const { verifier } = verifierWith()
  const text = token()
  await verifier.verify(text)
  for (const other of [`${text} `, text.slice(0, -1), `${text}=`, text.toUpperCase()]) {
    assert.equal(await verdict(verifier.verify(other)), 'token.invalid')
  }
})

test('refused tokens are not remembered', async () => {
  const { clock, verifier } = verifierWith()
  const text = token({ nbf: start + 20 })
  assert.equal(await verdict(verifier.verify(text)), 'token.invalid')
  clock.advance(15_000)
  assert.equal(await verdict(verifier.verify(text)), 'accepted')
})

test('a verifier for another audience remembers nothing of this one', async () => {
  const text = token()
  assert.equal(await judge(text), 'accepted')
  const { verifier } = verifierWith({ audience: 'https://other.example' })
  assert.equal(await verdict(verifier.verify(text)), 'token.wrong_audience')
})

test('forget makes exactly the named tokens be verified anew', () => {
  const counting = countingKeys()
  const { verifier } = verifierWith({ keys: counting })
  const [one, other] = [token({ sid: 'a' }), token({ sid: 'b' })]
  void verifier.verify(one)
  void verifier.verify(other)
  assert.equal(
    verifier.forget(({ session }) => session === 'a'),
    1,
  )
  void verifier.verify(other)
  assert.equal(counting.finds, 2)
  void verifier.verify(one)
  assert.equal(counting.finds, 3)
})

test('a verification that forget overtakes is not remembered', async () => {
  const { promise, resolve } = Promise.withResolvers<typeof pair.publicKey>()
  let finds = 0
  const { verifier } = verifierWith({
    keys: { find: () => (finds++, promise), revisionAt: () => 1 },
  })
  const underway = verifier.verify(token())
  verifier.forget(() => true)
  resolve(pair.publicKey)
  assert.equal(await verdict(underway), 'accepted')
  await verifier.verify(token())
  const again = token()
  await verifier.verify(again)
  assert.equal(finds, 3)
  await verifier.verify(again)
  assert.equal(finds, 3)
})

test('the memory is bounded: what was used least recently is dropped first', () => {
  const counting = countingKeys()
  const { verifier } = verifierWith({ keys: counting, cacheSize: 10 })
  const texts = Array.from({ length: 50 }, (_, index) => token({ jti: `t${index}` }))
  const [kept = ''] = texts
  for (const text of texts) {
    void verifier.verify(text)
    void verifier.verify(kept)
  }
  assert.equal(counting.finds, 50)
  const remembered = verifier.forget(() => true)
  assert.ok(remembered > 1 && remembered <= 20, String(remembered))
})

test('as many tokens as there is room for are all remembered, in whatever order they come', () => {
  const counting = countingKeys()
  const { verifier } = verifierWith({ keys: counting, cacheSize: 10 })
  const texts = Array.from({ length: 10 }, (_, index) => token({ jti: `t${index}` }))
  const others = Array.from({ length: 10 }, (_, index) => token({ jti: `other${index}` }))
  for (const text of [...others, ...texts]) void verifier.verify(text)
  for (let turn = 0; turn < 5; turn++) for (const text of texts) void verifier.verify(text)
  assert.equal(counting.finds, 20)
})

test('what is said of the proof is kept as far as conditions can name it', () => {
  const { verifier } = verifierWith()
  const said = { uv: 'true', be: 7, bs: null, aaguid: 'a', other: 'x', email: 'a@example.com' }
  const verified = verifier.verify(token(said)) as VerifiedAccessToken
  assert.deepEqual(verified.claims, { aaguid: 'a', uv: 'true' })
  const another = verifier.verify(token({ ...said, uv: 'false' })) as VerifiedAccessToken
  assert.deepEqual(another.claims, { aaguid: 'a', uv: 'false' })
})

test('the passkey of a token is known, and one that is no text refuses the token', async () => {
  const { verifier } = verifierWith()
  const text = token({ credential_id: 'c'.repeat(1364) })
  assert.equal((verifier.verify(text) as VerifiedAccessToken).credential, 'c'.repeat(1364))
  for (const wrong of [7, null, '', ['c'], 'c'.repeat(1365)]) {
    assert.equal(await verdict(verifier.verify(token({ credential_id: wrong }))), 'token.invalid')
  }
})

test('without a memory every use is verified', () => {
  const counting = countingKeys()
  const { verifier } = verifierWith({ keys: counting, cacheSize: 0 })
  const text = token()
  void verifier.verify(text)
  void verifier.verify(text)
  assert.equal(counting.finds, 2)
})

test('a key source that throws or rejects means no, and is not remembered', async () => {
  const failing: readonly VerificationKeys['find'][] = [
    () => {
      throw new Error('down')
    },
    () => Promise.reject(new Error('down')),
  ]
  for (const find of failing) {
    const { verifier } = verifierWith({ keys: { find, revisionAt: () => 1 } })
    assert.equal(await verdict(verifier.verify(token())), 'token.keys_unavailable')
  }
})

test('E19: tokens verified at once never answer for each other', async () => {
  const tokens = Array.from({ length: 8 }, (_, index) => ({
    subject: `person-${index}`,
    text: token({ sub: `person-${index}`, jti: `t${index}` }),
  }))
  const slowKeys: VerificationKeys = {
    find: async () => {
      await new Promise((resolve) => setImmediate(resolve))
      return pair.publicKey
    },
    revisionAt: () => 1,
  }
  const { verifier } = verifierWith({ keys: slowKeys, cacheSize: 6 })
  const random = fc.sample(fc.integer({ min: 0, max: 7 }), 10_000)
  for (let at = 0; at < random.length; at += 500) {
    await Promise.all(
      random.slice(at, at + 500).map(async (index) => {
        const expected = tokens[index]!
        const verified = (await verifier.verify(expected.text)) as VerifiedAccessToken
        assert.equal(verified.subject, expected.subject)
      }),
    )
  }
})

test('no text and no claims make the verifier throw', async () => {
  const { verifier } = verifierWith()
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.json().map(encode)), async (text) => {
      assert.equal(await verdict(verifier.verify(text)), 'token.invalid')
    }),
  )
  const names = fc.constantFrom(
    'iss',
    'aud',
    'sub',
    'exp',
    'iat',
    'nbf',
    'cnf',
    'scope',
    'groups',
    'amr',
  )
  await fc.assert(
    fc.asyncProperty(names, fc.jsonValue(), async (name, value) => {
      const outcome = await verifier.verify(token({ [name]: value }))
      assert.ok(isRefusal(outcome) || outcome.issuer === claims.iss)
    }),
    { numRuns: 500 },
  )
})
