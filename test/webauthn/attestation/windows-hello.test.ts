import assert from 'node:assert/strict'
import { createHash, verify } from 'node:crypto'
import { test } from 'node:test'

import {
  certificateAnchor,
  judgeTrust,
  parseAttestationObject,
} from '../../../src/webauthn/attestation/index.ts'
import { tpmLeafProblem } from '../../../src/webauthn/attestation/tpm.ts'
import {
  parseCertifyInfo,
  parsePublicArea,
} from '../../../src/webauthn/attestation/tpm-structures.ts'
import { bytesOf, parseChain } from '../../../src/webauthn/attestation/verified.ts'
import { parseAuthenticatorData } from '../../../src/webauthn/authenticator-data.ts'
import { parseCoseKey } from '../../../src/webauthn/cose-key.ts'
import { verifyRegistration } from '../../../src/webauthn/index.ts'
import { newRoot } from '../../kit/attestation/authority.ts'
import { accepted, everyAlgorithm, refusedAs } from '../fixture.ts'
import { windowsHello } from './real-devices.ts'
import type { RealDevice } from './real-devices.ts'

function parts(device: RealDevice) {
  const attestationObject = Buffer.from(device.attestationObject, 'base64url')
  const clientDataJSON = Buffer.from(device.clientDataJSON, 'base64url')
  const attestation = parseAttestationObject(attestationObject)
  accepted(attestation)
  const { statement, authenticatorData } = attestation
  const data = parseAuthenticatorData(authenticatorData)
  accepted(data)
  const chain = parseChain(statement.get('x5c'))
  const [pubArea, certInfo, signature] = ['pubArea', 'certInfo', 'sig'].map((name) =>
    bytesOf(statement, name),
  )
  assert.ok(data.attested && pubArea && certInfo && signature && typeof chain !== 'string')
  const response = {
    credentialId: Buffer.from(data.attested.credentialId).toString('base64url'),
    clientDataJSON,
    attestationObject,
    transports: [],
    discoverable: undefined,
  }
  return { ...data.attested, response, authenticatorData, chain, pubArea, certInfo, signature }
}

for (const device of windowsHello) {
  const name = `tpm, ${device.device}`
  test(`${name}: is refused for its SHA-1`, () => {
    const { response } = parts(device)
    const outcome = verifyRegistration(response, {
      challenge: device.challenge,
      origins: [device.origin],
      rpId: new URL(device.origin).hostname,
      userVerification: 'required',
      algorithms: everyAlgorithm,
    })
    refusedAs(outcome, 'attestation_invalid')
    assert.match(JSON.stringify(outcome), /alg is not supported/)
  })

  test(`${name}: its structures are read: the key, its name, what is attested`, () => {
    const { response, pubArea, certInfo, signature, chain, publicKey, authenticatorData } =
      parts(device)
    const area = parsePublicArea(pubArea)
    const key = parseCoseKey(publicKey, everyAlgorithm)
    accepted(key)
    assert.ok(area?.key.kind === 'rsa')
    const jwk = key.key.export({ format: 'jwk' })
    const bound = (1 << 1) | (1 << 4) | (1 << 5)
    assert.equal(area.attributes & bound, bound)
    assert.equal(Buffer.from(area.key.modulus).toString('base64url'), jwk.n)
    const info = parseCertifyInfo(certInfo)
    assert.ok(info !== undefined)
    const clientDataHash = createHash('sha256').update(response.clientDataJSON).digest()
    const attested = createHash('sha1').update(authenticatorData).update(clientDataHash).digest()
    assert.deepEqual(Buffer.from(info.extraData), attested)
    const named = createHash('sha256').update(pubArea).digest()
    assert.deepEqual(Buffer.from(info.name), Buffer.concat([Buffer.of(0x00, 0x0b), named]))
    assert.ok(verify('sha1', certInfo, chain[0].publicKey, signature))
  })

  test(`${name}: its certificates are as they have to be, and trusted by their maker only`, () => {
    const { chain, aaguid } = parts(device)
    assert.equal(chain.length, device.certificates)
    const [leaf, authority] = chain
    assert.equal(tpmLeafProblem(leaf, aaguid), undefined)
    const statement = { chain, namesModel: true, weakness: undefined }
    const judged = (der: Uint8Array | undefined, at: number) => {
      const anchor = der && certificateAnchor('real', der)
      assert.ok(anchor !== undefined)
      return judgeTrust({ statement, aaguid: device.aaguid, anchors: [anchor], at }).trusted
    }
    const from = Math.max(...chain.map(({ notBefore }) => notBefore))
    assert.equal(judged(authority?.der, from), true)
    assert.equal(judged(authority?.der, from - 1000), false)
    assert.equal(judged(authority?.der, leaf.notAfter + 1000), false)
    assert.equal(judged(newRoot('Other').certificate, from), false)
  })
}
