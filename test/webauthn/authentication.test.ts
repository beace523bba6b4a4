import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isRefusal, ProofgateError } from '../../src/core/index.ts'
import { rejectAssertion } from '../../src/webauthn/index.ts'
import { accepted, authenticate, enrolled, origin, refusedAs, rpId } from './fixture.ts'

const key = enrolled()
const id = key.stored.credentialId

for (const [name, algorithm] of [
  ['ES256', -7],
  ['EdDSA', -8],
  ['RS256', -257],
  ['ML-DSA-44', -48],
  ['ML-DSA-65', -49],
  ['ML-DSA-87', -50],
] as const) {
  test(`accepts an assertion with ${name}, by a discoverable and by a named credential`, () => {
    const fresh = enrolled({ algorithms: [algorithm] })
    const discovered = authenticate(fresh)
    accepted(discovered)
    assert.deepEqual(discovered, {
      userVerified: true,
      backupState: false,
      signCount: 2,
      cloneSuspected: false,
    })
    accepted(authenticate(fresh, { allowed: ['AAAA', fresh.stored.credentialId] }))
  })
}

test('accepts a named credential that does not repeat its user handle', () => {
  accepted(authenticate(key, { allowed: [id], userHandle: null }))
})

test('accepts extension outputs and reserved flags', () => {
  accepted(authenticate(key, { extensions: new Map([['x', true]]) }))
  accepted(authenticate(key, { flags: (flags) => flags | 0x22 }))
})

test('accepts a missing user verification only where it is merely preferred', () => {
  const flags = (found: number) => found & ~0x04
  const verified = authenticate(key, { flags, expected: { userVerification: 'preferred' } })
  accepted(verified)
  assert.equal(verified.userVerified, false)
})

test('step 5: refuses a credential that the options did not name', () => {
  refusedAs(authenticate(key, { allowed: ['AAAA'], credentialId: id }), 'assertion_rejected', 401)
})

test('step 6: refuses a discoverable credential without a user handle', () => {
  refusedAs(authenticate(key, { userHandle: null }), 'assertion_rejected', 401)
})

test('step 6: refuses the user handle of another account, named credential or not', () => {
  const other = Buffer.alloc(32, 1).toString('base64url')
  refusedAs(authenticate(key, { userHandle: other }), 'assertion_rejected', 401)
  refusedAs(authenticate(key, { userHandle: other, allowed: [id] }), 'assertion_rejected', 401)
  const prefix = Buffer.from(key.stored.userHandle).subarray(0, 31).toString('base64url')
  refusedAs(authenticate(key, { userHandle: prefix }), 'assertion_rejected', 401)
})

test('step 6: refuses a record of another credential id, even with the right key', () => {
  refusedAs(authenticate(key, { record: { credentialId: 'AAAA' } }), 'assertion_rejected', 401)
})

test('step 6: refuses the assertion of another person’s key', () => {
  const other = enrolled()
  const stored = { ...other.stored, credentialId: id }
  refusedAs(authenticate({ ...key, stored }), 'assertion_rejected', 401)
})

test('unknown credential, wrong signature and wrong account look alike from outside', () => {
  const answers = [
    authenticate(key, { record: 'unknown' }),
    authenticate(key, { signature: (bytes) => bytes.subarray(0, -1) }),
    authenticate(key, { userHandle: 'AAAA' }),
    rejectAssertion('no such person'),
  ]
  const outside = answers.map((answer) => {
    assert.ok(isRefusal(answer))
    return { code: answer.code, status: answer.status, title: answer.title }
  })
  for (const one of outside) assert.deepEqual(one, outside[0])
})

test('what does not depend on the credential is answered alike whether it is known or not', () => {
  for (const record of [{}, 'unknown'] as const) {
    const evil = { origin: 'https://evil.example' }
    const clientData = (members: Record<string, unknown>) => ({ ...members, ...evil })
    refusedAs(authenticate(key, { record, clientData }), 'assertion_origin_not_allowed', 403)
    const flags = (found: number) => found & ~0x01
    refusedAs(authenticate(key, { record, flags }), 'assertion_user_not_present', 403)
  }
})

