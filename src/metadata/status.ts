/** One report about a model, of a status that is known here (FIDO MDS 3.1 section 3.1.3). */
export interface StatusReport {
  readonly status: string
  /** Days, `YYYY-MM-DD`: from the first on, and before the second. Absent: always. */
  readonly effectiveDate: string | undefined
  readonly sunsetDate: string | undefined
}

/** What to do about new keys of a model. */
export type Verdict = 'allow' | 'warn' | 'block'

/** What is not in here says nothing and is ignored, as the specification asks. */
const verdicts: ReadonlyMap<string, Verdict> = new Map<string, Verdict>([
  ['REVOKED', 'block'],
  ['RETIRED', 'block'],
  ['USER_VERIFICATION_BYPASS', 'block'],
  ['ATTESTATION_KEY_COMPROMISE', 'block'],
  ['USER_KEY_REMOTE_COMPROMISE', 'block'],
  ['USER_KEY_PHYSICAL_COMPROMISE', 'block'],
  ['UPDATE_AVAILABLE', 'warn'],
])

/** Certification levels by status; `undefined` takes a level back. */
const levels: ReadonlyMap<string, string | undefined> = new Map([
  ['FIDO_CERTIFIED', 'L1'],
  ['FIDO_CERTIFIED_L1', 'L1'],
  ['FIDO_CERTIFIED_L1plus', 'L1+'],
  ['FIDO_CERTIFIED_L2', 'L2'],
  ['FIDO_CERTIFIED_L2plus', 'L2+'],
  ['FIDO_CERTIFIED_L3', 'L3'],
  ['FIDO_CERTIFIED_L3plus', 'L3+'],
  ['NOT_FIDO_CERTIFIED', undefined],
  ['SELF_ASSERTION_SUBMITTED', undefined],
  ['REVOKED', undefined],
])

export interface Standing {
  readonly verdict: Verdict
  /** The statuses that led to it. */
  readonly reasons: readonly string[]
  readonly certification: string | undefined
}

/**
 * What the reports say on a day.
 *
 * Invariant: one report that blocks is enough, whatever came later: a fix is a model or a version of its own,
 * which attestation cannot tell apart here.
 */
export function standingOn(reports: readonly StatusReport[], day: string): Standing {
  const counting = reports.filter(
    ({ effectiveDate, sunsetDate }) =>
      (effectiveDate === undefined || effectiveDate <= day) &&
      (sunsetDate === undefined || day < sunsetDate),
  )
  const verdict = (['block', 'warn'] as const).find((one) =>
    counting.some(({ status }) => verdicts.get(status) === one),
  )
  const reasons = counting.filter(({ status }) => verdicts.get(status) === verdict)
  return {
    verdict: verdict ?? 'allow',
    reasons: verdict === undefined ? [] : [...new Set(reasons.map(({ status }) => status))],
    certification: certificationOf(counting),
  }
}

/** By the last report that says something about certification; those without a day came first. */
function certificationOf(counting: readonly StatusReport[]): string | undefined {
  const about = counting.filter(({ status }) => levels.has(status))
  const last = about
    .toSorted((one, other) => dayOrder(one.effectiveDate ?? '', other.effectiveDate ?? ''))
    .at(-1)
  return last === undefined ? undefined : levels.get(last.status)
}

function dayOrder(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
