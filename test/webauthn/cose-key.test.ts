import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { isRefusal } from '../../src/core/index.ts'
import { parseCoseKey } from '../../src/webauthn/cose-key.ts'
import { isUsableEd25519Point } from '../../src/webauthn/edwards.ts'
import { encodeCbor } from '../kit/cbor-encoder.ts'
import type { Encodable } from '../kit/cbor-encoder.ts'
import { coseKeyOf, newKeyPair } from '../kit/soft-authenticator.ts'
import { accepted, everyAlgorithm, refusedAs } from './fixture.ts'

const ec = coseKeyOf(-7, newKeyPair(-7).publicKey)
const ed = coseKeyOf(-8, newKeyPair(-8).publicKey)
const rsa = coseKeyOf(-257, newKeyPair(-257).publicKey)
const lattice44 = coseKeyOf(-48, newKeyPair(-48).publicKey)
const lattice65 = coseKeyOf(-49, newKeyPair(-49).publicKey)
const lattice87 = coseKeyOf(-50, newKeyPair(-50).publicKey)

type Change = readonly [name: string, label: number, value: Encodable | undefined]

function changed(key: Map<number, Encodable>, label: number, value: Encodable | undefined): Buffer {
  const copy = new Map(key)
  if (value === undefined) copy.delete(label)
  else copy.set(label, value)
  return encodeCbor(copy)
}

const p256Prime = Buffer.from(
  'ffffffff00000001000000000000000000000000ffffffffffffffffffffffff',
  'hex',
)

const ecChanges: Change[] = [
  ['without kty', 1, undefined],
  ['with kty OKP', 1, 1],
  ['with kty RSA', 1, 3],
  ['with kty as text', 1, 'EC2'],
  ['without crv', -1, undefined],
  ['with crv P-384', -1, 2],
  ['with crv Ed25519', -1, 6],
  ['with crv secp256k1', -1, 8],
  ['without x', -2, undefined],
  ['with x of 31 bytes', -2, Buffer.alloc(31, 1)],
  ['with x of 33 bytes', -2, Buffer.alloc(33, 1)],
  ['with x as text', -2, 'x'.repeat(32)],
  ['with x beyond the field', -2, p256Prime],
  ['without y', -3, undefined],
  ['with a compressed y', -3, true],
  ['with y off the curve', -3, Buffer.alloc(32, 1)],
  ['with y beyond the field', -3, Buffer.alloc(32, 0xff)],
  ['with a key id', 2, Buffer.from('kid')],
  ['with a private part', -4, Buffer.alloc(32, 1)],
  ['with key_ops', 4, [2]],
]
const edChanges: Change[] = [
  ['with kty EC2', 1, 2],
  ['with crv X25519', -1, 4],
  ['with crv Ed448', -1, 7],
  ['with crv P-256', -1, 1],
  ['without crv', -1, undefined],
  ['without x', -2, undefined],
  ['with x of 31 bytes', -2, Buffer.alloc(31, 1)],
  ['with x of 57 bytes', -2, Buffer.alloc(57, 1)],
  ['with a y', -3, Buffer.alloc(32, 1)],
  ['with a private part', -4, Buffer.alloc(32, 1)],
]
const odd = (bytes: number, first: number) => {
  const modulus = Buffer.alloc(bytes, 0x55)
  modulus[0] = first
  return modulus
}
const rsaChanges: Change[] = [
  ['with kty EC2', 1, 2],
  ['without modulus', -1, undefined],
  ['with a modulus of 2047 bits', -1, odd(256, 0x7f)],
  ['with a modulus of 1024 bits', -1, odd(128, 0xff)],
  ['with a modulus of 4097 bits', -1, odd(513, 0x01)],
  ['with an even modulus', -1, Buffer.alloc(256, 0xfe)],
  ['with a leading zero byte in the modulus', -1, Buffer.concat([Buffer.alloc(1), odd(256, 0xff)])],
  ['with a modulus that is no byte string', -1, 65537],
  ['without exponent', -2, undefined],
  ['with exponent 1', -2, Buffer.from([1])],
  ['with exponent 3', -2, Buffer.from([3])],
  ['with exponent 65539', -2, Buffer.from([1, 0, 3])],
  ['with exponent 65537 in four bytes', -2, Buffer.from([0, 1, 0, 1])],
  ['with exponent as integer', -2, 65537],
  ['with a private part', -3, Buffer.alloc(256, 1)],
]

