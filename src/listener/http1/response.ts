import { STATUS_CODES } from 'node:http'
import type { ServerResponse } from 'node:http'
import { invariant } from '../../core/index.ts'
import { encodeTrailers } from '../../http1/index.ts'
import type { CallerResponse } from '../../gateway/index.ts'
import { AnswerLines, knownLines, line } from './answer-lines.ts'

/** What an answer needs of the connection it goes out by. */
export interface AnswerCarrier {
  readonly isGone: boolean
  /** Bytes that were written and have not left. */
  readonly pending: number
  /** Nothing is read behind this request any more. */
  readonly isLast: boolean
  /**
   * @param isLast - nothing of this answer follows.
   * @returns `false` when the writer should wait until it has left.
   */
  send(piece: string | Uint8Array, isLast?: boolean): boolean
  /** Pieces that leave together. */
  sendAll(pieces: readonly (string | Uint8Array)[], isLast: boolean): boolean
  /** All of the answer was sent. */
  answered(isLast: boolean): void
  /** Cuts the connection. */
  destroy(): void
  /** The same so that nobody takes it for the end of an answer. */
  reset(): void
}

/** What of its request decides how an answer looks. */
export interface AnswerTerms {
  /** HTTP/1.1, not 1.0. */
  readonly isCurrent: boolean
  /** The request was HEAD: the answer has no body. */
  readonly isHead: boolean
  /** The caller sends its body when it is told to, or whenever it likes (RFC 9110 10.1.1). */
  readonly expectsContinue: boolean
  /** What a caller is told of how long it may use the connection again: whole header lines. */
  readonly keepAliveLines: string
}

/** Up to here a piece goes out as text together with what stands before it. */
const joinBelow = 8 * 1024
const textOnly = /^[\x20-\x7e\r\n\t]*$/

/** An answer over HTTP/1.x (RFC 9112). */
export class Http1Response implements CallerResponse {
  statusCode = 200
  sendDate = true
  headersSent = false
  writableEnded = false
  chunkedEncoding = false
  readonly #carrier: AnswerCarrier
  readonly #terms: AnswerTerms
  /** Not sent yet, so that it can go with the first piece of the body. */
  #head = ''
  #isBodiless = false
  /** Bytes of the body that were announced and not sent yet. */
  #owed: number | undefined
  /** Nothing but the end of the connection tells where the body ends. */
  #endsByClose = false
  #isAsked = false
  #isLast = false
  #trailers: readonly [string, string][] = []
  #drained: (() => void) | undefined
  #closed: (() => void) | undefined
  #surface: ServerResponse | undefined

  constructor(carrier: AnswerCarrier, terms: AnswerTerms) {
    this.#carrier = carrier
    this.#terms = terms
  }

  get destroyed(): boolean {
    return this.#carrier.isGone
  }

  get writableLength(): number {
    return this.#carrier.pending
  }

  /** A page of ours answers by the runtime's own object. */
  yieldTo(surface: ServerResponse): void {
    this.#surface = surface
  }

  writeHead(status: number, headers: Record<string, string | string[]>): void
  writeHead(
    status: number,
    reason: string,
    headers: readonly string[],
    own?: readonly string[],
  ): void
  writeHead(
    status: number,
    second: string | Record<string, string | string[]>,
    flat: readonly string[] = [],
    own?: readonly string[],
  ): void {
    if (this.#surface !== undefined) {
      this.#surface.writeHead(status, second as Record<string, string | string[]>)
      this.headersSent = true
      return
    }
    invariant(!this.headersSent, 'an answer has one header')
    const isText = typeof second === 'string'
    const reason = isText ? second : (STATUS_CODES[status] ?? '')
    this.statusCode = status
    const lines =
      own === undefined
        ? new AnswerLines().add(isText ? flat : flatOf(second), status)
        : new AnswerLines(knownLines(flat, status)).add(own, status)
    this.#head = this.#encode(status, reason, lines)
    this.headersSent = true
  }

  /** Sends an answer before the answer (RFC 9110 15.2). Flat name, value pairs. */
  writeInformation(status: number, headers: readonly string[]): void {
    if (this.destroyed || this.headersSent) return
    let text = statusLine(status, STATUS_CODES[status] ?? '')
    for (let at = 0; at < headers.length; at += 2) {
      const name = headers[at] ?? ''
      text += line(name, headers[at + 1] ?? '')
    }
    this.#carrier.send(`${text}\r\n`)
  }

  writeContinue(): void {
    this.#isAsked = true
    this.writeInformation(100, [])
  }

  flushHeaders(): void {
    if (!this.headersSent) this.writeHead(this.statusCode, {})
    const head = this.#takeHead()
    if (head !== '') this.#carrier.send(head)
  }

