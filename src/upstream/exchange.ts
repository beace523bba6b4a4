import { invariant } from '../core/index.ts'
import type {
  Exchange,
  OutgoingRequest,
  RequestFraming,
  ResponseHead,
  ResponseSink,
  UpgradeSink,
  UpstreamFailure,
  UpstreamFailureKind,
} from './contract.ts'
import { encodeHead } from './encode.ts'
import { mayLast } from './event-stream.ts'
import type { ParserExpectation } from './parser.ts'
import type { Ticks } from './ticks.ts'
import { encodeTrailers } from '../http1/index.ts'

/** What an exchange needs of the connection it was given. */
export interface Carrier {
  readonly socket: {
    readonly writableNeedDrain: boolean
    readonly writableLength: number
    write(data: string, encoding: 'latin1'): boolean
    write(data: Buffer): boolean
    cork(): void
    uncork(): void
    pause(): unknown
    resume(): unknown
  }
  /** Closes the connection because its exchange is of no more use. */
  drop(): void
}

/** The same for all exchanges of a pool. */
export interface ExchangeSettings {
  readonly ticks: Ticks
  /** What holds where a request asks for nothing else. */
  readonly headersTicks: number
  readonly idleTicks: number
  readonly totalTicks: number
  /** The exchange was given up while it waited for a connection. */
  readonly abandoned: (exchange: LiveExchange) => void
}

/** Pieces up to this size are joined with what surrounds them into one write. */
const joinBelow = 16 * 1024
/** Up to this size they are joined as text, which the runtime writes without holding on to memory. */
const textBelow = 2 * 1024

/** Methods that can be sent again when nobody can say whether the first one arrived. */
const repeatableMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

const noTrailers: readonly string[] = []

/** One request on its way: waits for a connection, writes to it, hears how it ended. */
export class LiveExchange implements Exchange, ParserExpectation {
  readonly sink: ResponseSink
  readonly caller: string
  readonly upgradeSink: UpgradeSink | undefined
  readonly headRequest: boolean
  readonly upgrade: string | undefined
  /** A kept connection did not carry it to an answer: it goes on, once, on a fresh one. */
  retried = false
  /** When this last moved, in ticks. */
  stamp: number
  /** A response head was handed over. */
  responded = false
  /** A byte of an answer arrived. */
  answered = false
  /** The request, with its body, was handed to the socket. */
  complete = false
  paused = false

  readonly #settings: ExchangeSettings
  readonly #begunAt: number
  readonly #request: OutgoingRequest
  readonly #framing: RequestFraming
  readonly #headersTicks: number
  readonly #idleTicks: number
  readonly #totalTicks: number
  /** An event stream came back. */
  #lasts = false
  readonly #head: string
  #headPending = true
  #remaining: number
  #carrier: Carrier | undefined
  #sent = false
  #over = false
  #ended: boolean
  #blocked = false
  /** The rest of the body is of no use to anybody. */
  #discards = false
  #held: Buffer[] | undefined
  #trailers = noTrailers
  #drained: (() => void) | undefined

  /** @param upgrade - what to ask for, and who takes the tunnel. */
  constructor(
    request: OutgoingRequest,
    sink: ResponseSink,
    settings: ExchangeSettings,
    upgrade?: { readonly protocol: string; readonly sink: UpgradeSink },
  ) {
    const { framing, headersTimeout, idleTimeout, totalTimeout } = request
    const { ticks } = settings
    this.#head = encodeHead(request, upgrade?.protocol)
    this.#request = request
    this.#framing = framing
    this.#remaining = framing.kind === 'length' ? framing.length : 0
    this.#ended = framing.kind === 'none'
    this.#settings = settings
    this.#headersTicks =
      headersTimeout === undefined ? settings.headersTicks : ticks.of(headersTimeout)
    this.#idleTicks = idleTimeout === undefined ? settings.idleTicks : ticks.of(idleTimeout)
    this.#totalTicks = totalTimeout === undefined ? settings.totalTicks : ticks.of(totalTimeout)
    this.stamp = ticks.now
    this.#begunAt = ticks.now
    this.sink = sink
    this.caller = request.caller ?? ''
    this.upgradeSink = upgrade?.sink
    this.headRequest = request.method === 'HEAD'
    this.upgrade = upgrade?.protocol.toLowerCase()
  }

