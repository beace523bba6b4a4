import type { CompiledCondition, CompiledStatement } from '../compile.ts'
import type { Limit, StatementOutlook, Survey, SurveyedGrant } from './look.ts'
import type { Possibility } from './resource.ts'

/** Two statements with the same text apply to the same requests; two that differ need not. */
export type TextOf = (statement: CompiledStatement) => string

/**
 * What a statement says, whatever it is called and wherever it stands: effect, whom, what, conditions. Variables
 * in conditions are not told from text, which depends on the version of the document.
 */
export function textOfStatement(statement: CompiledStatement): string {
  const { effect, principal, action, resource, conditions } = statement
  const sources = (one: typeof action): unknown => [
    one.element,
    one.patterns.map(({ parts, ignoreCase, columns }) => [parts, ignoreCase, columns?.length]),
  ]
  return JSON.stringify([
    effect,
    principal?.values,
    sources(action),
    sources(resource),
    conditions.map(({ element, values }) => [element.toLowerCase(), values]),
  ])
}

/**
 * Whether what one set of policies allows of a request the other surely allows too, whatever the facts are
 * that nobody knows. What it says is so; it does not find everything that is so.
 */
export class Comparison {
  readonly #moreText: TextOf
  readonly #lessText: TextOf

  constructor(more: TextOf, less: TextOf) {
    this.#moreText = more
    this.#lessText = less
  }

  allowsNoLess(more: Survey, less: Survey): boolean {
    return (
      more.sameAccount === less.sameAccount &&
      more.grantsOnly === less.grantsOnly &&
      (more.named === undefined) === (less.named === undefined) &&
      (more.grants.length === 0) === (less.grants.length === 0) &&
      this.#isWithin(more.denies, this.#moreText, { all: less.denies, text: this.#lessText }) &&
      this.#hasAll(more.named ?? [], less.named ?? []) &&
      less.grants.every((one) => more.grants.some((other) => this.#grantsNoLess(other, one)))
    )
  }

  #grantsNoLess(more: SurveyedGrant, less: SurveyedGrant): boolean {
    return (
      (isSure(more.own) || this.#hasAll(more.own, less.own)) &&
      Object.entries(more.limits).every(([name, allows]) => {
        const limit = less.limits[name as Limit]
        return isSure(allows) || (limit !== undefined && this.#hasAll(allows, limit))
      })
    )
  }

  #hasAll(more: readonly StatementOutlook[], less: readonly StatementOutlook[]): boolean {
    return this.#isWithin(less, this.#lessText, { all: more, text: this.#moreText })
  }

  /** Whether each of the first stands among the others, and applies there whenever it does here. */
  #isWithin(
    some: readonly StatementOutlook[],
    text: TextOf,
    others: { readonly all: readonly StatementOutlook[]; readonly text: TextOf },
  ): boolean {
    return some.every((one) =>
      others.all.some(
        (other) =>
          text(one.statement) === others.text(other.statement) && appliesNoLess(other, one),
      ),
    )
  }
}

function isSure(allows: readonly StatementOutlook[]): boolean {
  return allows.some(({ applies }) => applies === 'yes')
}

function appliesNoLess(more: StatementOutlook, less: StatementOutlook): boolean {
  if (more.applies === 'yes') return true
  return less.applies === 'maybe' && sameElements(more.depends, less.depends)
}

function sameElements(
  left: readonly CompiledCondition[],
  right: readonly CompiledCondition[],
): boolean {
  return left.length === right.length && left.every((one, at) => one.element === right[at]?.element)
}

/** The same survey where more is known of its statements; `undefined` for those of which nothing is. */
export function supposing(
  seen: Survey,
  verdict: (statement: CompiledStatement) => Exclude<Possibility, 'maybe'> | undefined,
): Survey {
  const known = (all: readonly StatementOutlook[]): readonly StatementOutlook[] =>
    all.flatMap((one): readonly StatementOutlook[] => {
      if (one.applies === 'yes') return [one]
      const found = verdict(one.statement)
      if (found === undefined) return [one]
      return found === 'no' ? [] : [{ statement: one.statement, applies: 'yes', depends: [] }]
    })
  return {
    ...seen,
    denies: known(seen.denies),
    named: seen.named === undefined ? undefined : known(seen.named),
    grants: seen.grants.map(({ own, limits }) => ({
      own: known(own),
      limits: Object.fromEntries(
        Object.entries(limits).map(([name, allows]) => [name, known(allows)]),
      ),
    })),
  }
}
