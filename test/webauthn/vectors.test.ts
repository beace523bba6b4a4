import assert from 'node:assert/strict'
import { test } from 'node:test'

import { challengeOf, verifyAuthentication, verifyRegistration } from '../../src/webauthn/index.ts'
import type { ExpectedCeremony } from '../../src/webauthn/index.ts'
import { accepted, everyAlgorithm, refusedAs } from './fixture.ts'
import { w3cVectors } from './w3c-vectors.ts'

type Vector = (typeof w3cVectors)[number]

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))

function expecting(
  challenge: string,
  userVerification: ExpectedCeremony['userVerification'] = 'preferred',
): ExpectedCeremony {
  return {
    challenge: Buffer.from(challenge, 'hex').toString('base64url'),
    origins: ['https://example.org'],
    rpId: 'example.org',
    userVerification,
    algorithms: everyAlgorithm,
  }
}

function registration(vector: Vector, userVerification?: ExpectedCeremony['userVerification']) {
  const clientDataJSON = Buffer.from(vector.create.clientDataJSON)
  const response = {
    credentialId: Buffer.from(vector.credentialId, 'hex').toString('base64url'),
    clientDataJSON,
    attestationObject: bytes(vector.create.attestationObject),
    transports: [],
    discoverable: undefined,
  }
  return verifyRegistration(response, expecting(vector.create.challenge, userVerification))
}

for (const vector of w3cVectors) {
  const { get } = vector
  if (get === undefined) continue
  test(`the W3C vector ${vector.name} verifies`, () => {
    const verified = registration(vector)
    accepted(verified)
    assert.equal(verified.attestationFormat, vector.name.split(/[.-]/)[0])
    assert.equal(verified.backupEligible, true)
    const clientDataJSON = Buffer.from(get.clientDataJSON)
    assert.equal(challengeOf({ clientDataJSON }), expecting(get.challenge).challenge)
    const response = {
      credentialId: verified.credentialId,
      clientDataJSON,
      authenticatorData: bytes(get.authenticatorData),
      signature: bytes(get.signature),
      userHandle: undefined,
    }
    const stored = { ...verified, userHandle: new Uint8Array(1) }
    const allowed = { allowCredentials: [verified.credentialId] }
    accepted(verifyAuthentication(response, expecting(get.challenge), stored, allowed))
    const strict = expecting(get.challenge, 'required')
    const refused = verifyAuthentication(response, strict, stored, allowed)
    refusedAs(refused, 'assertion_user_not_verified', 403)
  })
}

test('the W3C vector none.ES256 is refused where user verification is required', () => {
  refusedAs(registration(w3cVectors[0], 'required'), 'registration_user_not_verified')
})

test('the W3C vector none.ES256.crossOrigin is refused', () => {
  refusedAs(registration(w3cVectors[2]), 'registration_cross_origin')
})
