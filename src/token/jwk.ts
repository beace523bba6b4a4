import { createPublicKey, hash } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isJsonObject, ownProperty, parseBase64url, toBase64url } from '../core/index.ts'

/** A public key as it stands in a JWK, reduced to the members its thumbprint covers. */
export type PublicJwk =
  | { readonly kty: 'EC'; readonly crv: 'P-256' | 'P-384'; readonly x: string; readonly y: string }
  | { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string }
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }

/** RFC 7518 6.2.2, 6.3.2 and 6.4.1: members that only a private or symmetric key has. */
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const
const coordinateBytes = { 'P-256': 32, 'P-384': 48 } as const

/**
 * Copies the public key out of an untrusted JWK. Refused with `undefined`: anything private or
 * symmetric, unknown types and curves, coordinates of the wrong length, RSA moduli outside 2048 to
 * 8192 bits or with leading zeros, exponents that are even, 1, or longer than four bytes. Whether an
 * EC point lies on its curve is seen when `importPublicJwk` makes the key.
 */
export function parsePublicJwk(value: unknown): PublicJwk | undefined {
  if (!isJsonObject(value)) return undefined
  if (secretMembers.some((member) => Object.hasOwn(value, member))) return undefined
  switch (ownProperty(value, 'kty')) {
    case 'EC':
      return parseEc(value)
    case 'OKP':
      return parseOkp(value)
    case 'RSA':
      return parseRsa(value)
    default:
      return undefined
  }
}

/** The key, or `undefined` when the numbers are no key (a point off the curve). */
export function importPublicJwk(jwk: PublicJwk): KeyObject | undefined {
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' })
  } catch {
    return undefined
  }
}

/** RFC 7638: SHA-256 over the required members in lexicographic order, base64url. */
export function jwkThumbprint(jwk: PublicJwk): string {
  return hash('sha256', thumbprintInput(jwk), 'base64url')
}

function thumbprintInput(jwk: PublicJwk): string {
  if (jwk.kty === 'RSA') return JSON.stringify({ e: jwk.e, kty: jwk.kty, n: jwk.n })
  const { crv, kty, x } = jwk
  return JSON.stringify(jwk.kty === 'EC' ? { crv, kty, x, y: jwk.y } : { crv, kty, x })
}

function parseEc(value: object): PublicJwk | undefined {
  const crv = ownProperty(value, 'crv')
  if (crv !== 'P-256' && crv !== 'P-384') return undefined
  const x = readBytes(value, 'x')
  const y = readBytes(value, 'y')
  if (x?.byteLength !== coordinateBytes[crv] || y?.byteLength !== coordinateBytes[crv]) {
    return undefined
  }
  return { kty: 'EC', crv, x: toBase64url(x), y: toBase64url(y) }
}

function parseOkp(value: object): PublicJwk | undefined {
  const x = readBytes(value, 'x')
  if (ownProperty(value, 'crv') !== 'Ed25519' || x?.byteLength !== 32) return undefined
  return { kty: 'OKP', crv: 'Ed25519', x: toBase64url(x) }
}

function parseRsa(value: object): PublicJwk | undefined {
  const n = readBytes(value, 'n')
  const e = readBytes(value, 'e')
  if (n === undefined || e === undefined || !isModulus(n) || !isExponent(e)) return undefined
  return { kty: 'RSA', n: toBase64url(n), e: toBase64url(e) }
}

/** Base64urlUInt is minimal (RFC 7518 2), so that one key has one thumbprint. */
function isModulus(n: Uint8Array): boolean {
  const leading = n[0] ?? 0
  const bits = n.byteLength * 8 - Math.clz32(leading) + 24
  return leading !== 0 && bits >= 2048 && bits <= 8192
}

function isExponent(e: Uint8Array): boolean {
  if (e.byteLength === 0 || e.byteLength > 4 || e[0] === 0) return false
  const value = e.reduce((sum, byte) => sum * 256 + byte, 0)
  return value >= 3 && value % 2 === 1
}

function readBytes(value: object, member: string): Uint8Array | undefined {
  const text = ownProperty(value, member)
  return typeof text === 'string' && text.length <= 2048 ? parseBase64url(text) : undefined
}
