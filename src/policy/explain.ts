import type { Authority } from './authority.ts'
import type { CompiledCondition, CompiledSelection, CompiledStatement } from './compile.ts'
import { readContext, UnknownFactError } from './context.ts'
import type { ContextLookup } from './context.ts'
import type { Decision } from './decision.ts'
import { decide } from './evaluate.ts'
import type { PolicyKind } from './document/kind.ts'
import { firstMiss, holds, selects } from './match.ts'
import type { PolicyRequest, StatementElement } from './match.ts'
import { isFilledBy } from './value/pattern.ts'
import type { PrincipalSelection } from './document/principal.ts'
import { show } from './document/problem.ts'
import type { Effect } from './document/statement.ts'

/** Why one statement applied to a request, or did not. */
export interface StatementExplanation {
  readonly policy: string
  readonly kind: PolicyKind
  /** The role whose policy it is. */
  readonly role: string | undefined
  /** Sid, or `#` and the index. */
  readonly statement: string
  /** `file:line`, when known. */
  readonly place: string | undefined
  readonly effect: Effect
  /** `may`: it depends on facts that are not known. */
  readonly result: 'hit' | 'miss' | 'may'
  /** `Action`, `NotResource`, `Condition/StringEquals/aws:username`, ...; `undefined` for a hit. */
  readonly failedElement: string | undefined
  /** For a person: what was found, then what was expected. Holds facts of the request. */
  readonly detail: string
  /** The same of the conditions behind the first element that failed, as far as they fail too. */
  readonly further: readonly string[]
}

/** A decision with every statement's part in it. */
export interface PolicyExplanation {
  readonly decision: Decision
  /** By policy, in the order in which policies are asked, then as written. */
  readonly statements: readonly StatementExplanation[]
}

/**
 * The decision of `decide`, with the part of every statement that had a say. For operators and policy
 * authors; it shows context values. Never throws.
 */
export function explain(authority: Authority, request: PolicyRequest): PolicyExplanation {
  return {
    decision: decide(authority, request),
    statements: [...new Set(statementsOf(authority, request))].map((statement) =>
      explainStatement(statement, request),
    ),
  }
}

/** Every statement that has a say; one in two grants twice. */
export function statementsOf(
  { grants, denies }: Authority,
  { resourcePolicy }: PolicyRequest,
): readonly CompiledStatement[] {
  const own = [...(resourcePolicy?.statements ?? []), ...denies.flatMap(({ denies }) => denies.all)]
  const granted = grants.flatMap(({ identity, boundary, session, ceiling }) =>
    [identity, boundary, session, ceiling].flatMap((policies) => policies?.statements ?? []),
  )
  return [...own, ...granted]
}

/** What one statement says to a request. Never throws. */
export function explainStatement(
  statement: CompiledStatement,
  request: PolicyRequest,
): StatementExplanation {
  const { policy, kind, role, label, place, effect } = statement
  const named = { policy, kind, role, statement: label, place, effect, further: [] }
  try {
    const miss = firstMiss(statement, request, request.action.toLowerCase())
    if (miss === undefined) {
      const detail = 'every element of the statement matches'
      return { ...named, result: 'hit', failedElement: undefined, detail }
    }
    const further = furtherMisses(statement, miss, request)
    return { ...named, result: 'miss', ...describe(miss, request), further }
  } catch (error) {
    const cause = error instanceof Error ? error.message : 'unknown cause'
    const failedElement = failingElement(statement, request)
    if (error instanceof UnknownFactError) {
      return { ...named, result: 'may', failedElement, detail: `depends on ${cause}` }
    }
    const detail = `could not be evaluated, which denies the request: ${cause}`
    return { ...named, result: 'miss', failedElement, detail }
  }
}

function furtherMisses(
  { conditions }: CompiledStatement,
  first: StatementElement,
  { context }: PolicyRequest,
): readonly string[] {
  const behind = conditions.slice(conditions.findIndex((condition) => condition === first) + 1)
  return behind.flatMap((condition) => {
    try {
      return holds(condition, context) ? [] : [describeCondition(condition, context)]
    } catch (error) {
      return [error instanceof UnknownFactError ? `depends on ${error.key}` : 'fails']
    }
  })
}

function describe(
  miss: StatementElement,
  request: PolicyRequest,
): { failedElement: string; detail: string } {
  if (isPrincipal(miss)) {
    const { arn = 'nobody known' } = request.principal
    return { failedElement: 'Principal', detail: `found ${arn}, expected ${list(miss.values)}` }
  }
  const detail = isCondition(miss)
    ? describeCondition(miss, request.context)
    : describeSelection(miss, request)
  return { failedElement: miss.element, detail }
}

function isPrincipal(element: StatementElement): element is PrincipalSelection {
  return Object.hasOwn(element, 'everybody')
}

function isCondition(element: CompiledCondition | CompiledSelection): element is CompiledCondition {
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

/** The element that throws when it is asked: the resource, by its variables, or a condition. */
function failingElement(
  { resource, conditions }: CompiledStatement,
  request: PolicyRequest,
): string {
  const { context } = request
  const condition = throws(() => selects(resource, request.resource, context))
    ? undefined
    : conditions.find((one) => throws(() => holds(one, context)))
  return (condition ?? resource).element
}

function throws(attempt: () => unknown): boolean {
  try {
    attempt()
    return false
  } catch {
    return true
  }
}
