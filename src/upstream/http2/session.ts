import { connect, constants } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, ClientSessionOptions } from 'node:http2'
import type { Socket } from 'node:net'

import type { UpstreamFailureKind } from '../contract.ts'
import type { Ticks } from '../ticks.ts'
import type { Loss, StreamCarrier, StreamExchange, ExpiryKind } from './exchange.ts'

/** The pool a session belongs to. */
export interface SessionOwner {
  readonly ticks: Ticks
  readonly origin: string
  readonly maxHeaderBytes: number
  /** Streams at once, whatever more the service allows. */
  readonly maxStreams: number
  /** For the service's settings, its acknowledgement of ours, and its answers to pings. */
  readonly answerTicks: number
  /** How long a session with open streams may be silent before it is asked whether it lives. */
  readonly silenceTicks: number
  /** How long a session without streams is kept. */
  readonly idleTicks: number
  /** The session has room, for the first time or again. */
  vacated(session: Session): void
  /** The session is gone. */
  closed(session: Session): void
  expired(exchange: StreamExchange, kind: ExpiryKind): void
}

/** Receive window of a stream: what a paused reader can make us hold. */
const streamWindow = 256 * 1024
const sessionWindow = 1024 * 1024
const maxHeaderPairs = 260
/** MB that a session may hold before it takes no more streams. */
const sessionMemory = 64
const maxSentHeaderBytes = 192 * 1024

/** One HTTP/2 connection: carries many exchanges, judges why they were lost, notices when it is dead. */
export class Session implements StreamCarrier {
  readonly address: string
  readonly #owner: SessionOwner
  readonly #http2: ClientHttp2Session
  readonly #since: number
  #ready = false
  #saidSettings = false
  #dead = false
  /** What it carries: until the stream is closed, not only until the exchange is over. */
  readonly #carried = new Set<StreamExchange>()
  #served = 0
  #idleSince: number
  #heardAt: number
  #pingedAt: number | undefined
  /** No new streams until it has answered. */
  #suspect = false
  /** The last stream the service said it would look at (RFC 9113 6.8). */
  #lastStream = Infinity
  #reason: { readonly kind: UpstreamFailureKind; readonly detail: string } | undefined
  #error: Error | undefined

  /** @param address - what the socket is connected to. */
  constructor(owner: SessionOwner, socket: Socket, address: string) {
    this.#owner = owner
    this.address = address
    this.#since = owner.ticks.now
    this.#idleSince = owner.ticks.now
    this.#heardAt = owner.ticks.now
    this.#http2 = connect(owner.origin, optionsOf(owner, socket))
    this.#listen(this.#http2)
  }

  get streams(): number {
    return this.#carried.size
  }

  /** Both sides know how the other wants to be spoken to. */
  get ready(): boolean {
    return this.#ready
  }

