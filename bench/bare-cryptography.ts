/** The cryptography that a request needs where nothing of it can be remembered, in this runtime and nothing else. */
import { generateKeyPairSync, hash, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { ProofAlgorithm } from './token.ts'

const SIGNED = 3000
/** Of a token of our issuer, and of what is signed in it. */
const TOKEN_BYTES = 750
const INPUT_BYTES = 660
/** Thumbprint and id of a proof. */
const PROOF_ID_BYTES = 80
const dsaEncoding = 'ieee-p1363'
const DOES_NOT_HOLD = 'a good signature does not hold'

/** One piece of work; the index says which of many inputs. */
export type Work = (index: number) => void

/** One signature that nobody has verified before. */
export function oneVerification(algorithm: ProofAlgorithm): Work {
  const pair = pairFor(algorithm)
  const digest = digestFor(algorithm)
  const key = { key: pair.publicKey, dsaEncoding } as const
  const signed = Array.from({ length: SIGNED }, (_, index) => {
    const input = Buffer.alloc(INPUT_BYTES, `${index} `)
    const signature = sign(digest, input, { key: pair.privateKey, dsaEncoding })
    return { input, signature }
  })
  return (index) => {
    const { input, signature } = signed[index % SIGNED]!
    if (!verify(digest, input, key, signature)) throw new Error(DOES_NOT_HOLD)
  }
}

/** One assertion for a service. */
export function oneSignature(algorithm: ProofAlgorithm): Work {
  const key = { key: pairFor(algorithm).privateKey, dsaEncoding } as const
  const digest = digestFor(algorithm)
  const inputs = Array.from({ length: SIGNED }, (_, index) =>
    Buffer.alloc(INPUT_BYTES, `${index} `),
  )
  return (index) => {
    sign(digest, inputs[index % SIGNED]!, key)
  }
}

/** A token never seen: its hash, by which it is remembered, its signature, and one for the assertion. */
export function tokenNeverSeen(): Work {
  const parts = [oneHash(TOKEN_BYTES), oneVerification('ES256'), oneSignature('ES256')]
  return all(parts)
}

/** A DPoP proof with a remembered token: its signature, the token's hash, and that by which it counts once. */
export function freshProof(algorithm: ProofAlgorithm): Work {
  return all([oneVerification(algorithm), oneHash(TOKEN_BYTES), oneHash(PROOF_ID_BYTES)])
}

function oneHash(bytes: number): Work {
  const texts = Array.from({ length: SIGNED }, (_, index) =>
    `${index} `.repeat(bytes).slice(0, bytes),
  )
  return (index) => {
    hash('sha256', texts[index % SIGNED]!, 'base64url')
  }
}

function all(parts: readonly Work[]): Work {
  return (index) => {
    for (const part of parts) part(index)
  }
}

function pairFor(algorithm: ProofAlgorithm): {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
} {
  return algorithm === 'EdDSA'
    ? generateKeyPairSync('ed25519')
    : generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function digestFor(algorithm: ProofAlgorithm): 'sha256' | null {
  return algorithm === 'EdDSA' ? null : 'sha256'
}
