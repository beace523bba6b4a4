import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isRefusal } from '../../../src/core/index.ts'
import type { Refusal } from '../../../src/core/index.ts'
import { parseAttestationObject } from '../../../src/webauthn/attestation/index.ts'
import { parseAuthenticatorData } from '../../../src/webauthn/authenticator-data.ts'
import {
  certificateAnchor,
  judgeTrust,
  leafKeyAnchor,
  verifyRegistration,
} from '../../../src/webauthn/index.ts'
import type {
  ChainedStatement,
  ExpectedCeremony,
  TrustAnchor,
  VerifiedRegistration,
} from '../../../src/webauthn/index.ts'
import { newRoot } from '../../kit/attestation/authority.ts'
import { accepted, everyAlgorithm, refusedAs } from '../fixture.ts'
import { realDevices, realRoots } from './real-devices.ts'
import type { RealDevice } from './real-devices.ts'

interface Sent {
  readonly clientDataJSON: Buffer
  readonly attestationObject: Buffer
}

function sent(device: RealDevice): Sent {
  return {
    clientDataJSON: Buffer.from(device.clientDataJSON, 'base64url'),
    attestationObject: Buffer.from(device.attestationObject, 'base64url'),
  }
}

function partsOf(device: RealDevice) {
  const attestation = parseAttestationObject(sent(device).attestationObject)
  accepted(attestation)
  const data = parseAuthenticatorData(attestation.authenticatorData)
  accepted(data)
  assert.ok(data.attested !== undefined)
  return { ...attestation, attested: data.attested }
}

function verify(
  device: RealDevice,
  changes: Partial<Sent> = {},
  expected: Partial<ExpectedCeremony> = {},
): VerifiedRegistration | Refusal {
  const { attested } = partsOf(device)
  const credentialId = Buffer.from(attested.credentialId).toString('base64url')
  return verifyRegistration(
    { credentialId, ...sent(device), ...changes, transports: [], discoverable: undefined },
    {
      challenge: device.challenge,
      origins: [device.origin],
      rpId: new URL(device.origin).hostname,
      userVerification: device.userVerified ? 'required' : 'preferred',
      algorithms: everyAlgorithm,
      ...expected,
    },
  )
}

/** The attestation object with one bit of `part` flipped; from its end when `at` is negative. */
function flipped(device: RealDevice, part: Uint8Array, at: number): Partial<Sent> {
  const { attestationObject } = sent(device)
  const start = attestationObject.indexOf(part)
  assert.ok(start > 0 && start === attestationObject.lastIndexOf(part))
  const index = start + (at < 0 ? part.byteLength + at : at)
  attestationObject[index] = (attestationObject[index] ?? 0) ^ 1
  return { attestationObject }
}

function anchorOf(device: RealDevice, { chain }: ChainedStatement): TrustAnchor {
  const [leaf] = chain
  assert.ok(leaf !== undefined && device.root !== undefined)
  if (device.root === 'leaf') return leafKeyAnchor('real', leaf.publicKey)
  const sentLast = chain.at(-1)?.der
  const der = device.root === 'own' ? sentLast : Buffer.from(realRoots[device.root], 'base64url')
  const anchor = der && certificateAnchor('real', der)
  assert.ok(anchor !== undefined)
  return anchor
}

/** When all certificates of a device are valid. */
function validityOf({ chain }: ChainedStatement) {
  const from = Math.max(...chain.map(({ notBefore }) => notBefore))
  const until = Math.min(...chain.map(({ notAfter }) => notAfter))
  return { from, until }
}

const other = certificateAnchor('other', newRoot('Other').certificate)
assert.ok(other !== undefined)

