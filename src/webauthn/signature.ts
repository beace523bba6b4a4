import { verify } from 'node:crypto'

import { coseAlgorithms } from './cose-key.ts'
import type { CoseAlgorithm, VerificationKey } from './cose-key.ts'

/** What is hashed before it is signed; EdDSA and ML-DSA (with an empty context) take the message itself. */
const hashed: ReadonlySet<CoseAlgorithm> = new Set([coseAlgorithms.ES256, coseAlgorithms.RS256])

/**
 * Verifies a signature in the encodings of WebAuthn L3 6.5.5: DER for ES256, 64 bytes for Ed25519, as
 * long as the modulus for RS256, FIPS 204 for ML-DSA. Anything malformed is a signature that does not verify; OpenSSL
 * refuses any DER but the canonical one (the tests hold it to that).
 */
export function verifySignature(
  key: VerificationKey,
  signed: Uint8Array,
  signature: Uint8Array,
): boolean {
  const digest = hashed.has(key.algorithm) ? 'sha256' : null
  try {
    return verify(digest, signed, { key: key.key, dsaEncoding: 'der' }, signature)
  } catch {
    return false
  }
}
