import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock, millis } from '../../src/core/index.ts'
import { AccessTokenVerifier } from '../../src/token/index.ts'
import type { VerifiedAccessToken } from '../../src/token/index.ts'
import { es256, fixedKeys, forge, p256, verdict } from './forge.ts'

const pair = p256()
const start = 1_700_000_000
const claims = {
  iss: 'https://auth.example',
  aud: 'https://api.example',
  sub: 'person-1',
  client_id: 'portal',
  jti: 'token-1',
  iat: start,
  exp: start + 300,
}
const verifier = new AccessTokenVerifier({
  issuer: claims.iss,
  audience: claims.aud,
  keys: fixedKeys({ ec: ['ES256', pair.publicKey] }),
  clock: manualClock(start * 1000),
  algorithms: ['ES256'],
  maximumLifetime: millis(600_000),
  clockSkew: millis(5000),
  cacheSize: 0,
})
const token = (changes: object): string =>
  forge(
    { alg: 'ES256', typ: 'at+jwt', kid: 'ec' },
    { ...claims, ...changes },
    es256(pair.privateKey),
  )

test('a token says for which role and to what it was narrowed, or is refused', async () => {
  const takenBy = (changes: object): unknown =>
    (verifier.verify(token(changes)) as VerifiedAccessToken).taken
  assert.deepEqual(takenBy({ role: 'ops' }), { role: 'ops', sessionPolicy: undefined })
  assert.deepEqual(takenBy({ session_policy: '{}' }), { role: undefined, sessionPolicy: '{}' })
  for (const changes of [
    { role: '' },
    { role: ['ops'] },
    { role: 'x'.repeat(65) },
    { role: null },
    { session_policy: '' },
    { session_policy: {} },
    { session_policy: `{${' '.repeat(4096)}}` },
    { role: 'ops', session_policy: '{\n}' },
  ]) {
    assert.equal(
      await verdict(verifier.verify(token(changes))),
      'token.invalid',
      JSON.stringify(changes),
    )
  }
})
