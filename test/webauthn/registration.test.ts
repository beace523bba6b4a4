import assert from 'node:assert/strict'
import { test } from 'node:test'

import { authenticatorName } from '../../src/webauthn/index.ts'
import { Raw, encodeCbor } from '../kit/cbor-encoder.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'
import { accepted, origin, refusedAs, register, registerWith, rpId } from './fixture.ts'

for (const [name, algorithm] of [
  ['ES256', -7],
  ['EdDSA', -8],
  ['RS256', -257],
  ['ML-DSA-44', -48],
  ['ML-DSA-65', -49],
  ['ML-DSA-87', -50],
] as const) {
  for (const attestation of ['none', 'packed-self', 'packed-x5c'] as const) {
    test(`accepts a registration with ${name} and attestation ${attestation}`, () => {
      const authenticator = new SoftAuthenticator({ algorithms: [algorithm], attestation })
      const verified = registerWith(authenticator)
      accepted(verified)
      assert.equal(verified.algorithm, algorithm)
      assert.equal(verified.credentialId, authenticator.credentials[0]?.id)
      assert.equal(verified.attestationFormat, attestation.replace(/-.*/, ''))
      assert.equal(verified.attestationTrusted, false)
      assert.equal(verified.signCount, 1)
      assert.equal(verified.userVerified, true)
      assert.equal(verified.discoverable, true)
      assert.deepEqual(verified.transports, ['internal'])
    })
  }
}

test('reports the AAGUID in UUID form and knows the name of well-known ones', () => {
  const aaguid = Buffer.from('ee882879721c491397753dfcce97072a', 'hex')
  const verified = register({ aaguid })
  accepted(verified)
  assert.equal(verified.aaguid, 'ee882879-721c-4913-9775-3dfcce97072a')
  assert.equal(authenticatorName(verified.aaguid), 'YubiKey 5')
  assert.equal(authenticatorName(verified.aaguid.toUpperCase()), 'YubiKey 5')
  assert.equal(authenticatorName('00000000-0000-0000-0000-000000000000'), undefined)
  assert.equal(authenticatorName('constructor'), undefined)
})

test('reports the backup flags of a synced passkey', () => {
  const verified = register({ backupEligible: true, backupState: true })
  accepted(verified)
  assert.equal(verified.backupEligible, true)
  assert.equal(verified.backupState, true)
})

test('ignores the reserved flag bits', () => {
  accepted(register({}, { flags: (flags) => flags | 0x22 }))
})

test('ignores extension outputs nobody asked for', () => {
  accepted(register({}, { extensions: new Map([['credProtect', 2]]) }))
})

test('accepts a missing user verification only where it is merely preferred', () => {
  const verified = register(
    { verifiesUser: false },
    { expected: { userVerification: 'preferred' } },
  )
  accepted(verified)
  assert.equal(verified.userVerified, false)
})

test('step 7: refuses client data of another type', () => {
  for (const type of ['webauthn.get', 'payment.get', 'WEBAUTHN.CREATE', '']) {
    const refused = register({}, { clientData: (members) => ({ ...members, type }) })
    refusedAs(refused, 'registration_type_mismatch')
  }
})

test('step 8: refuses another challenge, an empty one and another spelling of the right one', () => {
  const challenges: ((right: string) => string)[] = [
    () => 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    () => '',
    (right) => `${right}=`,
    (right) => right.slice(0, -1),
  ]
  for (const change of challenges) {
    const clientData = (members: Record<string, unknown>) => ({
      ...members,
      challenge: change(members['challenge'] as string),
    })
    refusedAs(register({}, { clientData }), 'registration_challenge_mismatch')
  }
})

test('step 9: refuses every origin but the configured ones, compared exactly', () => {
  const wrong = [
    'https://evil.example',
    'https://auth.proofgate.localhost:8080',
    'http://auth.proofgate.localhost',
    'http://auth.proofgate.localhost:8443',
    'http://auth.proofgate.localhost:8080/',
    'http://auth.proofgate.localhost:8080.evil.example',
    'http://sub.auth.proofgate.localhost:8080',
    'http://AUTH.proofgate.localhost:8080',
    'null',
    '',
  ]
  for (const found of wrong) {
    const clientData = (members: Record<string, unknown>) => ({ ...members, origin: found })
    refusedAs(register({}, { clientData }), 'registration_origin_not_allowed')
  }
})

test('step 9: accepts the second of two configured origins', () => {
  accepted(register({}, { expected: { origins: ['https://other.example', origin] } }))
})

test('steps 10 and 11: refuses a ceremony inside a frame of another origin', () => {
  const embedded = [
    { crossOrigin: true },
    { crossOrigin: true, topOrigin: 'https://evil.example' },
    { crossOrigin: false, topOrigin: 'https://evil.example' },
    { topOrigin: origin },
    { topOrigin: null },
  ]
  for (const members of embedded) {
    const refused = register({}, { clientData: (found) => ({ ...found, ...members }) })
    refusedAs(refused, 'registration_cross_origin')
  }
})

test('step 14: refuses authenticator data of another relying party', () => {
  refusedAs(register({}, { rpIdHash: Buffer.alloc(32) }), 'registration_rp_id_mismatch')
  refusedAs(register({}, { expected: { rpId: `x${rpId}` } }), 'registration_rp_id_mismatch')
})

