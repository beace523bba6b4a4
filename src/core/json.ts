/** What JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

/** What parsing untrusted JSON may cost. */
export interface JsonLimits {
  /** Longest text, in UTF-16 units. */
  readonly length: number
  /** Deepest nesting of arrays and objects. */
  readonly depth: number
}

/**
 * Parses untrusted JSON: bounded, and refuses a key that appears twice in one object and the key
 * `__proto__`, because two readers of such a text may see different things. `undefined` = refused.
 */
export function parseJson(text: string, limits: JsonLimits): Json | undefined {
  if (text.length > limits.length) return undefined
  const members = countMembers(text, limits.depth)
  if (members === undefined) return undefined
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch {
    return undefined
  }
  return countKept(value) === members ? value : undefined
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The own property, or `undefined`: never something inherited from a polluted prototype. */
export function ownProperty(value: object, key: string): unknown {
  return Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined
}

/**
 * JSON Canonicalization Scheme (RFC 8785): keys sorted by UTF-16 units, no white space, ECMAScript
 * numbers. Throws a TypeError for what JSON cannot hold (NaN, lone surrogates, functions).
 */
export function canonicalJson(value: Json): string {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new TypeError('a lone surrogate has no canonical form')
    return JSON.stringify(value)
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('not a JSON number')
    return JSON.stringify(value)
  }
  if (value === null || typeof value === 'boolean') return String(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const object = value as JsonObject
  const members = Object.keys(object)
    .sort()
    .map((key) => `${canonicalJson(key)}:${canonicalJson(object[key] as Json)}`)
  return `{${members.join(',')}}`
}

const quote = 0x22
const colon = 0x3a
const backslash = 0x5c

/** How many members all objects of the text have together; `undefined` when it nests too deep. */
function countMembers(text: string, depth: number): number | undefined {
  let open = 0
  let members = 0
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === quote) {
      at = closingQuote(text, at)
      if (at === -1) return undefined
    } else if (char === colon) {
      members++
    } else if (char === 0x7b || char === 0x5b) {
      if (open === depth) return undefined
      open++
    } else if (char === 0x7d || char === 0x5d) {
      open--
    }
  }
  return members
}

/** Index of the quote that ends the string which begins at `start`, or -1. */
function closingQuote(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === backslash) at++
    else if (char === quote) return at
  }
  return -1
}

/**
 * How many members are left: one fewer for each key that came twice, whatever its spelling. Not a number
 * where `__proto__` is one of them.
 */
function countKept(value: Json): number {
  if (typeof value !== 'object' || value === null) return 0
  let kept = 0
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) kept += countKept(item)
    return kept
  }
  const object = value as JsonObject
  for (const key of Object.keys(object)) {
    if (key === '__proto__') return Number.NaN
    kept += 1 + countKept(object[key] as Json)
  }
  return kept
}
