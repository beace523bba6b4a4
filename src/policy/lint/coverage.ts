import { isDeepStrictEqual } from 'node:util'
import type { CompiledSelection } from '../compile.ts'
import { splitAtColons } from '../value/pattern.ts'
import type { Pattern } from '../value/pattern.ts'
import type { Condition } from '../document/condition.ts'
import { includes, intersects, isText, placesOf } from './globs.ts'
import type { Effort } from './globs.ts'
import type { Findings, Subject } from './subject.ts'

/**
 * Finds statements that change no answer because another one of the same document, which is always
 * attached to the same principals, applies whenever they do. Sound: what is reported is so.
 */
export function lintCoverage(
  subjects: readonly Subject[],
  effort: Effort,
  findings: Findings,
): void {
  for (const subject of subjects) {
    if (effort.isSpent) return
    const cover = subjects.find((other) => other !== subject && hides(other, subject, effort))
    if (cover === undefined) continue
    const { label } = cover.compiled
    if (covers(subject, cover, effort)) {
      findings.add(subject, [], {
        code: 'policy.warn_duplicate',
        message: `the statement says what ${label} says`,
        hint: 'remove one of them',
      })
    } else {
      findings.add(subject, [], {
        code: 'policy.warn_shadowed',
        message:
          cover.compiled.effect === subject.compiled.effect
            ? `${label} has the same effect on all this statement is about, and on more`
            : `${label} denies all that this statement allows`,
        hint: 'remove the statement, or narrow the other one',
      })
    }
  }
}

/** Of two that say the same the later one is the duplicate. */
function hides(other: Subject, subject: Subject, effort: Effort): boolean {
  if (!covers(other, subject, effort)) return false
  return other.index < subject.index || !covers(subject, other, effort)
}

/** Whether `other` applies whenever `subject` does, and then makes no difference of it. */
function covers(other: Subject, subject: Subject, effort: Effort): boolean {
  const [outer, inner] = [other.compiled, subject.compiled]
  if (outer.effect !== inner.effect && outer.effect === 'Allow') return false
  if (!isDeepStrictEqual(outer.principal, inner.principal)) return false
  if (!other.parsed.conditions.every((one) => isAskedBy(one, subject))) return false
  const isUnfillable =
    outer.effect === 'Allow' &&
    outer.resource.inverted &&
    outer.resource.patterns.some(({ fixed }) => fixed === undefined)
  return (
    !isUnfillable &&
    selects(outer.action, inner.action, effort) &&
    selects(outer.resource, inner.resource, effort)
  )
}

function isAskedBy(condition: Condition, subject: Subject): boolean {
  return subject.parsed.conditions.some(
    ({ operator, key, values }) =>
      operator === condition.operator &&
      key.toLowerCase() === condition.key.toLowerCase() &&
      values.every((value) => condition.values.includes(value)) &&
      condition.values.every((value) => values.includes(value)),
  )
}

/** Whether the outer selection surely selects all that the inner one does. */
function selects(outer: CompiledSelection, inner: CompiledSelection, effort: Effort): boolean {
  if (outer.inverted && inner.inverted) {
    return outer.patterns.every((one) => inner.patterns.some((more) => matches(more, one, effort)))
  }
  if (outer.inverted) {
    return outer.patterns.every((one) =>
      inner.patterns.every((other) => !intersects(placesOf(one), placesOf(other), effort)),
    )
  }
  if (inner.inverted) return outer.patterns.some(({ source }) => source === '*')
  return inner.patterns.every((one) => outer.patterns.some((more) => matches(more, one, effort)))
}

/** Whether the outer pattern surely matches all that the inner one does. */
export function matches(outer: Pattern, inner: Pattern, effort: Effort): boolean {
  if (outer.source === '*' || outer.source === inner.source) return true
  if (outer.fixed === undefined || !inner.prefix.startsWith(outer.prefix)) return false
  if (!includes(placesOf(outer), placesOf(inner), effort)) return false
  const { columns } = outer
  if (columns === undefined) return true
  const inners = inner.columns ?? literalColumns(inner, columns.length)
  return (
    inners !== undefined &&
    columns.every((column, index) => {
      const other = inners[index]
      return other !== undefined && includes(placesOf(column), placesOf(other), effort)
    })
  )
}

/** The parts of a pattern none of whose wildcards can cross into the next; `undefined` for others. */
function literalColumns(pattern: Pattern, count: number): readonly Pattern[] | undefined {
  const columns = splitAtColons(pattern, count)
  const isFirm = columns?.slice(0, -1).every(({ parts }) => parts.every(isText)) === true
  return isFirm ? columns : undefined
}
