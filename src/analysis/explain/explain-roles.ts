import { explainStatement } from '../../policy/index.ts'
import type { StatementExplanation } from '../../policy/index.ts'
import { holds, holdsEver, trustRequest } from '../../roles/index.ts'
import type { Candidate, Mandates, Restriction, Role } from '../../roles/index.ts'

/** Whether somebody has a role, and why. */
export interface RoleExplanation {
  readonly role: string
  /** Held by whoever its trust policy allows; the others are taken. */
  readonly automatic: boolean
  /** `depends`: on facts that are open. */
  readonly held: 'yes' | 'no' | 'depends'
  readonly why: string
  /** What each statement of its trust policy says. */
  readonly trust: readonly StatementExplanation[]
}

/**
 * The roles that somebody holds, could take, or has not earned, in the order of the configuration.
 *
 * @param restriction - of the credential that they use.
 */
export function explainRoles(
  { roles }: Mandates,
  candidate: Candidate,
  restriction: Restriction | undefined,
): readonly RoleExplanation[] {
  return [...roles.values()].map((role) => explainRole(role, candidate, restriction))
}

function explainRole(
  role: Role,
  candidate: Candidate,
  restriction: Restriction | undefined,
): RoleExplanation {
  const { name, automatic } = role
  const request = trustRequest(role, candidate)
  const trust = role.trust.statements.map((statement) => explainStatement(statement, request))
  const named = { role: name, automatic, trust }
  if (restriction !== undefined && !restriction.roles.has(name)) {
    return { ...named, held: 'no', why: 'the passkey is for other roles' }
  }
  if (holds(role, candidate)) return { ...named, held: 'yes', why: whyHeld(trust) }
  const isOpen =
    holdsEver(role, candidate) === 'maybe' && trust.some(({ result }) => result === 'may')
  return { ...named, held: isOpen ? 'depends' : 'no', why: whyNot(trust) }
}

function whyHeld(trust: readonly StatementExplanation[]): string {
  const found = trust.find(({ effect, result }) => effect === 'Allow' && result === 'hit')
  return `its trust policy allows it by ${found?.statement}${at(found)}`
}

function whyNot(trust: readonly StatementExplanation[]): string {
  const denying = trust.find(({ effect, result }) => effect === 'Deny' && result === 'hit')
  if (denying !== undefined)
    return `its trust policy denies it by ${denying.statement}${at(denying)}`
  const allowing = trust.filter(({ effect }) => effect === 'Allow')
  if (allowing.length === 0) return 'its trust policy allows it to nobody'
  return allowing.map((one) => `${one.statement}${at(one)}: ${one.detail}`).join('; ')
}

function at(statement: StatementExplanation | undefined): string {
  return statement?.place === undefined ? '' : ` (${statement.place})`
}
