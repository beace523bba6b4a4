import type { Evidence } from './store.ts'

/** Members of an audit record: texts, numbers, and lists of short texts. */
export type RecordedMembers = Readonly<
  Record<string, string | number | boolean | readonly string[]>
>

/** Longest text in a list of the audit log. */
const piece = 256

/**
 * A touch as the audit log keeps it: whole, so that it can be verified from the log alone. What is long stands
 * in pieces, to be put together in their order.
 */
export function recordedEvidence(
  proof: { readonly id: string; readonly statement: string },
  evidence: Evidence,
): RecordedMembers {
  return {
    aaguid: evidence.attestation.aaguid,
    algorithm: evidence.algorithm,
    attestation: evidence.attestation.format,
    attestationTrusted: evidence.attestation.trusted,
    authenticatorData: pieces(evidence.authenticatorData),
    clientData: pieces(evidence.clientDataJSON),
    credentialId: pieces(evidence.credentialId),
    nonce: evidence.nonce,
    proof: proof.id,
    publicKey: pieces(evidence.publicKey),
    signature: pieces(evidence.signature),
    statement: pieces(proof.statement),
  }
}

/** By UTF-16 units, never between the halves of one character. */
function pieces(text: string): readonly string[] {
  const found: string[] = []
  for (let at = 0; at < text.length;) {
    const last = text.charCodeAt(at + piece - 1)
    const length = last >= 0xd800 && last <= 0xdbff ? piece - 1 : piece
    found.push(text.slice(at, at + length))
    at += length
  }
  return found
}
