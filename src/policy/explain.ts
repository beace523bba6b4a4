import type {
  CompiledCondition,
  CompiledPolicies,
  CompiledSelection,
  CompiledStatement,
} from './compile.ts'
import { readContext } from './context.ts'
import type { ContextLookup } from './context.ts'
import type { Decision } from './decision.ts'
import { evaluate } from './evaluate.ts'
import { firstMiss, holds, selects } from './match.ts'
import type { PolicyRequest, StatementElement } from './match.ts'
import { isFilledBy } from './pattern.ts'
import { show } from './problem.ts'
import type { Effect } from './statement.ts'

/** Why one statement applied to a request, or did not. */
export interface StatementExplanation {
  readonly policy: string
  /** Sid, or `#` and the index. */
  readonly statement: string
  /** `file:line`, when known. */
  readonly place: string | undefined
  readonly effect: Effect
  readonly result: 'hit' | 'miss'
  /** `Action`, `NotResource`, `Condition/StringEquals/aws:username`, ...; `undefined` for a hit. */
  readonly failedElement: string | undefined
  /** For a person: what was found, then what was expected. Holds facts of the request. */
  readonly detail: string
}

/**
 * The decision of `evaluate`, with every statement's part in it, in the order they were written. For
 * operators and policy authors; it shows context values. Never throws.
 */
export function explain(
  policies: CompiledPolicies,
  request: PolicyRequest,
): { readonly decision: Decision; readonly statements: readonly StatementExplanation[] } {
  return {
    decision: evaluate(policies, request),
    statements: policies.statements.map((statement) => explainStatement(statement, request)),
  }
}

function explainStatement(
  statement: CompiledStatement,
  request: PolicyRequest,
): StatementExplanation {
  const { policy, label, place, effect } = statement
  const named = { policy, statement: label, place, effect }
  try {
    const miss = firstMiss(statement, request, request.action.toLowerCase())
    if (miss === undefined) {
      const detail = 'the action, the resource and every condition match'
      return { ...named, result: 'hit', failedElement: undefined, detail }
    }
    const detail = isCondition(miss)
      ? describeCondition(miss, request.context)
      : describeSelection(miss, request)
    return { ...named, result: 'miss', failedElement: miss.element, detail }
  } catch (error) {
    const cause = error instanceof Error ? error.message : 'unknown cause'
    const detail = `could not be evaluated, which denies the request: ${cause}`
    return { ...named, result: 'miss', failedElement: failingElement(statement, request), detail }
  }
}

function isCondition(element: StatementElement): element is CompiledCondition {
  return Object.hasOwn(element, 'tests')
}

function describeSelection(miss: CompiledSelection, request: PolicyRequest): string {
  const subject = show(miss.element.endsWith('Action') ? request.action : request.resource)
  const patterns = list(miss.patterns.map(({ source }) => source))
  const unfilled = miss.patterns.find((pattern) => !isFilledBy(pattern, request.context))
  if (unfilled !== undefined) {
    return `the request has no value for a variable in ${show(unfilled.source)}; found ${subject}`
  }
  return miss.inverted
    ? `found ${subject}, expected anything but ${patterns}`
    : `found ${subject}, expected ${patterns}`
}

function describeCondition(miss: CompiledCondition, context: ContextLookup): string {
  const found = readContext(context, miss.key)
  const values = list(miss.values)
  if (found === undefined) return `the request has no ${miss.key}; expected ${values}`
  const shown = typeof found === 'string' ? show(found) : list(found)
  if (miss.whenPresent !== undefined) return `the request has ${miss.key}: ${shown}`
  return miss.negated
    ? `found ${miss.key} ${shown}, expected anything but ${values}`
    : `found ${miss.key} ${shown}, expected ${values}`
}

/** A list as a sentence shows it, cut off where it stops helping. */
function list(values: readonly string[]): string {
  const shown = values.slice(0, mostShown).map(show)
  const left = values.length - shown.length
  return left === 0 ? shown.join(' or ') : `${shown.join(' or ')} or ${left} more`
}

const mostShown = 8

/** The element that throws when it is asked. */
function failingElement(
  statement: CompiledStatement,
  { resource, context }: PolicyRequest,
): string | undefined {
  if (throws(() => selects(statement.resource, resource, context))) {
    return statement.resource.element
  }
  return statement.conditions.find((condition) => throws(() => holds(condition, context)))?.element
}

function throws(attempt: () => unknown): boolean {
  try {
    attempt()
    return false
  } catch {
    return true
  }
}