  /** May be sent a second time, on a fresh connection. */
  get repeatable(): boolean {
    const { method, once } = this.#request
    const isPlain = this.#framing.kind === 'none' && this.upgradeSink === undefined && once !== true
    return isPlain && repeatableMethods.has(method)
  }

  get over(): boolean {
    return this.#over
  }

  /** Some of it was sent. */
  get hasBegun(): boolean {
    return this.#sent
  }

  /** Needs a connection that carried nothing before. */
  get needsFresh(): boolean {
    return this.retried || this.#request.once === true || this.upgradeSink !== undefined
  }

  /** Goes out on a connection. @param soon - the caller may still be about to write a body. */
  attach(carrier: Carrier, soon: boolean): void {
    this.#carrier = carrier
    this.#headPending = true
    this.stamp = this.#settings.ticks.now
    if (this.paused) carrier.socket.pause()
    if (this.#ended) {
      this.#flushHeld(carrier)
      this.#finishRequest(carrier)
    } else if (soon) setImmediate(flushHead, this)
    else {
      this.#flushHeld(carrier)
      this.flushHead()
      if (!carrier.socket.writableNeedDrain) this.drained()
    }
  }

  /** Leaves a connection that is closed, and waits for another. */
  detach(): void {
    this.#carrier = undefined
    this.retried = true
    this.complete = false
  }

