import assert from 'node:assert/strict'
import { createHash, sign } from 'node:crypto'
import test from 'node:test'
import * as fc from 'fast-check'
import { calculateJwkThumbprint, SignJWT } from 'jose'
import { isRefusal, manualClock } from '../../src/core/index.ts'
import {
  checkBinding,
  checkCertificate,
  checkDpopProof,
  MemoryProofReplays,
  proofWindow,
  takeProof,
} from '../../src/token/index.ts'
import type { CheckedProof, DpopProofInput, ProofReplays } from '../../src/token/index.ts'
import { ed25519, es256, forge, hs256, p256, p384, rs256, rsa, unsigned, verdict } from './forge.ts'
import type { KeyPair } from './forge.ts'

const pair = p256()
const jwk = pair.publicKey.export({ format: 'jwk' })
const thumbprint = await calculateJwkThumbprint(jwk)
const now = 1_700_000_000_000
const accessToken = 'the.access.token'
const sha = (algorithm: string, text: string) =>
  createHash(algorithm).update(text).digest('base64url')
const header = { typ: 'dpop+jwt', alg: 'ES256', jwk }
const claims = {
  jti: 'proof-1',
  htm: 'POST',
  htu: 'https://api.example/orders',
  iat: now / 1000,
  ath: sha('sha256', accessToken),
}

const proof = (changes: object = {}, headerChanges: object = {}, key = pair.privateKey) =>
  forge({ ...header, ...headerChanges }, { ...claims, ...changes }, es256(key))

function check(text: string, changes: Partial<DpopProofInput> = {}) {
  return checkDpopProof({
    proof: text,
    method: 'POST',
    url: 'https://api.example/orders',
    accessToken,
    expectedThumbprint: thumbprint,
    now,
    nonces: undefined,
    ...changes,
  })
}

const judge = (text: string, changes: Partial<DpopProofInput> = {}) => verdict(check(text, changes))

test('a proof for this request, token and key is accepted', () => {
  assert.deepEqual(check(proof()), { jti: 'proof-1', thumbprint, issuedAt: now })
})

for (const [alg, keys] of [
  ['ES256', p256()],
  ['EdDSA', ed25519()],
  ['Ed25519', ed25519()],
  ['RS256', rsa()],
  ['PS256', rsa()],
] as readonly (readonly [string, KeyPair])[]) {
  test(`a proof by ${alg} of an independent library is accepted`, async () => {
    const exported = keys.publicKey.export({ format: 'jwk' })
    const { iat, ...rest } = claims
    const text = await new SignJWT(rest)
      .setProtectedHeader({ typ: 'dpop+jwt', alg, jwk: exported })
      .setIssuedAt(iat)
      .sign(keys.privateKey)
    const expectedThumbprint = await calculateJwkThumbprint(exported)
    assert.equal(await judge(text, { expectedThumbprint }), 'accepted')
    assert.equal(await judge(text, { expectedThumbprint }), 'accepted')
    assert.equal(await judge(text), 'token.proof_invalid')
  })
}

const badHeaders: readonly (readonly [string, object])[] = [
  ['no typ', { typ: undefined }],
  ['typ JWT', { typ: 'JWT' }],
  ['typ at+jwt', { typ: 'at+jwt' }],
  ['typ in capitals', { typ: 'DPoP+JWT' }],
  ['the long form of typ', { typ: 'application/dpop+jwt' }],
  ['alg none', { alg: 'none' }],
  ['alg HS256', { alg: 'HS256' }],
  ['no alg', { alg: undefined }],
  ['another alg of the same key type', { alg: 'ES384' }],
  ['alg of another key type', { alg: 'RS256' }],
  ['no key', { jwk: undefined }],
  ['a key in text', { jwk: JSON.stringify(jwk) }],
  ['a private key', { jwk: pair.privateKey.export({ format: 'jwk' }) }],
  ['a symmetric key', { jwk: { kty: 'oct', k: 'AAAA' } }],
  ['a key with a symmetric member', { jwk: { ...jwk, k: 'AAAA' } }],
  ['crit', { crit: ['jwk'] }],
]
for (const [name, change] of badHeaders) {
  test(`F02: a proof with ${name} is refused`, async () => {
    assert.equal(await judge(proof({}, change)), 'token.proof_invalid')
  })
}

test('F02: a proof by another key is refused, whichever key it names', async () => {
  const other = p256()
  const otherJwk = other.publicKey.export({ format: 'jwk' })
  assert.equal(await judge(proof({}, { jwk: otherJwk }, other.privateKey)), 'token.proof_invalid')
  assert.equal(await judge(proof({}, {}, other.privateKey)), 'token.proof_invalid')
  assert.equal(await judge(proof({}, { jwk: otherJwk })), 'token.proof_invalid')
})

