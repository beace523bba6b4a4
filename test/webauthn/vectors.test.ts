import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  challengeOf,
  judgeTrust,
  leafKeyAnchor,
  verifyAuthentication,
  verifyRegistration,
} from '../../src/webauthn/index.ts'
import type { ExpectedCeremony, TrustAnchor } from '../../src/webauthn/index.ts'
import { accepted, everyAlgorithm, refusedAs } from './fixture.ts'
import { w3cAttestedVectors } from './w3c-attested-vectors.ts'
import { w3cVectors } from './w3c-vectors.ts'

type Vector = (typeof w3cVectors)[number] | (typeof w3cAttestedVectors)[number]

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))

/** Those in which no certificate vouches for the device. */
const leafless = { 'none.ES256': true, 'packed-self.ES256': true }

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

for (const vector of [...w3cVectors, ...w3cAttestedVectors]) {
  const { get } = vector
  if (get === undefined) continue
  test(`the W3C vector ${vector.name} verifies`, () => {
    const verified = registration(vector)
    accepted(verified)
    const [format = ''] = vector.name.replace('-self', '').split('.')
    assert.equal(verified.attestationFormat, format)
    assert.equal(verified.attestationTrusted, false)
    const { statement } = verified
    assert.equal(statement.chain.length, vector.name in leafless ? 0 : 1)
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
    const strictly = verifyAuthentication(response, strict, stored, allowed)
    const isVerified = ((bytes(get.authenticatorData)[32] ?? 0) & 0x04) !== 0
    if (isVerified) accepted(strictly)
    else refusedAs(strictly, 'assertion_user_not_verified', 403)
  })
}

test('the W3C vector none.ES256 is refused where user verification is required', () => {
  refusedAs(registration(w3cVectors[0], 'required'), 'registration_user_not_verified')
})

test('the W3C vector none.ES256.crossOrigin is refused', () => {
  refusedAs(registration(w3cVectors[2]), 'registration_cross_origin')
})

const leafKeys = w3cAttestedVectors.map((vector) => {
  const verified = registration(vector)
  accepted(verified)
  const [leaf] = verified.statement.chain
  assert.ok(leaf !== undefined)
  return { verified, anchor: leafKeyAnchor(vector.name, leaf.publicKey) }
})

/** What a statement itself says against hardware, whoever vouches for it. */
const weak: Readonly<Record<string, string>> = {
  'tpm.ES256': 'the key was not made to stay in the TPM',
  'android-key.ES256': 'the key is kept by software',
}

test('a W3C vector with a certificate is trusted by its key and no other, unless it says it is software', () => {
  const at = Date.UTC(2026, 0)
  for (const [index, { verified, anchor }] of leafKeys.entries()) {
    const { statement, aaguid } = verified
    const judged = (anchors: readonly TrustAnchor[]) =>
      judgeTrust({ statement, aaguid, anchors, at })
    const trust = judged([anchor])
    assert.equal(trust.trusted ? undefined : trust.why, weak[anchor.name], anchor.name)
    const others = leafKeys.filter((_, other) => other !== index).map((one) => one.anchor)
    assert.equal(judged(others).trusted, false, anchor.name)
  }
})

test('the W3C vectors name their maker, and the fido-u2f one no model', () => {
  for (const { verified, anchor } of leafKeys) {
    const { makers } = verified.statement.device
    if (/^(packed|fido-u2f)/.test(anchor.name)) {
      assert.deepEqual(makers, ['W3C', 'WebAuthn test vectors'], anchor.name)
    }
    const isNamed = verified.aaguid !== '00000000-0000-0000-0000-000000000000'
    assert.equal(isNamed, anchor.name !== 'fido-u2f.ES256')
  }
})
