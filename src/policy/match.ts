import type {
  CompiledCondition,
  CompiledPolicies,
  CompiledSelection,
  CompiledStatement,
} from './compile.ts'
import { ContextValueError, readContext } from './context.ts'
import type { ContextLookup } from './context.ts'
import { isFilledBy, matchesPattern } from './value/pattern.ts'
import { namingOf } from './document/principal.ts'
import type { PolicyPrincipal, PrincipalSelection } from './document/principal.ts'

/** What somebody wants to do, to what, and the facts around it. */
export interface PolicyRequest {
  /** `execute-api:Invoke`; case does not count. */
  readonly action: string
  /** The full ARN; every character in it stands for itself. */
  readonly resource: string
  /** What is attached to the resource itself. */
  readonly resourcePolicy: CompiledPolicies | undefined
  /**
   * Whether principal and resource are of one account, as is nobody known. If so either the resource's policy or
   * a grant has to allow (API Gateway developer guide, table A), otherwise both (table B).
   */
  readonly sameAccount: boolean
  /** Who asks, for policies that name principals. */
  readonly principal: PolicyPrincipal
  readonly context: ContextLookup
}

export type StatementElement = CompiledSelection | CompiledCondition | PrincipalSelection

/**
 * The first element of the statement that the request does not satisfy; `undefined` when the statement
 * applies. Throws when a fact cannot be read or is not of the type that is asked for.
 *
 * Both `evaluate` and `explain` decide with this function, so they cannot disagree.
 *
 * @param action - the request's action in lower case.
 */
export function firstMiss(
  statement: CompiledStatement,
  request: PolicyRequest,
  action: string,
): StatementElement | undefined {
  const { context } = request
  const { principal } = statement
  if (principal !== undefined && namingOf(principal, request.principal) === undefined) {
    return principal
  }
  if (!selects(statement.action, action, context)) return statement.action
  if (!selects(statement.resource, request.resource, context)) return statement.resource
  if (statement.effect === 'Allow' && isUnfilledInverse(statement.resource, context)) {
    return statement.resource
  }
  for (const condition of statement.conditions) {
    if (!holds(condition, context)) return condition
  }
  return undefined
}

/** Whether the text is among what `Action`, `NotAction`, `Resource` or `NotResource` selects. */
export function selects(
  selection: CompiledSelection,
  text: string,
  context: ContextLookup,
): boolean {
  for (const pattern of selection.patterns) {
    if (matchesPattern(pattern, text, context)) return !selection.inverted
  }
  return selection.inverted
}

/**
 * Invariant: a `NotResource` whose variable has no value excludes nothing, and must then not allow
 * everything; an Allow with it does not apply.
 */
function isUnfilledInverse(selection: CompiledSelection, context: ContextLookup): boolean {
  if (!selection.inverted) return false
  return selection.patterns.some((pattern) => !isFilledBy(pattern, context))
}

/** Whether the condition is met. Throws when its fact cannot be read or is of another type. */
export function holds(condition: CompiledCondition, context: ContextLookup): boolean {
  const found = readContext(context, condition.key)
  if (found === undefined) return condition.whenAbsent
  if (condition.whenPresent !== undefined) return condition.whenPresent
  if (typeof found === 'string') return passes(condition, found, context)
  return needsEvery(condition)
    ? found.every((value) => passes(condition, value, context))
    : found.some((value) => passes(condition, value, context))
}

/**
 * Without a quantifier a list is in the relation when one of its values is, and in the complement
 * when none is.
 */
function needsEvery({ quantifier, negated }: CompiledCondition): boolean {
  return quantifier === 'for-all' || (quantifier === 'none' && negated)
}

/** The values of the policy are alternatives; a complement holds when none of them fits. */
function passes(condition: CompiledCondition, found: unknown, context: ContextLookup): boolean {
  if (typeof found !== 'string')
    throw new ContextValueError(`${condition.key} lists what is no text`)
  for (const test of condition.tests) {
    if (test(found, context)) return !condition.negated
  }
  return condition.negated
}
