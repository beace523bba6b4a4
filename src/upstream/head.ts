import { unreachable } from '../core/index.ts'
import { belongsInTrailers, NameMemory } from '../http1/index.ts'
import type { ResponseHead } from './contract.ts'

/** What a response head says beyond what is passed on: how to read on, and how to go on after. */
export interface ParsedHead {
  readonly head: ResponseHead
  /** The upstream neither is HTTP/1.0 nor said `close`. */
  readonly persistent: boolean
  /** Seconds of `Keep-Alive: timeout=`, if said. */
  readonly keepAliveSeconds: number | undefined
  /** In bytes, with its empty line. */
  readonly size: number
  /** The protocol named by `Upgrade` when `Connection` names `upgrade`, in lower case. */
  readonly upgrade: string | undefined
}

export interface HeadContext {
  /** The answer is to a HEAD request and has no body. */
  readonly headRequest: boolean
}

/** The answer, or what is wrong with it. */
export type HeadResult = ParsedHead | string

const maxHeaderCount = 256
const maxLengthDigits = 15

const CR = 13
const SP = 32
const HTAB = 9

/** A head as a whole (RFC 9112 4 and 5), from the status line to the empty line. No two ways to match it. */
const soundHead =
  /HTTP\/1\.[01] [1-5][0-9]{2}(?: [\t\x20-\x7e\x80-\xff]*)?\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n/y
const soundTrailers = /(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n/y
const statusLine = /HTTP\/1\.[01] [1-5][0-9]{2}(?: [\t\x20-\x7e\x80-\xff]*)?\r\n/y
const soundNames = /(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\r\n]*\r\n)*\r\n/y

/** Where the sound head ends that a text begins with, a byte a character; 0 when it begins with none. */
function headLength(text: string): number {
  soundHead.lastIndex = 0
  return soundHead.test(text) ? soundHead.lastIndex : 0
}

/**
 * Reads the heads of one service, and remembers the last one: many services answer with the same head for as
 * long as a second lasts. What a head says depends on its text alone, but for answers to HEAD.
 */
export class HeadMemory {
  #text = ''
  #parsed: ParsedHead | undefined
  /** The last one that was read is the very object of the one before it. */
  isRepeated = false

  /** @returns what is wrong with the head that a text begins with, as text; `undefined` when it begins with none that is sound. */
  read(text: string, context: HeadContext): HeadResult | undefined {
    const before = this.#parsed
    this.isRepeated = false
    if (before !== undefined && !context.headRequest) {
      if (text.slice(0, before.size) === this.#text) return this.#again(before)
    }
    const end = headLength(text)
    if (end === 0) return undefined
    const parsed = readHead(text, end, context)
    if (typeof parsed !== 'string' && !context.headRequest) {
      this.#parsed = parsed
      this.#text = text.slice(0, end)
    }
    return parsed
  }

  #again(before: ParsedHead): ParsedHead {
    this.isRepeated = true
    return before
  }
}

/**
 * Parses one response head (RFC 9112 4, 5 and 6), refusing whatever two parsers could read in two
 * ways: folded lines, blanks before a colon, bare CR or LF, other versions, a second length, a length
 * next to a transfer coding, any coding but `chunked`.
 *
 * @param block - from the status line to the empty line, a byte a character.
 */
export function parseHead(block: string, context: HeadContext): HeadResult {
  const end = headLength(block)
  return end === block.length ? readHead(block, end, context) : flawOf(block)
}

/** The same of a text that begins with a head known to be sound. */
function readHead(text: string, end: number, context: HeadContext): HeadResult {
  const lineEnd = text.indexOf('\r', 12)
  const fields = new FieldReader(text, end)
  const malformed = readFields(text, lineEnd + 2, fields)
  const problem = malformed === '' ? fields.framingProblem() : malformed
  return problem === '' ? conclude(fields, text.slice(13, lineEnd), context) : problem
}

/**
 * Parses a trailer section, `block` ending with its empty line. Fields that speak about framing,
 * routing or the connection do not belong there (RFC 9110 6.5.1) and are left out.
 */
