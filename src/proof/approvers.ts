import type { Refusal } from '../core/index.ts'
import type { Credential, Person } from '../identity/index.ts'
import { proofErrors } from './errors.ts'
import type { Approvers, Statement } from './statement.ts'
import type { Evidence } from './store.ts'

/** Whose key it is, as it is known now. */
export interface Approver {
  readonly person: Person
  readonly credential: Credential
  readonly groups: readonly string[]
}

/** Whether somebody's touch can count at all. Whoever asks is never one of the others. */
export function mayApprove(
  statement: Statement,
  { person, groups }: Omit<Approver, 'credential'>,
): boolean {
  const { approvers, subject } = statement
  if (person.id === subject) return approvers.self
  return approvers.others > 0 && isAmong(groups, approvers)
}

/**
 * Why a touch of this key does not count, if so.
 *
 * Invariant: the key is that person's own, whoever looked it up, and nobody stopped it.
 */
export function judgeApprover(statement: Statement, approver: Approver): Refusal | undefined {
  const { person, credential } = approver
  if (person.disabled || credential.personId !== person.id || !mayApprove(statement, approver)) {
    return proofErrors.refuse('not_an_approver')
  }
  if (credential.suspension !== undefined) {
    return proofErrors.refuse('not_an_approver', 'the passkey is suspended')
  }
  return canCount(credential, statement.approvers)
    ? undefined
    : proofErrors.refuse('attestation_required')
}

/** Whether the rule takes keys of this kind. */
export function canCount(credential: Credential, approvers: Approvers): boolean {
  return credential.attestationTrusted || !approvers.attested
}

/** Whether somebody counts for the part of the rule that is not about the person who asks. */
export function isAmong(groups: readonly string[], approvers: Approvers): boolean {
  return approvers.groups.some((group) => groups.includes(group))
}

/** Whether these touches, each by another person, are all that is needed. */
export function isEnough(
  approvals: readonly Pick<Evidence, 'approver' | 'groups'>[],
  approvers: Approvers,
  subject: string,
): boolean {
  const people = new Set(approvals.map(({ approver }) => approver))
  const others = approvals.filter(
    ({ approver, groups }) => approver !== subject && isAmong(groups, approvers),
  )
  const counted = new Set(others.map(({ approver }) => approver))
  // Invariant: a rule that asks nobody is satisfied by nobody.
  if (!approvers.self && approvers.others < 1) return false
  return (!approvers.self || people.has(subject)) && counted.size >= approvers.others
}
