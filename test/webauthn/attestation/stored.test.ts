import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isRefusal } from '../../../src/core/index.ts'
import {
  certificateAnchor,
  judgeTrust,
  verifyStoredAttestation,
} from '../../../src/webauthn/index.ts'
import { newRoot } from '../../kit/attestation/authority.ts'
import { attestedFormats, attesting } from '../../kit/attestation/statements.ts'
import { accepted, refusedAs, register } from '../fixture.ts'

const root = newRoot('Soft Root')
const anchor = certificateAnchor('soft.pem', root.certificate)
assert.ok(anchor)
const aaguid = Buffer.alloc(16, 0x42)
const at = Date.UTC(2030, 0, 1)

for (const format of attestedFormats) {
  const registered = () => {
    const attest = attesting(format, root)
    const verified = register({ aaguid, algorithms: [-7], attest })
    accepted(verified)
    return verified
  }

  test(`${format}: what was kept verifies again, and anchors of today can be asked`, () => {
    const kept = registered()
    const again = verifyStoredAttestation(kept)
    accepted(again)
    assert.equal(again.aaguid, kept.aaguid)
    assert.equal(judgeTrust({ ...again, anchors: [anchor], at }).trusted, true)
    assert.equal(judgeTrust({ ...again, anchors: [], at }).trusted, false)
  })

  test(`${format}: what was kept and changed since is nothing to trust`, () => {
    const kept = registered()
    const clientDataJSON = Buffer.from(kept.clientDataJSON)
    clientDataJSON.writeUInt8(clientDataJSON.readUInt8(20) ^ 1, 20)
    refusedAs(verifyStoredAttestation({ ...kept, clientDataJSON }), 'attestation_invalid')
    const attestationObject = kept.attestationObject.subarray(1)
    assert.ok(isRefusal(verifyStoredAttestation({ ...kept, attestationObject })))
  })
}

test('none verifies again and is never trusted', () => {
  const kept = register()
  accepted(kept)
  const again = verifyStoredAttestation(kept)
  accepted(again)
  assert.equal(judgeTrust({ ...again, anchors: [anchor], at }).trusted, false)
})
