import { ChunkedDecoder } from '../http1/index.ts'
import type { ResponseHead } from './contract.ts'
import { HeadMemory, parseHead, parseTrailers } from './head.ts'
import type { HeadResult, ParsedHead } from './head.ts'

/** Receives what a response parser finds, in order, from inside `feed` and `finish`. */
export interface ParserEvents {
  informational(status: number, headers: readonly string[]): void
  /** @param isRepeated - the very same object was given before. */
  head(head: ResponseHead, isRepeated: boolean): void
  /** The whole body, which came with its head: a byte a character. */
  text(body: string): void
  /** `view` is only valid during the call. */
  data(view: Buffer, last: boolean): void
  /** `reusable`: another request may follow on this connection. */
  end(trailers: readonly string[], reusable: boolean): void
  upgraded(head: ResponseHead, leftover: Buffer): void
  /** The response cannot go on; nothing follows. */
  failed(kind: 'malformed' | 'too_large' | 'reset', detail: string): void
}

export interface ParserExpectation {
  /** The request was HEAD. */
  readonly headRequest: boolean
  /** The one protocol a 101 may switch to, lower case; without it a 101 is malformed. */
  readonly upgrade: string | undefined
}

type Phase = 'idle' | 'head' | 'length' | 'chunked' | 'close'

const maxInformational = 8
const headEnd = Buffer.from('\r\n\r\n', 'latin1')
const statusLineStart = Buffer.from('HTTP/1.', 'latin1')
const noTrailers: readonly string[] = []
/** What is read at once up to this length is looked at as text. */
const shortRead = 8 * 1024
/** Of longer reads so much, where nearly every head ends. */
const usualHead = 1024

/**
 * Reads the responses of one connection, one after the other, from whatever pieces arrive: what is
 * found does not depend on where the pieces were cut. Knows nothing of sockets.
 */
export class ResponseParser {
  /** Seconds the last response promised to keep an unused connection open, if it did. */
  keepAliveSeconds: number | undefined
  /** Whether any byte of the current response has arrived. */
  started = false

  readonly #events: ParserEvents
  readonly #maxHeaderBytes: number
  readonly #heads: HeadMemory
  #phase: Phase = 'idle'
  #expectation: ParserExpectation = { headRequest: false, upgrade: undefined }
  #partial: PartialHead | undefined
  #informational = 0
  #persistent = false
  #remaining = 0
  #decoder: ChunkedDecoder | undefined

  /** @param heads - of the same service, whichever connection they come by. */
  constructor(events: ParserEvents, maxHeaderBytes: number, heads = new HeadMemory()) {
    this.#events = events
    this.#maxHeaderBytes = maxHeaderBytes
    this.#heads = heads
  }

  /** Expects a response. */
  begin(expectation: ParserExpectation): void {
    this.#phase = 'head'
    this.#expectation = expectation
    this.#partial = undefined
    this.#informational = 0
    this.started = false
  }

  /** Forgets the current response: nothing more is reported. */
  stop(): void {
    this.#phase = 'idle'
  }

  /**
   * Takes the next bytes; may change them. Bytes that no response is expected for are not read: the
   * owner drops the connection that carried them.
   *
   * @param length - how many there are, from the beginning of the memory on.
   */
  feed(memory: Buffer, length = memory.length): void {
    this.started = true
    const whole = this.#phase === 'head' && this.#partial === undefined
    const at = whole ? this.#feedText(memory, length) : 0
    if (at < length) this.#feedBytes(memory.subarray(0, length), at)
  }

  /** The upstream closed its side. */
  finish(): void {
    if (this.#phase === 'close') this.#complete(noTrailers, false)
    else if (this.#phase !== 'idle') {
      this.#fail('reset', 'the connection was closed before the response was complete')
    }
  }

  /**
   * Reads a head that came in one piece, as nearly all do, and a short body that came with it.
   *
   * @returns where it stopped; 0 when there is no sound head, which is then for the bytes to tell about.
   */
  #feedText(memory: Buffer, length: number): number {
    const window = length <= shortRead ? length : usualHead
    const text = memory.toString('latin1', 0, Math.min(window, this.#maxHeaderBytes))
    const parsed = this.#heads.read(text, this.#expectation)
    if (parsed === undefined) return 0
    if (typeof parsed === 'string') {
      this.#fail('malformed', parsed)
      return length
    }
    const { head, size } = parsed
    if (text.length === length && head.framing === 'length' && head.length === length - size) {
      this.#takeWhole(parsed, text.slice(size))
      return length
    }
    this.#takeHead(parsed, memory.subarray(size, length))
    return size
  }

  #feedBytes(bytes: Buffer, from: number): void {
    let at = from
    while (at < bytes.length && this.#phase === 'head') at = this.#feedHead(bytes, at)
    if (at >= bytes.length) return
    switch (this.#phase) {
      case 'length':
        this.#feedLength(bytes, at)
        break
      case 'chunked':
        this.#feedChunked(bytes, at)
        break
      case 'close':
        this.#events.data(at === 0 ? bytes : bytes.subarray(at), false)
        break
      case 'idle':
      case 'head':
        break
    }
  }

  #feedHead(bytes: Buffer, from: number): number {
    if (this.#partial === undefined) {
      const end = bytes.indexOf(headEnd, from)
      if (end >= 0) {
        const next = end + headEnd.length
        this.#takeBlock(bytes.subarray(from, next), bytes.subarray(next))
        return next
      }
      this.#partial = new PartialHead(this.#maxHeaderBytes)
    }
    const consumed = this.#partial.append(bytes, from)
    const { block, impossible } = this.#partial
    if (impossible) this.#fail('malformed', 'no HTTP/1.1 status line')
    else if (this.#partial.full) this.#fail('too_large', 'response head too long')
    else if (block !== undefined) {
      this.#partial = undefined
      this.#takeBlock(block, bytes.subarray(consumed))
    }
    return consumed
  }

  #takeBlock(block: Buffer, behind: Buffer): void {
    if (block.length > this.#maxHeaderBytes && startsStatusLine(block)) {
      this.#fail('too_large', 'response head too long')
    } else {
      this.#takeHead(parseHead(block.toString('latin1'), this.#expectation), behind)
    }
  }

  #takeHead(parsed: HeadResult, behind: Buffer): void {
    if (typeof parsed === 'string') this.#fail('malformed', parsed)
    else if (parsed.head.status === 101) this.#switchProtocols(parsed, behind)
    else if (parsed.head.status < 200) this.#inform(parsed.head)
    else this.#beginBody(parsed, behind.length > 0)
  }