test('F02: a signature that does not hold is refused, also after a good proof by the same key', async () => {
  assert.equal(await judge(proof()), 'accepted')
  const [head = '', payload = ''] = proof().split('.')
  assert.equal(await judge(`${head}.${payload}.${'A'.repeat(86)}`), 'token.proof_invalid')
  assert.equal(await judge(forge(header, claims, unsigned)), 'token.proof_invalid')
  const secret = pair.publicKey.export({ type: 'spki', format: 'pem' })
  assert.equal(
    await judge(forge({ ...header, alg: 'HS256' }, claims, hs256(secret))),
    'token.proof_invalid',
  )
})

test('F02: weak RSA keys and curves outside the list are refused', async () => {
  const weak = rsa(1024)
  const curve = p384()
  const weakJwk = weak.publicKey.export({ format: 'jwk' })
  const curveJwk = curve.publicKey.export({ format: 'jwk' })
  const byWeak = forge({ ...header, alg: 'RS256', jwk: weakJwk }, claims, rs256(weak.privateKey))
  const byCurve = forge({ ...header, alg: 'ES384', jwk: curveJwk }, claims, (input) =>
    sign('sha384', Buffer.from(input), { key: curve.privateKey, dsaEncoding: 'ieee-p1363' }),
  )
  const weakBound = { expectedThumbprint: await calculateJwkThumbprint(weakJwk) }
  const curveBound = { expectedThumbprint: await calculateJwkThumbprint(curveJwk) }
  assert.equal(await judge(byWeak, weakBound), 'token.proof_invalid')
  assert.equal(await judge(byCurve, curveBound), 'token.proof_invalid')
})

for (const htm of ['GET', 'post', 'Post', 'POST ', '', undefined, null, 5, ['POST']]) {
  test(`F03: a proof for method ${JSON.stringify(htm)} is no proof for POST`, async () => {
    assert.equal(await judge(proof({ htm })), 'token.proof_invalid')
  })
}

const targets: readonly (readonly [unknown, string])[] = [
  ['https://api.example/orders', 'accepted'],
  ['HTTPS://API.Example/orders', 'accepted'],
  ['https://api.example:443/orders', 'accepted'],
  ['https://api.example/orders?a=b', 'accepted'],
  ['https://api.example/orders#x', 'accepted'],
  ['https://api.example/orders?a=b#x', 'accepted'],
  ['https://api.example/%6frders', 'accepted'],
  ['https://api.example/Orders', 'token.proof_invalid'],
  ['https://api.example/orders/', 'token.proof_invalid'],
  ['https://api.example/orders/1', 'token.proof_invalid'],
  ['https://api.example/x/../orders', 'token.proof_invalid'],
  ['https://api.example//orders', 'token.proof_invalid'],
  ['https://api.example/orders%2f', 'token.proof_invalid'],
  ['https://api.example/orders%', 'token.proof_invalid'],
  ['https://api.example', 'token.proof_invalid'],
  ['https://evil.example/orders', 'token.proof_invalid'],
  ['https://api.example.evil/orders', 'token.proof_invalid'],
  ['https://api.example:8443/orders', 'token.proof_invalid'],
  ['https://api.example:80/orders', 'token.proof_invalid'],
  ['http://api.example/orders', 'token.proof_invalid'],
  ['http://api.example:443/orders', 'token.proof_invalid'],
  ['https://user@api.example/orders', 'token.proof_invalid'],
  ['https://u:p@api.example/orders', 'token.proof_invalid'],
  ['https://api.example\\@evil/orders', 'token.proof_invalid'],
  ['https://api.example\\orders', 'token.proof_invalid'],
  ['https:api.example/orders', 'token.proof_invalid'],
  ['https:///orders', 'token.proof_invalid'],
  ['https://:443/orders', 'token.proof_invalid'],
  ['//api.example/orders', 'token.proof_invalid'],
  ['/orders', 'token.proof_invalid'],
  ['orders', 'token.proof_invalid'],
  [' https://api.example/orders', 'token.proof_invalid'],
  ['https://api.example/orders ', 'token.proof_invalid'],
  ['https://api.example/orders?a b', 'token.proof_invalid'],
  ['https://api.example/orders?a\\b', 'token.proof_invalid'],
  ['https://api.example/or\nders', 'token.proof_invalid'],
  ['https://\u00e4pi.example/orders', 'token.proof_invalid'],
  ['javascript:https://api.example/orders', 'token.proof_invalid'],
  ['', 'token.proof_invalid'],
  [undefined, 'token.proof_invalid'],
  [null, 'token.proof_invalid'],
  [5, 'token.proof_invalid'],
  [['https://api.example/orders'], 'token.proof_invalid'],
]
for (const [htu, expected] of targets) {
  test(`F03: a proof for ${JSON.stringify(htu)} is ${expected}`, async () => {
    assert.equal(await judge(proof({ htu })), expected)
  })
}

