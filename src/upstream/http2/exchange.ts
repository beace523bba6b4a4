import { invariant } from '../../core/index.ts'
import { ErrorCode } from '../../http2/index.ts'
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
import { requestFields, requestTrailers, sectionSize } from './request-fields.ts'
import type { ClientStream, StreamUser } from './stream.ts'

/** The session an exchange was given a stream of. */
export interface StreamCarrier {
  /** The longest header section that it takes, as `sectionSize` counts. */
  readonly mostHeaderBytes: number
  /** @param begin - whether there is no body, and whether the receiver pauses. */
  open(exchange: StreamExchange, begin: { ended: boolean; paused: boolean }): ClientStream
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
  /** The same in the next tick. */
  readonly failedLater: (
    exchange: StreamExchange,
    kind: UpstreamFailureKind,
    detail: string,
  ) => void
}

export type ExpiryKind = 'headers_timeout' | 'idle_timeout' | 'total_timeout'

/** How much of a body is kept until an answer begins, for a service that refuses the stream. */
const replayed = 64 * 1024

/** Methods that can be sent again when nobody can say whether the first one arrived. */
const repeatableMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** One request on its way over HTTP/2: waits for a stream, writes to it, hears how it ended. */
export class StreamExchange implements Exchange, StreamUser {
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
  #stream: ClientStream | undefined
  #carrier: StreamCarrier | undefined
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
    this.stamp = this.#settings.ticks.now
    if (!this.#fits(carrier, this.fields)) return
    this.#carrier = carrier
    const ended = this.request.framing.kind === 'none'
    const stream = carrier.open(this, { ended, paused: this.#paused })
    this.#stream = stream
    this.#sent = true
    const held = this.#held
    this.#held = []
    let goesOn = true
    for (const chunk of held) goesOn = this.#send(stream, chunk)
    if (this.#ended) this.#finish(stream)
    else if (goesOn) this.drained()
  }

  /** A service that said what it takes is not sent more (RFC 9113 6.5.2): it would only refuse it. */
  #fits({ mostHeaderBytes }: StreamCarrier, section: readonly string[]): boolean {
    if (mostHeaderBytes === Infinity || sectionSize(section) <= mostHeaderBytes) return true
    const which = section === this.fields ? 'header' : 'trailer'
    const detail = `a ${which} section over the ${mostHeaderBytes} octets that the service takes`
    this.#settings.failedLater(this, 'request_too_large', detail)
    return false
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
    this.#leave(ErrorCode.cancel)
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

  /** Invariant: what the window does not let through yet, and what a second attempt may need, has not left. */
  get hasLeft(): boolean {
    if (this.#deputy !== undefined) return this.#deputy.hasLeft
    return this.#replay === undefined && this.#stream?.unsent === 0
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
    this.#stream?.answer.pause()
  }

  resume(): void {
    this.#deputy?.resume()
    if (this.#over || !this.#paused) return
    this.#paused = false
    this.stamp = this.#settings.ticks.now
    this.#stream?.answer.resume()
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

  piece(chunk: Buffer, last: boolean, isSole: boolean): boolean {
    const more = this.sink.onData(chunk, last, isSole)
    if (!more && !last && !this.#over) this.#paused = true
    return more || this.#over
  }

  finished(trailers: readonly string[]): void {
    // An answer that came before the request was whole: the rest of the request is of no use.
    this.#leave(ErrorCode.cancel)
    this.sink.onEnd(trailers)
  }

  failed(kind: 'malformed' | 'too_large', detail: string): void {
    this.#stream?.reset(kind === 'malformed' ? ErrorCode.protocol : ErrorCode.cancel)
    this.#settings.failed(this, kind, detail)
  }

  drained(): void {
    this.stamp = this.#settings.ticks.now
    if (!this.#blocked) return
    this.#blocked = false
    this.#drained?.()
  }

  /** The stream is gone without a whole answer. */
  lost(loss: Loss): void {
    if (this.#over || this.#stream === undefined) return
    const replay = this.#repeatable(loss) ? this.#replay : undefined
    if (replay === undefined) {
      this.#settings.failed(this, loss.kind, loss.detail)
      return
    }
    this.retried = true
    this.#stream.answer.stop()
    this.#stream = undefined
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

  #send(stream: ClientStream, chunk: Buffer): boolean {
    this.stamp = this.#settings.ticks.now
    if (this.#written > replayed) this.#replay = undefined
    this.#replay?.push(chunk)
    return stream.write(chunk)
  }

  #finish(stream: ClientStream): void {
    const { kind } = this.request.framing
    const trailers = kind === 'chunked' ? requestTrailers(this.#trailers) : undefined
    const carrier = this.#carrier
    if (trailers !== undefined && carrier !== undefined && !this.#fits(carrier, trailers)) return
    this.#complete = true
    this.stamp = this.#settings.ticks.now
    if (kind !== 'none') stream.end(trailers)
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
    this.#leave(ErrorCode.cancel)
    if (waiting) this.#settings.abandoned(this)
  }

  /**
   * Nothing more is said to the sink.
   *
   * Invariant: a request that was cut short never reaches the service as if it were whole: a stream that is
   * left before both sides have ended is reset.
   */
  #leave(code: number): void {
    const stream = this.#stream
    this.#over = true
    this.#stream = undefined
    this.#held = []
    this.#replay = undefined
    stream?.answer.stop()
    stream?.reset(code)
  }
}
