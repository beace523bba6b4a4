import { parsePattern, splitAtColons } from './pattern.ts'
import type { Pattern } from './pattern.ts'
import { isValueProblem, show } from '../document/problem.ts'
import type { ValueProblem } from '../document/problem.ts'

/** `arn:partition:service:region:account:resource`; the last part may hold further colons. */
const partCount = 6

/**
 * An ARN pattern: its six parts are compared one by one, so that no wildcard crosses a colon; or one part
 * for the whole.
 */
export type ArnPattern = readonly Pattern[]

/**
 * Reads the value of an `Arn...` operator: an ARN, or one variable that stands for a whole one.
 *
 * Invariant: the pattern is cut before variables are filled in, so the value of a variable cannot add
 * a part.
 */
export function parseArnPattern(source: string, variables: boolean): ArnPattern | ValueProblem {
  const pattern = parsePattern(source, { wildcards: true, variables, ignoreCase: false })
  if (isValueProblem(pattern)) return pattern
  if (pattern.fixed === undefined && pattern.parts.length === 1) return [pattern]
  const parts = source.startsWith('arn:') ? splitAtColons(pattern, partCount) : undefined
  return parts ?? notAnArn(source)
}

/**
 * Reads one value of `Resource`: `*`, or an ARN. The service is always written out; parts after it may
 * be left out where a `*` at the end of one stands for them. Variables stand only in the sixth part.
 *
 * In the ARNs of other services a wildcard crosses colons, as in AWS.
 *
 * Invariant: of a pattern for our own APIs with all six parts, only wildcards in the sixth cross colons. Otherwise
 * `arn:aws:execute-api:*:*:orders/live/GET/*` would also allow `DELETE /x:orders/live/GET/y` on another API.
 */
export function parseResource(source: string, variables: boolean): Pattern | ValueProblem {
  const pattern = parsePattern(source, { wildcards: true, variables, ignoreCase: false })
  if (isValueProblem(pattern) || source === '*') return pattern
  const { partition, service } = beginningForm.exec(source)?.groups ?? {}
  if (partition === undefined) return notAnArn(source)
  const isOurs = service === 'execute-api'
  const isAnyPartition = /[*?]/.test(partition)
  const columns = splitAtColons(pattern, partCount)
  if (columns !== undefined) return inParts(pattern, columns, isOurs || isAnyPartition)
  // Where parts are left out wildcards cross colons: one in the partition would take the service with it.
  const isShort = (isOurs ? /\*$/ : /\*(?::|$)/).test(source) && !isAnyPartition
  if (!isShort) return notAnArn(source)
  return pattern.fixed === undefined ? variableTooEarly(source) : pattern
}

const beginningForm = /^arn:(?<partition>[^:$]+):(?<service>[a-z0-9-]+):/

/** @param staysInside - whether a wildcard in the first five parts stays before its colon. */
function inParts(
  pattern: Pattern,
  columns: readonly Pattern[],
  staysInside: boolean,
): Pattern | ValueProblem {
  const outer = columns.slice(0, -1)
  if (outer.some((part) => part.fixed === undefined)) return variableTooEarly(pattern.source)
  if (!staysInside) return pattern
  // A slash there means that the resource itself holds the colon which was taken for the fifth.
  if (outer.some((part) => part.source.includes('/'))) return notAnArn(pattern.source)
  return { ...pattern, columns: outer.some(hasWildcard) ? columns : undefined }
}

function variableTooEarly(source: string): ValueProblem {
  return {
    code: 'policy.bad_variable',
    message: `${show(source)} has a policy variable before its fifth colon`,
    hint: 'use variables only in the last part of the ARN',
  }
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