test('the root is the same with and without its slash, and percent codes have one form', async () => {
  const root = proof({ htu: 'http://api.example:80' })
  assert.equal(await judge(root, { url: 'http://api.example/' }), 'accepted')
  const encoded = proof({ htu: 'https://api.example/a%2fb' })
  assert.equal(await judge(encoded, { url: 'https://api.example/a%2Fb' }), 'accepted')
  assert.equal(await judge(encoded, { url: 'https://api.example/a/b' }), 'token.proof_invalid')
})

test('a request address that is itself unusable is no match for the same text', async () => {
  for (const url of ['/orders', '', 'https://u@api.example/orders']) {
    assert.equal(await judge(proof({ htu: url }), { url }), 'token.proof_invalid')
  }
})

test('a proof is recent within a minute to either side', async () => {
  const edge = proofWindow / 1000
  for (const offset of [-edge, edge, 0]) {
    assert.equal(await judge(proof({ iat: now / 1000 + offset })), 'accepted')
  }
  for (const iat of [
    now / 1000 - edge - 1,
    now / 1000 + edge + 1,
    0,
    -1,
    1e300,
    String(now / 1000),
    null,
    undefined,
  ]) {
    assert.equal(await judge(proof({ iat })), 'token.proof_invalid')
  }
})

test('a proof needs an id of at most 128 characters', async () => {
  assert.equal(await judge(proof({ jti: 'x'.repeat(128) })), 'accepted')
  for (const jti of [undefined, null, '', 5, {}, ['a'], 'x'.repeat(129)]) {
    assert.equal(await judge(proof({ jti })), 'token.proof_invalid')
  }
})

test('F07: the hash must be that of this token, in its one spelling', async () => {
  const hash = claims.ath
  const wrong = [
    undefined,
    null,
    '',
    5,
    [hash],
    sha('sha512', accessToken),
    sha('sha256', 'other'),
    `${hash}=`,
    hash.slice(0, -1),
    Buffer.from(hash, 'base64url').toString('hex'),
    accessToken,
  ]
  for (const ath of wrong) assert.equal(await judge(proof({ ath })), 'token.proof_invalid')
  assert.equal(await judge(proof(), { accessToken: 'another.access.token' }), 'token.proof_invalid')
})

test('with nonces wanted, a proof without a current one is told so, and only if all else holds', async () => {
  const nonces = ['now', 'before']
  assert.equal(await judge(proof({ nonce: 'now' }), { nonces }), 'accepted')
  assert.equal(await judge(proof({ nonce: 'before' }), { nonces }), 'accepted')
  for (const nonce of [undefined, 'old']) {
    assert.equal(await judge(proof({ nonce }), { nonces }), 'token.proof_nonce')
  }
  for (const nonce of [null, '', 5, ['now']]) {
    assert.equal(await judge(proof({ nonce }), { nonces }), 'token.proof_invalid')
  }
  assert.equal(await judge(proof({ htm: 'GET' }), { nonces }), 'token.proof_invalid')
  assert.equal(await judge(proof(), { nonces: [] }), 'token.proof_nonce')
})

test('texts that are no proof are refused', async () => {
  for (const text of [
    '',
    '..',
    'a.b.c',
    proof().slice(0, -1),
    `${proof()},${proof()}`,
    'x'.repeat(9000),
  ]) {
    assert.equal(await judge(text), 'token.proof_invalid')
  }
  assert.equal(await judge(forge(header, '[]', es256(pair.privateKey))), 'token.proof_invalid')
})

test('claims inherited from a polluted prototype prove nothing', async () => {
  const polluted = Object.prototype as Record<string, unknown>
  polluted['ath'] = claims.ath
  try {
    assert.equal(await judge(proof({ ath: undefined })), 'token.proof_invalid')
  } finally {
    delete polluted['ath']
  }
})