  /** Why it is gone. */
  get reason(): { readonly kind: UpstreamFailureKind; readonly detail: string } {
    if (this.#reason !== undefined) return this.#reason
    const kind = isProtocolError(this.#error) ? 'malformed' : 'reset'
    return { kind, detail: this.#error?.message ?? 'the connection was closed' }
  }

  /** How many more exchanges it can carry now. */
  get room(): number {
    if (!this.usable || !this.#ready || this.#suspect) return 0
    const { maxConcurrentStreams } = this.#http2.remoteSettings
    return Math.min(maxConcurrentStreams ?? Infinity, this.#owner.maxStreams) - this.#carried.size
  }

  /** Neither gone nor going. */
  get usable(): boolean {
    return !this.#dead && !this.#http2.closed && !this.#http2.destroyed
  }

  carry(exchange: StreamExchange): void {
    exchange.attach(this)
  }

  open(exchange: StreamExchange, ended: boolean): ClientHttp2Stream {
    const stream = this.#http2.request(exchange.fields, { endStream: ended })
    this.#carried.add(exchange)
    stream.once('response', this.#heard)
    stream.once('close', () => {
      this.#carried.delete(exchange)
      if (!this.#http2.destroyed) this.#served += 1
      this.#idleSince = this.#owner.ticks.now
      this.#owner.vacated(this)
    })
    return stream
  }

  verdict(stream: ClientHttp2Stream, code: number, error: Error | undefined): Loss {
    const { id } = stream
    const refused = code === constants.NGHTTP2_REFUSED_STREAM
    const unprocessed = refused || id === undefined || id > this.#lastStream
    const unanswered = this.#served > 0 && this.#http2.destroyed && !isProtocolError(error)
    if (this.#reason !== undefined) return { ...this.#reason, unprocessed, unanswered }
    return { ...this.#lossOf(code, error), unprocessed, unanswered }
  }

  /** Asks whether the other side is there, and gets no new streams until it has said so. */
  #doubt(): void {
    if (!this.usable || this.#suspect) return
    this.#suspect = true
    this.#ping()
  }

  /** Looks at the time. */
  sweep(): void {
    const { now } = this.#owner.ticks
    for (const exchange of this.#carried) {
      const kind = exchange.expired(now)
      if (kind === undefined) continue
      if (kind !== 'total_timeout') this.#doubt()
      this.#owner.expired(exchange, kind)
    }
    this.#sweepSession(now)
  }

  #sweepSession(now: number): void {
    const { answerTicks, idleTicks, silenceTicks } = this.#owner
    if (!this.#ready) {
      if (now - this.#since > answerTicks) {
        this.drop('connect_timeout', 'settings were not exchanged in time')
      }
    } else if (this.#pingedAt !== undefined) {
      if (now - this.#pingedAt > answerTicks) this.drop('reset', 'a ping was not answered')
    } else if (this.#carried.size === 0) {
      if (now - this.#idleSince >= idleTicks) this.end()
    } else if (now - this.#heardAt > silenceTicks) this.#ping()
  }

  /** Takes no more streams and closes when the last one has ended. */
  end(): void {
    if (!this.#http2.closed && !this.#http2.destroyed) this.#http2.close()
  }

  /** Closes at once; what it carries fails. */
  drop(kind: UpstreamFailureKind, detail: string): void {
    this.#reason ??= { kind, detail }
    this.#http2.destroy()
  }

  readonly #heard = (): void => {
    this.#heardAt = this.#owner.ticks.now
  }

  #listen(http2: ClientHttp2Session): void {
    http2.on('connect', () => http2.setLocalWindowSize(sessionWindow))
    http2.on('remoteSettings', () => {
      this.#saidSettings = true
      this.#greet()
    })
    http2.on('localSettings', () => this.#greet())
    http2.on('goaway', (_code: number, lastStream: number) => {
      this.#lastStream = Math.min(this.#lastStream, lastStream)
    })
    http2.on('error', (error: Error) => {
      this.#error = error
    })
    http2.on('close', () => {
      this.#dead = true
      this.#owner.closed(this)
    })
  }

  /**
   * Invariant: no stream is opened before the service has acknowledged our settings, because the bound of
   * header sections holds for streams opened after that only.
   */
  #greet(): void {
    this.#ready ||= this.#saidSettings && !this.#http2.pendingSettingsAck
    this.#heard()
    if (this.#ready) this.#owner.vacated(this)
  }

  #ping(): void {
    if (this.#pingedAt !== undefined) return
    this.#pingedAt = this.#owner.ticks.now
    this.#http2.ping((error) => {
      if (error !== null) return
      this.#pingedAt = undefined
      this.#suspect = false
      this.#heard()
      this.#owner.vacated(this)
    })
  }

  #lossOf(
    code: number,
    error: Error | undefined,
  ): { readonly kind: UpstreamFailureKind; readonly detail: string } {
    const named = streamCodes[code] ?? `code ${code}`
    if (isProtocolError(error)) return { kind: 'malformed', detail: error?.message ?? named }
    if (this.#http2.destroyed) {
      return { kind: 'reset', detail: error?.message ?? 'the connection was closed' }
    }
    if (code === constants.NGHTTP2_PROTOCOL_ERROR) {
      return { kind: 'malformed', detail: `the stream ended with ${named}` }
    }
    // What the runtime says of a header section over the bound; a service may say it as well.
    if (code === constants.NGHTTP2_ENHANCE_YOUR_CALM) {
      return { kind: 'too_large', detail: 'a header section over the bound' }
    }
    return { kind: 'reset', detail: `the stream ended with ${named}` }
  }
}

function optionsOf(
  owner: SessionOwner,
  socket: Socket,
): ClientSessionOptions & { strictSingleValueFields: boolean } {
  return {
    createConnection: () => socket,
    settings: {
      enablePush: false,
      initialWindowSize: streamWindow,
      maxHeaderListSize: owner.maxHeaderBytes,
    },
    maxHeaderListPairs: maxHeaderPairs,
    maxSendHeaderBlockLength: maxSentHeaderBytes,
    maxSessionMemory: sessionMemory,
    // As over HTTP/1.1: a second line of such a field is the service's to judge.
    strictSingleValueFields: false,
  }
}

/** The other side broke HTTP/2 so that nothing more on the connection can be believed. */
function isProtocolError(error: Error | undefined): boolean {
  return error !== undefined && 'code' in error && error.code === 'ERR_HTTP2_ERROR'
}

/** Names of the error codes, RFC 9113 7, in order. */
const streamCodes: readonly string[] = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
]
