import type { IncomingHttpHeaders } from 'node:http'
import { lowerName } from './names.ts'

/** Lines that must not occur twice: which one counts would be anybody's guess. */
export const singularFields: ReadonlySet<string> = new Set([
  'host',
  'authorization',
  'content-length',
  'transfer-encoding',
  'dpop',
  'content-type',
  'cookie',
  'expect',
  'origin',
  'referer',
  'user-agent',
])

const digits = /^[0-9]+$/
/** Beside a value that says where the message ends: programs differ about what it is then. */
const tabInFraming = /(?:^|\n)(?:content-length|transfer-encoding):[^\r]*\t/i

/**
 * The header section of a request (RFC 9112 5). It does not change, and what is found out about it holds for
 * every request whose section is the same byte for byte: most callers send the same one again and again over
 * a connection.
 */
export class HeaderSection {
  /** As it was received, with the empty line. */
  readonly text: string
  /** The version of the request was HTTP/1.1, not 1.0. */
  readonly isCurrent: boolean
  /** Flat name, value pairs, as written. */
  readonly lines: readonly string[]
  /** Why it can be read in two ways, or not at all, though its lines are sound; nothing behind it is read. */
  readonly flaw: string | undefined
  readonly chunked: boolean
  /** Of the body, in bytes; 0 where there is none and where it is chunked. What is beyond counting is Infinity. */
  readonly length: number
  /** The caller wants to use the connection again (RFC 9112 9.3). */
  readonly persists: boolean
  /** It came again, on its connection or another. */
  recurs = false
  /** What was made of it to be forwarded: for whoever forwards alone. */
  forwarded: object | undefined = undefined
  #headers: IncomingHttpHeaders | undefined

  constructor(text: string, isCurrent: boolean, lines: readonly string[]) {
    this.text = text
    this.isCurrent = isCurrent
    this.lines = lines
    const facts = new FramingFacts()
    for (let at = 0; at < lines.length; at += 2) facts.take(lines[at] ?? '', lines[at + 1] ?? '')
    this.flaw = facts.flaw(isCurrent, text)
    this.chunked = facts.coding !== undefined
    this.length = this.chunked || facts.length === undefined ? 0 : counted(facts.length)
    // Whoever asks for another protocol may go on in it all the same.
    const ends = facts.closes || facts.asksForUpgrade
    this.persists = !ends && (isCurrent || facts.keepsAlive)
  }

  get hasBody(): boolean {
    return this.chunked || this.length > 0
  }

  /** By lower-case name; the values of several lines are joined (RFC 9110 5.3, RFC 6265 5.4). */
  get headers(): IncomingHttpHeaders {
    return (this.#headers ??= headersOf(this.lines))
  }
}

/** What decides where the message ends, and whether another may follow. */
class FramingFacts {
  coding: string | undefined
  length: string | undefined
  closes = false
  keepsAlive = false
  asksForUpgrade = false
  #hasHost = false
  #twice: string | undefined
  readonly #seen: string[] = []

  take(name: string, value: string): void {
    const lower = lowerName(name) ?? ''
    if (lower === 'connection') this.#takeConnection(value)
    else if (lower === 'upgrade') this.asksForUpgrade = true
    if (!singularFields.has(lower)) return
    if (this.#seen.includes(lower)) this.#twice ??= lower
    this.#seen.push(lower)
    if (lower === 'host') this.#hasHost = true
    else if (lower === 'transfer-encoding') this.coding = value
    else if (lower === 'content-length') this.length = value
  }

  flaw(isCurrent: boolean, text: string): string | undefined {
    if (this.#twice !== undefined) return `two ${this.#twice} lines`
    if (!this.#hasHost) return 'no host line'
    if (this.coding === undefined && this.length === undefined) return undefined
    if (tabInFraming.test(text)) return 'a tab beside what frames the message'
    return this.#codingFlaw(isCurrent) ?? this.#lengthFlaw()
  }

  /** RFC 9112 6.1, 6.3. */
  #codingFlaw(isCurrent: boolean): string | undefined {
    if (this.coding === undefined) return undefined
    if (!isCurrent) return 'transfer-encoding in HTTP/1.0'
    if (this.length !== undefined) return 'transfer-encoding and content-length'
    return this.coding.toLowerCase() === 'chunked'
      ? undefined
      : 'a transfer coding other than chunked'
  }

  #lengthFlaw(): string | undefined {
    if (this.length === undefined || digits.test(this.length)) return undefined
    return 'a content-length that is no number'
  }

  #takeConnection(value: string): void {
    for (const option of value.toLowerCase().split(',')) {
      const word = option.trim()
      if (word === 'close') this.closes = true
      else if (word === 'keep-alive') this.keepsAlive = true
    }
  }
}

function counted(length: string): number {
  const count = Number(length)
  return Number.isSafeInteger(count) ? count : Infinity
}

function headersOf(lines: readonly string[]): IncomingHttpHeaders {
  const headers = Object.create(null) as Record<string, string | string[]>
  for (let at = 0; at < lines.length; at += 2) {
    const name = lowerName(lines[at] ?? '') ?? ''
    const value = lines[at + 1] ?? ''
    const before = headers[name]
    if (before === undefined) headers[name] = value
    else headers[name] = `${String(before)}${name === 'cookie' ? '; ' : ', '}${value}`
  }
  return headers
}
