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
const longestRead = 1000
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
      words.push(quoted(value))
    }
  }
  return words.join('')
}

/**
 * The value of a member, where every reader sees the same one.
 *
 * Invariant: some readers match names without regard to case, and hold integers of any size. What the
 * sentence would show differently from what such a service reads has no sentence.
 */
function member(
  body: Json | undefined,
  { names }: Extract<SentencePart, { kind: 'body' }>,
): string | undefined {
  let found: unknown = body
  for (const name of names) {
    if (!isJsonObject(found)) return undefined
    const folded = fold(name)
    if (Object.keys(found).filter((key) => fold(key) === folded).length !== 1) return undefined
    found = ownProperty(found, name)
  }
  if (typeof found === 'string') return found
  if (typeof found === 'boolean') return String(found)
  return typeof found === 'number' && isExact(found) ? String(found) : undefined
}

function fold(name: string): string {
  return name.normalize('NFKC').toUpperCase().toLowerCase()
}

function isExact(value: number): boolean {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER
}

/** A value in quotation marks; one that is read from right to left does not move its neighbours. */
function quoted(value: string): string {
  const shown = visible(value)
  return rightToLeft.test(shown) ? `“\u2068${shown}\u2069”` : `“${shown}”`
}

const rightToLeft =
  /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u

/**
 * What would not be seen, or would change how its neighbours are seen, is written as its code point:
 * controls, marks of direction, what is ignored when it is drawn; every blank but single spaces between
 * words; accents on nothing, or piled up; what ends a quotation, or passes for what does; and a backslash
 * that would pass for one of ours.
 */
const invisible = new RegExp(
  [
    String.raw`[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u{2800}]`,
    String.raw`(?! )\p{Zs}|(?<=^| ) | (?=$)`,
    String.raw`(?<=^|\p{M}{3})\p{M}`,
    String.raw`(?!['‘’])[\p{Quotation_Mark}ʺˮ״″‶]|(?<=['‘’])['‘’]`,
    String.raw`\\(?=u\{)`,
  ].join('|'),
  'gu',
)

/**
 * A value as people can see it: one line, everything visible, its middle cut out when it is long. The number
 * of its characters is that of its UTF-16 units.
 */
export function visible(value: string): string {
  // The ends alone are shown of what is this long.
  const ends =
    value.length > 2 * longestRead ? value.slice(0, longestRead) + value.slice(-longestRead) : value
  const shown = Array.from(
    ends
      .toWellFormed()
      .replaceAll(invisible, (mark) => `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`),
  )
  if (shown.length <= longestValue) return shown.join('')
  const half = longestValue / 2 - 12
  const [start, end] = [shown.slice(0, half), shown.slice(-half)]
  return `${start.join('')} … (${value.length} characters) … ${end.join('')}`
}