for (const device of realDevices) {
  const name = `${device.format}, ${device.device}`

  test(`${name}: verifies, with what it says of itself`, () => {
    const verified = verify(device)
    accepted(verified)
    assert.equal(verified.attestationFormat, device.format)
    assert.equal(verified.aaguid, device.aaguid)
    assert.equal(verified.algorithm, device.algorithm)
    assert.equal(verified.userVerified, device.userVerified)
    assert.equal(verified.attestationTrusted, false)
    assert.equal(verified.statement.weakness, undefined)
    assert.equal(verified.statement.chain.length, device.certificates)
  })

  test(`${name}: is refused for another challenge, origin, relying party or algorithm`, () => {
    const changes: readonly (readonly [Partial<ExpectedCeremony>, string])[] = [
      [{ challenge: `${device.challenge}A` }, 'registration_challenge_mismatch'],
      [{ origins: ['https://example.org'] }, 'registration_origin_not_allowed'],
      [{ rpId: 'example.org' }, 'registration_rp_id_mismatch'],
      [{ algorithms: [-50] }, 'algorithm_not_offered'],
    ]
    for (const [expected, code] of changes) refusedAs(verify(device, {}, expected), code)
  })

  test(`${name}: is refused when one bit of it is another`, () => {
    const { statement, authenticatorData } = partsOf(device)
    const outcomes = [verify(device, flipped(device, authenticatorData, 0))]
    // U2F signs no counter, and none nothing.
    if (!['none', 'fido-u2f'].includes(device.format)) {
      outcomes.push(verify(device, flipped(device, authenticatorData, 36)))
    }
    if (device.format !== 'none') {
      outcomes.push(verify(device, flipped(device, authenticatorData, -1)))
      const { clientDataJSON } = sent(device)
      const spaced = Buffer.from(clientDataJSON.toString().replace(/\}$/, ' }'))
      outcomes.push(verify(device, { clientDataJSON: spaced }))
    }
    const signature = statement.get('sig')
    if (signature instanceof Uint8Array) {
      outcomes.push(verify(device, flipped(device, signature, -1)))
    }
    for (const [index, outcome] of outcomes.entries()) assert.ok(isRefusal(outcome), `${index}`)
    assert.ok(outcomes.length >= 1 && (device.format === 'none' || outcomes.length >= 4))
  })

  if (device.root === undefined) {
    test(`${name}: is trusted by nothing`, () => {
      const verified = verify(device)
      accepted(verified)
      const { statement, aaguid } = verified
      const at = Date.UTC(2022, 0)
      assert.equal(judgeTrust({ statement, aaguid, anchors: [other], at }).trusted, false)
    })
    continue
  }

  test(`${name}: is trusted by who made it, while its certificates are valid, and by nobody else`, () => {
    const verified = verify(device)
    accepted(verified)
    const { statement, aaguid } = verified
    const { from, until } = validityOf(statement)
    const anchor = anchorOf(device, statement)
    const judged = (anchors: readonly TrustAnchor[], at: number) =>
      judgeTrust({ statement, aaguid, anchors, at })
    for (const at of [from, until]) {
      const trust = judged([other, anchor], at)
      assert.ok(trust.trusted, `${!trust.trusted && trust.why}`)
      assert.equal(trust.anchor, 'real')
      assert.deepEqual(trust.path[0], statement.chain[0])
    }
    for (const at of [from - 1000, until + 1000]) assert.equal(judged([anchor], at).trusted, false)
    assert.equal(judged([other], from).trusted, false)
    assert.equal(judged([], from).trusted, false)
  })

  test(`${name}: is not trusted when one bit of a certificate is another`, () => {
    const verified = verify(device)
    accepted(verified)
    const { chain } = verified.statement
    const anchor = anchorOf(device, verified.statement)
    const at = validityOf(verified.statement).from
    // The anchor itself is believed, whatever it says of itself, and a leaf key whoever certified it.
    const judgeable = { own: chain.slice(0, -1), leaf: [] }
    const certificates =
      device.root === 'own' || device.root === 'leaf' ? judgeable[device.root] : chain
    for (const { der } of certificates) {
      for (const index of [-1, -(der.byteLength >> 1)]) {
        const changed = verify(device, flipped(device, der, index))
        if (isRefusal(changed)) continue
        const { statement, aaguid } = changed
        assert.equal(judgeTrust({ statement, aaguid, anchors: [anchor], at }).trusted, false)
      }
    }
  })
}
