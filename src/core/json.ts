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
  if (!isUnambiguous(text, limits.depth)) return undefined
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
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

/** One pass over the text: nesting within bounds, and no object names a key twice. */
function isUnambiguous(text: string, depth: number): boolean {
  const open: (Set<string> | undefined)[] = []
  let at = 0
  while (at < text.length) {
    const char = text[at]
    if (char === '"') {
      const end = endOfString(text, at)
      if (end === -1) return false
      if (isKey(text, end) && !admitKey(text.slice(at, end), open.at(-1))) return false
      at = end
      continue
    }
    if (char === '{' || char === '[') {
      if (open.length === depth) return false
      open.push(char === '{' ? new Set() : undefined)
    } else if (char === '}' || char === ']') {
      open.pop()
    }
    at++
  }
  return true
}

function admitKey(literal: string, seen: Set<string> | undefined): boolean {
  if (seen === undefined) return true
  let key: string
  try {
    key = JSON.parse(literal) as string
  } catch {
    return false
  }
  if (key === '__proto__' || seen.has(key)) return false
  seen.add(key)
  return true
}

/** Index after the closing quote, or -1. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at + 1
  }
  return -1
}

function isKey(text: string, after: number): boolean {
  let at = after
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++
  return text[at] === ':'
}
