import { parsePattern, splitAtColons } from './pattern.ts'
import type { Pattern } from './pattern.ts'
import { isValueProblem, show } from '../document/problem.ts'
import type { ValueProblem } from '../document/problem.ts'

/** `arn:partition:service:region:account:resource`; the last part may hold further colons. */
const partCount = 6

/** An ARN pattern: its six parts are compared one by one, so that no wildcard crosses a colon. */
export type ArnPattern = readonly Pattern[]

/**
 * Reads the value of an `Arn...` operator.
 *
 * Invariant: the pattern is cut before variables are filled in, so the value of a variable cannot add
 * a part.
 */
export function parseArnPattern(source: string, variables: boolean): ArnPattern | ValueProblem {
  const pattern = parsePattern(source, { wildcards: true, variables, ignoreCase: false })
  if (isValueProblem(pattern)) return pattern
  const parts = source.startsWith('arn:') ? splitAtColons(pattern, partCount) : undefined
  return parts ?? notAnArn(source)
}

/**
 * Reads one value of `Resource`: `*`, or an ARN. A pattern that ends in `*` may leave parts out after
 * the service, which is always written out; variables stand only in the sixth part.
 *
 * Invariant: of a pattern with all six parts, only wildcards in the sixth cross colons. Otherwise
 * `arn:aws:execute-api:*:*:orders/live/GET/*` would also allow `DELETE /x:orders/live/GET/y` on another API.
 */
export function parseResource(source: string, variables: boolean): Pattern | ValueProblem {
  const pattern = parsePattern(source, { wildcards: true, variables, ignoreCase: false })
  if (isValueProblem(pattern) || source === '*') return pattern
  if (!/^arn:[^:*?$]+:[a-z0-9-]+:/.test(source)) return notAnArn(source)
  const columns = splitAtColons(pattern, partCount)
  if (columns === undefined && !source.endsWith('*')) return notAnArn(source)
  const outer = columns === undefined ? [pattern] : columns.slice(0, -1)
  if (outer.some((part) => part.fixed === undefined)) {
    return {
      code: 'policy.bad_variable',
      message: `${show(source)} has a policy variable before its fifth colon`,
      hint: 'use variables only in the last part of the ARN',
    }
  }
  if (columns === undefined) return pattern
  // A slash there means that the resource itself holds the colon which was taken for the fifth.
  if (outer.some((part) => part.source.includes('/'))) return notAnArn(source)
  return { ...pattern, columns: outer.some(hasWildcard) ? columns : undefined }
}

function hasWildcard(part: Pattern): boolean {
  return part.parts.some((piece) => typeof piece === 'string')
}

function notAnArn(source: string): ValueProblem {
  return {
    code: 'policy.bad_value',
    message: `${show(source)} is not an ARN: six parts with colons between them`,
    hint: 'write arn:aws:execute-api:region:account:api/stage/METHOD/path; * may stand for a part',
  }
}