test('step 15: refuses a clear user-present flag', () => {
  refusedAs(register({}, { flags: (flags) => flags & ~0x01 }), 'registration_user_not_present')
})

test('step 16: refuses a clear user-verified flag', () => {
  refusedAs(register({ verifiesUser: false }), 'registration_user_not_verified')
})

test('step 17: refuses a credential that is backed up without being eligible', () => {
  refusedAs(register({ backupState: true }), 'registration_backup_state_invalid')
})

test('step 20: refuses an algorithm that was not offered', () => {
  refusedAs(
    register({ algorithms: [-257] }, { expected: { algorithms: [-7, -8] } }),
    'algorithm_not_offered',
  )
  const coseKey = (members: Map<number | string, any>) => members.set(3, -35)
  refusedAs(register({}, { coseKey }), 'algorithm_not_offered')
})

test('step 25: refuses a body id that is not the signed credential id', () => {
  refusedAs(register({}, { attestedCredentialId: Buffer.alloc(32) }), 'credential_id_mismatch')
})

test('step 25: accepts a credential id of 1023 bytes and refuses one of 1024', () => {
  for (const size of [1023, 1024]) {
    const attestedCredentialId = Buffer.alloc(size, 7)
    const id = attestedCredentialId.toString('base64url')
    const registered = register(
      {},
      { attestedCredentialId, response: (json) => ({ ...json, id, rawId: id }) },
    )
    if (size === 1023) accepted(registered)
    else refusedAs(registered, 'response_malformed')
  }
})

test('step 13: refuses an attestation object that is no canonical map of its three members', () => {
  const none = new Map()
  const objects = [
    Buffer.alloc(0),
    Buffer.from('garbage'),
    encodeCbor('text'),
    encodeCbor([]),
    encodeCbor(new Map([['fmt', 'none']])),
    encodeCbor(
      new Map<string, any>([
        ['fmt', 1],
        ['attStmt', none],
        ['authData', Buffer.alloc(37)],
      ]),
    ),
    encodeCbor(
      new Map<string, any>([
        ['fmt', 'none'],
        ['attStmt', []],
        ['authData', Buffer.alloc(37)],
      ]),
    ),
    encodeCbor(
      new Map<string, any>([
        ['fmt', 'none'],
        ['attStmt', null],
        ['authData', Buffer.alloc(37)],
      ]),
    ),
    encodeCbor(
      new Map<string, any>([
        ['fmt', 'none'],
        ['attStmt', none],
        ['authData', 'text'],
      ]),
    ),
    encodeCbor(
      new Map<string, any>([
        ['fmt', 'none'],
        ['attStmt', none],
        ['authData', Buffer.alloc(37)],
        ['extra', 1],
      ]),
    ),
  ]
  for (const object of objects) {
    const refused = register({}, { attestationObject: () => object })
    refusedAs(refused, object.length === 0 ? 'response_malformed' : 'attestation_malformed')
  }
})

test('step 13: refuses bytes after the attestation object, and a cut one', () => {
  const longer = (bytes: Buffer) => Buffer.concat([bytes, Buffer.from([0])])
  refusedAs(register({}, { attestationObject: longer }), 'attestation_malformed')
  const shorter = (bytes: Buffer) => bytes.subarray(0, -1)
  refusedAs(register({}, { attestationObject: shorter }), 'attestation_malformed')
})

test('step 13: refuses authenticator data that does not fit its flags', () => {
  const cases: [name: string, change: (bytes: Buffer) => Uint8Array][] = [
    ['AT clear, data present', (bytes) => withFlags(bytes, (flags) => flags & ~0x40)],
    [
      'AT clear, data absent',
      (bytes) => withFlags(bytes.subarray(0, 37), (flags) => flags & ~0x40),
    ],
    ['AT set, data absent', (bytes) => bytes.subarray(0, 37)],
    ['AT set, id cut', (bytes) => bytes.subarray(0, 60)],
    ['AT set, key cut', (bytes) => bytes.subarray(0, -1)],
    ['ED set, no extensions', (bytes) => withFlags(bytes, (flags) => flags | 0x80)],
    ['ED clear, extensions present', (bytes) => Buffer.concat([bytes, Buffer.from([0xa0])])],
    [
      'ED set, extensions no map',
      (bytes) => Buffer.concat([withFlags(bytes, (flags) => flags | 0x80), Buffer.from([0x80])]),
    ],
    [
      'ED set, bytes after',
      (bytes) => Buffer.concat([withFlags(bytes, (flags) => flags | 0x80), Buffer.from([0xa0, 0])]),
    ],
    ['36 bytes', (bytes) => bytes.subarray(0, 36)],
    ['empty', () => Buffer.alloc(0)],
  ]
  for (const [name, authenticatorData] of cases) {
    const refused = register({}, { authenticatorData })
    refusedAs(refused, 'authenticator_data_malformed', 400)
    assert.ok(name)
  }
})

test('extension outputs with a key twice or cut are refused', () => {
  for (const bytes of ['a2616101616102', 'a16161']) {
    const extensions = new Raw(Buffer.from(bytes, 'hex'))
    refusedAs(register({}, { extensions }), 'authenticator_data_malformed')
  }
})

function withFlags(bytes: Buffer, change: (flags: number) => number): Buffer {
  const copy = Buffer.from(bytes)
  copy[32] = change(copy[32] ?? 0)
  return copy
}
