import type { Position } from './answer.ts'

/** Where a value stands in its text: UTF-16 units, the end behind the last one. */
export interface Span {
  readonly start: number
  readonly end: number
}

export interface JsonPlaces {
  readonly spans: ReadonlyMap<string, Span>
  /** The first value with a pointer that another one has already. */
  readonly repeated: { readonly pointer: string; readonly start: number } | undefined
}

/**
 * Where the values of a JSON text stand, by JSON Pointer (RFC 6901), down to `levels` levels below the
 * whole. The text must be JSON that `JSON.parse` has accepted, not nested deeper than the caller can stand.
 */
export function placesIn(text: string, levels: number): JsonPlaces {
  const walk = new Walk(text)
  walk.value('', levels)
  return { spans: walk.spans, repeated: walk.repeated }
}

/** Line and column of an offset. */
export function positionOf(text: string, offset: number): Position {
  let line = 1
  let begin = 0
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++
    begin = at + 1
  }
  return { Line: line, Column: offset - begin + 1 }
}

class Walk {
  readonly #text: string
  #at = 0
  readonly spans = new Map<string, Span>()
  repeated: JsonPlaces['repeated']

  constructor(text: string) {
    this.#text = text
  }

  /** @param levels - negative: nothing is noted from here on. */
  value(pointer: string, levels: number): void {
    this.#skip(isSpace)
    const start = this.#at
    if (levels >= 0 && this.spans.has(pointer)) this.repeated ??= { pointer, start }
    const first = this.#text[start]
    if (first === '{' || first === '[') this.#members(pointer, levels, first === '[')
    else if (first === '"') this.#string()
    else this.#skip(isPlain)
    if (levels >= 0) this.spans.set(pointer, { start, end: this.#at })
  }

  #members(pointer: string, levels: number, isList: boolean): void {
    this.#at++
    for (let index = 0; ; index++) {
      this.#skip(isSeparator)
      const next = this.#text[this.#at]
      if (next === ']' || next === '}' || next === undefined) break
      const name = isList ? String(index) : this.#string()
      if (!isList) this.#skip(isSeparator)
      this.value(levels > 0 ? `${pointer}/${escaped(name)}` : '', levels - 1)
    }
    this.#at++
  }

  #string(): string {
    const start = this.#at
    this.#at++
    while (this.#at < this.#text.length && this.#text[this.#at] !== '"') {
      this.#at += this.#text[this.#at] === '\\' ? 2 : 1
    }
    this.#at++
    return this.#text.slice(start, this.#at)
  }

  #skip(among: (char: string) => boolean): void {
    while (this.#at < this.#text.length && among(this.#text[this.#at] ?? '')) this.#at++
  }
}

function escaped(literal: string): string {
  const name = literal.startsWith('"') ? (JSON.parse(literal) as string) : literal
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

function isSpace(char: string): boolean {
  return char === ' ' || char === '\n' || char === '\r' || char === '\t'
}

function isSeparator(char: string): boolean {
  return isSpace(char) || char === ',' || char === ':'
}

/** Numbers, `true`, `false` and `null`. */
function isPlain(char: string): boolean {
  return !isSeparator(char) && char !== ']' && char !== '}'
}
