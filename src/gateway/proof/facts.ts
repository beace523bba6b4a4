import type { Instant } from '../../core/index.ts'
import type { Evidence } from '../../proof/index.ts'

/** What conditions can see of the proof that a request was let through by. */
export interface ProofFacts {
  /** When a key was touched for it last. */
  readonly touchedAt: Instant
  /** User names of the others who approved it. */
  readonly approvedBy: readonly string[]
  /** The groups they were in when they did, and still are. */
  readonly approvedByGroups: readonly string[]
}

/** @param subject - who asks, and is none of the others. */
export function factsOfEvidence(
  evidence: readonly Evidence[],
  subject: string,
  now: Instant,
): ProofFacts {
  const others = evidence.filter(({ approver }) => approver !== subject)
  return {
    touchedAt: evidence.length === 0 ? now : Math.max(...evidence.map(({ at }) => at)),
    approvedBy: others.map(({ username }) => username),
    approvedByGroups: [...new Set(others.flatMap(({ groups }) => groups))],
  }
}

/** As if the caller had touched a key for the request a moment ago, and nobody else. */
export function supposedProof(now: Instant): ProofFacts {
  return { touchedAt: now, approvedBy: [], approvedByGroups: [] }
}
