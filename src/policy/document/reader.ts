import { longestPattern } from '../value/pattern.ts'
import { nearest, show, within } from './problem.ts'
import type { ProblemList } from './problem.ts'

/** Reports every member that is not among the known ones. */
export function refuseUnknown(
  object: object,
  known: readonly string[],
  pointer: string,
  problems: ProblemList,
): void {
  for (const name of Object.keys(object)) {
    if (known.includes(name)) continue
    const guess = nearest(name, known)
    problems.add(
      within(pointer, name),
      'policy.unknown_element',
      `unknown element ${show(name)}`,
      guess === undefined ? `the elements here are ${known.join(', ')}` : `did you mean ${guess}?`,
    )
  }
}

/** One text with its place. */
export interface PlacedText {
  readonly text: string
  readonly pointer: string
}

/** What a list may hold: texts only, or (in conditions) numbers and booleans as well. */
export type Scalars = 'text' | 'any-scalar'

/** Reads a value or a list of values; an empty list or a value of another type is a problem. */
export function readTexts(
  value: unknown,
  scalars: Scalars,
  pointer: string,
  problems: ProblemList,
): readonly PlacedText[] {
  if (!Array.isArray(value)) return readText(value, scalars, pointer, problems)
  if (value.length === 0) {
    problems.add(pointer, 'policy.empty', 'the list is empty', 'write at least one value')
  }
  return value.flatMap((item: unknown, index) =>
    readText(item, scalars, within(pointer, index), problems),
  )
}

function readText(
  value: unknown,
  scalars: Scalars,
  pointer: string,
  problems: ProblemList,
): readonly PlacedText[] {
  const text = scalars === 'any-scalar' ? textOfScalar(value) : value
  if (typeof text !== 'string') {
    const expected = scalars === 'text' ? 'text' : 'text, a number or a boolean'
    const message = `found ${show(value)}, expected ${expected}, or a list of it`
    problems.add(pointer, 'policy.wrong_type', message, 'put the value in double quotes')
    return []
  }
  if (text.length > longestPattern) {
    const message = `the value has ${text.length} characters, at most ${longestPattern} are allowed`
    problems.add(pointer, 'policy.too_large', message, 'shorten the value, or use a wildcard')
    return []
  }
  if (!text.isWellFormed()) {
    const message = 'the value holds half of a character (a lone surrogate)'
    problems.add(pointer, 'policy.bad_value', message, 'write the text in Unicode')
    return []
  }
  return [{ text, pointer }]
}

function textOfScalar(value: unknown): unknown {
  return typeof value === 'boolean' || Number.isFinite(value) ? String(value) : value
}
