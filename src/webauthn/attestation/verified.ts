import { coseAlgorithms, isOneOf, knownAlgorithms } from '../cose-key.ts'
import type { CoseAlgorithm, VerificationKey } from '../cose-key.ts'
import type { CborMap, CborValue } from '../cbor.ts'
import type { KeyObject } from 'node:crypto'
import { parseCertificate } from './certificate.ts'
import type { AttestationCertificate } from './certificate.ts'
import type { DeviceFacts } from './device.ts'

/** What a statement is about. */
export interface AttestedFacts {
  readonly authenticatorData: Uint8Array
  readonly clientDataHash: Uint8Array
  readonly rpIdHash: Uint8Array
  readonly credentialId: Uint8Array
  readonly aaguid: Uint8Array
  readonly credentialKey: VerificationKey
}

/** The part of a statement that trust in it is judged by. */
export interface ChainedStatement {
  /** The certificates of `x5c`, leaf first; empty for `none` and self attestation. */
  readonly chain: readonly AttestationCertificate[]
  /** Whether what is signed covers the AAGUID: fido-u2f signs none. */
  readonly namesModel: boolean
  /** What the statement itself says against a key that cannot leave its hardware. */
  readonly weakness: string | undefined
}

/** A statement that is correct in itself. Whether to believe it is another question (`judgeTrust`). */
export interface VerifiedStatement extends ChainedStatement {
  readonly device: DeviceFacts
}

export type StatementOutcome = VerifiedStatement | string

/**
 * The AAGUID to keep. Invariant: where a device attests without signing which model it is, it is none, so
 * that trust in the device is never trust in the claim.
 */
export function signedAaguid(statement: VerifiedStatement, claimed: Uint8Array): Uint8Array {
  const attests = statement.chain.length > 0
  return attests && !statement.namesModel ? new Uint8Array(16) : claimed
}

const chainLimit = 8

/** The certificates of an `x5c` member, or what is wrong with it. */
export function parseChain(
  value: CborValue | undefined,
): readonly [AttestationCertificate, ...AttestationCertificate[]] | string {
  if (!Array.isArray(value) || value.length > chainLimit) return 'x5c is no list of certificates'
  const certificates: AttestationCertificate[] = []
  for (const item of value as readonly CborValue[]) {
    const certificate = item instanceof Uint8Array ? parseCertificate(item) : undefined
    if (certificate === undefined) return 'x5c holds something else than version 3 certificates'
    certificates.push(certificate)
  }
  const [leaf, ...issuers] = certificates
  return leaf === undefined ? 'x5c has no leaf' : [leaf, ...issuers]
}

/** The members of a statement have these names and no other. */
export function hasExactly(statement: CborMap, ...names: readonly string[]): boolean {
  return statement.size === names.length && names.every((name) => statement.has(name))
}

export function algorithmOf(statement: CborMap): CoseAlgorithm | undefined {
  const algorithm = statement.get('alg')
  return isOneOf(knownAlgorithms, algorithm) ? algorithm : undefined
}

export function bytesOf(statement: CborMap, name: string): Uint8Array | undefined {
  const value = statement.get(name)
  return value instanceof Uint8Array ? value : undefined
}

/** The key of a leaf for this algorithm, with the bounds that hold for credential keys; or why not. */
export function leafKeyFor(
  leaf: AttestationCertificate,
  algorithm: CoseAlgorithm,
): VerificationKey | string {
  return fits(leaf.publicKey, algorithm)
    ? { algorithm, key: leaf.publicKey }
    : `key of the certificate does not fit alg ${algorithm}`
}

function fits(key: KeyObject, algorithm: CoseAlgorithm): boolean {
  const details = key.asymmetricKeyDetails
  const modulus = details?.modulusLength ?? 0
  return {
    [coseAlgorithms.ES256]: details?.namedCurve === 'prime256v1',
    [coseAlgorithms.EdDSA]: key.asymmetricKeyType === 'ed25519',
    [coseAlgorithms.RS256]:
      key.asymmetricKeyType === 'rsa' &&
      modulus >= 2048 &&
      modulus <= 4096 &&
      details?.publicExponent === 65537n,
    [coseAlgorithms['ML-DSA-44']]: key.asymmetricKeyType === 'ml-dsa-44',
    [coseAlgorithms['ML-DSA-65']]: key.asymmetricKeyType === 'ml-dsa-65',
    [coseAlgorithms['ML-DSA-87']]: key.asymmetricKeyType === 'ml-dsa-87',
  }[algorithm]
}
