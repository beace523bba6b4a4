import { parseJson } from '../core/index.ts'
import type { Json, JsonLimits } from '../core/index.ts'
import { placesIn, positionOf } from './json-places.ts'

/** Text that became a value, or what kept it from becoming one. */
export type JsonReading = { readonly value: Json } | { readonly fault: string }

/** Parses JSON as `parseJson` does, and says in one sentence what is wrong and where. */
export function readJson(text: string, limits: JsonLimits): JsonReading {
  const value = parseJson(text, limits)
  return value === undefined ? { fault: faultOf(text, limits) } : { value }
}

/** `line 2, column 14`, as messages name a place. */
export function showPlace(text: string, offset: number): string {
  const { Line, Column } = positionOf(text, offset)
  return `line ${Line}, column ${Column}`
}

function faultOf(text: string, { length, depth }: JsonLimits): string {
  if (text.length > length) {
    return `the text has ${text.length} characters, at most ${length} are allowed`
  }
  const tooDeep = offsetOfDepth(text, depth + 1)
  if (tooDeep !== undefined) {
    return `nested more than ${depth} levels deep at ${showPlace(text, tooDeep)}`
  }
  try {
    JSON.parse(text)
  } catch (error) {
    return syntaxFault(text, error)
  }
  const { repeated } = placesIn(text, depth)
  if (repeated === undefined) return 'the key "__proto__" is not allowed'
  const { pointer, start } = repeated
  return `${pointer} is written twice, again at ${showPlace(text, start)}`
}

/** The engine knows the place, for most faults. */
function syntaxFault(text: string, error: unknown): string {
  const found = /at position (?<offset>\d+)/.exec(error instanceof Error ? error.message : '')
  const offset = found?.groups?.['offset']
  if (offset === undefined) return 'the text is not JSON'
  return `the text stops being JSON at ${showPlace(text, Number(offset))}`
}

/** Where nesting becomes this deep. */
function offsetOfDepth(text: string, depth: number): number | undefined {
  let open = 0
  let isString = false
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (isString) {
      if (char === '\\') at++
      else if (char === '"') isString = false
    } else if (char === '"') isString = true
    else if (char === '{' || char === '[') open++
    else if (char === '}' || char === ']') open--
    if (open === depth) return at
  }
  return undefined
}
