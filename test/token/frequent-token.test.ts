import assert from 'node:assert/strict'
import test from 'node:test'
import { isRefusal, manualClock, millis } from '../../src/core/index.ts'
import { AccessTokenVerifier } from '../../src/token/index.ts'
import type { VerifiedAccessToken } from '../../src/token/index.ts'
import { es256, forge, p256, verdict } from './forge.ts'

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

function countingVerifier() {
  const clock = manualClock(start * 1000)
  const keys = {
    finds: 0,
    revision: 1,
    find: () => {
      keys.finds++
      return pair.publicKey
    },
    revisionAt: () => keys.revision,
  }
  const verifier = new AccessTokenVerifier({
    issuer: claims.iss,
    audience: claims.aud,
    keys,
    clock,
    algorithms: ['ES256'],
    maximumLifetime: millis(600_000),
    clockSkew: millis(5000),
    cacheSize: 100,
  })
  return { clock, keys, verifier }
}

const token = (changes: object = {}) =>
  forge(
    { alg: 'ES256', typ: 'at+jwt', kid: 'ec' },
    { ...claims, ...changes },
    es256(pair.privateKey),
  )

/** So often that it is found by its text. */
function useOften(verifier: AccessTokenVerifier, text: string): void {
  for (let use = 0; use < 5; use++) void verifier.verify(text)
}

test('a token in frequent use ends as any other: by its time, its keys, and when it is forgotten', async () => {
  const { clock, keys, verifier } = countingVerifier()
  const text = token()
  useOften(verifier, text)
  assert.equal(keys.finds, 1)
  verifier.forget(() => true)
  useOften(verifier, text)
  assert.equal(keys.finds, 2)
  keys.revision = 2
  useOften(verifier, text)
  assert.equal(keys.finds, 3)
  clock.advance(305_000)
  assert.equal(await verdict(verifier.verify(text)), 'token.expired')
  assert.equal(await verdict(verifier.verify(text)), 'token.expired')
})

test('a token in frequent use is found by its exact text only', async () => {
  const { verifier } = countingVerifier()
  const text = token()
  useOften(verifier, text)
  const [head = '', payload = '', signature = ''] = text.split('.')
  const admin = token({ groups: ['admins'] }).split('.')[1] ?? ''
  for (const other of [
    `${head}.${admin}.${signature}`,
    `${head}.${payload}A.${signature}`,
    `${text}.`,
    ` ${text}`,
    signature,
  ]) {
    assert.equal(await verdict(verifier.verify(other)), 'token.invalid')
  }
})

test('tokens in frequent use never answer for each other, however many there are', () => {
  const { verifier } = countingVerifier()
  const signature = 'A'.repeat(86)
  const tokens = Array.from({ length: 40 }, (_, index) => token({ sub: `p${index}` }))
  // The same last characters in all of them: a place that is contended, and no token.
  const spoiled = tokens.map((text) => `${text.slice(0, -86)}${signature}`)
  for (let turn = 0; turn < 4; turn++) {
    for (const [index, text] of tokens.entries()) {
      for (let use = 0; use <= turn; use++) {
        assert.equal((verifier.verify(text) as VerifiedAccessToken).subject, `p${index}`)
        assert.ok(isRefusal(verifier.verify(spoiled[index] ?? '')))
      }
    }
  }
})