test('step 10: refuses client data of another type', () => {
  for (const type of ['webauthn.create', 'payment.get', '']) {
    const clientData = (members: Record<string, unknown>) => ({ ...members, type })
    refusedAs(authenticate(key, { clientData }), 'assertion_type_mismatch', 403)
  }
})

test('step 11: refuses another challenge', () => {
  const clientData = (members: Record<string, unknown>) => ({ ...members, challenge: 'AAAA' })
  refusedAs(authenticate(key, { clientData }), 'assertion_challenge_mismatch', 403)
})

test('step 12: refuses another origin', () => {
  for (const found of ['https://evil.example', `${origin}/`, 'null', origin.toUpperCase()]) {
    const clientData = (members: Record<string, unknown>) => ({ ...members, origin: found })
    refusedAs(authenticate(key, { clientData }), 'assertion_origin_not_allowed', 403)
  }
})

test('steps 13 and 14: refuses a ceremony inside a frame of another origin', () => {
  for (const members of [
    { crossOrigin: true },
    { crossOrigin: true, topOrigin: origin },
    { topOrigin: 'https://evil.example' },
  ]) {
    const clientData = (found: Record<string, unknown>) => ({ ...found, ...members })
    refusedAs(authenticate(key, { clientData }), 'assertion_cross_origin', 403)
  }
})

test('step 15: refuses authenticator data of another relying party', () => {
  refusedAs(authenticate(key, { rpIdHash: Buffer.alloc(32) }), 'assertion_rp_id_mismatch', 403)
  const parent = { rpId: rpId.split('.').slice(1).join('.') }
  refusedAs(authenticate(key, { expected: parent }), 'assertion_rp_id_mismatch', 403)
})

test('step 16: refuses a clear user-present flag', () => {
  const flags = (found: number) => found & ~0x01
  refusedAs(authenticate(key, { flags }), 'assertion_user_not_present', 403)
})

test('step 17: refuses a clear user-verified flag', () => {
  const flags = (found: number) => found & ~0x04
  refusedAs(authenticate(key, { flags }), 'assertion_user_not_verified', 403)
})

test('step 18: refuses a backup state without eligibility', () => {
  const flags = (found: number) => found | 0x10
  refusedAs(authenticate(key, { flags }), 'assertion_backup_state_invalid', 403)
})

test('step 19: refuses a backup eligibility that changed, in either direction', () => {
  refusedAs(authenticate(key, { flags: (found) => found | 0x08 }), 'assertion_rejected', 401)
  const synced = enrolled({ backupEligible: true, backupState: true })
  accepted(authenticate(synced))
  const flags = (found: number) => found & ~0x18
  refusedAs(authenticate(synced, { flags }), 'assertion_rejected', 401)
})

test('step 21: refuses signatures that are malformed or of another message', () => {
  const changes: ((bytes: Buffer) => Buffer)[] = [
    (bytes) => Buffer.concat([bytes, Buffer.from([0])]),
    (bytes) => bytes.subarray(0, -1),
    () => Buffer.from('garbage'),
    () => Buffer.from('3000', 'hex'),
    () => Buffer.from('3006020100020100', 'hex'),
    () => Buffer.from('3006020101020101', 'hex'),
    (bytes) => Buffer.from(bytes).fill(0),
  ]
  for (const signature of changes) {
    refusedAs(authenticate(key, { signature }), 'assertion_rejected', 401)
  }
})

test('step 21: refuses an ES256 signature in any DER but the canonical', () => {
  const spellings: ((parts: DerParts) => Buffer)[] = [
    ({ r, s }) => Buffer.concat([Buffer.from([0x30, 0x81, r.length + s.length]), r, s]),
    ({ r, s }) => {
      const padded = Buffer.concat([Buffer.from([2, r.length - 1, 0]), r.subarray(2)])
      return Buffer.concat([Buffer.from([0x30, padded.length + s.length]), padded, s])
    },
    ({ r, s }) => {
      const long = Buffer.concat([Buffer.from([2, 0x81, s.length - 2]), s.subarray(2)])
      return Buffer.concat([Buffer.from([0x30, r.length + long.length]), r, long])
    },
    ({ r, s }) => Buffer.concat([Buffer.from([0x30, 0x80]), r, s, Buffer.alloc(2)]),
    ({ r, s }) =>
      Buffer.concat([
        Buffer.from([0x30, r.length + s.length + 2]),
        r,
        s,
        Buffer.from('0500', 'hex'),
      ]),
    ({ r, s }) => Buffer.concat([Buffer.from([0x31, r.length + s.length]), r, s]),
  ]
  for (const spell of spellings) {
    const signature = (bytes: Buffer) => spell(derParts(bytes))
    refusedAs(authenticate(key, { signature }), 'assertion_rejected', 401)
  }
  const same = (bytes: Buffer) => {
    const { r, s } = derParts(bytes)
    return Buffer.concat([Buffer.from([0x30, r.length + s.length]), r, s])
  }
  accepted(authenticate(key, { signature: same }))
})

