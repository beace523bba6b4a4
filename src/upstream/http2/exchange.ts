import { constants } from 'node:http2'
import type { ClientHttp2Stream } from 'node:http2'
import { addAbortSignal } from 'node:stream'

import { invariant } from '../../core/index.ts'
import type {
  Exchange,
  OutgoingRequest,
  ResponseHead,
  ResponseSink,
  UpstreamFailure,
  UpstreamFailureKind,
} from '../contract.ts'
import { mayLast } from '../event-stream.ts'
import type { Ticks } from '../ticks.ts'
import { StreamAnswer } from './answer.ts'
import type { AnswerEvents } from './answer.ts'
import { requestFields } from './request-fields.ts'

/** The session an exchange was given a stream of. */
export interface StreamCarrier {
  /** @param ended - there is no body. */
  open(exchange: StreamExchange, ended: boolean): ClientHttp2Stream
  /** Why the stream is gone. */
  verdict(stream: ClientHttp2Stream, code: number, error: Error | undefined): Loss
}

/** How a stream was lost. */
export interface Loss {
  readonly kind: UpstreamFailureKind
  readonly detail: string
  /** The service says, or the session shows, that it has not begun with the request (RFC 9113 8.7). */
  readonly unprocessed: boolean
  /** The session died without having said anything since the request was sent on it. */
  readonly unanswered: boolean
}

export interface StreamExchangeSettings {
  readonly ticks: Ticks
  readonly headersTicks: number
  readonly idleTicks: number
  readonly totalTicks: number
  /** A harmless request is sent again when its session died unanswered. */
  readonly resends: boolean
  readonly scheme: 'http' | 'https'
  /** The exchange was given up while it waited for a session. */
  readonly abandoned: (exchange: StreamExchange) => void
  /** The exchange is to be sent a second time. */
  readonly again: (exchange: StreamExchange) => void
  readonly failed: (exchange: StreamExchange, kind: UpstreamFailureKind, detail: string) => void
}

export type ExpiryKind = 'headers_timeout' | 'idle_timeout' | 'total_timeout'

/** How much of a body is kept until an answer begins, for a service that refuses the stream. */
const replayed = 64 * 1024

const cutShort = AbortSignal.abort()

/** Methods that can be sent again when nobody can say whether the first one arrived. */
const repeatableMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** One request on its way over HTTP/2: waits for a stream, writes to it, hears how it ended. */
export class StreamExchange implements Exchange, AnswerEvents {
  readonly sink: ResponseSink
  readonly caller: string
  /** When this last moved, in ticks. */
  stamp: number
  retried = false
  readonly request: OutgoingRequest
  /** The header section, pseudo-headers included. */
  readonly fields: readonly string[]

  readonly #settings: StreamExchangeSettings
  readonly #begunAt: number
  readonly #length: number | undefined
  #written = 0
  #stream: ClientHttp2Stream | undefined
  #carrier: StreamCarrier | undefined
  #answer: StreamAnswer | undefined
  /** Another client carries this on, as when the service turns out to speak HTTP/1.1 alone. */
  #deputy: Exchange | undefined
  #sent = false
  #answered = false
  #responded = false
  /** An event stream came back. */
  #lasts = false
  #complete = false
  #over = false
  #ended: boolean
  #paused = false
  #blocked = false
  #held: Buffer[] = []
  /** What a second attempt would begin with; absent when it is too much, or there was a word of answer. */
  #replay: Buffer[] | undefined = []
  #trailers: readonly string[] = []
  #drained: (() => void) | undefined

  constructor(request: OutgoingRequest, sink: ResponseSink, settings: StreamExchangeSettings) {
    const { framing } = request
    this.request = request
    this.fields = requestFields(request, settings.scheme)
    this.#settings = settings
    this.#length = framing.kind === 'length' ? framing.length : undefined
    this.#ended = framing.kind === 'none'
    this.stamp = settings.ticks.now
    this.#begunAt = settings.ticks.now
    this.sink = sink
    this.caller = request.caller ?? ''
  }

  get over(): boolean {
    return this.#over
  }

