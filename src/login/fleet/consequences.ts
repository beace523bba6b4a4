import type { Credential, Finding, FindingAct } from '../../identity/index.ts'
import type { Judged } from './judging.ts'

/** What judging does about one credential. */
export type FleetAct = 'trust_gained' | 'trust_lost' | 'suspended' | 'warned' | 'cleared'

export interface Consequence {
  readonly act: FleetAct
  /** For administrators. */
  readonly detail: string | undefined
}

const order: readonly FindingAct[] = ['keep', 'warn', 'suspend']

/** What follows from what was found now and known before, and what is known from then on. */
export function consequencesOf(
  credential: Pick<Credential, 'attestationTrusted' | 'finding' | 'suspension'>,
  { trusted, why, finding }: Judged,
): { readonly acts: readonly Consequence[]; readonly kept: Finding | undefined } {
  const { attestationTrusted, finding: known, suspension } = credential
  const acts: Consequence[] = []
  if (trusted !== attestationTrusted) {
    acts.push({ act: trusted ? 'trust_gained' : 'trust_lost', detail: why })
  }
  if (finding === undefined) {
    if (known !== undefined) acts.push({ act: 'cleared', detail: known.what })
    return { acts, kept: undefined }
  }
  if (!isNew(finding, known)) return { acts, kept: known }
  const suspends = finding.act === 'suspend' && suspension === undefined
  if (finding.act !== 'keep') {
    acts.push({ act: suspends ? 'suspended' : 'warned', detail: finding.what })
  }
  return { acts, kept: finding }
}

/**
 * Whether something is to be done about a finding that was perhaps there before.
 *
 * Invariant: what was restored by an administrator is not suspended again for the same finding.
 */
function isNew(finding: Finding, known: Finding | undefined): boolean {
  if (known?.kind !== finding.kind || known.what !== finding.what) return true
  return order.indexOf(finding.act) > order.indexOf(known.act)
}
