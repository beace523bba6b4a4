import { ChunkedDecoder } from './chunked.ts'
import type { HeaderSection } from './header-section.ts'
import { lowerName } from './names.ts'
import { parseLines, parseRequestHead } from './request-head.ts'
import type { RequestHead } from './request-head.ts'
import type { RecentSections } from './recent-sections.ts'

/** Receives what a request parser finds, in order, from inside `feed`. */
export interface RequestEvents {
  /** @param hasMore - bytes stand behind the head already. */
  head(head: RequestHead, hasMore: boolean): void
  /** @param view - the receiver's to keep. */
  body(view: Buffer): void
  /** The request is whole. */
  whole(trailers: readonly string[]): void
  /** The bytes cannot be read on; nothing follows. */
  failed(kind: 'malformed' | 'too_large', detail: string): void
}

/** `between`: a request has ended and `next` was not called. */
type Phase = 'head' | 'length' | 'chunked' | 'between' | 'failed'

const headEnd = Buffer.from('\r\n\r\n', 'latin1')
const noTrailers: readonly string[] = []
const carriageReturn = 13
const lineFeed = 10
/** Empty lines before a request that are overlooked (RFC 9112 2.2). */
const mostEmptyLines = 4
/** What no head can hold; a carriage return at the end may have its line feed still to come. */
const notInHead = /[^\t\r\n\x20-\x7e\x80-\xff]|\r(?!\n|$)|(?<!\r)\n/

/** The beginning of a first line, as far as it has come. */
const mayBegin =
  /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:$| (?:$|[\x21-\x7e\x80-\xff]+(?:$| (?:$|HT?T?P?$|HTTP\/1?\.?$|HTTP\/1\.[01](?:$|\r)))))/

