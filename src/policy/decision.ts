export type DecisionReason =
  | 'policy.allowed'
  | 'policy.explicit_deny'
  | 'policy.no_statement_allows'
  | 'policy.evaluation_failed'

/** The answer to one request, and which statement gave it. */
export interface Decision {
  readonly effect: 'allow' | 'deny'
  readonly reason: DecisionReason
  /** Name of the deciding policy; `undefined` when no statement decided. */
  readonly policy: string | undefined
  /** Sid of the deciding statement, or `#` and its index in the document (`#0` is the first). */
  readonly statement: string | undefined
}

/** How a decision names a statement. */
export interface StatementName {
  readonly policy: string
  readonly label: string
}

export const noStatementAllows: Decision = Object.freeze({
  effect: 'deny',
  reason: 'policy.no_statement_allows',
  policy: undefined,
  statement: undefined,
})

/** The decision when this statement decides. */
export function decidedBy(statement: StatementName, effect: 'Allow' | 'Deny'): Decision {
  return Object.freeze({
    effect: effect === 'Allow' ? 'allow' : 'deny',
    reason: effect === 'Allow' ? 'policy.allowed' : 'policy.explicit_deny',
    policy: statement.policy,
    statement: statement.label,
  })
}

/** The decision when this statement, or no known one, could not be evaluated. */
export function evaluationFailed(statement: StatementName | undefined): Decision {
  return {
    effect: 'deny',
    reason: 'policy.evaluation_failed',
    policy: statement?.policy,
    statement: statement?.label,
  }
}
