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

const attestationObject = Buffer.from(windowsHello.attestationObject, 'base64url')
const clientDataJSON = Buffer.from(windowsHello.clientDataJSON, 'base64url')

function parts() {
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
  return { ...data.attested, authenticatorData, chain, pubArea, certInfo, signature }
}

test('the TPM of a real Windows Hello is refused for its SHA-1, and for nothing else', () => {
  const { credentialId } = parts()
  const response = {
    credentialId: Buffer.from(credentialId).toString('base64url'),
    clientDataJSON,
    attestationObject,
    transports: [],
    discoverable: undefined,
  }
  const outcome = verifyRegistration(response, {
    challenge: windowsHello.challenge,
    origins: [windowsHello.origin],
    rpId: new URL(windowsHello.origin).hostname,
    userVerification: 'required',
    algorithms: everyAlgorithm,
  })
  refusedAs(outcome, 'attestation_invalid')
  assert.match(JSON.stringify(outcome), /alg is not supported/)
})

test('the structures of a real TPM are read: its key, its name, what it attests', () => {
  const { pubArea, certInfo, signature, chain, publicKey, authenticatorData } = parts()
  const area = parsePublicArea(pubArea)
  const key = parseCoseKey(publicKey, everyAlgorithm)
  accepted(key)
  assert.ok(area?.key.kind === 'rsa')
  const jwk = key.key.export({ format: 'jwk' })
  assert.equal(Buffer.from(area.key.modulus).toString('base64url'), jwk.n)
  const info = parseCertifyInfo(certInfo)
  assert.ok(info !== undefined)
  const clientDataHash = createHash('sha256').update(clientDataJSON).digest()
  const attested = createHash('sha1').update(authenticatorData).update(clientDataHash).digest()
  assert.deepEqual(Buffer.from(info.extraData), attested)
  const name = createHash('sha256').update(pubArea).digest()
  assert.deepEqual(Buffer.from(info.name), Buffer.concat([Buffer.of(0x00, 0x0b), name]))
  assert.ok(verify('sha1', certInfo, chain[0].publicKey, signature))
})

test('the certificates of a real TPM are as WebAuthn wants them, and trusted by their maker only', () => {
  const { chain, aaguid } = parts()
  assert.equal(chain.length, windowsHello.certificates)
  const [leaf, authority] = chain
  assert.equal(tpmLeafProblem(leaf, aaguid), undefined)
  const statement = { chain, namesModel: true, weakness: undefined }
  const judged = (der: Uint8Array | undefined, at: number) => {
    const anchor = der && certificateAnchor('real', der)
    assert.ok(anchor !== undefined)
    return judgeTrust({ statement, aaguid: windowsHello.aaguid, anchors: [anchor], at }).trusted
  }
  const from = Math.max(...chain.map(({ notBefore }) => notBefore))
  assert.equal(judged(authority?.der, from), true)
  assert.equal(judged(authority?.der, from - 1000), false)
  assert.equal(judged(authority?.der, leaf.notAfter + 1000), false)
  assert.equal(judged(newRoot('Other').certificate, from), false)
})
