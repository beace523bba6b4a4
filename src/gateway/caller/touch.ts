import type { Revocations } from '../../session/index.ts'
import type { Principal } from './principal.ts'

/** Invariant: what a credential made stronger ends with that credential, whichever opened it. */
export function isTouchRevoked(
  { subject, proof: { touchedBy, provedAt } }: Principal,
  revocations: Pick<Revocations, 'isRevoked'>,
): boolean {
  if (touchedBy === undefined) return false
  return revocations.isRevoked({
    session: undefined,
    credential: touchedBy,
    person: subject,
    issuedAt: provedAt ?? 0,
  })
}
