import type { Json } from '../core/index.ts'
import { isJsonObject, ownProperty } from '../core/index.ts'

/** Where a value of a sentence comes from. */
export type SentencePart =
  | { readonly kind: 'text'; readonly text: string }
  /** A segment of the path, by the name the route gives it. */
  | { readonly kind: 'path'; readonly name: string }
  /** A member of the JSON body, by the names that lead to it. */
  | { readonly kind: 'body'; readonly names: readonly string[] }

/** What a route says will happen, with places for values of the request. */
export interface Sentence {
  readonly parts: readonly SentencePart[]
}

export interface SentenceValues {
  readonly path: ReadonlyMap<string, string>
  /** The body, when it is JSON with one reading. */
  readonly body: Json | undefined
}

const longestTemplate = 300
const longestValue = 120
const place = /\{([^{}]*)\}/g
const pathPlace = /^[A-Za-z_][A-Za-z0-9_]*$/
const bodyPlace = /^body(?:\.[A-Za-z_][A-Za-z0-9_-]*)+$/

/**
 * Reads `Delete order {id} of {body.customer.name}`.
 *
 * @param pathNames - the names that the route's path gives its segments.
 * @returns what is wrong with it, for people, when something is.
 */
export function parseSentence(text: string, pathNames: readonly string[]): Sentence | string {
  if (text.trim() === '' || text.length > longestTemplate) {
    return `a sentence has 1 to ${longestTemplate} characters`
  }
  const parts: SentencePart[] = []
  let end = 0
  for (const match of text.matchAll(place)) {
    const part = parsePlace(match[1] ?? '', pathNames)
    if (typeof part === 'string') return part
    parts.push({ kind: 'text', text: text.slice(end, match.index) }, part)
    end = match.index + match[0].length
  }
  parts.push({ kind: 'text', text: text.slice(end) })
  const stray = parts.some((part) => part.kind === 'text' && /[{}]/.test(part.text))
  if (stray) return 'a brace is not closed'
  return { parts: parts.filter((part) => part.kind !== 'text' || part.text !== '') }
}

function parsePlace(inner: string, pathNames: readonly string[]): SentencePart | string {
  if (bodyPlace.test(inner)) return { kind: 'body', names: inner.split('.').slice(1) }
  if (!pathPlace.test(inner)) return `{${inner}} is neither a segment of the path nor {body.NAME}`
  if (!pathNames.includes(inner)) return `the path has no segment {${inner}}`
  return { kind: 'path', name: inner }
}

export function asksForBody(sentence: Sentence): boolean {
  return sentence.parts.some((part) => part.kind === 'body')
}

/**
 * The sentence about one request. Values stand in quotation marks, so that none can pass for the words of
 * the route. `undefined` when a value is missing or is no short text, number or truth value.
 */
export function writeSentence(sentence: Sentence, values: SentenceValues): string | undefined {
  const words: string[] = []
  for (const part of sentence.parts) {
    if (part.kind === 'text') words.push(part.text)
    else {
      const value = part.kind === 'path' ? values.path.get(part.name) : member(values.body, part)
      if (value === undefined) return undefined
      words.push(`“${visible(value)}”`)
    }
  }
  return words.join('')
}

function member(
  body: Json | undefined,
  { names }: Extract<SentencePart, { kind: 'body' }>,
): string | undefined {
  let found: unknown = body
  for (const name of names) {
    if (!isJsonObject(found)) return undefined
    found = ownProperty(found, name)
  }
  if (typeof found === 'string') return found
  return typeof found === 'number' || typeof found === 'boolean' ? String(found) : undefined
}

/**
 * What would not be seen, or would change how its neighbours are seen, is written as its code point:
 * controls, marks of direction, what joins nothing; and our own quotation marks.
 */
const invisible = /[\p{C}\p{Zl}\p{Zp}\u{2800}\u{3164}\u{115f}\u{1160}\u{ffa0}“”]/gu

/** A value as people can see it: one line, everything visible, its middle cut out when it is long. */
export function visible(value: string): string {
  const shown = value
    .toWellFormed()
    .replaceAll(invisible, (mark) => `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`)
  if (shown.length <= longestValue) return shown
  const half = longestValue / 2 - 12
  const [start, end] = [shown.slice(0, half), shown.slice(-half)]
  return `${start.toWellFormed()} … (${shown.length} characters) … ${end.toWellFormed()}`
}