  /** Sends the head if no piece of body came to go with it. */
  flushHead(): void {
    if (this.#over || !this.#headPending || this.#carrier === undefined) return
    this.#send(this.#carrier, this.#takeHead())
  }

  /** The socket has taken everything written so far. */
  drained(): void {
    this.stamp = this.#settings.ticks.now
    if (!this.#blocked) return
    this.#blocked = false
    this.#drained?.()
  }

  /** Takes the rest of the body to nowhere: the service wants none of it. */
  stopSending(): void {
    if (this.complete || this.#discards) return
    this.#discards = true
    this.drained()
  }

  /** The head of the answer came. */
  began(head: ResponseHead): void {
    this.responded = true
    this.stamp = this.#settings.ticks.now
    this.#lasts = mayLast(this.#request, head)
  }

  /** Whether the whole of it took longer than it may. */
  outlived(now: number): boolean {
    return !this.#lasts && now - this.#begunAt > this.#totalTicks
  }

  /** Which time-out has passed, if one has. */
  expired(now: number): 'headers_timeout' | 'idle_timeout' | 'total_timeout' | undefined {
    if (this.outlived(now)) return 'total_timeout'
    if (this.paused || this.#lasts) return undefined
    const passed = now - this.stamp
    if (this.responded || this.#blocked) {
      return passed > this.#idleTicks ? 'idle_timeout' : undefined
    }
    return this.complete && passed > this.#headersTicks ? 'headers_timeout' : undefined
  }

  /** Nothing more is said to the sink. */
  close(): void {
    this.#over = true
    this.#carrier = undefined
    this.#held = undefined
  }

  fail(kind: UpstreamFailureKind, detail: string): void {
    if (this.#over) return
    this.close()
    this.sink.onFailure(this.#failure(kind, detail))
  }

  write(chunk: Buffer): boolean {
    if (this.#over || chunk.length === 0) return true
    invariant(!this.#ended, 'a body was written after its end')
    if (this.#framing.kind === 'length') {
      this.#remaining -= chunk.length
      // Invariant: what the upstream reads as the next request is never the rest of this body.
      if (this.#remaining < 0) {
        this.#break('the request body is longer than declared')
        return true
      }
    }
    if (this.#carrier === undefined) {
      this.#held ??= []
      this.#held.push(chunk)
      this.#blocked = true
      return false
    }
    if (this.#discards) return true
    this.#sendPiece(this.#carrier, chunk)
    const { socket } = this.#carrier
    this.#blocked = socket.writableNeedDrain && socket.writableLength > 0
    return !this.#blocked
  }

  get hasLeft(): boolean {
    return this.#held === undefined && this.#carrier?.socket.writableLength === 0
  }

  onDrain(listener: () => void): void {
    this.#drained = listener
  }

  end(trailers = noTrailers): void {
    if (this.#over || this.#ended) return
    this.#ended = true
    this.#trailers = trailers
    if (this.#framing.kind === 'length' && this.#remaining > 0) {
      this.#break('the request body is shorter than declared')
    } else if (this.#carrier !== undefined && !this.#discards) this.#finishRequest(this.#carrier)
  }

  pause(): void {
    if (this.#over || this.paused) return
    this.paused = true
    this.#carrier?.socket.pause()
  }

  resume(): void {
    if (this.#over || !this.paused) return
    this.paused = false
    this.stamp = this.#settings.ticks.now
    this.#carrier?.socket.resume()
  }

  abort(): void {
    if (this.#over) return
    const carrier = this.#carrier
    this.close()
    if (carrier === undefined) this.#settings.abandoned(this)
    else carrier.drop()
  }

  #break(detail: string): void {
    const carrier = this.#carrier
    const failure = this.#failure('aborted', detail)
    this.close()
    if (carrier === undefined) this.#settings.abandoned(this)
    else carrier.drop()
    this.sink.onFailure(failure)
  }

  #failure(kind: UpstreamFailureKind, detail: string): UpstreamFailure {
    const { answered, responded } = this
    return { kind, beforeResponse: !responded, sent: this.#sent, answered, detail }
  }

  #flushHeld(carrier: Carrier): void {
    const held = this.#held
    if (held === undefined) return
    this.#held = undefined
    for (const chunk of held) this.#sendPiece(carrier, chunk)
  }

  #finishRequest(carrier: Carrier): void {
    const last = this.#framing.kind === 'chunked' ? `0\r\n${encodeTrailers(this.#trailers)}` : ''
    const text = this.#takeHead() + last
    if (text !== '') this.#send(carrier, text)
    this.complete = true
    this.stamp = this.#settings.ticks.now
  }

  #sendPiece(carrier: Carrier, chunk: Buffer): void {
    const chunked = this.#framing.kind === 'chunked'
    const before = this.#takeHead() + (chunked ? `${chunk.length.toString(16)}\r\n` : '')
    const after = chunked ? '\r\n' : ''
    const { socket } = carrier
    this.#sent = true
    this.stamp = this.#settings.ticks.now
    if (before === '') socket.write(chunk)
    else if (chunk.length <= textBelow) {
      socket.write(before + chunk.toString('latin1') + after, 'latin1')
    } else if (chunk.length <= joinBelow) socket.write(join(before, chunk, after))
    else {
      socket.cork()
      socket.write(before, 'latin1')
      socket.write(chunk)
      if (after !== '') socket.write(after, 'latin1')
      socket.uncork()
    }
  }

  #send(carrier: Carrier, text: string): void {
    this.#sent = true
    carrier.socket.write(text, 'latin1')
  }

  #takeHead(): string {
    if (!this.#headPending) return ''
    this.#headPending = false
    return this.#head
  }
}

function flushHead(exchange: LiveExchange): void {
  exchange.flushHead()
}

function join(before: string, chunk: Buffer, after: string): Buffer {
  const joined = Buffer.allocUnsafe(before.length + chunk.length + after.length)
  joined.write(before, 0, 'latin1')
  chunk.copy(joined, before.length)
  joined.write(after, before.length + chunk.length, 'latin1')
  return joined
}
