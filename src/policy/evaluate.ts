import type { CompiledPolicies, CompiledStatement } from './compile.ts'
import { evaluationFailed, noStatementAllows } from './decision.ts'
import type { Decision } from './decision.ts'
import { firstMiss } from './match.ts'
import type { PolicyRequest } from './match.ts'

/**
 * Decides one request. Never throws.
 *
 * Invariant: deny by default; a Deny that applies wins over every Allow, whatever the order; a
 * statement that cannot be evaluated denies.
 */
export function evaluate(policies: CompiledPolicies, request: PolicyRequest): Decision {
  let current: CompiledStatement | undefined
  try {
    const action = request.action.toLowerCase()
    for (current of policies.denies.candidates(action, request.resource)) {
      if (firstMiss(current, request, action) === undefined) return current.decision
    }
    for (current of policies.allows.candidates(action, request.resource)) {
      if (firstMiss(current, request, action) === undefined) return current.decision
    }
    return noStatementAllows
  } catch {
    return evaluationFailed(current)
  }
}
