import { concatBytes, equalBytes } from '../../core/index.ts'
import type { CborMap } from '../cbor.ts'
import { sha256 } from '../ceremony.ts'
import { derTag, parseDer, parseTagged } from '../der.ts'
import { criticalProblem, oid } from './certificate.ts'
import type { AttestationCertificate } from './certificate.ts'
import { hasExactly, parseChain } from './verified.ts'
import type { AttestedFacts, StatementOutcome } from './verified.ts'

/** WebAuthn L3 8.8, verification procedure. The certificate is made for this one credential. */
export function verifyApple(statement: CborMap, facts: AttestedFacts): StatementOutcome {
  // Step 1
  if (!hasExactly(statement, 'x5c')) return 'members are wrong'
  const chain = parseChain(statement.get('x5c'))
  if (typeof chain === 'string') return chain
  // Steps 2 and 3
  const nonce = sha256(concatBytes(facts.authenticatorData, facts.clientDataHash))
  // Step 4
  const [certificate] = chain
  const certified = certifiedNonce(certificate)
  if (certified === undefined) return 'the certificate has no nonce'
  if (!equalBytes(certified, nonce)) return 'the nonce of the certificate is another'
  // Step 5
  if (!certificate.publicKey.equals(facts.credentialKey.key)) {
    return 'the certificate is for another key'
  }
  const problem = criticalProblem(certificate, [oid.basicConstraints, oid.keyUsage])
  const device = { makers: ['Apple'], serial: undefined }
  return problem ?? { chain, namesModel: true, weakness: undefined, device }
}

/** SEQUENCE { [1] OCTET STRING } and nothing else. */
function certifiedNonce(certificate: AttestationCertificate): Uint8Array | undefined {
  const extension = certificate.extensions.get(oid.appleNonce)
  const outer = extension === undefined ? undefined : parseDer(extension.value)
  if (outer?.tag !== derTag.sequence) return undefined
  const members = parseTagged(outer.content)
  const [member] = members ?? []
  if (members?.length !== 1 || member?.number !== 1) return undefined
  const inner = parseDer(member.content)
  return inner?.tag === derTag.octetString ? inner.content : undefined
}
