import { createPublicKey } from 'node:crypto'
import type { KeyObject, webcrypto } from 'node:crypto'

import { toBase64url, unreachable } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { isCborMap, parseCbor } from './cbor.ts'
import type { CborMap, CborValue } from './cbor.ts'
import { isUsableEd25519Point } from './edwards.ts'
import { webauthnErrors } from './errors.ts'

/**
 * COSE algorithm identifiers (IANA): ECDSA on P-256, EdDSA on Ed25519 only, RSASSA-PKCS1-v1_5, and the
 * three of ML-DSA (RFC 9964 section 5).
 */
export const coseAlgorithms = {
  ES256: -7,
  EdDSA: -8,
  RS256: -257,
  'ML-DSA-44': -48,
  'ML-DSA-65': -49,
  'ML-DSA-87': -50,
} as const
export type CoseAlgorithmName = keyof typeof coseAlgorithms
export type CoseAlgorithm = (typeof coseAlgorithms)[CoseAlgorithmName]

/** All that are verified here, in no order of preference. */
export const knownAlgorithms: readonly CoseAlgorithm[] = Object.values(coseAlgorithms)
export const knownAlgorithmNames = Object.keys(coseAlgorithms) as readonly CoseAlgorithmName[]

/** A public key together with the only algorithm it may be used with. */
export interface VerificationKey {
  readonly algorithm: CoseAlgorithm
  readonly key: KeyObject
}

type Jwk =
  | webcrypto.JsonWebKey
  | { readonly kty: 'AKP'; readonly alg: string; readonly pub: string }

/** COSE_Key labels (RFC 9052 section 7.1, RFC 9053 section 7, RFC 8230 section 4, RFC 9964 section 4). */
const label = { kty: 1, alg: 3, crv: -1, x: -2, y: -3, n: -1, e: -2, pub: -1 } as const

/** Names and lengths of public keys in bytes (FIPS 204 table 2). */
const mlDsa = {
  [coseAlgorithms['ML-DSA-44']]: { alg: 'ML-DSA-44', length: 1312 },
  [coseAlgorithms['ML-DSA-65']]: { alg: 'ML-DSA-65', length: 1952 },
  [coseAlgorithms['ML-DSA-87']]: { alg: 'ML-DSA-87', length: 2592 },
} as const

/**
 * Decodes a COSE_Key as WebAuthn L3 5.8.5 and 6.5.1.1 allow it: the members of its type and no other, the
 * one curve of its algorithm, a point on that curve, RSA of 2048 to 4096 bits with exponent 65537, an
 * ML-DSA key as long as its parameter set says.
 * `algorithms` are the ones the ceremony offered.
 */
export function parseCoseKey(
  bytes: Uint8Array,
  algorithms: readonly CoseAlgorithm[],
): VerificationKey | Refusal {
  const map = parseCbor(bytes)
  if (!isCborMap(map)) return webauthnErrors.refuse('public_key_invalid', 'no canonical CBOR map')
  const algorithm = map.get(label.alg)
  if (!isOneOf(algorithms, algorithm)) {
    return webauthnErrors.refuse(
      'algorithm_not_offered',
      `found alg ${typeof algorithm === 'number' ? algorithm : 'of another type'}`,
    )
  }
  const key = importKey(jwkOf(algorithm, map))
  if (key === undefined) {
    return webauthnErrors.refuse('public_key_invalid', `not a usable key for alg ${algorithm}`)
  }
  return { algorithm, key }
}

export function isOneOf(
  algorithms: readonly CoseAlgorithm[],
  value: unknown,
): value is CoseAlgorithm {
  return algorithms.some((algorithm) => algorithm === value)
}

function jwkOf(algorithm: CoseAlgorithm, map: CborMap): Jwk | undefined {
  switch (algorithm) {
    case coseAlgorithms.ES256:
      return es256Key(map)
    case coseAlgorithms.EdDSA:
      return ed25519Key(map)
    case coseAlgorithms.RS256:
      return rs256Key(map)
    case coseAlgorithms['ML-DSA-44']:
    case coseAlgorithms['ML-DSA-65']:
    case coseAlgorithms['ML-DSA-87']:
      return mlDsaKey(mlDsa[algorithm], map)
    default:
      return unreachable(algorithm)
  }
}

function es256Key(map: CborMap): Jwk | undefined {
  const x = bytesOf(map.get(label.x), 32)
  const y = bytesOf(map.get(label.y), 32)
  if (map.size !== 5 || map.get(label.kty) !== 2 || map.get(label.crv) !== 1) return undefined
  if (x === undefined || y === undefined) return undefined
  return { kty: 'EC', crv: 'P-256', x: toBase64url(x), y: toBase64url(y) }
}

function ed25519Key(map: CborMap): Jwk | undefined {
  const x = bytesOf(map.get(label.x), 32)
  if (map.size !== 4 || map.get(label.kty) !== 1 || map.get(label.crv) !== 6) return undefined
  if (x === undefined || !isUsableEd25519Point(x)) return undefined
  return { kty: 'OKP', crv: 'Ed25519', x: toBase64url(x) }
}

function rs256Key(map: CborMap): Jwk | undefined {
  const modulus = map.get(label.n)
  const exponent = bytesOf(map.get(label.e), 3)
  if (map.size !== 4 || map.get(label.kty) !== 3 || !isUsableModulus(modulus)) return undefined
  if (exponent === undefined || toBase64url(exponent) !== 'AQAB') return undefined
  return { kty: 'RSA', n: toBase64url(modulus), e: 'AQAB' }
}

/** Key type AKP (7): the algorithm is part of the key (RFC 9964 section 4). */
function mlDsaKey({ alg, length }: { alg: string; length: number }, map: CborMap): Jwk | undefined {
  const pub = bytesOf(map.get(label.pub), length)
  if (map.size !== 3 || map.get(label.kty) !== 7 || pub === undefined) return undefined
  return { kty: 'AKP', alg, pub: toBase64url(pub) }
}

/** Odd, 2048 to 4096 bits, spelled without leading zero bytes. */
function isUsableModulus(value: CborValue | undefined): value is Uint8Array {
  if (!(value instanceof Uint8Array)) return false
  const first = value[0] ?? 0
  const last = value.at(-1) ?? 0
  const bits = value.byteLength * 8 - (Math.clz32(first) - 24)
  return first !== 0 && last % 2 === 1 && bits >= 2048 && bits <= 4096
}

function bytesOf(value: CborValue | undefined, length: number): Uint8Array | undefined {
  return value instanceof Uint8Array && value.byteLength === length ? value : undefined
}

/** The import refuses coordinates beyond the field and points that are not on P-256. */
function importKey(jwk: Jwk | undefined): KeyObject | undefined {
  if (jwk === undefined) return undefined
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return undefined
  }
}
