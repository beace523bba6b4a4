import type { PolicyKind } from './document/kind.ts'

export type DecisionReason =
  | 'policy.allowed'
  | 'policy.explicit_deny'
  | 'policy.no_statement_allows'
  | 'policy.resource_policy_does_not_allow'
  | 'policy.boundary_does_not_allow'
  | 'policy.session_policy_does_not_allow'
  | 'policy.role_not_held'
  | 'policy.evaluation_failed'

/** The answer to one request, and which statement gave it. */
export interface Decision {
  readonly effect: 'allow' | 'deny'
  readonly reason: DecisionReason
  /** Name of the deciding policy; `undefined` when no statement decided. */
  readonly policy: string | undefined
  /** Sid of the deciding statement, or `#` and its index in the document (`#0` is the first). */
  readonly statement: string | undefined
  /** Of the deciding policy. */
  readonly kind: PolicyKind | undefined
  /** The role whose policy decided. */
  readonly role: string | undefined
}

/** How a decision names a statement. */
export interface StatementName {
  readonly policy: string
  readonly label: string
  readonly kind: PolicyKind
  readonly role: string | undefined
}

/** The decision when no statement decides: nothing is allowed that nobody allowed. */
export function undecided(reason: DecisionReason): Decision {
  return Object.freeze({
    effect: 'deny',
    reason,
    policy: undefined,
    statement: undefined,
    kind: undefined,
    role: undefined,
  })
}

/** The decision about somebody whose token is for a role that they do not hold, or not any more. */
export function roleNotHeld(role: string): Decision {
  return Object.freeze({ ...undecided('policy.role_not_held'), kind: 'trust', role })
}

/** The decision when this statement decides. */
export function decidedBy(statement: StatementName, effect: 'Allow' | 'Deny'): Decision {
  return Object.freeze({
    effect: effect === 'Allow' ? 'allow' : 'deny',
    reason: effect === 'Allow' ? 'policy.allowed' : 'policy.explicit_deny',
    policy: statement.policy,
    statement: statement.label,
    kind: statement.kind,
    role: statement.role,
  })
}

/** The decision when this statement, or no known one, could not be evaluated. */
export function evaluationFailed(statement: StatementName | undefined): Decision {
  return {
    effect: 'deny',
    reason: 'policy.evaluation_failed',
    policy: statement?.policy,
    statement: statement?.label,
    kind: statement?.kind,
    role: statement?.role,
  }
}
