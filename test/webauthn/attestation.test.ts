import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { parseCertificate } from '../../src/webauthn/attestation/certificate.ts'
import { aaguidProblem, packedLeafProblem } from '../../src/webauthn/attestation/packed.ts'
import { leafKeyFor } from '../../src/webauthn/attestation/verified.ts'
import { knownAlgorithms } from '../../src/webauthn/index.ts'
import type { CoseAlgorithm } from '../../src/webauthn/index.ts'
import {
  aaguidExtension,
  buildLeaf,
  der,
  goodSubject,
  notAnAuthority,
  objectIdentifier,
  sequence,
} from '../kit/attestation-certificate.ts'
import type { LeafChoices } from '../kit/attestation-certificate.ts'
import type { Encodable } from '../kit/cbor-encoder.ts'
import { newKeyPair } from '../kit/soft-authenticator.ts'
import { accepted, refusedAs, register } from './fixture.ts'

type Statement = Map<string, Encodable>

test('none: refuses a statement with members', () => {
  const statement = (members: Statement) => members.set('alg', -7)
  refusedAs(register({}, { statement }), 'attestation_invalid')
})

test('refuses formats that are not verified by name', () => {
  for (const format of ['android-safetynet', 'Packed', 'none ', '']) {
    refusedAs(register({}, { format }), 'attestation_format_unsupported')
  }
  for (const statement of [() => [], () => new Map()]) {
    const compound = register({}, { format: 'compound', statement })
    refusedAs(compound, 'attestation_compound_unsupported')
  }
})

test('a statement of one format does not verify as another', () => {
  for (const format of ['none', 'fido-u2f', 'tpm', 'android-key', 'apple']) {
    refusedAs(register({ attestation: 'packed-x5c' }, { format }), 'attestation_invalid')
    refusedAs(register({ attestation: 'packed-self' }, { format }), 'attestation_invalid')
  }
})

const selfChanges: [name: string, statement: (members: Statement) => Encodable][] = [
  ['no alg', without('alg')],
  ['no sig', without('sig')],
  ['an empty statement', () => new Map()],
  ['alg of another algorithm', (members) => members.set('alg', -257)],
  ['alg EdDSA', (members) => members.set('alg', -8)],
  ['alg RS1', (members) => members.set('alg', -65535)],
  ['alg as text', (members) => members.set('alg', 'ES256')],
  ['sig as text', (members) => members.set('sig', 'sig')],
  ['an empty sig', (members) => members.set('sig', Buffer.alloc(0))],
  ['x5c null', (members) => members.set('x5c', null)],
  ['x5c empty', (members) => members.set('x5c', [])],
  ['x5c a byte string', (members) => members.set('x5c', Buffer.alloc(3))],
  ['ecdaaKeyId', (members) => members.set('ecdaaKeyId', Buffer.alloc(3))],
  ['an unknown member', (members) => members.set('ver', '2.0')],
]

for (const [name, statement] of selfChanges) {
  test(`packed self: refuses ${name}`, () => {
    refusedAs(register({ attestation: 'packed-self' }, { statement }), 'attestation_invalid')
  })
}

test('packed self: refuses a signature of another message or key', () => {
  const flipped = (bytes: Buffer) => {
    const copy = Buffer.from(bytes)
    copy[10] = (copy[10] ?? 0) ^ 1
    return copy
  }
  const attestation = 'packed-self'
  refusedAs(register({ attestation }, { signature: flipped }), 'attestation_invalid')
})

const batch = newKeyPair(-7)
const aaguid = Buffer.alloc(16, 0x42)

test('packed x5c: accepts a leaf that follows the rules, without the AAGUID extension too', () => {
  assert.equal(typeof leafKey(leafWith({}), aaguid, -7), 'object')
  assert.equal(typeof leafKey(leafWith({ extensions: [notAnAuthority] }), aaguid, -7), 'object')
  const spelledOut = { ...notAnAuthority, value: Buffer.from('3003010100', 'hex') }
  assert.equal(typeof leafKey(leafWith({ extensions: [spelledOut] }), aaguid, -7), 'object')
  const plain = sequence(objectIdentifier('1.2.3.4'), Buffer.from('010100', 'hex'), octets)
  assert.equal(
    typeof leafKey(leafWith({ extensions: [notAnAuthority, plain] }), aaguid, -7),
    'object',
  )
  const usage = { type: '2.5.29.15', critical: true, value: Buffer.from('03020780', 'hex') }
  const both = [notAnAuthority, usage]
  assert.equal(typeof leafKey(leafWith({ extensions: both }), aaguid, -7), 'object')
})