  /** Goes out over a session. */
  attach(carrier: StreamCarrier): void {
    const { framing, method } = this.request
    this.stamp = this.#settings.ticks.now
    const stream = carrier.open(this, framing.kind === 'none')
    this.#carrier = carrier
    this.#stream = stream
    this.#sent = true
    const begin = { headRequest: method === 'HEAD', paused: this.#paused }
    this.#answer = new StreamAnswer(stream, this, begin)
    const held = this.#held
    this.#held = []
    for (const chunk of held) this.#send(stream, chunk)
    if (this.#ended) this.#finish(stream)
    else if (!stream.writableNeedDrain) this.drained()
  }

  /** Goes on with another client: everything said so far is said to it, and all that follows. */
  handOver(begin: (request: OutgoingRequest, sink: ResponseSink) => Exchange): void {
    if (this.#over) return
    const deputy = begin(this.request, this.sink)
    const held = this.#held
    this.#held = []
    this.#over = true
    this.#deputy = deputy
    if (this.#drained !== undefined) deputy.onDrain(this.#drained)
    if (this.#paused) deputy.pause()
    let goesOn = true
    for (const chunk of held) goesOn = deputy.write(chunk)
    if (this.#ended) deputy.end(this.#trailers)
    // The writer heard `false` and waits; a connection that was kept took everything at once.
    else if (goesOn) this.drained()
  }

  /** Whether the whole of it took longer than it may. */
  outlived(now: number): boolean {
    return !this.#lasts && now - this.#begunAt > this.#settings.totalTicks
  }

  /** Which time-out has passed, if one has. */
  expired(now: number): ExpiryKind | undefined {
    if (this.#over) return undefined
    if (this.outlived(now)) return 'total_timeout'
    if (this.#paused || this.#lasts || this.#stream === undefined) return undefined
    const passed = now - this.stamp
    if (this.#responded || this.#blocked) {
      return passed > this.#settings.idleTicks ? 'idle_timeout' : undefined
    }
    return this.#complete && passed > this.#settings.headersTicks ? 'headers_timeout' : undefined
  }

  fail(kind: UpstreamFailureKind, detail: string): void {
    if (this.#over) return
    const failure = this.#failure(kind, detail)
    this.#leave(constants.NGHTTP2_CANCEL)
    this.sink.onFailure(failure)
  }

  write(chunk: Buffer): boolean {
    if (this.#deputy !== undefined) return this.#deputy.write(chunk)
    if (this.#over || chunk.length === 0) return true
    invariant(!this.#ended, 'a body was written after its end')
    this.#written += chunk.length
    // Invariant: the service never sees more of a body than was declared.
    if (this.#length !== undefined && this.#written > this.#length) {
      this.#break('the request body is longer than declared')
      return true
    }
    if (this.#stream === undefined) {
      this.#held.push(chunk)
      this.#blocked = true
      return false
    }
    this.#blocked = !this.#send(this.#stream, chunk)
    return !this.#blocked
  }

  /** The runtime holds on to what it was given, and so may a second attempt. */
  get hasLeft(): boolean {
    return this.#deputy?.hasLeft ?? false
  }

  onDrain(listener: () => void): void {
    this.#drained = listener
    this.#deputy?.onDrain(listener)
  }

  end(trailers: readonly string[] = []): void {
    this.#deputy?.end(trailers)
    if (this.#over || this.#ended) return
    this.#ended = true
    this.#trailers = trailers
    if (this.#length !== undefined && this.#written < this.#length) {
      this.#break('the request body is shorter than declared')
    } else if (this.#stream !== undefined) this.#finish(this.#stream)
  }

  pause(): void {
    this.#deputy?.pause()
    if (this.#over || this.#paused) return
    this.#paused = true
    this.#answer?.pause()
  }

  resume(): void {
    this.#deputy?.resume()
    if (this.#over || !this.#paused) return
    this.#paused = false
    this.stamp = this.#settings.ticks.now
    this.#answer?.resume()
  }

  abort(): void {
    this.#deputy?.abort()
    if (this.#over) return
    this.#giveUp()
  }

  moved(): void {
    this.#answered = true
    this.#replay = undefined
    this.stamp = this.#settings.ticks.now
  }

  interim(status: number, headers: readonly string[]): void {
    this.sink.onInformational?.(status, headers)
  }

  began(head: ResponseHead): void {
    this.#responded = true
    this.#lasts = mayLast(this.request, head)
    this.sink.onHead(head)
  }

  piece(chunk: Buffer): boolean {
    const more = this.sink.onData(chunk, false, false)
    if (!more && !this.#over) this.#paused = true
    return more || this.#over
  }

  finished(trailers: readonly string[]): void {
    // An answer that came before the request was whole: the rest of the request is of no use.
    if (this.#complete) this.#close()
    else this.#leave(constants.NGHTTP2_CANCEL)
    this.sink.onEnd(trailers)
  }

  malformed(detail: string): void {
    if (this.#stream !== undefined) this.#reset(this.#stream, constants.NGHTTP2_PROTOCOL_ERROR)
    this.#settings.failed(this, 'malformed', detail)
  }

  drained(): void {
    this.stamp = this.#settings.ticks.now
    if (!this.#blocked) return
    this.#blocked = false
    this.#drained?.()
  }

  lost(code: number, error: Error | undefined): void {
    const stream = this.#stream
    const carrier = this.#carrier
    if (this.#over || stream === undefined || carrier === undefined) return
    const loss = carrier.verdict(stream, code, error)
    const replay = this.#repeatable(loss) ? this.#replay : undefined
    if (replay === undefined) {
      this.#settings.failed(this, loss.kind, loss.detail)
      return
    }
    this.retried = true
    this.#answer?.stop()
    this.#answer = undefined
    this.#stream = undefined
    this.#carrier = undefined
    this.#complete = false
    this.#held = replay
    this.#replay = []
    this.stamp = this.#settings.ticks.now
    this.#settings.again(this)
  }

  /**
   * Invariant: a request is sent twice only if the service cannot have begun with it, or if it changes
   * nothing and the session died before a word of answer.
   */
  #repeatable(loss: Loss): boolean {
    if (this.retried) return false
    const { method, framing, once } = this.request
    const isPlain = framing.kind === 'none' && once !== true
    const harmless = this.#settings.resends && isPlain && repeatableMethods.has(method)
    return loss.unprocessed || (loss.unanswered && harmless)
  }

  #send(stream: ClientHttp2Stream, chunk: Buffer): boolean {
    this.stamp = this.#settings.ticks.now
    if (this.#written > replayed) this.#replay = undefined
    this.#replay?.push(chunk)
    // Invariant: nothing is written to a stream that the service has reset. The runtime has ended its own
    // side of it by then, and a write would be an error after which it says neither `end` nor `close`.
    return stream.closed || stream.write(chunk)
  }

  /**
   * Without trailers, which may always be discarded (RFC 9110 6.5.1): the runtime sends them only from
   * streams that wait for them, and ends the process when such a stream is destroyed while it waits.
   */
  #finish(stream: ClientHttp2Stream): void {
    this.#complete = true
    this.stamp = this.#settings.ticks.now
    if (this.request.framing.kind !== 'none') stream.end()
  }

  #break(detail: string): void {
    const failure = this.#failure('aborted', detail)
    this.#giveUp()
    this.sink.onFailure(failure)
  }

  #failure(kind: UpstreamFailureKind, detail: string): UpstreamFailure {
    return {
      kind,
      beforeResponse: !this.#responded,
      sent: this.#sent,
      answered: this.#answered,
      detail,
    }
  }

  #giveUp(): void {
    const waiting = this.#stream === undefined
    this.#leave(constants.NGHTTP2_CANCEL)
    if (waiting) this.#settings.abandoned(this)
  }

  #leave(code: number): void {
    const stream = this.#stream
    this.#close()
    if (stream !== undefined) this.#reset(stream, code)
  }

  /**
   * Invariant: a request that was cut short never reaches the service as if it were whole. The runtime's
   * `close` ends a body that is still being written before it resets; an abort does not, and says CANCEL.
   *
   * Invariant: a stream whose body may still wait to be written is never closed, only aborted. The runtime
   * (Node 26.10) can lose the reset of a `close`, and then it writes empty frames to a stream that is gone
   * until there is no memory left.
   */
  #reset(stream: ClientHttp2Stream, code: number): void {
    if (this.#complete && this.request.framing.kind === 'none') stream.close(code)
    else addAbortSignal(cutShort, stream)
  }

  /** Nothing more is said to the sink. */
  #close(): void {
    this.#over = true
    this.#answer?.stop()
    this.#stream = undefined
    this.#carrier = undefined
    this.#held = []
    this.#replay = undefined
  }
}