test('step 21: refuses an Ed25519 signature whose scalar is not reduced', () => {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  const signature = (bytes: Buffer) => {
    const scalar = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`) + order
    const hex = scalar.toString(16).padStart(64, '0')
    return Buffer.concat([bytes.subarray(0, 32), Buffer.from(hex, 'hex').reverse()])
  }
  refusedAs(authenticate(enrolled({ algorithms: [-8] }), { signature }), 'assertion_rejected', 401)
})

test('step 21: refuses an RS256 signature with a leading zero byte', () => {
  const signature = (bytes: Buffer) => Buffer.concat([Buffer.from([0]), bytes])
  const rsa = enrolled({ algorithms: [-257] })
  refusedAs(authenticate(rsa, { signature }), 'assertion_rejected', 401)
})

test('an algorithm that is no longer accepted does not sign in', () => {
  refusedAs(authenticate(key, { expected: { algorithms: [-8] } }), 'assertion_rejected', 401)
})

test('step 22: a counter that does not grow is a suspicion, not a refusal', () => {
  const cases: [stored: number, found: number, suspected: boolean][] = [
    [0, 0, false],
    [0, 1, false],
    [7, 8, false],
    [7, 7, true],
    [7, 6, true],
    [7, 0, true],
    [0xffff_ffff, 0xffff_ffff, true],
    [0xffff_fffe, 0xffff_ffff, false],
  ]
  for (const [signCount, found, suspected] of cases) {
    const verified = authenticate(key, { record: { signCount }, signCount: found })
    accepted(verified)
    assert.equal(verified.cloneSuspected, suspected, `${signCount} then ${found}`)
    assert.equal(verified.signCount, found)
  }
})

test('step 22: a wrong signature with a low counter is a wrong signature and no suspicion', () => {
  const signature = () => Buffer.from('3006020101020101', 'hex')
  const refused = authenticate(key, { record: { signCount: 9 }, signCount: 1, signature })
  refusedAs(refused, 'assertion_rejected', 401)
})

test('refuses attested credential data, bytes left over and false extension flags', () => {
  const changes: ((bytes: Buffer) => Uint8Array)[] = [
    (bytes) => Buffer.concat([bytes, Buffer.from([0])]),
    (bytes) => bytes.subarray(0, 36),
    (bytes) => {
      const attested = Buffer.concat([bytes, Buffer.alloc(18), Buffer.from([0xa0])])
      attested[32] = 0x45
      return attested
    },
    (bytes) => {
      const flagged = Buffer.from(bytes)
      flagged[32] = 0x85
      return flagged
    },
  ]
  for (const authenticatorData of changes) {
    refusedAs(authenticate(key, { authenticatorData }), 'authenticator_data_malformed')
  }
})

test('a stored key that cannot be read is a fault of the store, said aloud', () => {
  const broken = { publicKey: key.stored.publicKey.slice(1) }
  for (const record of [broken, { algorithm: -8 }]) {
    assert.throws(
      () => authenticate(key, { record }),
      (error) => error instanceof ProofgateError && error.code === 'webauthn.stored_key_unreadable',
    )
  }
})

interface DerParts {
  readonly r: Buffer
  readonly s: Buffer
}

/** The two INTEGERs of an ECDSA signature, heads included. */
function derParts(signature: Buffer): DerParts {
  const end = 4 + (signature[3] ?? 0)
  return { r: signature.subarray(2, end), s: signature.subarray(end) }
}
