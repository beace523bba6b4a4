import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { Refusal } from '../../src/core/index.ts'
import { challenges, stepUpChallenge, tokenErrors } from '../../src/token/index.ts'
import type { ChallengeContext } from '../../src/token/index.ts'

const plain: ChallengeContext = { scheme: undefined, resourceMetadata: undefined, scopes: [] }
const algs = 'algs="ES256 EdDSA Ed25519 PS256 RS256"'

test('without a token both schemes are offered, without an error', () => {
  assert.deepEqual(challenges(undefined, plain), ['Bearer', `DPoP ${algs}`])
  const resourceMetadata = 'https://api.example/.well-known/oauth-protected-resource'
  assert.deepEqual(
    challenges(undefined, { ...plain, resourceMetadata, scopes: ['read', 'write'] }),
    [
      `Bearer scope="read write", resource_metadata="${resourceMetadata}"`,
      `DPoP scope="read write", resource_metadata="${resourceMetadata}", ${algs}`,
    ],
  )
})

const expected = {
  invalid: ['Bearer', 'invalid_token'],
  expired: ['Bearer', 'invalid_token'],
  wrong_audience: ['Bearer', 'invalid_token'],
  insufficient_scope: ['Bearer', 'insufficient_scope'],
  proof_required: ['DPoP', 'invalid_token'],
  not_bound: ['Bearer', 'invalid_token'],
  proof_invalid: ['DPoP', 'invalid_dpop_proof'],
  proof_replayed: ['DPoP', 'invalid_dpop_proof'],
  proof_nonce: ['DPoP', 'use_dpop_nonce'],
} as const

for (const [reason, [scheme, error]] of Object.entries(expected)) {
  test(`${reason} is answered by a ${scheme} challenge with ${error}`, () => {
    const refusal = tokenErrors.refuse(reason as keyof typeof expected, 'a "detail" for the log')
    const [challenge = '', ...more] = challenges(refusal, { ...plain, scheme: 'Bearer' })
    assert.deepEqual(more, [])
    assert.ok(challenge.startsWith(`${scheme} error="${error}", error_description="`), challenge)
    assert.equal(challenge.includes('detail'), false)
  })
}

test('a bad token that came with the DPoP scheme is answered by it', () => {
  const [challenge = ''] = challenges(tokenErrors.refuse('expired'), { ...plain, scheme: 'DPoP' })
  assert.ok(challenge.startsWith('DPoP error="invalid_token"'))
  const [unbound = ''] = challenges(tokenErrors.refuse('not_bound'), { ...plain, scheme: 'DPoP' })
  assert.ok(unbound.startsWith('Bearer error="invalid_token"'))
})

test('every refusal of a token by 401 or 403 has a challenge, the others have none', () => {
  for (const [reason, { status }] of Object.entries(tokenErrors.specs)) {
    const refusal = tokenErrors.refuse(reason as keyof typeof tokenErrors.specs)
    assert.equal(
      challenges(refusal, plain).length,
      status === 401 || status === 403 ? 1 : 0,
      reason,
    )
  }
})

test('a refusal of another area has no challenge', () => {
  const spec = { status: 403, title: 'No', fault: 'caller', doc: '' } as const
  assert.deepEqual(challenges(new Refusal('policy.explicit_deny', spec), plain), [])
})

test('a step-up names what is needed', () => {
  const need = { acrValues: ['phrh', 'phr'], maxAgeSeconds: 0, description: 'Touch your key again' }
  assert.equal(
    stepUpChallenge(need, { ...plain, scheme: 'DPoP' }),
    `DPoP error="insufficient_user_authentication", error_description="Touch your key again", acr_values="phrh phr", max_age="0", ${algs}`,
  )
  assert.equal(
    stepUpChallenge({ ...need, acrValues: [], maxAgeSeconds: undefined }, plain),
    'Bearer error="insufficient_user_authentication", error_description="Touch your key again"',
  )
})

test('values are quoted, so that none can end its parameter or the line', () => {
  const resourceMetadata = 'x", error="none\\\r\nSet-Cookie: a=b\u00e9'
  assert.deepEqual(
    challenges(undefined, { ...plain, resourceMetadata })[0],
    String.raw`Bearer resource_metadata="x\", error=\"none\\??Set-Cookie: a=b?"`,
  )
})

test('any value gives one well-formed header line', () => {
  const line = /^Bearer [a-z_]+="(?:[^"\\]|\\["\\])*"(?:, [a-z_]+="(?:[^"\\]|\\["\\])*")*$/
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1 }), (resourceMetadata) => {
      const [challenge = ''] = challenges(undefined, { ...plain, resourceMetadata })
      assert.match(challenge, line)
      assert.match(challenge, /^[\u0020-\u007e]+$/)
    }),
  )
})
