import type { Duplex } from 'node:stream'

import type { Millis } from '../core/index.ts'
import type { CommonLines } from './header-lines.ts'
import type { Resolver } from './resolve.ts'

/**
 * What carries requests to a service: the connections of one origin, or several targets behind one name.
 * A sink is never called from inside `request` or `upgrade`.
 */
export interface UpstreamPool {
  /** As configured; never sent. */
  readonly name: string
  readonly stats: UpstreamStats
  /** Where requests go, when that is more than one place or is watched. */
  readonly targets?: readonly TargetState[]
  request(request: OutgoingRequest, sink: ResponseSink): Exchange
  upgrade(request: UpgradeRequest, sink: UpgradeSink): Exchange
  /**
   * Takes no new requests, lets those under way end, and resolves when the last connection is closed.
   *
   * @param deadline - how long they have; then they fail with `aborted`.
   */
  close(deadline: Millis): Promise<void>
}

/** Where an upstream is and what it may cost. Every time-out is never early; see `Upstream`. */
export interface UpstreamOptions {
  /** Names the upstream in details; never sent. */
  readonly name: string
  /** `http:` or `https:`; only host and port are used, never a path or user info. */
  readonly url: URL
  /** `http1` when absent. With `auto` the service chooses by ALPN, which needs `https:`. */
  readonly protocol?: 'http1' | 'h2' | 'auto'
  /** Whether loopback, private, link-local and other internal addresses may be connected to. */
  readonly allowPrivateAddresses: boolean
  /** From asking for a connection to having one: name look-up, TCP, TLS and the wait for a place. */
  readonly connectTimeout: Millis
  /** From the whole request sent to the whole response head received; 1xx answers do not extend it. */
  readonly headersTimeout: Millis
  /** Between two pieces of a body, in either direction, while the other side is asked to move. */
  readonly idleTimeout: Millis
  /** Connections open or being opened at once; upgraded ones are not counted after their 101. */
  readonly maxConnections: number
  /** Requests that may wait for a connection, served in turn of their callers; 1,024 when absent. */
  readonly maxQueued?: number
  /** How long one may wait for a place; as long as for a connection when absent. */
  readonly queueTimeout?: Millis
  /** From the request to the end of its response, however much moves; without end when absent. */
  readonly totalTimeout?: Millis
  /** Whether a GET, HEAD or OPTIONS is sent again when its kept connection died unanswered; yes when absent. */
  readonly resends?: boolean
  /** How often the name of connections that are kept is looked up again; never when absent. */
  readonly addressRefresh?: Millis
  /** An unused connection is closed after this, or a second before the upstream says it will. */
  readonly keepAliveTimeout: Millis
  /** Bound of a response head, and of the trailer section. */
  readonly maxHeaderBytes: number
  /** Absolute path of a unix socket that is connected to instead of the URL's host; `http:` only. */
  readonly socketPath?: string
  readonly tls?: {
    /** PEM; the built-in authorities when absent. */
    readonly ca?: string
    /** PEM of what we show the upstream, with its key. */
    readonly identity?: { readonly cert: string; readonly key: string }
    /** Name to ask for and to check; the URL's host when absent. */
    readonly servername?: string
    /** TLS 1.2 when absent. */
    readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
    /** Takes any certificate: whoever stands in the way can then read and change everything. */
    readonly dangerouslySkipVerification?: boolean
  }
  /** Turns a host name into addresses; the system's resolver when absent. */
  readonly resolve?: Resolver
}

/** How the body of a request is delimited on the wire. */
export type RequestFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }

export interface OutgoingRequest {
  readonly method: string
  /** Origin form (or `*` for OPTIONS), already canonical; sent byte for byte. */
  readonly target: string
  /**
   * Flat name, value pairs with exactly one `host`, those in `common` counted. Framing and connection headers
   * (`connection`, `content-length`, `transfer-encoding`, `upgrade` and kin) are written here, not there.
   */
  readonly headers: readonly string[]
  /** What stands before `headers`. */
  readonly common?: CommonLines | undefined
  readonly framing: RequestFraming
  /** The caller reads trailers: `te: trailers` is sent over HTTP/2. */
  readonly acceptsTrailers?: boolean
  /**
   * On whose behalf: callers that wait for a connection are served in turn, and where it is asked for each
   * one's requests go to one target. Never sent.
   */
  readonly caller?: string
  /** Replaces the upstream's own for this request. */
  readonly headersTimeout?: Millis | undefined
  /** Replaces the upstream's own for this request. */
  readonly idleTimeout?: Millis | undefined
  /** Replaces the upstream's own for this request. */
  readonly totalTimeout?: Millis | undefined
  /** Goes out on a connection that carried nothing before, and never a second time once it may have arrived. */
  readonly once?: boolean
  /** An answer that is an event stream may be silent, and last, as long as it likes. */
  readonly acceptsEvents?: boolean
}

/** A request to change protocols; has no body. */
export interface UpgradeRequest extends OutgoingRequest {
  readonly framing: { readonly kind: 'none' }
  /** The one protocol asked for, such as `websocket`; any other in the answer is malformed. */
  readonly protocol: string
}