export function parseTrailers(block: Buffer): string[] | string {
  const text = block.toString('latin1')
  if (!isWhole(soundTrailers, text)) return flawOfFields(text, 0)
  const fields = new TrailerReader()
  const problem = readFields(text, 0, fields)
  return problem === '' ? fields.kept : problem
}

function isWhole(pattern: RegExp, text: string): boolean {
  pattern.lastIndex = 0
  return pattern.test(text) && pattern.lastIndex === text.length
}

/** What is wrong with a head that is not sound, for operators. */
function flawOf(text: string): string {
  if (!/^HTTP\/1\.[01] /.test(text)) return 'no HTTP/1.1 status line'
  if (!/^[1-5][0-9]{2}/.test(text.slice(9))) return 'malformed status code'
  statusLine.lastIndex = 0
  if (!statusLine.test(text)) return 'malformed status line'
  return flawOfFields(text, statusLine.lastIndex)
}

function flawOfFields(text: string, start: number): string {
  soundNames.lastIndex = start
  return soundNames.test(text) ? 'malformed header value' : 'malformed header line'
}

interface FieldSink {
  /** Takes one field; says what is wrong with it, or ''. @param raw - its value with the blanks around it. */
  field(name: string, value: string, raw: string): string
}

/** Reads the field lines of a section known to be sound; says what is wrong with one, or ''. */
function readFields(text: string, start: number, sink: FieldSink): string {
  let at = start
  for (let count = 0; count <= maxHeaderCount; count++) {
    if (text.charCodeAt(at) === CR) return ''
    const colon = text.indexOf(':', at)
    const end = text.indexOf('\r', colon)
    const raw = text.slice(colon + 1, end)
    const problem = sink.field(text.slice(at, colon), trimmed(raw), raw)
    if (problem !== '') return problem
    at = end + 2
  }
  return 'too many headers'
}

function trimmed(raw: string): string {
  let from = 0
  let to = raw.length
  while (from < to && isBlank(raw.charCodeAt(from))) from++
  while (to > from && isBlank(raw.charCodeAt(to - 1))) to--
  return raw.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB
}

/** What becomes of a field: passed on, or about this connection or the length of this message. */
type FieldKind =
  | 'passed'
  | 'dropped'
  | 'connection'
  | 'keep-alive'
  | 'upgrade'
  | 'content-length'
  | 'transfer-encoding'

const kinds: ReadonlyMap<string, FieldKind> = new Map<string, FieldKind>([
  ['te', 'dropped'],
  ['proxy-connection', 'dropped'],
  ['connection', 'connection'],
  ['keep-alive', 'keep-alive'],
  ['upgrade', 'upgrade'],
  ['content-length', 'content-length'],
  ['transfer-encoding', 'transfer-encoding'],
])

const known = new NameMemory((name) => ({ name, kind: kinds.get(name.toLowerCase()) ?? 'passed' }))

const none: readonly string[] = []

/** Sorts the fields of a head into those passed on and those that are about this connection. */
class FieldReader implements FieldSink {
  /** Of the head. */
  readonly size: number
  readonly status: number
  /** HTTP/1.1; else it is HTTP/1.0. */
  readonly isCurrent: boolean
  readonly headers: string[] = []
  connection = none
  length: number | undefined
  chunked = false
  keepAlive = ''
  upgrade = ''

  constructor(text: string, size: number) {
    this.size = size
    this.status = digit(text, 9) * 100 + digit(text, 10) * 10 + digit(text, 11)
    this.isCurrent = digit(text, 7) === 1
  }

  field(written: string, value: string, raw: string): string {
    const { name, kind } = known.of(written)
    if (kind !== 'passed') return this.#special(kind, name, value, raw)
    this.headers.push(name, value)
    return ''
  }

