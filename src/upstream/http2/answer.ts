import { constants } from 'node:http2'
import type { ClientHttp2Stream } from 'node:http2'

import type { ResponseHead } from '../contract.ts'
import { interimFields, responseHead, responseTrailers } from './response-fields.ts'

/** Who hears what comes back over one stream. */
export interface AnswerEvents {
  /** Something of an answer arrived. */
  moved(): void
  interim(status: number, headers: readonly string[]): void
  began(head: ResponseHead): void
  /** @returns `false` to pause. */
  piece(chunk: Buffer): boolean
  finished(trailers: readonly string[]): void
  malformed(detail: string): void
  drained(): void
  /** The stream is gone without a whole answer; `code` is that of HTTP/2 (RFC 9113 7). */
  lost(code: number, error: Error | undefined): void
}

const maxInformational = 8

/**
 * Reads one stream of a session: tells a whole answer from one that was cut, and keeps what was read
 * ahead while the receiver pauses (at most one window), so that a service which answers and leaves has
 * answered.
 */
export class StreamAnswer {
  readonly #stream: ClientHttp2Stream
  readonly #events: AnswerEvents
  readonly #headRequest: boolean
  #informational = 0
  #headed = false
  /** The service has said that nothing more comes. */
  #whole = false
  #finished = false
  /** Bytes of the announced length that did not come yet. */
  #missing: number | undefined
  #paused: boolean
  #over = false
  #ahead: Buffer[] = []
  #trailers: readonly string[] = []
  #error: Error | undefined

  constructor(
    stream: ClientHttp2Stream,
    events: AnswerEvents,
    begin: { readonly headRequest: boolean; readonly paused: boolean },
  ) {
    this.#stream = stream
    this.#events = events
    this.#headRequest = begin.headRequest
    this.#paused = begin.paused
    this.#noticeEnd()
    stream.on('headers', (_headers, _flags, raw) => this.#readInformational(raw))
    stream.on('response', (_headers, flags, raw) => this.#readHead(raw, flags))
    stream.on('trailers', (_trailers, _flags, raw?: string[]) => this.#readTrailers(raw ?? []))
    stream.on('data', (chunk: Buffer) => this.#read(chunk))
    stream.on('end', () => this.#ended())
    stream.on('drain', () => this.#events.drained())
    stream.on('error', (error: Error) => {
      this.#error = error
    })
    stream.on('close', () => this.#closed())
    if (this.#paused) stream.pause()
  }

  /** Nothing more is said. */
  stop(): void {
    this.#over = true
    this.#ahead = []
  }

  pause(): void {
    if (this.#over || this.#paused) return
    this.#paused = true
    this.#stream.pause()
  }

  resume(): void {
    if (this.#over || !this.#paused) return
    this.#paused = false
    this.#deliver()
    if (!this.#paused) this.#stream.resume()
  }

  /**
   * Invariant: an answer is whole only if its last frame said so, or if all that was announced is there.
   * The runtime ends the readable side in the same way when the stream is reset with NO_ERROR or the
   * connection goes away; but then the stream is closed before it is ended, and here it is ended first.
   */
  #noticeEnd(): void {
    const stream = this.#stream
    const push = stream.push.bind(stream)
    stream.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
      const { closed } = stream
      const more = push(chunk, encoding)
      if (chunk === null && !stream.destroyed) this.#noMore(closed)
      return more
    }
  }

  /** @param closed - the stream was reset, or its connection is gone. */
  #noMore(closed: boolean): void {
    if (closed) {
      // Not within the runtime's own call, which would end the process when the stream is destroyed in it.
      process.nextTick(() => this.#settle())
      return
    }
    this.#whole = true
    this.#readAhead()
  }

  /**
   * The stream is closed. What is not whole ends at once: the runtime would wait until it has been read to
   * an end that is none, and that may be never, because the receiver pauses.
   */
  #settle(): void {
    this.#readAhead()
    const { rstCode } = this.#stream
    // Some services reset with NO_ERROR (RFC 9113 8.1) what they forgot to end.
    this.#whole ||= rstCode === constants.NGHTTP2_NO_ERROR && this.#missing === 0
    if (this.#whole) this.#outlive()
    else this.#stream.destroy()
  }

  /** The answer is here, and waits for its receiver; the request has nobody to wait for any more. */
  #outlive(): void {
    this.#finish()
    if (!this.#over) this.#events.drained()
  }

  /** Takes everything out of the stream, which may be destroyed before the receiver goes on. */
  #readAhead(): void {
    while (this.#stream.read() !== null);
  }

  #readInformational(raw: readonly string[]): void {
    if (this.#over) return
    this.#events.moved()
    const interim = interimFields(raw)
    this.#informational += 1
    if (typeof interim === 'string') this.#events.malformed(interim)
    else if (this.#informational > maxInformational) {
      this.#events.malformed('too many interim answers')
    } else this.#events.interim(interim.status, interim.headers)
  }

  #readHead(raw: readonly string[], flags: number): void {
    if (this.#over) return
    this.#events.moved()
    const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0
    const head = responseHead(raw, { headRequest: this.#headRequest, ended })
    if (typeof head === 'string') {
      this.#events.malformed(head)
      return
    }
    this.#headed = true
    this.#missing = head.framing === 'length' ? head.length : undefined
    this.#events.began(head)
    this.#deliver()
  }

  #readTrailers(raw: readonly string[]): void {
    if (this.#over) return
    const trailers = responseTrailers(raw)
    if (typeof trailers === 'string') this.#events.malformed(trailers)
    else this.#trailers = trailers
  }

  #read(chunk: Buffer): void {
    if (this.#over) return
    this.#events.moved()
    if (this.#missing !== undefined) this.#missing -= chunk.length
    if (this.#paused || !this.#headed || this.#ahead.length > 0) this.#ahead.push(chunk)
    else if (!this.#events.piece(chunk)) this.pause()
  }

  #ended(): void {
    if (this.#whole) this.#finish()
  }

  #finish(): void {
    this.#finished = true
    this.#deliver()
  }

  /** Hands over what waits, and the end when nothing does. */
  #deliver(): void {
    while (!this.#over && !this.#paused && this.#headed) {
      const chunk = this.#ahead.shift()
      if (chunk === undefined) break
      if (!this.#events.piece(chunk)) this.pause()
    }
    if (this.#over || this.#paused || !this.#headed || !this.#finished) return
    if (this.#ahead.length === 0) this.#events.finished(this.#trailers)
  }

  #closed(): void {
    if (this.#whole) this.#outlive()
    if (this.#over || (this.#finished && this.#headed)) return
    this.#events.lost(this.#stream.rstCode ?? constants.NGHTTP2_NO_ERROR, this.#error)
  }
}