  /** The sink may abort from inside each call. */
  #takeWhole(parsed: ParsedHead, body: string): void {
    this.#persistent = parsed.persistent
    this.keepAliveSeconds = parsed.keepAliveSeconds
    this.#events.head(parsed.head, this.#heads.isRepeated)
    if (this.#phase === 'head' && body !== '') this.#events.text(body)
    if (this.#phase === 'head') this.#complete(noTrailers, true)
  }

  #inform(head: ResponseHead): void {
    this.#informational += 1
    if (this.#informational > maxInformational) this.#fail('malformed', 'too many interim answers')
    else this.#events.informational(head.status, head.headers)
  }

  #switchProtocols(parsed: ParsedHead, behind: Buffer): void {
    const { upgrade } = this.#expectation
    if (upgrade === undefined || parsed.upgrade !== upgrade) {
      this.#fail('malformed', 'a switch to a protocol that was not asked for')
      return
    }
    this.#phase = 'idle'
    this.#events.upgraded(parsed.head, Buffer.from(behind))
  }

  #beginBody(parsed: ParsedHead, more: boolean): void {
    const { head } = parsed
    this.#persistent = parsed.persistent
    this.keepAliveSeconds = parsed.keepAliveSeconds
    this.#remaining = head.framing === 'length' ? (head.length ?? 0) : 0
    if (head.framing === 'none' || (head.framing === 'length' && this.#remaining === 0)) {
      this.#events.head(head, false)
      // The sink may have aborted from inside the call.
      if (this.#phase === 'head') this.#complete(noTrailers, !more)
      return
    }
    this.#phase = head.framing
    if (head.framing === 'chunked') this.#decoder = new ChunkedDecoder(this.#maxHeaderBytes)
    this.#events.head(head, false)
  }

  #feedLength(bytes: Buffer, at: number): void {
    const available = bytes.length - at
    const last = available >= this.#remaining
    const view = last ? bytes.subarray(at, at + this.#remaining) : bytes.subarray(at)
    const excess = available > this.#remaining
    this.#remaining -= view.length
    this.#events.data(view, last)
    if (last && this.#phase === 'length') this.#complete(noTrailers, !excess)
  }

  #feedChunked(bytes: Buffer, at: number): void {
    const decoder = this.#decoder
    if (decoder === undefined) return
    const next = decoder.decode(bytes, at)
    const trailers = decoder.hasTrailers ? parseTrailers(decoder.trailers) : noTrailers
    const whole = decoder.done && typeof trailers !== 'string'
    if (decoder.produced > 0) {
      this.#events.data(bytes.subarray(at, at + decoder.produced), whole)
      if (this.#phase !== 'chunked') return
    }
    if (decoder.problem !== undefined) this.#fail(decoder.problem, decoder.detail)
    else if (typeof trailers === 'string') this.#fail('malformed', trailers)
    else if (decoder.done) this.#complete(trailers, next === bytes.length)
  }

  #complete(trailers: readonly string[], clean: boolean): void {
    this.#phase = 'idle'
    this.#events.end(trailers, clean && this.#persistent)
  }

  #fail(kind: 'malformed' | 'too_large' | 'reset', detail: string): void {
    this.#phase = 'idle'
    this.#events.failed(kind, detail)
  }
}

/** Collects a head that arrives in more than one piece. */
class PartialHead {
  /** The whole head, once its empty line arrived. */
  block: Buffer | undefined
  /** The bytes cannot become a status line. */
  impossible = false
  /** The bound was reached without an empty line. */
  full = false

  readonly #limit: number
  #bytes = Buffer.allocUnsafeSlow(1024)
  #length = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Takes bytes until the head is complete or refused. @returns the index after the last taken. */
  append(bytes: Buffer, from: number): number {
    const room = this.#limit - this.#length
    const taken = Math.min(bytes.length - from, room)
    this.#reserve(this.#length + taken)
    bytes.copy(this.#bytes, this.#length, from, from + taken)
    const searchFrom = Math.max(0, this.#length - headEnd.length + 1)
    const before = this.#length
    this.#length += taken
    const held = this.#bytes.subarray(0, this.#length)
    this.impossible = !startsStatusLine(held)
    const end = held.indexOf(headEnd, searchFrom)
    if (end < 0) {
      this.full = this.#length === this.#limit
      return from + taken
    }
    this.block = held.subarray(0, end + headEnd.length)
    return from + this.block.length - before
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(length, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}

function startsStatusLine(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, statusLineStart.length)
  return bytes.compare(statusLineStart, 0, length, 0, length) === 0
}
