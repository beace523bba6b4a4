import { belongsInTrailers, tokenByte, valueByte } from '../http1/index.ts'
import type { ResponseHead } from './contract.ts'

/** What a response head says beyond what is passed on: how to read on, and how to go on after. */
export interface ParsedHead {
  readonly head: ResponseHead
  /** The upstream neither is HTTP/1.0 nor said `close`. */
  readonly persistent: boolean
  /** Seconds of `Keep-Alive: timeout=`, if said. */
  readonly keepAliveSeconds: number | undefined
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
const LF = 10
const colon = 58

/**
 * Parses one response head (RFC 9112 4, 5 and 6), refusing whatever two parsers could read in two
 * ways: folded lines, blanks before a colon, bare CR or LF, other versions, a second length, a length
 * next to a transfer coding, any coding but `chunked`.
 *
 * @param block - bytes from the status line to the empty line, which ends it.
 */
export function parseHead(block: Buffer, context: HeadContext): HeadResult {
  const text = block.toString('latin1')
  const persistentVersion = text.startsWith('HTTP/1.1 ')
  if (!persistentVersion && !text.startsWith('HTTP/1.0 ')) return 'no HTTP/1.1 status line'
  const status = parseStatus(block)
  if (status === 0) return 'malformed status code'
  const lineEnd = scanValue(block, 12)
  if (lineEnd < 0) return 'malformed status line'
  if (lineEnd > 12 && block[12] !== 32) return 'malformed status line'
  const fields = new FieldReader(block, status)
  const problem = readFields(block, text, lineEnd + 2, fields)
  if (problem !== '') return problem
  const line = { status, statusText: text.slice(13, lineEnd), persistentVersion }
  return conclude(line, fields, context.headRequest)
}

/**
 * Parses a trailer section, `block` ending with its empty line. Fields that speak about framing,
 * routing or the connection do not belong there (RFC 9110 6.5.1) and are left out.
 */
export function parseTrailers(block: Buffer): string[] | string {
  const text = block.toString('latin1')
  const fields = new TrailerReader()
  const problem = readFields(block, text, 0, fields)
  return problem === '' ? fields.kept : problem
}

interface FieldSink {
  /**
   * Takes one field; says what is wrong with it, or ''.
   *
   * @param start - where its value was written, blanks included, up to `end`.
   */
  field(name: string, value: string, start: number, end: number): string
}

/** Reads field lines up to the empty line; says what is wrong, or ''. */
function readFields(block: Buffer, text: string, start: number, sink: FieldSink): string {
  let at = start
  for (let count = 0; count <= maxHeaderCount; count++) {
    if (block[at] === CR) {
      return block[at + 1] === LF && at + 2 === block.length ? '' : 'stray CR'
    }
    const nameEnd = scanToken(block, at)
    if (nameEnd === at || block[nameEnd] !== colon) return 'malformed header name'
    const end = scanValue(block, nameEnd + 1)
    if (end < 0) return 'malformed header value'
    const value = trimmed(block, text, nameEnd + 1, end)
    const problem = sink.field(text.slice(at, nameEnd), value, nameEnd + 1, end)
    if (problem !== '') return problem
    at = end + 2
  }
  return 'too many headers'
}

function scanToken(block: Buffer, start: number): number {
  let at = start
  while (tokenByte[block[at] ?? 0] === 1) at++
  return at
}

/** The index of the CRLF that ends a value, or -1 when another control byte comes first. */
function scanValue(block: Buffer, start: number): number {
  let at = start
  while (valueByte[block[at] ?? 0] === 1) at++
  return block[at] === CR && block[at + 1] === LF ? at : -1
}

function trimmed(block: Buffer, text: string, start: number, end: number): string {
  let from = start
  let to = end
  while (from < to && (block[from] === 32 || block[from] === 9)) from++
  while (to > from && (block[to - 1] === 32 || block[to - 1] === 9)) to--
  return text.slice(from, to)
}

/** 100 to 599 at bytes 9 to 11, or 0. */
function parseStatus(block: Buffer): number {
  const hundreds = (block[9] ?? 0) - 48
  const tens = (block[10] ?? 0) - 48
  const ones = (block[11] ?? 0) - 48
  if (hundreds < 1 || hundreds > 5 || tens < 0 || tens > 9 || ones < 0 || ones > 9) return 0
  return hundreds * 100 + tens * 10 + ones
}

/** Sorts the fields of a head into those passed on and those that are about this connection. */
class FieldReader implements FieldSink {
  readonly headers: string[] = []
  readonly connection: string[] = []
  length: number | undefined
  chunked = false
  keepAlive = ''
  upgrade = ''
  readonly #block: Buffer
  readonly #switching: boolean

