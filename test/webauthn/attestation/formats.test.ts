import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'

import type { Encodable } from '../../kit/cbor-encoder.ts'
import {
  aaguidExtension,
  notAnAuthority,
  sequence,
  utcTime,
} from '../../kit/attestation-certificate.ts'
import { authorityConstraints, newRoot, usage } from '../../kit/attestation/authority.ts'
import { attestedFormats, attesting } from '../../kit/attestation/statements.ts'
import type { AttestedFormat, StatementChoices } from '../../kit/attestation/statements.ts'
import {
  aikExtensions,
  appleNonce,
  keystore,
  madeForSigning,
} from '../../kit/attestation/structures.ts'
import { newKeyPair } from '../../kit/soft-authenticator.ts'
import type { RegistrationHooks } from '../../kit/soft-authenticator.ts'
import { accepted, refusedAs, register } from '../fixture.ts'

const root = newRoot('Soft Root')
const aaguid = Buffer.alloc(16, 0x42)
const stranger = newKeyPair(-7)

function attested(
  format: AttestedFormat,
  choices: StatementChoices = {},
  hooks: Partial<RegistrationHooks> = {},
  algorithm = -7,
) {
  const attest = attesting(format, root, choices)
  return register({ aaguid, algorithms: [algorithm], attest }, hooks)
}

for (const format of attestedFormats) {
  test(`${format}: accepts what follows the rules, and does not trust it`, () => {
    const verified = attested(format)
    accepted(verified)
    assert.equal(verified.attestationFormat, format)
    assert.equal(verified.attestationTrusted, false)
    assert.equal(verified.statement.chain.length, 1)
    assert.equal(verified.statement.weakness, undefined)
  })

  test(`${format}: refuses a statement about other data`, () => {
    const other = (bytes: Buffer) => {
      const copy = Buffer.from(bytes)
      copy.writeUInt32BE(77, 33)
      return copy
    }
    // The counter changes after the statement was made; U2F signs no counter.
    const attest = attesting(format, root)
    const outcome = register({
      aaguid,
      algorithms: [-7],
      attest: (subject) => attest({ ...subject, authData: other(subject.authData) }),
    })
    if (format === 'fido-u2f') accepted(outcome)
    else refusedAs(outcome, 'attestation_invalid')
    const another = register({
      aaguid,
      algorithms: [-7],
      attest: (subject) => attest({ ...subject, clientDataHash: Buffer.alloc(32, 5) }),
    })
    refusedAs(another, 'attestation_invalid')
  })

  test(`${format}: refuses missing, unknown and mistyped members`, () => {
    const names: string[] = []
    accepted(attested(format, {}, { statement: (made) => (names.push(...made.keys()), made) }))
    for (const name of names) {
      for (const value of [undefined, 'text', 7, null, Buffer.alloc(0), []] as const) {
        const statement = (made: Map<string, Encodable>) => {
          if (value === undefined) made.delete(name)
          else made.set(name, value)
          return made
        }
        refusedAs(attested(format, {}, { statement }), 'attestation_invalid')
      }
    }
    const extra = (made: Map<string, Encodable>) => made.set('more', 1)
    refusedAs(attested(format, {}, { statement: extra }), 'attestation_invalid')
  })

  test(`${format}: refuses another leaf and critical extensions nobody here understands`, () => {
    const another = (made: Map<string, Encodable>) =>
      made.set('x5c', [root.issue({ publicKey: stranger.publicKey, aaguid })])
    refusedAs(attested(format, {}, { statement: another }), 'attestation_invalid')
    const unknown = { type: '1.2.3.4', critical: true, value: Buffer.from('0500', 'hex') }
    const statement = attested(format, { leaf: { extensions: [notAnAuthority, unknown] } })
    refusedAs(statement, 'attestation_invalid')
  })
}

const twoNames =
  aikExtensions().flatMap(({ type, value }) =>
    type === '2.5.29.17'
      ? [{ type, critical: true, value: sequence(value.subarray(2), value.subarray(2)) }]
      : [],
  )[0] ?? notAnAuthority