/** What a piece of the first two words is made of; a version is too short to be told from the whole. */
const insideWord: readonly RegExp[] = [/^[!#$%&'*+\-.^_`|~0-9A-Za-z]*$/, /^[\x21-\x7e\x80-\xff]*$/]
const tooLong = 'a header section that is too long'
const controlCharacter = 'a control character in a header'

/** What is wrong with the beginning of a head, however it was cut. */
function flawOf(beginning: string): string | undefined {
  if (notInHead.test(beginning)) return controlCharacter
  return mayBegin.test(beginning) ? undefined : 'malformed request line'
}

function wordAtEnd(beginning: string): number {
  if (beginning.includes('\r')) return 3
  const first = beginning.indexOf(' ')
  if (first < 0) return 0
  return beginning.includes(' ', first + 1) ? 2 : 1
}

/**
 * Reads the requests of one connection, one after the other, from whatever pieces arrive: what is found does
 * not depend on where the pieces were cut. It reads a request to its end and waits there.
 */
export class RequestParser {
  readonly #events: RequestEvents
  readonly #maxHeadBytes: number
  /** Until the first head. */
  #recent: RecentSections | undefined
  #phase: Phase = 'head'
  /** The beginning of a head, of which more is to come. */
  #partial = ''
  /** In which word of the first line it ends, from 0; more than 2 behind that line. */
  #word = 0
  #emptyLines = 0
  #before: HeaderSection | undefined
  #remaining = 0
  #decoder: ChunkedDecoder | undefined

  /** @param recent - with which connections began of late. */
  constructor(events: RequestEvents, maxHeadBytes: number, recent?: RecentSections) {
    this.#events = events
    this.#maxHeadBytes = maxHeadBytes
    this.#recent = recent
  }

  /** Within a head of which something has arrived. */
  get isInHead(): boolean {
    return this.#partial !== ''
  }

  get hasFailed(): boolean {
    return this.#phase === 'failed'
  }

  /** Goes on with the request behind the one that has ended. */
  next(): void {
    if (this.#phase === 'between') this.#phase = 'head'
  }

  /** Reads nothing any more. */
  stop(): void {
    this.#phase = 'failed'
    this.#partial = ''
  }

  /** Keeps nothing of the requests before: for connections that lie idle. */
  forget(): void {
    this.#before = undefined
  }

  /**
   * Takes the next bytes; may change them.
   *
   * @returns the index behind the last byte taken. What is left belongs to a request behind, and is to be
   *   given again after `next`.
   */
  feed(bytes: Buffer): number {
    let at = 0
    while (at < bytes.length) {
      switch (this.#phase) {
        case 'head':
          at = this.#takeHead(bytes, at)
          break
        case 'length':
          at = this.#takeLength(bytes, at)
          break
        case 'chunked':
          at = this.#takeChunked(bytes, at)
          break
        case 'between':
          return at
        case 'failed':
          return bytes.length
      }
    }
    return at
  }

  #takeHead(bytes: Buffer, from: number): number {
    const start = this.#skipEmptyLine(bytes, from)
    if (start !== from) return start
    if (this.#partial !== '') return this.#takePartial(bytes, start)
    const end = bytes.indexOf(headEnd, start)
    if (end < 0) return this.#takePartial(bytes, start)
    const next = end + headEnd.length
    this.#readHead(bytes.toString('latin1', start, next), next < bytes.length)
    return next
  }

  /** One empty line before a request may be there by mistake. */
  #skipEmptyLine(bytes: Buffer, from: number): number {
    const behind = this.#partial === '\r' ? from : this.#behindReturn(bytes, from)
    if (behind < 0 || bytes[behind] !== lineFeed) return from
    this.#partial = ''
    this.#emptyLines += 1
    if (this.#emptyLines > mostEmptyLines) this.#fail('malformed', 'empty lines before a request')
    return behind + 1
  }

  #behindReturn(bytes: Buffer, from: number): number {
    return this.#partial === '' && bytes[from] === carriageReturn ? from + 1 : -1
  }

  /** A head in more than one piece. */
  #takePartial(bytes: Buffer, from: number): number {
    const known = this.#partial.length
    // One byte more than is allowed, so that what is too long is told from what is not.
    const room = Math.max(0, this.#maxHeadBytes + 1 - known)
    const piece = bytes.toString('latin1', from, Math.min(bytes.length, from + room))
    this.#partial += piece
    const end = this.#partial.indexOf('\r\n\r\n', Math.max(0, known - 3))
    if (end >= 0) {
      const text = this.#partial.slice(0, end + 4)
      this.#partial = ''
      this.#word = 0
      const next = from + text.length - known
      this.#readHead(text, next < bytes.length)
      return next
    }
    const flaw = this.#flawIn(piece, known)
    if (flaw !== undefined) this.#fail('malformed', flaw)
    else if (this.#partial.length > this.#maxHeadBytes) this.#fail('too_large', tooLong)
    return from + piece.length
  }

  /** Judges what has come of a head, the last piece of it only where that says enough. */
  #flawIn(piece: string, known: number): string | undefined {
    // A line feed at its start belongs to what came before; there may be one to come, too.
    const isSplitEnd = this.#partial.charCodeAt(known - 1) === carriageReturn
    if (notInHead.test(isSplitEnd ? `\r${piece}` : piece)) return controlCharacter
    if (this.#partial === '\r') return undefined
    const isWithinWord = this.#word > 2 || insideWord[this.#word]?.test(piece) === true
    if (isWithinWord) return undefined
    if (!mayBegin.test(this.#partial)) return 'malformed request line'
    this.#word = wordAtEnd(this.#partial)
    return undefined
  }

  #readHead(text: string, hasMore: boolean): void {
    if (text.length > this.#maxHeadBytes) {
      const flaw = flawOf(text.slice(0, this.#maxHeadBytes + 1))
      this.#fail(flaw === undefined ? 'too_large' : 'malformed', flaw ?? tooLong)
      return
    }
    const head = parseRequestHead(text, this.#before, this.#recent)
    this.#recent = undefined
    if (typeof head === 'string') {
      this.#fail('malformed', head)
      return
    }
    const { section } = head
    this.#emptyLines = 0
    this.#before = section
    // Invariant: where it is in doubt how long a message is, nothing behind its head is read (RFC 9112 6.3).
    if (section.flaw !== undefined) this.#phase = 'failed'
    else if (section.chunked) {
      this.#phase = 'chunked'
      this.#decoder = new ChunkedDecoder(this.#maxHeadBytes)
    } else if (section.length > 0) {
      this.#phase = 'length'
      this.#remaining = section.length
    } else this.#phase = 'between'
    this.#events.head(head, hasMore)
    if (this.#phase === 'between' && section.flaw === undefined) this.#events.whole(noTrailers)
  }

  #takeLength(bytes: Buffer, from: number): number {
    const to = Math.min(bytes.length, from + this.#remaining)
    this.#remaining -= to - from
    const isLast = this.#remaining === 0
    if (isLast) this.#phase = 'between'
    this.#events.body(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to))
    if (isLast) this.#events.whole(noTrailers)
    return to
  }

  #takeChunked(bytes: Buffer, from: number): number {
    const decoder = this.#decoder
    if (decoder === undefined) return bytes.length
    const next = decoder.decode(bytes, from)
    if (decoder.produced > 0) {
      this.#events.body(bytes.subarray(from, from + decoder.produced))
      // Whoever takes the body may have ended the connection.
      if (this.#phase !== 'chunked') return next
    }
    if (decoder.problem !== undefined) {
      this.#fail(decoder.problem, decoder.detail)
      return next
    }
    if (!decoder.done) return next
    const trailers = decoder.hasTrailers ? parseTrailers(decoder.trailers) : noTrailers
    this.#decoder = undefined
    if (typeof trailers === 'string') this.#fail('malformed', trailers)
    else {
      this.#phase = 'between'
      this.#events.whole(trailers)
    }
    return next
  }

  #fail(kind: 'malformed' | 'too_large', detail: string): void {
    this.#phase = 'failed'
    this.#partial = ''
    this.#events.failed(kind, detail)
  }
}

/** Lines that say how the message is delimited cannot stand behind it (RFC 9110 6.5.1). */
function parseTrailers(section: Buffer): string[] | string {
  const lines = parseLines(section.toString('latin1'))
  if (typeof lines === 'string') return lines
  const frames = lines.some((name, at) => at % 2 === 0 && framing.has(lowerName(name) ?? ''))
  return frames ? 'framing in a trailer section' : lines
}

const framing: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding'])