export interface ResponseHead {
  readonly status: number
  readonly statusText: string
  /** Flat name, value pairs as received, without hop-by-hop headers and those `Connection` named. */
  readonly headers: readonly string[]
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  /** The declared length; with framing `none` it is what a GET would have had (HEAD, 304). */
  readonly length?: number
}

/**
 * Receives one response. After `onEnd` or `onFailure` (exactly one of them) nothing more is called.
 * A sink may call anything on its exchange and upstream from inside a call. It must not throw. Only a
 * body that breaks its declared length makes it be called from inside a call of the exchange.
 */
export interface ResponseSink {
  /** 100 to 199 except 101; at most eight per response. */
  onInformational?(status: number, headers: readonly string[]): void
  /** @param isRepeated - the very same object was given before, as both answers began with the same bytes. */
  onHead(head: ResponseHead, isRepeated?: boolean): void
  /**
   * A piece of the body, the receiver's to keep. With `last` the message is complete with this piece
   * and `onEnd` follows in the same call, so a small answer can be written at once.
   *
   * @param isSole - nothing else is in the piece's memory, which the receiver may free.
   * @returns `false` to pause until `resume`; what was already read (128 KiB) may still come.
   */
  onData(chunk: Buffer, last: boolean, isSole: boolean): boolean
  /**
   * A whole short body, a byte a character, in place of `onData` for who can do with text. `onEnd` follows in
   * the same call.
   */
  onText?(body: string): void
  /** The response is complete. Flat name, value pairs of the trailer section, framing fields removed. */
  onEnd(trailers: readonly string[]): void
  onFailure(failure: UpstreamFailure): void
}

/** Gives a whole body to a sink in the form that it takes. @param body - a byte a character. */
export function passWhole(body: string, sink: ResponseSink): void {
  if (sink.onText === undefined) sink.onData(Buffer.from(body, 'latin1'), true, false)
  else sink.onText(body)
}

/** Receives the answer to an upgrade: a 101 with the tunnel, or a response like any other. */
export interface UpgradeSink extends ResponseSink {
  /**
   * The head keeps `Upgrade`. The socket is paused, owned by the receiver and no longer the pool's;
   * `leftover` are the tunnel's first bytes.
   */
  onUpgrade(head: ResponseHead, socket: Duplex, leftover: Buffer): void
}

/** The sending side of one request, and its switch. Calls after its end do nothing. */
export interface Exchange {
  /** Sends a piece of the body. @returns `false` when the writer should wait for `onDrain`. */
  write(chunk: Buffer): boolean
  /** All that was written has left for good, and its memory is needed no more. `false` when that is not known. */
  readonly hasLeft: boolean
  /** Called each time a `write` that returned `false` has left; one listener, the last one set. */
  onDrain(listener: () => void): void
  /**
   * The body is complete. Trailers are sent with chunked framing only, and only those that may stand
   * there; names that mean something to the caller are the caller's to leave out.
   */
  end(trailers?: readonly string[]): void
  pause(): void
  resume(): void
  /** Drops the request and its connection; the sink hears nothing more. */
  abort(): void
}

export type UpstreamFailureKind =
  | 'connect_refused'
  | 'connect_timeout'
  | 'address_forbidden'
  | 'name_not_found'
  | 'tls'
  | 'headers_timeout'
  | 'idle_timeout'
  | 'total_timeout'
  | 'reset'
  | 'malformed'
  | 'too_large'
  | 'request_too_large'
  | 'pool_exhausted'
  | 'unavailable'
  | 'aborted'

/** Why there is no (complete) response. */
export interface UpstreamFailure {
  readonly kind: UpstreamFailureKind
  /** No response head was handed to the sink yet: an error can still be answered. */
  readonly beforeResponse: boolean
  /** Bytes of the request may have reached the upstream. */
  readonly sent: boolean
  /** A byte of an answer arrived, be it an interim one: whoever answered has seen the request. */
  readonly answered: boolean
  /** For operators. */
  readonly detail: string
  /** When asking again may help, if that is known. */
  readonly retryAfter?: Millis
}

export interface UpstreamStats {
  /** Connections open or being opened. */
  readonly open: number
  readonly idle: number
  readonly queued: number
  readonly requests: number
  /** Requests that found a kept-alive connection. */
  readonly reused: number
  readonly retried: number
  readonly failed: number
  readonly upgraded: number
}

/**
 * `healthy`: takes requests; `unhealthy`: failed its checks; `ejected`: failed requests, for a time;
 * `half-open`: that time is over, and one request at a time may show that it is back.
 */
export type TargetCondition = 'healthy' | 'unhealthy' | 'ejected' | 'half-open'

/** What is known of a target, for metrics and status. */
export interface TargetState {
  readonly target: string
  readonly condition: TargetCondition
  readonly backup: boolean
  readonly pending: number
  readonly ejections: number
  readonly stats: UpstreamStats
}
