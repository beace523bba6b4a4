import { Comparison, outlookOf, supposing } from '../../policy/index.ts'
import type { CompiledStatement, Survey } from '../../policy/index.ts'
import type { RecordedRequest } from './recorded.ts'
import { statementsOf, verdictOf } from './side.ts'
import type { Answer, Missing, Side, Verdict } from './side.ts'

/** What becomes of a recorded decision. */
export type Judgement =
  | { readonly kind: Missing }
  | { readonly kind: 'unchanged' }
  /** The configuration in force would already decide as the candidate would. */
  | { readonly kind: 'already' }
  | { readonly kind: 'would'; readonly verdict: Verdict }
  /** It depends on conditions whose facts were not recorded. */
  | { readonly kind: 'may'; readonly conditions: readonly string[] }

/**
 * Decides a recorded request again.
 *
 * Invariant: whatever the facts are that were not recorded, a decision that the candidate changes is never
 * said to be unchanged, unless one of them is of a type that a statement cannot compare.
 */
export function judge(
  request: RecordedRequest,
  { inForce, candidate }: { readonly inForce: Side; readonly candidate: Side },
): Judgement {
  const after = candidate.answer(request)
  if (typeof after === 'string') return { kind: after }
  if (after.verdict?.effect === request.outcome) return { kind: 'unchanged' }
  const before = inForce.answer(request)
  if (after.verdict !== undefined) return changed(after.verdict, before)
  if (typeof before !== 'string') {
    if (isNoMatterOf(request, before, after)) return { kind: 'unchanged' }
    const told = request.configuration === inForce.version
    const known = told ? verdictByRecord(request, before, after) : undefined
    if (known?.effect === request.outcome) return { kind: 'unchanged' }
    if (known !== undefined) return changed(known, before)
  }
  return { kind: 'may', conditions: conditionsOf(after) }
}

/** By what a record of the configuration in force tells of the statements that both have. */
function verdictByRecord(
  request: RecordedRequest,
  before: Answer,
  after: Answer,
): Verdict | undefined {
  const seen = after.survey?.()
  return seen && verdictOf(supposing(seen, evidence(request, before, after)))
}

function changed(verdict: Verdict, before: Answer | Missing): Judgement {
  const isAlready = typeof before !== 'string' && before.verdict?.effect === verdict.effect
  return isAlready ? { kind: 'already' } : { kind: 'would', verdict }
}

/** Whether the candidate allows no less of what was allowed, or no more of what was denied. */
function isNoMatterOf({ outcome }: RecordedRequest, before: Answer, after: Answer): boolean {
  if (before.survey === undefined || after.survey === undefined) return false
  const [old, fresh] = [before.survey(), after.survey()]
  return outcome === 'allow'
    ? new Comparison(after.textOf, before.textOf).allowsNoLess(fresh, old)
    : new Comparison(before.textOf, after.textOf).allowsNoLess(old, fresh)
}

/**
 * What a record tells of statements, by what they say: that the one it names applied, and that what would have
 * decided otherwise did not. Good only for a record of the configuration in force.
 */
function evidence(
  request: RecordedRequest,
  before: Answer,
  after: Answer,
): (statement: CompiledStatement) => 'yes' | 'no' | undefined {
  const seen = before.survey?.()
  if (seen === undefined) return () => undefined
  const told = new Map<string, 'yes' | 'no'>()
  for (const statement of misses(request, seen)) told.set(before.textOf(statement), 'no')
  const hit = statementsOf(seen).find((one) => isNamed(request, one))
  if (hit !== undefined) {
    told.set(before.textOf(hit), 'yes')
    for (const trust of trustOf(hit, seen)) told.set(before.textOf(trust), 'yes')
  }
  return (statement) => told.get(after.textOf(statement))
}

/** Whose policy decided was held. */
function trustOf(hit: CompiledStatement, { grants }: Survey): readonly CompiledStatement[] {
  return grants
    .filter(({ own }) => own.some(({ statement }) => statement === hit))
    .flatMap(({ limits }) => limits.trust?.map(({ statement }) => statement) ?? [])
}

function isNamed(
  { policy, statement, role, outcome, reason }: RecordedRequest,
  one: CompiledStatement,
): boolean {
  if (reason === 'policy.evaluation_failed' || policy === undefined) return false
  const isOfEffect = one.effect === (outcome === 'allow' ? 'Allow' : 'Deny')
  return isOfEffect && one.policy === policy && one.label === statement && one.role === role
}

/** Reasons of refusals that do not say that no Deny applied. */
const undeniedReasons: ReadonlySet<string> = new Set([
  'policy.explicit_deny',
  'policy.evaluation_failed',
  'policy.role_not_held',
])

/** The statements that surely did not apply, or the decision would have been another. */
function misses({ outcome, reason }: RecordedRequest, seen: Survey): readonly CompiledStatement[] {
  const isPastDenies = outcome === 'allow' || !undeniedReasons.has(reason)
  const denies = isPastDenies ? seen.denies.map(({ statement }) => statement) : []
  if (reason !== 'policy.no_statement_allows') return denies
  return [...denies, ...seen.grants.flatMap(({ own }) => own.map(({ statement }) => statement))]
}

/** More than these are not listed. */
const mostConditions = 4

function conditionsOf({ survey }: Answer): readonly string[] {
  if (survey === undefined) return []
  const { allows, denies } = outlookOf(survey())
  const all = [...denies, ...allows].flatMap(({ depends }) =>
    depends.map(({ element, values }) => {
      const [, operator = '', ...key] = element.split('/')
      return `${operator} ${key.join('/')} ${values.join(' or ')}`
    }),
  )
  return [...new Set(all)].slice(0, mostConditions)
}
