import { millis } from '../core/index.ts'
import type { Instant, Millis } from '../core/index.ts'
import type { Credential } from './types.ts'

/** How credentials age. */
export interface Ageing {
  /** Absent: they do not. */
  readonly rotateAfter: Millis | undefined
  readonly warnBefore: Millis
  readonly graceAfter: Millis
  readonly unusedFor: Millis | undefined
}

/** Credentials last. */
export const ageless: Ageing = Object.freeze({
  rotateAfter: undefined,
  warnBefore: millis(0),
  graceAfter: millis(0),
  unusedFor: undefined,
})

/**
 * - `current`: nothing is to be done;
 * - `due`: soon to be replaced;
 * - `overdue`: should have been, and still works;
 * - `lapsed`: past its grace, good for its own replacement only;
 * - `unused`: for so long that it counts as lapsed.
 */
export type Standing = 'current' | 'due' | 'overdue' | 'lapsed' | 'unused'

/** Where a credential stands at a moment. One for emergencies never lapses: it lies unused, and has to work. */
export function standingOf(
  ageing: Ageing,
  credential: Pick<Credential, 'createdAt' | 'lastUsedAt' | 'sealedAt'>,
  now: Instant,
): Standing {
  const { createdAt, lastUsedAt, sealedAt } = credential
  const byAge = standingByAge(ageing, createdAt, now)
  if (sealedAt !== undefined) return byAge === 'lapsed' ? 'overdue' : byAge
  if (byAge === 'lapsed' || ageing.unusedFor === undefined) return byAge
  return now - (lastUsedAt ?? createdAt) >= ageing.unusedFor ? 'unused' : byAge
}

/** The same by age alone: of a credential that has just been used, or of a session it opened. */
export function standingByAge(
  { rotateAfter, warnBefore, graceAfter }: Ageing,
  createdAt: Instant,
  now: Instant,
): Exclude<Standing, 'unused'> {
  if (rotateAfter === undefined) return 'current'
  const left = createdAt + rotateAfter - now
  if (left > warnBefore) return 'current'
  if (left > 0) return 'due'
  return -left < graceAfter ? 'overdue' : 'lapsed'
}

/** Whether it opens nothing but the page that replaces it. */
export function opensRenewalOnly(standing: Standing): boolean {
  return standing === 'lapsed' || standing === 'unused'
}

/** How passkeys are kept fresh, and how many people should have. */
export interface PasskeyRules {
  readonly ageing: Ageing
  /** How many everyone in a group should have. */
  readonly atLeast: readonly { readonly group: string; readonly count: number }[]
}

/** How many passkeys somebody in these groups should have. */
export function wantedCount(
  { atLeast }: Pick<PasskeyRules, 'atLeast'>,
  groups: readonly string[],
): number {
  const counts = atLeast.filter(({ group }) => groups.includes(group)).map(({ count }) => count)
  return Math.max(1, ...counts)
}

/** How many passkeys sign in any day: neither suspended nor for emergencies. */
export function countUsable(credentials: readonly Credential[]): number {
  return credentials.filter(
    ({ suspension, sealedAt }) => suspension === undefined && sealedAt === undefined,
  ).length
}
