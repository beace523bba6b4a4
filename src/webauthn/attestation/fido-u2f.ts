import type { KeyObject } from 'node:crypto'

import { concatBytes } from '../../core/index.ts'
import type { CborMap } from '../cbor.ts'
import { coseAlgorithms } from '../cose-key.ts'
import { verifySignature } from '../signature.ts'
import { criticalProblem, oid } from './certificate.ts'
import { makersOf } from './device.ts'
import { bytesOf, hasExactly, leafKeyFor, parseChain } from './verified.ts'
import type { AttestedFacts, StatementOutcome } from './verified.ts'

/**
 * WebAuthn L3 8.6, verification procedure. What is signed covers neither the AAGUID nor the flags, so
 * the model of the authenticator is not known from it.
 */
export function verifyFidoU2f(statement: CborMap, facts: AttestedFacts): StatementOutcome {
  // Step 1
  const signature = bytesOf(statement, 'sig')
  if (!hasExactly(statement, 'sig', 'x5c') || signature === undefined) return 'members are wrong'
  // Step 2: one certificate, with a key on P-256
  const chain = parseChain(statement.get('x5c'))
  if (typeof chain === 'string') return chain
  if (chain.length !== 1) return 'x5c has more than one certificate'
  const key = leafKeyFor(chain[0], coseAlgorithms.ES256)
  if (typeof key === 'string') return key
  // Steps 3 and 4
  const publicKey = rawPoint(facts.credentialKey.key)
  if (facts.credentialKey.algorithm !== coseAlgorithms.ES256 || publicKey === undefined) {
    return 'the credential is not on P-256'
  }
  // Step 5
  const signed = concatBytes(
    Uint8Array.of(0),
    facts.rpIdHash,
    facts.clientDataHash,
    facts.credentialId,
    publicKey,
  )
  // Step 6
  if (!verifySignature(key, signed, signature)) return 'wrong signature'
  const problem = criticalProblem(chain[0], [oid.basicConstraints, oid.keyUsage])
  const device = { makers: makersOf(chain[0]), serial: undefined }
  return problem ?? { chain, namesModel: false, weakness: undefined, device }
}

/** ANSI X9.62 uncompressed: 0x04, x, y. */
function rawPoint(key: KeyObject): Uint8Array | undefined {
  const { x, y } = key.export({ format: 'jwk' })
  if (x === undefined || y === undefined) return undefined
  return concatBytes(Uint8Array.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url'))
}