const text = der(0x0c, Buffer.from('text'))
const octets = der(0x04, Buffer.from('octets'))
const subjectWith = (type: string, value: string | undefined) =>
  value === undefined
    ? goodSubject.filter(([found]) => found !== type)
    : goodSubject.map(([found, old]) => [found, found === type ? value : old] as const)

const leafChanges: [name: string, choices: Partial<LeafChoices>][] = [
  ['version 1', { version: 0 }],
  ['version 2', { version: 1 }],
  ['no country', { subject: subjectWith('2.5.4.6', undefined) }],
  ['a country that is no code', { subject: subjectWith('2.5.4.6', 'Atlantis') }],
  ['no organization', { subject: subjectWith('2.5.4.10', undefined) }],
  ['an empty organization', { subject: subjectWith('2.5.4.10', '') }],
  ['no unit', { subject: subjectWith('2.5.4.11', undefined) }],
  ['another unit', { subject: subjectWith('2.5.4.11', 'authenticator attestation') }],
  ['two units', { subject: [...goodSubject, ['2.5.4.11', 'Other']] }],
  ['two units, the right one last', { subject: [['2.5.4.11', 'Other'], ...goodSubject] }],
  ['an attribute without a type', { subject: [...goodSubject, sequence(text, text)] }],
  [
    'an attribute without a value',
    { subject: [...goodSubject, sequence(objectIdentifier('2.5.4.5'))] },
  ],
  ['a fourth part', { trailer: text }],
  ['an extension without a type', { extensions: [notAnAuthority, sequence(text, octets)] }],
  ['an extension that is its own value', { extensions: [notAnAuthority, sequence(octets)] }],
  [
    'an extension without a value',
    { extensions: [notAnAuthority, sequence(objectIdentifier('1.2.3.4'))] },
  ],
  [
    'an extension whose value is text',
    { extensions: [notAnAuthority, sequence(objectIdentifier('1.2.3.4'), text)] },
  ],
  [
    'an extension of four parts',
    {
      extensions: [
        notAnAuthority,
        sequence(objectIdentifier('1.2.3.4'), Buffer.from('010100', 'hex'), octets, octets),
      ],
    },
  ],
  [
    'a critical flag of another type',
    {
      extensions: [
        notAnAuthority,
        sequence(objectIdentifier('1.2.3.4'), Buffer.from('020100', 'hex'), octets),
      ],
    },
  ],
  ['no common name', { subject: subjectWith('2.5.4.3', undefined) }],
  ['no extensions', { extensions: [] }],
  ['no basic constraints', { extensions: [aaguidExtension(aaguid)] }],
  [
    'an authority',
    { extensions: [{ ...notAnAuthority, value: Buffer.from('30030101ff', 'hex') }] },
  ],
  ['basic constraints twice', { extensions: [notAnAuthority, notAnAuthority] }],
  [
    'a path length',
    { extensions: [{ ...notAnAuthority, value: Buffer.from('3003020100', 'hex') }] },
  ],
  ['another AAGUID', { extensions: [notAnAuthority, aaguidExtension(Buffer.alloc(16, 1))] }],
  ['a critical AAGUID', { extensions: [notAnAuthority, aaguidExtension(aaguid, true)] }],
  [
    'an AAGUID without its inner string',
    { extensions: [notAnAuthority, { ...aaguidExtension(aaguid), value: aaguid }] },
  ],
  [
    'an unknown critical extension',
    { extensions: [notAnAuthority, { type: '1.2.3.4', critical: true, value: Buffer.alloc(2) }] },
  ],
  [
    'a key that may only certify',
    {
      extensions: [
        notAnAuthority,
        { type: '2.5.29.15', critical: true, value: Buffer.from('03020204', 'hex') },
      ],
    },
  ],
  ['an Ed25519 key', { publicKey: newKeyPair(-8).publicKey }],
  ['an RSA key', { publicKey: newKeyPair(-257).publicKey }],
]

for (const [name, choices] of leafChanges) {
  test(`packed x5c: refuses a leaf with ${name}`, () => {
    assert.equal(typeof leafKey(leafWith(choices), aaguid, -7), 'string')
  })
}

