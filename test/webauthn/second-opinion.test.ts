import assert from 'node:assert/strict'
import { test } from 'node:test'

import { verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server'

import {
  parseAuthenticationResponse,
  parseRegistrationResponse,
  verifyAuthentication,
  verifyRegistration,
} from '../../src/webauthn/index.ts'
import { isRefusal } from '../../src/core/index.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'
import type { AttestationChoice, Device } from '../kit/soft-authenticator.ts'
import {
  accepted,
  everyAlgorithm,
  expectedFor,
  newCreationOptions,
  newRequestOptions,
  origin,
  rpId,
  userHandle,
} from './fixture.ts'

const common = { expectedOrigin: origin, expectedRPID: rpId, requireUserVerification: true }
const attestations: readonly AttestationChoice[] = ['none', 'packed-self', 'packed-x5c']
const devices: readonly Partial<Device>[] = everyAlgorithm.flatMap((algorithm) =>
  attestations.map((attestation) => ({ algorithms: [algorithm], attestation })),
)

for (const device of devices) {
  const name = `${device.algorithms?.join()} ${device.attestation}`

  test(`an independent verifier finds the same in a registration and an assertion (${name})`, async () => {
    const synced = { backupEligible: true, backupState: true }
    const authenticator = new SoftAuthenticator({ ...device, ...synced })
    const creation = newCreationOptions()
    const registration: any = authenticator.create(creation, { origin })
    const parsed = parseRegistrationResponse(registration)
    accepted(parsed)
    const ours = verifyRegistration(parsed, expectedFor(creation.challenge))
    accepted(ours)
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      ...common,
      response: registration,
      expectedChallenge: creation.challenge,
      supportedAlgorithmIDs: [...everyAlgorithm],
    })
    assert.equal(verified, true)
    assert.equal(registrationInfo?.fmt, ours.attestationFormat)
    assert.equal(registrationInfo.aaguid, ours.aaguid)
    assert.equal(registrationInfo.credential.id, ours.credentialId)
    assert.deepEqual(
      Buffer.from(registrationInfo.credential.publicKey),
      Buffer.from(ours.publicKey),
    )
    assert.equal(registrationInfo.credential.counter, ours.signCount)
    assert.equal(registrationInfo.userVerified, ours.userVerified)
    assert.equal(registrationInfo.credentialDeviceType, 'multiDevice')
    assert.equal(ours.backupEligible, true)
    assert.equal(registrationInfo.credentialBackedUp, ours.backupState)

    const request = newRequestOptions()
    const assertion: any = authenticator.get(request, { origin })
    const parsedAssertion = parseAuthenticationResponse(assertion)
    accepted(parsedAssertion)
    const expected = expectedFor(request.challenge)
    const found = verifyAuthentication(
      parsedAssertion,
      expected,
      { ...ours, userHandle },
      { allowCredentials: [] },
    )
    accepted(found)
    const theirs = await verifyAuthenticationResponse({
      ...common,
      response: assertion,
      expectedChallenge: request.challenge,
      credential: registrationInfo.credential,
    })
    assert.equal(theirs.verified, true)
    assert.equal(theirs.authenticationInfo.newCounter, found.signCount)
    assert.equal(theirs.authenticationInfo.userVerified, found.userVerified)
    assert.equal(theirs.authenticationInfo.credentialBackedUp, found.backupState)
  })
}

test('what the independent verifier lets through is refused here', async () => {
  const creation = newCreationOptions()
  const embedded: any = new SoftAuthenticator().create(creation, {
    origin,
    clientData: (members) => ({ ...members, topOrigin: 'https://evil.example' }),
  })
  const theirs = await verifyRegistrationResponse({
    ...common,
    response: embedded,
    expectedChallenge: creation.challenge,
  })
  assert.equal(theirs.verified, true)
  const parsed = parseRegistrationResponse(embedded)
  accepted(parsed)
  assert.ok(isRefusal(verifyRegistration(parsed, expectedFor(creation.challenge))))
})