  constructor(block: Buffer, status: number) {
    this.#block = block
    this.#switching = status === 101
  }

  field(name: string, value: string, start: number, end: number): string {
    // Only names of these lengths can be about the connection; the others are not even lower-cased.
    switch (name.length) {
      case 2:
      case 7:
      case 10:
      case 14:
      case 16:
      case 17:
        return this.#special(name, value, this.#hasTab(start, end))
      default:
        this.headers.push(name, value)
        return ''
    }
  }

  /** Invariant: what frames the message is not read where parsers differ about a tab beside it. */
  #hasTab(start: number, end: number): boolean {
    for (let at = start; at < end; at++) if (this.#block[at] === 9) return true
    return false
  }

  #special(name: string, value: string, hasTab: boolean): string {
    switch (name.toLowerCase()) {
      case 'te':
      case 'proxy-connection':
        return ''
      case 'connection':
        for (const option of value.split(',')) this.connection.push(option.trim().toLowerCase())
        return ''
      case 'keep-alive':
        this.keepAlive = value
        return ''
      case 'upgrade':
        this.#takeUpgrade(name, value)
        return ''
      case 'content-length':
        return hasTab ? 'a tab in content-length' : this.#contentLength(name, value)
      case 'transfer-encoding':
        return hasTab ? 'a tab in transfer-encoding' : this.#transferEncoding(value)
      default:
        this.headers.push(name, value)
        return ''
    }
  }

  #takeUpgrade(name: string, value: string): void {
    this.upgrade = this.upgrade === '' ? value.toLowerCase() : `${this.upgrade},`
    if (this.#switching) this.headers.push(name, value)
  }

  #transferEncoding(value: string): string {
    if (this.chunked || value.toLowerCase() !== 'chunked') return 'transfer coding not chunked'
    this.chunked = true
    return ''
  }

  #contentLength(name: string, value: string): string {
    if (this.length !== undefined) return 'content-length twice'
    if (value.length > maxLengthDigits || !/^[0-9]+$/.test(value)) return 'malformed content-length'
    this.length = Number(value)
    this.headers.push(name, value)
    return ''
  }
}

class TrailerReader implements FieldSink {
  readonly kept: string[] = []

  field(name: string, value: string): string {
    if (belongsInTrailers(name)) this.kept.push(name, value)
    return ''
  }
}

interface StatusLine {
  readonly status: number
  readonly statusText: string
  readonly persistentVersion: boolean
}

/** Message body length, RFC 9112 6.3. */
function conclude(line: StatusLine, fields: FieldReader, headRequest: boolean): HeadResult {
  const problem = framingProblem(line, fields)
  if (problem !== '') return problem
  const { status, statusText } = line
  const { length, connection } = fields
  const bodiless = headRequest || status < 200 || status === 204 || status === 304
  const framing = bodiless ? 'none' : framingOf(fields.chunked, length)
  const headers = connection.length === 0 ? fields.headers : withoutNamed(fields)
  return {
    head:
      length === undefined
        ? { status, statusText, headers, framing }
        : { status, statusText, headers, framing, length },
    persistent: line.persistentVersion && !connection.includes('close'),
    keepAliveSeconds: keepAliveSeconds(fields.keepAlive),
    upgrade: connection.includes('upgrade') ? fields.upgrade : undefined,
  }
}

function framingProblem(line: StatusLine, fields: FieldReader): string {
  const { length, chunked } = fields
  if (chunked && length !== undefined) return 'content-length beside transfer-encoding'
  if (chunked && !line.persistentVersion) return 'transfer-encoding in HTTP/1.0'
  if (line.status < 200 && (chunked || length !== undefined)) return 'framing in an interim answer'
  if (line.status === 204 && (chunked || (length ?? 0) > 0)) return 'a body announced for a 204'
  return ''
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