  framingProblem(): string {
    const { status, length, chunked } = this
    if (chunked && length !== undefined) return 'content-length beside transfer-encoding'
    if (chunked && !this.isCurrent) return 'transfer-encoding in HTTP/1.0'
    if (status < 200 && (chunked || length !== undefined)) return 'framing in an interim answer'
    if (status === 204 && (chunked || (length ?? 0) > 0)) return 'a body announced for a 204'
    return ''
  }

  #special(kind: Exclude<FieldKind, 'passed'>, name: string, value: string, raw: string): string {
    switch (kind) {
      case 'dropped':
        return ''
      case 'connection':
        // What nearly all say, and what goes without saying.
        if (value !== 'keep-alive') this.connection = [...this.connection, ...optionsOf(value)]
        return ''
      case 'keep-alive':
        this.keepAlive = value
        return ''
      case 'upgrade':
        this.upgrade = this.upgrade === '' ? value.toLowerCase() : `${this.upgrade},`
        if (this.status === 101) this.headers.push(name, value)
        return ''
      case 'content-length':
        return this.#contentLength(name, value, raw)
      case 'transfer-encoding':
        return this.#transferEncoding(value, raw)
      default:
        return unreachable(kind)
    }
  }

  #transferEncoding(value: string, raw: string): string {
    if (hasTab(raw)) return 'a tab in transfer-encoding'
    if (this.chunked || value.toLowerCase() !== 'chunked') return 'transfer coding not chunked'
    this.chunked = true
    return ''
  }

  #contentLength(name: string, value: string, raw: string): string {
    if (hasTab(raw)) return 'a tab in content-length'
    if (this.length !== undefined) return 'content-length twice'
    if (value.length > maxLengthDigits || !/^[0-9]+$/.test(value)) return 'malformed content-length'
    this.length = Number(value)
    this.headers.push(name, value)
    return ''
  }
}

/** Invariant: what frames the message is not read where parsers differ about a tab beside it. */
function hasTab(raw: string): boolean {
  return raw.includes('\t')
}

function digit(text: string, at: number): number {
  return text.charCodeAt(at) - 48
}

function optionsOf(value: string): string[] {
  return value.split(',').map((option) => option.trim().toLowerCase())
}

class TrailerReader implements FieldSink {
  readonly kept: string[] = []

  field(name: string, value: string): string {
    if (belongsInTrailers(name)) this.kept.push(name, value)
    return ''
  }
}

/** Message body length, RFC 9112 6.3. */
function conclude(fields: FieldReader, statusText: string, context: HeadContext): ParsedHead {
  const { status, length, connection } = fields
  const bodiless = context.headRequest || status < 200 || status === 204 || status === 304
  const framing = bodiless ? 'none' : framingOf(fields.chunked, length)
  const headers = connection.length === 0 ? fields.headers : withoutNamed(fields)
  return {
    head:
      length === undefined
        ? { status, statusText, headers, framing }
        : { status, statusText, headers, framing, length },
    size: fields.size,
    persistent: fields.isCurrent && !connection.includes('close'),
    keepAliveSeconds: keepAliveSeconds(fields.keepAlive),
    upgrade: connection.includes('upgrade') ? fields.upgrade : undefined,
  }
}

function framingOf(chunked: boolean, length: number | undefined): ResponseHead['framing'] {
  if (chunked) return 'chunked'
  return length === undefined ? 'close' : 'length'
}

/** Drops the fields that `Connection` declared to be for this hop only (RFC 9110 7.6.1). */
function withoutNamed({ headers, connection }: FieldReader): string[] {
  const named = connection.filter((option) => !connectionOptions.has(option))
  if (named.length === 0) return headers
  const dropped = new Set(named)
  const kept: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? ''
    if (!dropped.has(name.toLowerCase())) kept.push(name, headers[at + 1] ?? '')
  }
  return kept
}

const connectionOptions: ReadonlySet<string> = new Set(['', 'close', 'keep-alive', 'upgrade'])

function keepAliveSeconds(value: string): number | undefined {
  if (value === '') return undefined
  const match = /(?:^|[,\s])timeout=(\d{1,9})(?:$|[,\s])/i.exec(value)
  return match === null ? undefined : Number(match[1])
}