/** requireExplicitPolicy: 0 */
const policyConstraints = {
  type: '2.5.29.36',
  critical: true,
  value: Buffer.from('3003800100', 'hex'),
}

const signing = (format: AttestedFormat) => format !== 'apple'
for (const format of attestedFormats.filter(signing)) {
  test(`${format}: refuses a signature over anything else`, () => {
    const signed = (message: Buffer) => Buffer.concat([message, Buffer.alloc(1)])
    refusedAs(attested(format, { signed }), 'attestation_invalid')
  })
}

const changes: Readonly<
  Record<AttestedFormat, readonly (readonly [name: string, choices: StatementChoices])[]>
> = {
  packed: [
    ['a leaf of an authority', { leaf: { extensions: [authorityConstraints()] } }],
    [
      'a leaf for another model',
      { leaf: { extensions: [notAnAuthority, aaguidExtension(Buffer.alloc(16))] } },
    ],
    [
      'a leaf with dates that are none',
      { leaf: { validity: [utcTime('251301000000Z'), utcTime('450101000000Z')] } },
    ],
    [
      'a leaf with a day its month does not have',
      { leaf: { validity: [utcTime('250230000000Z'), utcTime('450101000000Z')] } },
    ],
    ['an issuer that is no certificate', { chain: [Buffer.from('3003020101', 'hex')] }],
  ],
  'fido-u2f': [
    ['more than one certificate', { chain: [root.certificate] }],
    [
      'a leaf key that is not on P-256',
      { leafKeys: generateKeyPairSync('ec', { namedCurve: 'P-384' }) },
    ],
  ],
  tpm: [
    ['a public area of another key', { areaKey: stranger.publicKey }],
    ['a public area of another curve', { area: { curve: 0x0004 } }],
    ['a public area of another type', { area: { type: 0x0008 } }],
    ['a public area named with SHA-1', { area: { nameAlgorithm: 0x0004 }, digest: 'sha1' }],
    ['a public area with a symmetric algorithm', { area: { symmetric: 0x0006 } }],
    ['a public area with bytes left over', { area: { trailer: Buffer.alloc(1) } }],
    ['another magic', { certify: { magic: 0xff544348 } }],
    ['a structure that certifies nothing', { certify: { type: 0x8018 } }],
    ['extraData of something else', { certify: { extraData: Buffer.alloc(32) } }],
    ['a Name of something else', { certify: { name: Buffer.alloc(34) } }],
    ['certInfo with bytes left over', { certify: { trailer: Buffer.alloc(1) } }],
    ['a subject that is not empty', { leaf: { subject: [['2.5.4.3', 'TPM']] } }],
    ['a manufacturer that is no id', { aik: { manufacturer: 'Soft' } }],
    ['no model', { aik: { model: '' } }],
    [
      'two names of TPMs',
      { leaf: { extensions: [notAnAuthority, twoNames, ...aikExtensions().slice(1)] } },
    ],
    ['no version', { aik: { version: '' } }],
    ['a certificate for another purpose', { aik: { purposes: ['2.23.133.8.1'] } }],
    [
      'no alternative name',
      { leaf: { extensions: [notAnAuthority, ...aikExtensions().slice(1)] } },
    ],
    ['no purposes', { leaf: { extensions: [notAnAuthority, ...aikExtensions().slice(0, 1)] } }],
    [
      'a certificate of an authority',
      { leaf: { extensions: [authorityConstraints(), ...aikExtensions()] } },
    ],
    ['no basic constraints', { leaf: { extensions: aikExtensions() } }],
    [
      'critical constraints on policies',
      { leaf: { extensions: [notAnAuthority, ...aikExtensions(), policyConstraints] } },
    ],
    [
      'a certificate for another model',
      {
        leaf: {
          extensions: [notAnAuthority, aaguidExtension(Buffer.alloc(16)), ...aikExtensions()],
        },
      },
    ],
  ],
  'android-key': [
    ['a certificate for another key', { leafKeys: stranger }],
    ['no key description', { leaf: { extensions: [usage('sign')] } }],
    ['a challenge of something else', { description: { challenge: Buffer.alloc(32) } }],
    [
      'a key for all applications, by software',
      { description: { software: [keystore.allApplications] } },
    ],
    [
      'a key for all applications, by hardware',
      { description: { hardware: [...madeForSigning, keystore.allApplications] } },
    ],
    [
      'a key that was imported',
      { description: { hardware: [keystore.purposes(2), keystore.origin(2)] } },
    ],
    ['a key that was imported, by software', { description: { software: [keystore.origin(2)] } }],
    ['a key of no known origin', { description: { hardware: [keystore.purposes(2)] } }],
    [
      'a key that may decrypt too',
      { description: { hardware: [keystore.purposes(2, 1), keystore.origin(0)] } },
    ],
    ['a key for nothing', { description: { hardware: [keystore.origin(0)] } }],
    ['a member twice', { description: { hardware: [...madeForSigning, keystore.origin(0)] } }],
    ['an unknown level', { description: { keyLevel: 3 } }],
  ],
  apple: [
    ['a nonce of something else', { nonce: Buffer.alloc(32) }],
    ['no nonce', { leaf: { extensions: [notAnAuthority] } }],
    [
      'a nonce without its inner string',
      {
        leaf: {
          extensions: [
            notAnAuthority,
            { ...appleNonce(Buffer.alloc(32)), value: Buffer.alloc(32) },
          ],
        },
      },
    ],
    ['a certificate for another key', { leafKeys: stranger }],
  ],
}

