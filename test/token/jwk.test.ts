import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { calculateJwkThumbprint } from 'jose'
import { importPublicJwk, jwkThumbprint, parsePublicJwk } from '../../src/token/index.ts'
import { ed25519, p256, p384, rsa } from './forge.ts'

const ec = p256().publicKey.export({ format: 'jwk' })
const rsaJwk = rsa().publicKey.export({ format: 'jwk' })
const okp = ed25519().publicKey.export({ format: 'jwk' })

test('the thumbprint is that of the RFC 7638 example', () => {
  const n =
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw'
  const jwk = parsePublicJwk({ kty: 'RSA', n, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' })
  assert.equal(jwk && jwkThumbprint(jwk), 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
})

test('thumbprints agree with those of an independent library', async () => {
  for (const exported of [ec, rsaJwk, okp, p384().publicKey.export({ format: 'jwk' })]) {
    const jwk = parsePublicJwk({ ...exported, use: 'sig', x5c: ['ignored'] })
    assert.ok(jwk)
    assert.equal(jwkThumbprint(jwk), await calculateJwkThumbprint(exported))
    assert.notEqual(importPublicJwk(jwk), undefined)
  }
})

const zeros = (bytes: number) => Buffer.alloc(bytes).toString('base64url')
const refused: readonly (readonly [string, unknown])[] = [
  ['nothing', undefined],
  ['a text', JSON.stringify(ec)],
  ['a list', [ec]],
  ['no type', { ...ec, kty: undefined }],
  ['a symmetric key', { kty: 'oct', k: zeros(32) }],
  ['a private EC key', { ...ec, d: zeros(32) }],
  ['an empty private member', { ...ec, d: '' }],
  ['a private RSA key', { ...rsaJwk, d: 'AQAB' }],
  ['an RSA prime', { ...rsaJwk, p: 'AQAB' }],
  ['other RSA primes', { ...rsaJwk, oth: [] }],
  ['a symmetric member in an EC key', { ...ec, k: 'AA' }],
  ['an unknown curve', { ...ec, crv: 'secp256k1' }],
  ['another curve than the coordinates', { ...ec, crv: 'P-384' }],
  ['a short coordinate', { ...ec, x: zeros(31) }],
  ['a long coordinate', { ...ec, y: zeros(33) }],
  ['a padded coordinate', { ...ec, x: `${ec.x ?? ''}=` }],
  ['no y', { kty: 'EC', crv: 'P-256', x: ec.x }],
  ['a coordinate that is no text', { ...ec, x: 5 }],
  ['a small modulus', rsa(1024).publicKey.export({ format: 'jwk' })],
  [
    'a modulus with a leading zero',
    {
      ...rsaJwk,
      n: Buffer.concat([Buffer.alloc(1), Buffer.from(rsaJwk.n ?? '', 'base64url')]).toString(
        'base64url',
      ),
    },
  ],
  ['a modulus of 8200 bits', { ...rsaJwk, n: Buffer.alloc(1025, 255).toString('base64url') }],
  ['exponent 1', { ...rsaJwk, e: 'AQ' }],
  ['an even exponent', { ...rsaJwk, e: 'BA' }],
  ['an empty exponent', { ...rsaJwk, e: '' }],
  ['a long exponent', { ...rsaJwk, e: Buffer.alloc(5, 255).toString('base64url') }],
  [
    'an exponent with a leading zero',
    { ...rsaJwk, e: Buffer.from([0, 1, 0, 1]).toString('base64url') },
  ],
  ['Ed448', { ...okp, crv: 'Ed448' }],
  ['X25519', { ...okp, crv: 'X25519' }],
  ['a short Ed25519 key', { ...okp, x: zeros(31) }],
]

for (const [name, value] of refused) {
  test(`${name} is no public key`, () => {
    assert.equal(parsePublicJwk(value), undefined)
  })
}

test('points off the curve and at zero make no key', () => {
  const off = parsePublicJwk({ ...ec, y: ec.x })
  const zero = parsePublicJwk({ ...ec, x: zeros(32), y: zeros(32) })
  assert.equal(off && importPublicJwk(off), undefined)
  assert.equal(zero && importPublicJwk(zero), undefined)
})

test('members inherited from a polluted prototype make no key', () => {
  const polluted = Object.prototype as Record<string, unknown>
  polluted['y'] = ec.y
  try {
    assert.equal(parsePublicJwk({ kty: 'EC', crv: 'P-256', x: ec.x }), undefined)
  } finally {
    delete polluted['y']
  }
})

test('no value makes the parser throw', () => {
  const member = fc.oneof(fc.string(), fc.anything(), fc.constantFrom(ec.x, rsaJwk.n, 'AQAB'))
  const jwk = fc.record(
    {
      kty: fc.constantFrom('EC', 'RSA', 'OKP', 'oct'),
      crv: fc.constantFrom('P-256', 'P-384', 'Ed25519'),
      x: member,
      y: member,
      n: member,
      e: member,
      d: member,
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.oneof(jwk, fc.anything()), (value) => {
      const parsed = parsePublicJwk(value)
      if (parsed !== undefined) importPublicJwk(parsed)
    }),
    { numRuns: 1000 },
  )
})