const latticeChanges = (length: number): Change[] => [
  ['without kty', 1, undefined],
  ['with kty OKP', 1, 1],
  ['with kty EC2', 1, 2],
  ['with kty as text', 1, 'AKP'],
  ['without a public key', -1, undefined],
  ['with an empty public key', -1, Buffer.alloc(0)],
  ['with a public key that is a byte short', -1, Buffer.alloc(length - 1, 1)],
  ['with a public key that is a byte long', -1, Buffer.alloc(length + 1, 1)],
  ['with the public key of another parameter set', -1, Buffer.alloc(length === 1952 ? 1312 : 1952)],
  ['with a public key as text', -1, 'x'.repeat(length)],
  ['with a private part', -2, Buffer.alloc(32, 1)],
  ['with a key id', 2, Buffer.from('kid')],
]

for (const [name, key, changes] of [
  ['ES256', ec, ecChanges],
  ['EdDSA', ed, edChanges],
  ['RS256', rsa, rsaChanges],
  ['ML-DSA-44', lattice44, latticeChanges(1312)],
  ['ML-DSA-65', lattice65, latticeChanges(1952)],
  ['ML-DSA-87', lattice87, latticeChanges(2592)],
] as const) {
  test(`accepts a good ${name} key`, () => {
    const parsed = parseCoseKey(encodeCbor(key), everyAlgorithm)
    accepted(parsed)
    assert.equal(parsed.algorithm, key.get(3))
  })
  test(`refuses a good ${name} key that was not offered`, () => {
    const others = everyAlgorithm.filter((algorithm) => algorithm !== key.get(3))
    refusedAs(parseCoseKey(encodeCbor(key), others), 'algorithm_not_offered')
  })
  for (const [change, label, value] of changes) {
    test(`refuses a key of ${name} ${change}`, () => {
      refusedAs(parseCoseKey(changed(key, label, value), everyAlgorithm), 'public_key_invalid')
    })
  }
  test(`refuses a key of ${name} that claims another algorithm or none`, () => {
    for (const alg of everyAlgorithm) {
      if (alg === key.get(3)) continue
      refusedAs(parseCoseKey(changed(key, 3, alg), everyAlgorithm), 'public_key_invalid')
    }
    for (const alg of [undefined, -9, -35, -37, -53, -65535, '-7', null, -47, -51, 'ML-DSA-44']) {
      refusedAs(parseCoseKey(changed(key, 3, alg), everyAlgorithm), 'algorithm_not_offered')
    }
  })
}

test('accepts RSA of 2048 and of 4096 bits at the bounds', () => {
  for (const modulus of [odd(256, 0x80), odd(512, 0xff)]) {
    accepted(parseCoseKey(changed(rsa, -1, modulus), everyAlgorithm))
  }
})

test('refuses bytes after the key and what is no map', () => {
  for (const bytes of [
    Buffer.concat([encodeCbor(ec), Buffer.alloc(1)]),
    encodeCbor([1, 2]),
    Buffer.alloc(0),
  ]) {
    refusedAs(parseCoseKey(bytes, everyAlgorithm), 'public_key_invalid')
  }
})

/** Every encoding of the eight points of small order, the non-canonical ones included (public knowledge). */
const smallOrder = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
]

test('refuses every Ed25519 key of small order', () => {
  for (const encoded of smallOrder) {
    const key = changed(ed, -2, Buffer.from(encoded, 'hex'))
    refusedAs(parseCoseKey(key, everyAlgorithm), 'public_key_invalid')
  }
})

test('refuses Ed25519 keys that are no canonical point', () => {
  // y = 2 is no x-coordinate's partner; y = p + 3 would be the point with y = 3 (a good one) again.
  assert.equal(isUsableEd25519Point(Buffer.from(`02${'00'.repeat(31)}`, 'hex')), false)
  assert.equal(isUsableEd25519Point(Buffer.from(`03${'00'.repeat(31)}`, 'hex')), true)
  assert.equal(isUsableEd25519Point(Buffer.from(`f0${'ff'.repeat(30)}7f`, 'hex')), false)
})

test('accepts every Ed25519 key that is generated', () => {
  for (let round = 0; round < 50; round++) {
    const key = encodeCbor(coseKeyOf(-8, newKeyPair(-8).publicKey))
    accepted(parseCoseKey(key, everyAlgorithm))
  }
})

test('arbitrary members and arbitrary bytes are refused without an exception', () => {
  const label = fc.integer({ min: -5, max: 5 })
  const value = fc.oneof(fc.integer(), fc.uint8Array({ maxLength: 40 }), fc.boolean(), fc.string())
  fc.assert(
    fc.property(fc.constantFrom(ec, ed, rsa, lattice44), label, value, (key, at, member) => {
      const bytes = changed(key, at, member)
      const same = bytes.equals(encodeCbor(key))
      assert.equal(isRefusal(parseCoseKey(bytes, everyAlgorithm)), !same)
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) =>
      isRefusal(parseCoseKey(bytes, everyAlgorithm)),
    ),
  )
})