  write(chunk: Buffer): boolean {
    if (!this.headersSent) this.writeHead(this.statusCode, {})
    if (this.#isBodiless || this.writableEnded || chunk.length === 0) return true
    return this.#pays(chunk.length, false) && this.#sendPiece(chunk)
  }

  end(chunk: string | Uint8Array = '', encoding?: BufferEncoding): void {
    if (this.#surface !== undefined) {
      this.#surface.end(chunk)
      return
    }
    if (this.writableEnded) return
    if (!this.headersSent) this.writeHead(this.statusCode, {})
    this.writableEnded = true
    if (this.destroyed) return
    const isText = typeof chunk !== 'string' || encoding === 'latin1' || textOnly.test(chunk)
    const last = isText ? chunk : Buffer.from(chunk, encoding)
    if (!this.#pays(last.length, true)) return
    this.#sendLast(last)
    this.#carrier.answered(this.#isLast)
  }

  addTrailers(trailers: readonly [string, string][]): void {
    this.#trailers = trailers
  }

  /** Cuts the answer short, so that the caller can see that it is not whole. */
  destroy(): void {
    if (this.#endsByClose) this.#carrier.reset()
    else this.#carrier.destroy()
  }

  on(event: 'drain' | 'close', listener: () => void): void {
    if (event === 'drain') this.#drained = listener
    else this.#closed = listener
  }

  /** What was written has left. */
  drain(): void {
    this.#surface?.emit('drain')
    this.#drained?.()
  }

  close(): void {
    this.#closed?.()
  }

  /**
   * Invariant: an answer is as long as it says. What is too much would be read as the next answer, and where
   * something is missing the next answer would be read as the rest.
   *
   * @returns whether so many bytes may be sent; the connection is cut where they may not.
   */
  #pays(count: number, isLast: boolean): boolean {
    if (this.#owed === undefined || this.#isBodiless) return true
    this.#owed -= count
    if (isLast ? this.#owed === 0 : this.#owed >= 0) return true
    this.destroy()
    return false
  }

  #sendLast(chunk: string | Uint8Array): void {
    const tail = this.chunkedEncoding ? `0\r\n${encodeTrailers(this.#trailers.flat())}` : ''
    if (chunk.length > 0 && !this.#isBodiless) this.#sendPiece(chunk, tail)
    else if (this.#head !== '' || tail !== '') this.#carrier.send(this.#takeHead() + tail, true)
  }

  /**
   * One piece of the body with what has to stand around it.
   *
   * @param tail - what ends the answer, behind its last piece.
   */
  #sendPiece(chunk: string | Uint8Array, tail?: string): boolean {
    const isLast = tail !== undefined
    const isChunked = this.chunkedEncoding
    const before = this.#takeHead() + (isChunked ? `${chunk.length.toString(16)}\r\n` : '')
    const behind = isChunked ? `\r\n${tail ?? ''}` : ''
    if (typeof chunk === 'string') return this.#carrier.send(before + chunk + behind, isLast)
    if (before === '' && behind === '') return this.#carrier.send(chunk, isLast)
    if (chunk.length <= joinBelow)
      return this.#carrier.send(before + latin1(chunk) + behind, isLast)
    return this.#carrier.sendAll(behind === '' ? [before, chunk] : [before, chunk, behind], isLast)
  }

  #takeHead(): string {
    const head = this.#head
    this.#head = ''
    return head
  }

  /** Connection and framing are ours to say, whatever lines came (RFC 9112 6, 9.3). */
  #encode(status: number, reason: string, lines: AnswerLines): string {
    this.#owed = lines.length
    // Without having been asked for its body, nobody knows whether the caller sends it.
    const isUnasked = this.#terms.expectsContinue && !this.#isAsked
    this.#isLast = this.#carrier.isLast || isUnasked || lines.closes
    const date = this.sendDate && !lines.hasDate ? dateLine() : ''
    return `${statusLine(status, reason)}${lines.text}${date}${this.#frame(status, this.#owed !== undefined)}`
  }

  /** How the body is delimited, and what follows it. */
  #frame(status: number, hasLength: boolean): string {
    const { isHead, isCurrent } = this.#terms
    const hasNone = status < 200 || status === 204 || status === 304
    this.#isBodiless = hasNone || isHead
    let text = ''
    if (!hasLength && !hasNone) {
      if (!isCurrent) {
        this.#isLast = true
        this.#endsByClose = !isHead
      } else {
        text = 'Transfer-Encoding: chunked\r\n'
        this.chunkedEncoding = !isHead
      }
    }
    if (this.#isLast) return `${text}Connection: close\r\n\r\n`
    return `${text}${this.#terms.keepAliveLines}\r\n`
  }
}

function latin1(chunk: Uint8Array): string {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1')
}

const reasonText = /^[\t\x20-\x7e\x80-\xff]*$/

/** @throws TypeError for what would end the line. */
function statusLine(status: number, reason: string): string {
  if (!reasonText.test(reason)) throw new TypeError('a reason that HTTP does not allow')
  return `HTTP/1.1 ${status} ${reason}\r\n`
}

let dateSecond = 0
let dateText = ''

function dateLine(): string {
  const second = Math.floor(Date.now() / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = `Date: ${new Date(second * 1000).toUTCString()}\r\n`
  }
  return dateText
}

function flatOf(headers: Record<string, string | string[]>): string[] {
  const flat: string[] = []
  for (const [name, value] of Object.entries(headers)) {
    for (const one of [value].flat()) flat.push(name, one)
  }
  return flat
}
