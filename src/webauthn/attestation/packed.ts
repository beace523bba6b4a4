import { concatBytes, equalBytes } from '../../core/index.ts'
import type { CborMap } from '../cbor.ts'
import type { CoseAlgorithm, VerificationKey } from '../cose-key.ts'
import { derTag, parseDer } from '../der.ts'
import { verifySignature } from '../signature.ts'
import { basicConstraints, criticalProblem, keyUse, mayBeUsedFor, oid } from './certificate.ts'
import type { AttestationCertificate } from './certificate.ts'
import { makersOf, serialOf, unknownDevice } from './device.ts'
import { algorithmOf, bytesOf, hasExactly, leafKeyFor, parseChain } from './verified.ts'
import type { AttestedFacts, StatementOutcome } from './verified.ts'

/** WebAuthn L3 8.2, verification procedure; `ecdaaKeyId` and other members are unknown. */
export function verifyPacked(statement: CborMap, facts: AttestedFacts): StatementOutcome {
  const algorithm = algorithmOf(statement)
  const signature = bytesOf(statement, 'sig')
  if (algorithm === undefined) return 'alg is not supported'
  if (signature === undefined) return 'sig is no byte string'
  const signed = concatBytes(facts.authenticatorData, facts.clientDataHash)
  const part = { algorithm, signature, signed }
  return statement.has('x5c')
    ? verifyBasic(statement, part, facts.aaguid)
    : verifySelf(statement, part, facts.credentialKey)
}

interface Signed {
  readonly algorithm: CoseAlgorithm
  readonly signature: Uint8Array
  readonly signed: Uint8Array
}

/** Self attestation: the credential's own key, used with its own algorithm. */
function verifySelf(
  statement: CborMap,
  { algorithm, signature, signed }: Signed,
  key: VerificationKey,
): StatementOutcome {
  if (!hasExactly(statement, 'alg', 'sig')) return 'unknown members'
  if (algorithm !== key.algorithm) return 'alg is not the one of the credential'
  if (!verifySignature(key, signed, signature)) return 'wrong signature'
  return { chain: [], namesModel: false, weakness: undefined, device: unknownDevice }
}

function verifyBasic(
  statement: CborMap,
  { algorithm, signature, signed }: Signed,
  aaguid: Uint8Array,
): StatementOutcome {
  if (!hasExactly(statement, 'alg', 'sig', 'x5c')) return 'unknown members'
  const chain = parseChain(statement.get('x5c'))
  if (typeof chain === 'string') return chain
  const [leaf] = chain
  const key = leafKeyFor(leaf, algorithm)
  if (typeof key === 'string') return key
  if (!verifySignature(key, signed, signature)) return 'wrong signature'
  const problem = packedLeafProblem(leaf) ?? aaguidProblem(leaf, aaguid)
  if (problem !== undefined) return problem
  const told = serialOf(leaf)
  if (typeof told === 'string') return told
  const device = { makers: makersOf(leaf), serial: told.serial }
  return { chain, namesModel: true, weakness: undefined, device }
}

/** WebAuthn L3 8.2.1; the version is settled by the parser. */
export function packedLeafProblem(leaf: AttestationCertificate): string | undefined {
  return subjectProblem(leaf.subject) ?? endEntityProblem(leaf)
}

/** What holds for the leaf of every format: no authority, and a key that may sign. */
export function endEntityProblem(
  leaf: AttestationCertificate,
  understood: readonly string[] = [],
): string | undefined {
  const constraints = basicConstraints(leaf)
  if (constraints === undefined || constraints === 'absent' || constraints.ca) {
    return 'basic constraints do not say that it is no authority'
  }
  if (!mayBeUsedFor(leaf, keyUse.digitalSignature)) return 'key may not make signatures'
  return criticalProblem(leaf, [oid.basicConstraints, oid.keyUsage, ...understood])
}

/** WebAuthn L3 8.2 and 8.3: a leaf may name its AAGUID, not critically, and then it has to be this one. */
export function aaguidProblem(
  leaf: AttestationCertificate,
  aaguid: Uint8Array,
): string | undefined {
  const claimed = leaf.extensions.get(oid.aaguid)
  if (claimed === undefined) return undefined
  if (claimed.critical) return 'AAGUID extension is critical'
  const inner = parseDer(claimed.value)
  const same = inner?.tag === derTag.octetString && equalBytes(inner.content, aaguid)
  return same ? undefined : 'AAGUID of the certificate is another'
}

function subjectProblem(subject: ReadonlyMap<string, string>): string | undefined {
  if (!/^[A-Z]{2}$/.test(subject.get(oid.country) ?? '')) return 'subject has no country code'
  if ((subject.get(oid.organization) ?? '') === '') return 'subject has no organization'
  if (subject.get(oid.organizationalUnit) !== 'Authenticator Attestation') {
    return 'subject unit is not Authenticator Attestation'
  }
  return (subject.get(oid.commonName) ?? '') === '' ? 'subject has no common name' : undefined
}
