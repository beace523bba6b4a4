import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SettingsService, verifyRegistrationResponse } from '@simplewebauthn/server'

import { parseRegistrationResponse, verifyRegistration } from '../../../src/webauthn/index.ts'
import { newRoot } from '../../kit/attestation/authority.ts'
import { attestedFormats, attesting } from '../../kit/attestation/statements.ts'
import { SoftAuthenticator } from '../../kit/soft-authenticator.ts'
import {
  accepted,
  everyAlgorithm,
  expectedFor,
  newCreationOptions,
  origin,
  rpId,
} from '../fixture.ts'

const root = newRoot('Soft Root')
const issuing = root.below('Soft Issuer')
const lines =
  root.certificate
    .toString('base64')
    .match(/.{1,64}/g)
    ?.join('\n') ?? ''
const pem = `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`

for (const format of attestedFormats) {
  // The other verifier knows no AAGUID under fido-u2f.
  const aaguid = Buffer.alloc(16, format === 'fido-u2f' ? 0 : 0x42)

  test(`${format}: an independent verifier, given the same root, finds the same`, async () => {
    SettingsService.setRootCertificates({ identifier: format, certificates: [pem] })
    const authenticator = new SoftAuthenticator({
      aaguid,
      algorithms: [-7],
      attest:
        format === 'fido-u2f'
          ? attesting(format, root)
          : attesting(format, issuing, { chain: chainFor(format) }),
    })
    const options = newCreationOptions()
    const response: any = authenticator.create(options, { origin })
    const parsed = parseRegistrationResponse(response)
    accepted(parsed)
    const ours = verifyRegistration(parsed, expectedFor(options.challenge))
    accepted(ours)
    const theirs = await verifyRegistrationResponse({
      response,
      expectedChallenge: options.challenge,
      expectedOrigin: origin,
      expectedRPID: rpId,
      supportedAlgorithmIDs: [...everyAlgorithm],
    })
    assert.equal(theirs.verified, true)
    assert.equal(theirs.registrationInfo?.fmt, ours.attestationFormat)
    assert.equal(theirs.registrationInfo.aaguid, ours.aaguid)
  })
}

/** The other verifier wants Android's root among the certificates, and nobody else's. */
function chainFor(format: string): readonly Uint8Array[] {
  return format === 'android-key' ? [issuing.certificate, root.certificate] : [issuing.certificate]
}