for (const format of attestedFormats) {
  for (const [name, choices] of changes[format]) {
    test(`${format}: refuses ${name}`, () => {
      refusedAs(attested(format, choices), 'attestation_invalid')
    })
  }
}

test('tpm: accepts RSA keys, and Names made with SHA-384', () => {
  accepted(attested('tpm', {}, {}, -257))
  accepted(attested('tpm', { area: { nameAlgorithm: 0x000c }, digest: 'sha384' }))
  accepted(attested('tpm', { area: { scheme: [0x0018, 0x000b] } }))
})

test('fido-u2f: takes no key of another algorithm, and no word for the model', () => {
  refusedAs(attested('fido-u2f', {}, {}, -8), 'attestation_invalid')
  const verified = attested('fido-u2f')
  accepted(verified)
  assert.equal(verified.aaguid, '00000000-0000-0000-0000-000000000000')
  assert.equal(verified.statement.namesModel, false)
})

const weak: readonly (readonly [AttestedFormat, string, StatementChoices])[] = [
  ['tpm', 'that may leave', { area: { attributes: 0x0006_0470 } }],
  ['tpm', 'that may be moved', { area: { attributes: 0x0006_0462 } }],
  ['tpm', 'that was brought in', { area: { attributes: 0x0006_0452 } }],
  ['android-key', 'that software keeps', { description: { keyLevel: 0 } }],
  ['android-key', 'that software vouches for', { description: { attestationLevel: 0 } }],
  [
    'android-key',
    'whose origin only software knows',
    { description: { software: madeForSigning, hardware: [] } },
  ],
]

for (const [format, name, choices] of weak) {
  test(`${format}: says so of a key ${name}`, () => {
    const verified = attested(format, choices)
    accepted(verified)
    assert.equal(typeof verified.statement.weakness, 'string')
  })
}

test('no byte of a statement can be changed to anything that raises an exception', () => {
  for (const format of ['tpm', 'android-key', 'apple'] as const) {
    for (const name of format === 'tpm' ? ['certInfo', 'pubArea'] : ['x5c']) {
      for (let at = 0; at < 400; at += 7) {
        const statement = (made: Map<string, Encodable>) => {
          const found = made.get(name)
          const bytes = Buffer.from((Array.isArray(found) ? found[0] : found) as Uint8Array)
          if (at >= bytes.length) return made
          bytes[at] = (bytes[at] ?? 0) ^ 0xff
          return made.set(name, Array.isArray(found) ? [bytes] : bytes)
        }
        register({ aaguid, algorithms: [-7], attest: attesting(format, root) }, { statement })
      }
    }
  }
})
