import { ContextValueError, readContext } from '../context.ts'
import type { ContextLookup } from '../context.ts'
import { isListKey } from '../keys/schema.ts'
import { compileGlob, matchesGlob } from './glob.ts'
import type { Glob, GlobPart } from './glob.ts'
import { isValueProblem, show } from '../document/problem.ts'
import type { ValueProblem } from '../document/problem.ts'

/** A policy variable: `${key}` or `${key, 'default'}`. */
export interface Variable {
  readonly key: string
  readonly fallback: string | undefined
}

export type PatternPart = GlobPart | Variable

/** A compiled value of a policy: wildcards, variables, or plain text. */
export interface Pattern {
  readonly source: string
  /** What the text must begin with, known before any variable is. */
  readonly prefix: string
  /** The compiled pattern when it has no variables. */
  readonly fixed: Glob | undefined
  readonly parts: readonly PatternPart[]
  readonly ignoreCase: boolean
  /** What the parts between the text's first colons must match as well; absent when all may cross. */
  readonly columns: readonly Pattern[] | undefined
}

/** How a text of a policy is to be read. */
export interface PatternSyntax {
  /** Whether `*` and `?` are wildcards. */
  readonly wildcards: boolean
  /** Whether `${...}` is a variable (version 2012-10-17) or plain text. */
  readonly variables: boolean
  readonly ignoreCase: boolean
}

/** Longest single pattern, in UTF-16 units. */
export const longestPattern = 2048

/** What a key of the request context looks like. What follows the prefix may be the key of a tag. */
export const contextKeyForm =
  /^[a-z][\w./-]*:[\p{L}\p{N}](?:[ \p{L}\p{N}_.+=@/:-]*[\p{L}\p{N}_.+=@/:-])?$/iu

