import { toBase64url } from '../core/index.ts'
import type { RedeemedProof } from './proofs.ts'
import { boundNames } from './bound-request.ts'

/** The header in which a service gets the evidence, where its route says so. */
export const evidenceHeader = 'x-proofgate-evidence'

/**
 * What a service needs to verify by itself what the request was let through by: base64url of a JSON object
 * that docs/proof-format.md describes.
 *
 * @param headers - those that the route binds besides those that always are.
 */
export function forwardedEvidence(
  { statementText, evidence }: Pick<RedeemedProof, 'statementText' | 'evidence'>,
  headers: readonly string[],
): string {
  const found = {
    type: 'proofgate-evidence/1',
    statement: statementText,
    headers: boundNames(headers),
    touches: evidence,
  }
  return toBase64url(Buffer.from(JSON.stringify(found)))
}