test('packed x5c: a key fits its own algorithm only', () => {
  for (const algorithm of knownAlgorithms) {
    const leaf = leafWith({ publicKey: newKeyPair(algorithm).publicKey })
    for (const claimed of knownAlgorithms) {
      const expected = claimed === algorithm ? 'object' : 'string'
      assert.equal(typeof leafKey(leaf, aaguid, claimed), expected)
    }
  }
})

test('packed x5c: refuses bytes after the leaf, a cut leaf and long-form lengths', () => {
  const leaf = leafWith({})
  const longForm = Buffer.concat([Buffer.from([0x30, 0x83, 0]), leaf.subarray(2)])
  for (const bytes of [
    Buffer.concat([leaf, Buffer.alloc(1)]),
    leaf.subarray(0, -1),
    longForm,
    der(0x30),
    Buffer.alloc(0),
  ]) {
    assert.equal(typeof leafKey(bytes, aaguid, -7), 'string')
  }
})

const chainChanges: [name: string, change: (chain: Uint8Array[]) => Encodable][] = [
  ['an empty leaf', () => [Buffer.alloc(0)]],
  ['a leaf that is text', () => ['leaf']],
  ['another leaf', () => [leafWith({})]],
  ['bytes after the leaf', ([leaf]) => [Buffer.concat([leaf ?? Buffer.alloc(0), Buffer.alloc(1)])]],
  ['an issuer that is no certificate', (chain) => [...chain, Buffer.from('issuer')]],
  ['an issuer that is text', (chain) => [...chain, 'issuer']],
  ['nine certificates', ([leaf]) => Array.from({ length: 9 }, () => leaf ?? Buffer.alloc(0))],
]

for (const [name, change] of chainChanges) {
  test(`packed x5c: refuses ${name}`, () => {
    const statement = (members: Statement) =>
      members.set('x5c', change(members.get('x5c') as Uint8Array[]))
    refusedAs(register({ attestation: 'packed-x5c' }, { statement }), 'attestation_invalid')
  })
}

test('packed x5c: accepts further certificates but does not trust them', () => {
  const statement = (members: Statement) =>
    members.set('x5c', [...(members.get('x5c') as Uint8Array[]), leafWith({})])
  const verified = register({ attestation: 'packed-x5c' }, { statement })
  accepted(verified)
  assert.equal(verified.attestationTrusted, false)
})

test('packed x5c: refuses an alg that is not the leaf’s', () => {
  for (const alg of [-8, -257, -35, -65535]) {
    const statement = (members: Statement) => members.set('alg', alg)
    refusedAs(register({ attestation: 'packed-x5c' }, { statement }), 'attestation_invalid')
  }
})

test('packed x5c: refuses an AAGUID the leaf was not made for', () => {
  const statement = (members: Statement) => {
    const stranger = buildLeaf({ publicKey: batch.publicKey, aaguid: Buffer.alloc(16, 9) })
    return members.set('x5c', [stranger])
  }
  refusedAs(register({ attestation: 'packed-x5c' }, { statement }), 'attestation_invalid')
})

test('a leaf with any byte changed, or arbitrary bytes, never raise an exception', () => {
  const leaf = leafWith({})
  for (let at = 0; at < leaf.length; at++) {
    for (const mask of [0x01, 0x80, 0xff]) {
      const copy = Buffer.from(leaf)
      copy[at] = (copy[at] ?? 0) ^ mask
      assert.ok(['string', 'object'].includes(typeof leafKey(copy, aaguid, -7)))
    }
  }
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      (bytes) => typeof leafKey(bytes, aaguid, -7) === 'string',
    ),
  )
})

function leafWith(choices: Partial<LeafChoices>): Buffer {
  return buildLeaf({ publicKey: batch.publicKey, aaguid, ...choices })
}

function without(name: string): (members: Statement) => Encodable {
  return (members) => {
    members.delete(name)
    return members
  }
}

/** The key of a leaf that keeps the rules of WebAuthn L3 8.2.1 for this AAGUID, or why not. */
function leafKey(der: Uint8Array, model: Uint8Array, algorithm: CoseAlgorithm) {
  const leaf = parseCertificate(der)
  if (leaf === undefined) return 'no version 3 certificate'
  return packedLeafProblem(leaf) ?? aaguidProblem(leaf, model) ?? leafKeyFor(leaf, algorithm)
}