const reference = /\$\{(?:[*?$]|(?<key>[^*?$,{}']+)(?:,[ \t]*'(?<fallback>[^']+)')?)\}/y

/** Reads a pattern; a variable that is malformed is a problem, never plain text. */
export function parsePattern(source: string, syntax: PatternSyntax): Pattern | ValueProblem {
  const parts: PatternPart[] = []
  let at = 0
  while (at < source.length) {
    if (syntax.variables && source.startsWith('${', at)) {
      const variable = readReference(source, at)
      if (isValueProblem(variable)) return variable
      parts.push(variable.part)
      at = variable.end
    } else if (syntax.wildcards && (source[at] === '*' || source[at] === '?')) {
      parts.push(source[at] === '*' ? 'any-run' : 'any-one')
      at++
    } else {
      const end = endOfText(source, at, syntax)
      parts.push({ text: source.slice(at, end) })
      at = end
    }
  }
  return patternOf(source, parts, syntax.ignoreCase)
}

/**
 * Whether the whole text matches. The value of a variable stands for itself: a `*` in it is a star.
 * A variable that the request has no value for makes the pattern match nothing.
 */
export function matchesPattern(pattern: Pattern, found: string, context: ContextLookup): boolean {
  const text = pattern.ignoreCase ? found.toLowerCase() : found
  if (!matchesWhole(pattern, text, context)) return false
  return pattern.columns === undefined || matchesColumns(pattern.columns, text, context)
}

/** Whether the text has a part for every pattern, divided by its first colons, and each matches. */
export function matchesColumns(
  columns: readonly Pattern[],
  text: string,
  context: ContextLookup,
): boolean {
  const texts = cutAtColons(text, columns.length)
  if (texts.length !== columns.length) return false
  return columns.every((column, index) => matchesPattern(column, texts[index] ?? '', context))
}

function matchesWhole(pattern: Pattern, text: string, context: ContextLookup): boolean {
  if (pattern.fixed !== undefined) return matchesGlob(pattern.fixed, text)
  if (!text.startsWith(pattern.prefix)) return false
  const parts = fillIn(pattern, context)
  return parts !== undefined && matchesGlob(compileGlob(parts), text)
}

/**
 * Cuts a pattern at its first colons into `count` patterns; the last keeps what further colons it has.
 * Only colons of the text count, not those of a variable. `undefined` when there are too few.
 */
export function splitAtColons(pattern: Pattern, count: number): readonly Pattern[] | undefined {
  const pieces: PatternPart[][] = [[]]
  for (const part of pattern.parts) {
    if (isGlobPart(part) && typeof part !== 'string') {
      const [first = '', ...more] = cutAtColons(part.text, count - pieces.length + 1)
      pieces.at(-1)?.push({ text: first })
      pieces.push(...more.map((text) => [{ text }]))
    } else pieces.at(-1)?.push(part)
  }
  if (pieces.length !== count) return undefined
  return pieces.map((parts) => patternOf(parts.map(print).join(''), parts, pattern.ignoreCase))
}

/** Cuts text at its first colons into at most `count` pieces. */
export function cutAtColons(text: string, count: number): readonly string[] {
  const pieces: string[] = []
  let start = 0
  while (pieces.length < count - 1) {
    const colon = text.indexOf(':', start)
    if (colon === -1) break
    pieces.push(text.slice(start, colon))
    start = colon + 1
  }
  pieces.push(text.slice(start))
  return pieces
}

/** Whether the request has a value for every variable of the pattern. */
export function isFilledBy(pattern: Pattern, context: ContextLookup): boolean {
  return pattern.fixed !== undefined || fillIn(pattern, context) !== undefined
}

function patternOf(source: string, read: readonly PatternPart[], ignoreCase: boolean): Pattern {
  const parts = ignoreCase ? read.map(toLowerCase) : read
  const [first] = parts
  const prefix = typeof first === 'object' && isText(first) ? first.text : ''
  const fixed = parts.every(isGlobPart) ? compileGlob(parts) : undefined
  return { source, prefix, fixed, parts, ignoreCase, columns: undefined }
}

function toLowerCase(part: PatternPart): PatternPart {
  if (typeof part === 'string') return part
  if (isText(part)) return { text: part.text.toLowerCase() }
  return { key: part.key, fallback: part.fallback?.toLowerCase() }
}

function print(part: PatternPart): string {
  if (typeof part === 'string') return part === 'any-run' ? '*' : '?'
  return isText(part) ? part.text : `\${${part.key}}`
}

function isGlobPart(part: PatternPart): part is GlobPart {
  return typeof part === 'string' || isText(part)
}

function isText(part: { readonly text: string } | Variable): part is { readonly text: string } {
  return Object.hasOwn(part, 'text')
}

function fillIn(pattern: Pattern, context: ContextLookup): readonly GlobPart[] | undefined {
  const filled: GlobPart[] = []
  for (const part of pattern.parts) {
    if (isGlobPart(part)) filled.push(part)
    else {
      const text = valueOf(part, context)
      if (text === undefined) return undefined
      filled.push({ text: pattern.ignoreCase ? text.toLowerCase() : text })
    }
  }
  return filled
}

/**
 * What the request has for a variable.
 *
 * Invariant: an empty value counts as absent, because `home/${aws:username}*` with an empty name
 * would be everybody's home.
 */
export function valueOf(variable: Variable, context: ContextLookup): string | undefined {
  const found = readContext(context, variable.key)
  if (found === undefined || found === '') return variable.fallback
  if (typeof found === 'string') return found
  throw new ContextValueError(`${variable.key} has several values and stands as a policy variable`)
}

function endOfText(source: string, start: number, syntax: PatternSyntax): number {
  let at = start + 1
  while (at < source.length) {
    if (syntax.wildcards && (source[at] === '*' || source[at] === '?')) break
    if (syntax.variables && source.startsWith('${', at)) break
    at++
  }
  return at
}

/** Without the spaces and tabs at the end, where the comma of a default may stand. */
function withoutBlanks(text: string): string {
  let end = text.length
  while (text[end - 1] === ' ' || text[end - 1] === '\t') end--
  return text.slice(0, end)
}

function readReference(
  source: string,
  at: number,
): { readonly part: PatternPart; readonly end: number } | ValueProblem {
  reference.lastIndex = at
  const groups = reference.exec(source)?.groups
  if (groups === undefined) return malformed(source)
  const end = reference.lastIndex
  const { key: written, fallback } = groups
  if (written === undefined) return { part: { text: source.charAt(at + '${'.length) }, end }
  const key = withoutBlanks(written)
  if (!contextKeyForm.test(key)) return malformed(source)
  if (isListKey(key.toLowerCase())) {
    return {
      code: 'policy.bad_variable',
      message: `${key} holds a list and cannot be a policy variable`,
      hint: `compare ${key} in a Condition instead`,
    }
  }
  return { part: { key: key.toLowerCase(), fallback }, end }
}

function malformed(source: string): ValueProblem {
  return {
    code: 'policy.bad_variable',
    message: `malformed policy variable in ${show(source)}`,
    hint: "write ${prefix:Key}, ${prefix:Key, 'default'}, or ${*}, ${?}, ${$} for the character",
  }
}