test('no text and no claims make the check throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.webUrl()), (text) => {
      assert.ok(isRefusal(check(text)))
      const checked = check(proof({ htu: text }))
      assert.ok(isRefusal(checked) || text.startsWith('https://api.example'))
    }),
    { numRuns: 300 },
  )
  const names = fc.constantFrom('jti', 'htm', 'htu', 'iat', 'ath', 'nonce')
  fc.assert(
    fc.property(names, fc.jsonValue(), fc.jsonValue(), (name, value, key) => {
      const checked = check(proof({ [name]: value }), { nonces: ['n'] })
      assert.ok(isRefusal(checked))
      assert.ok(isRefusal(check(proof({}, { jwk: key as object }))))
    }),
    { numRuns: 300 },
  )
})

test('F01: a bound token is refused as a bearer token, an unbound one with the DPoP scheme', async () => {
  const bound = { confirmationThumbprint: thumbprint }
  const unbound = { confirmationThumbprint: undefined }
  assert.equal(checkBinding(bound, 'DPoP'), undefined)
  assert.equal(checkBinding(unbound, 'Bearer'), undefined)
  assert.equal(await verdict(checkBinding(bound, 'Bearer')), 'token.proof_required')
  assert.equal(await verdict(checkBinding(unbound, 'DPoP')), 'token.not_bound')
})

const checked = check(proof()) as CheckedProof

test('F05: a proof is taken once, one after the other and at once', async () => {
  const clock = manualClock(now)
  const replays = new MemoryProofReplays(clock, 1000)
  assert.equal(takeProof(replays, checked), undefined)
  assert.equal(await verdict(takeProof(replays, checked)), 'token.proof_replayed')
  const fresh = { ...checked, jti: 'proof-2' }
  const results = await Promise.all(
    Array.from({ length: 50 }, async () => verdict(takeProof(replays, fresh))),
  )
  assert.equal(results.filter((result) => result === 'accepted').length, 1)
})

test('F05: a proof is remembered as long as it could be accepted again', async () => {
  const clock = manualClock(now)
  const replays = new MemoryProofReplays(clock, 1000)
  const ahead = check(proof({ iat: now / 1000 + proofWindow / 1000 })) as CheckedProof
  void takeProof(replays, ahead)
  clock.advance(2 * proofWindow)
  assert.ok(!isRefusal(check(proof({ iat: ahead.issuedAt / 1000 }), { now: clock.now() })))
  assert.equal(await verdict(takeProof(replays, ahead)), 'token.proof_replayed')
})

test('the same id by another key is another proof', async () => {
  const replays = new MemoryProofReplays(manualClock(now), 1000)
  void takeProof(replays, checked)
  const other = { ...checked, thumbprint: 'B'.repeat(43) }
  assert.equal(takeProof(replays, other), undefined)
})

test('a record of proofs that is full, throws or rejects means no', async () => {
  const full = new MemoryProofReplays(manualClock(now), 1)
  assert.equal(takeProof(full, checked), undefined)
  const next = { ...checked, jti: 'proof-2' }
  const failing: readonly ProofReplays[] = [
    full,
    { take: () => Promise.reject(new Error('down')) },
    { take: () => Promise.reject('down') },
  ]
  for (const replays of failing) {
    assert.equal(await verdict(takeProof(replays, next)), 'token.replays_unavailable')
  }
})

test('a full record makes room by what has expired', () => {
  const clock = manualClock(now)
  const replays = new MemoryProofReplays(clock, 2)
  assert.equal(replays.take('a', now + 10), true)
  assert.equal(replays.take('b', now + 30), true)
  clock.advance(10)
  assert.equal(replays.take('c', now + 40), true)
  assert.equal(replays.take('b', now + 30), false)
  clock.advance(20)
  assert.equal(replays.take('b', now + 60), true)
  assert.throws(() => replays.take('d', now + 40), { code: 'token.replays_unavailable' })
})

test('a stored record may answer later', async () => {
  const ids = new Set<string>()
  const replays: ProofReplays = {
    take: async (id) => {
      const isFirst = !ids.has(id)
      ids.add(id)
      return isFirst
    },
  }
  assert.equal(await takeProof(replays, checked), undefined)
  assert.equal(await verdict(takeProof(replays, checked)), 'token.proof_replayed')
})

test('a token bound to a certificate counts only where that certificate was shown', () => {
  const [certificate, other] = ['A'.repeat(43), 'B'.repeat(43)]
  const bound = { certificateThumbprint: certificate }
  assert.equal(checkCertificate(bound, certificate), undefined)
  for (const presented of [undefined, '', other, certificate.toLowerCase(), `${certificate}=`]) {
    assert.equal(checkCertificate(bound, presented)?.code, 'token.certificate_required')
  }
  assert.equal(checkCertificate({ certificateThumbprint: undefined }, undefined), undefined)
  assert.equal(checkCertificate({ certificateThumbprint: undefined }, other), undefined)
})
