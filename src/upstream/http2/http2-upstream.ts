import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

import { invariant, millis } from '../../core/index.ts'
import type { Millis } from '../../core/index.ts'
import type {
  Exchange,
  OutgoingRequest,
  ResponseSink,
  UpgradeRequest,
  UpgradeSink,
  UpstreamFailureKind,
  UpstreamOptions,
  UpstreamPool,
  UpstreamStats,
} from '../contract.ts'
import { AddressWatch } from '../address-watch.ts'
import { Dial, dialTarget } from '../dial.ts'
import type { DialTarget } from '../dial.ts'
import { FairQueue } from '../fair-queue.ts'
import { Ticks } from '../ticks.ts'
import { StreamExchange } from './exchange.ts'
import type { StreamExchangeSettings } from './exchange.ts'
import { Session } from './session.ts'
import type { SessionOwner } from './session.ts'

const defaultMaxQueued = 1024
const defaultMaxStreams = 256
/** Longer than what gRPC servers take for a flood of pings. */
const silence = millis(5 * 60_000 + 5000)

/** Where requests go when a service turns out to speak HTTP/1.1 alone. */
export interface Otherwise {
  request(request: OutgoingRequest, sink: ResponseSink): Exchange
}

export interface Http2Options extends UpstreamOptions {
  /** Streams of one session at once; 256 when absent. */
  readonly maxStreams?: number
  /** How long open streams may be silent before the service is pinged; five minutes when absent. */
  readonly silence?: Millis
  /** Without it, a service that does not offer HTTP/2 is a failure. */
  readonly otherwise?: Otherwise
}

interface Attempt {
  readonly dial: Dial
  readonly since: number
  addressSince: number
}

/**
 * A pool of HTTP/2 sessions to one origin: by ALPN over `https:`, by prior knowledge over `http:`. Streams
 * share the first session that has room; another is opened when none has. Time-outs are as in `Upstream`.
 */
export class Http2Upstream implements UpstreamPool {
  readonly name: string
  readonly #options: Http2Options
  readonly #ticks: Ticks
  readonly #target: DialTarget
  readonly #owner: SessionOwner
  readonly #connectTicks: number
  readonly #headersTicks: number
  readonly #idleTicks: number
  readonly #queueTicks: number
  readonly #totalTicks: number
  readonly #names: AddressWatch | undefined
  readonly #maxStreams: number
  readonly #scheme: 'http' | 'https'
  readonly #sessions = new Set<Session>()
  readonly #attempts = new Set<Attempt>()
  readonly #queue: FairQueue<StreamExchange>
  readonly #counts = { requests: 0, reused: 0, retried: 0, failed: 0, upgraded: 0 }
  #timer: NodeJS.Timeout | undefined
  #closing = false
  #emptied: (() => void) | undefined

  constructor(options: Http2Options) {
    invariant(options.maxConnections >= 1, 'an upstream needs at least one connection')
    this.name = options.name
    this.#options = options
    const { connectTimeout, headersTimeout, idleTimeout, keepAliveTimeout } = options
    const queueTimeout = options.queueTimeout ?? connectTimeout
    const totalTimeout = options.totalTimeout ?? millis(Infinity)
    const watched = [connectTimeout, headersTimeout, idleTimeout, keepAliveTimeout, queueTimeout]
    this.#ticks = new Ticks(
      millis(Math.min(...watched, totalTimeout, options.silence ?? connectTimeout)),
    )
    this.#connectTicks = this.#ticks.of(connectTimeout)
    this.#headersTicks = this.#ticks.of(headersTimeout)
    this.#idleTicks = this.#ticks.of(idleTimeout)
    this.#queueTicks = this.#ticks.of(queueTimeout)
    this.#totalTicks = this.#ticks.of(totalTimeout)
    this.#maxStreams = options.maxStreams ?? defaultMaxStreams
    // Those who wait for a session that is being opened are not waiting for another's place.
    this.#queue = new FairQueue((options.maxQueued ?? defaultMaxQueued) + this.#maxStreams)
    this.#scheme = options.url.protocol === 'https:' ? 'https' : 'http'
    this.#target = dialTarget(
      options,
      options.otherwise === undefined ? ['h2'] : ['h2', 'http/1.1'],
    )
    this.#owner = this.#ownership()
    this.#names = AddressWatch.of(this.#target, {
      every: options.addressRefresh,
      ticks: this.#ticks,
      changed: (isCurrent) => this.#retire(isCurrent),
    })
  }

  get stats(): UpstreamStats {
    let idle = 0
    for (const session of this.#sessions) if (session.streams === 0) idle += 1
    return { ...this.#counts, open: this.#occupied, idle, queued: this.#queue.size }
  }

  request(request: OutgoingRequest, sink: ResponseSink): Exchange {
    const exchange = new StreamExchange(request, sink, this.#settings(request))
    this.#counts.requests += 1
    const session = this.#closing ? undefined : this.#withRoom()
    if (this.#closing) this.#failedLater(exchange, 'aborted', 'the upstream is being closed')
    else if (session === undefined) this.#enqueue(exchange)
    else {
      this.#counts.reused += 1
      exchange.attach(session)
    }
    return exchange
  }

  /** Fails: a connection of HTTP/2 is never given away. Routes that ask for it are not configured so. */
  upgrade(request: UpgradeRequest, sink: UpgradeSink): Exchange {
    const exchange = new StreamExchange(request, sink, this.#settings(request))
    this.#failedLater(exchange, 'aborted', 'no change of protocols over HTTP/2')
    return exchange
  }

  async close(deadline: Millis): Promise<void> {
    this.#closing = true
    for (const session of this.#sessions) if (session.streams === 0) session.end()
    if (this.#occupied === 0 && this.#queue.size === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#emptied = resolve
    const timer = setTimeout(() => this.#abandonAll(), deadline)
    await promise
    clearTimeout(timer)
  }

  get #occupied(): number {
    return this.#sessions.size + this.#attempts.size
  }

  #settings(request: OutgoingRequest): StreamExchangeSettings {
    const { headersTimeout, idleTimeout, totalTimeout } = request
    return {
      ticks: this.#ticks,
      headersTicks:
        headersTimeout === undefined ? this.#headersTicks : this.#ticks.of(headersTimeout),
      idleTicks: idleTimeout === undefined ? this.#idleTicks : this.#ticks.of(idleTimeout),
      totalTicks: totalTimeout === undefined ? this.#totalTicks : this.#ticks.of(totalTimeout),
      resends: this.#options.resends !== false,
      scheme: this.#scheme,
      abandoned: this.#abandoned,
      again: this.#again,
      failed: this.#failed,
      failedLater: this.#failedLater,
    }
  }

  readonly #abandoned = (exchange: StreamExchange): void => {
    this.#queue.delete(exchange)
    this.#settle()
  }

  readonly #again = (exchange: StreamExchange): void => {
    this.#counts.retried += 1
    const session = this.#withRoom()
    if (session === undefined) this.#enqueue(exchange)
    else exchange.attach(session)
  }

  readonly #failed = (
    exchange: StreamExchange,
    kind: UpstreamFailureKind,
    detail: string,
  ): void => {
    if (exchange.over) return
    this.#counts.failed += 1
    exchange.fail(kind, `${this.name}: ${detail}`)
  }

  /** The first opened one: those behind it run empty and are closed. */
  #withRoom(): Session | undefined {
    for (const session of this.#sessions) if (session.room > 0) return session
    return undefined
  }

  #enqueue(exchange: StreamExchange): void {
    const displaced = this.#queue.add(exchange)
    if (displaced !== undefined) {
      this.#failedLater(displaced, 'pool_exhausted', 'too many requests wait for a stream')
    }
    this.#dialIfNeeded()
  }

  /** Gives what waits to who has room, and opens another session for what is left. */
  #serve(): void {
    while (this.#queue.size > 0) {
      const session = this.#withRoom()
      const exchange = session === undefined ? undefined : this.#queue.take()
      if (session === undefined || exchange === undefined) break
      exchange.attach(session)
    }
    this.#dialIfNeeded()
    this.#settle()
  }

  #dialIfNeeded(): void {
    if (this.#queue.size === 0 || this.#occupied >= this.#options.maxConnections) return
    let coming = this.#attempts.size
    for (const session of this.#sessions) {
      if (!session.ready) coming += 1
      // A service that takes no streams at all is not given more connections.
      else if (session.usable && session.streams === 0 && !session.suspect) return
    }
    if (coming * this.#maxStreams < this.#queue.size) this.#dial()
  }

  #dial(): void {
    this.#startTimer()
    const outcome = {
      connected: (socket: Socket, _reader: unknown, address: string) => {
        this.#attempts.delete(attempt)
        this.#connected(socket, address)
      },
      failed: (kind: UpstreamFailureKind, detail: string) => {
        this.#attempts.delete(attempt)
        this.#connectionFailed(kind, detail)
      },
    }
    const dial = new Dial(this.#target, outcome, true)
    const attempt = { dial, since: this.#ticks.now, addressSince: this.#ticks.now }
    this.#attempts.add(attempt)
  }

  #connected(socket: Socket, address: string): void {
    if (!(socket instanceof TLSSocket) || socket.alpnProtocol === 'h2') {
      this.#sessions.add(new Session(this.#owner, socket, address))
      return
    }
    socket.destroy()
    const { otherwise } = this.#options
    if (otherwise === undefined) {
      this.#connectionFailed('tls', 'the service does not offer HTTP/2 (no `h2` by ALPN)')
      return
    }
    for (let next = this.#queue.take(); next !== undefined; next = this.#queue.take()) {
      this.#counts.requests -= 1
      next.handOver((request, sink) => otherwise.request(request, sink))
    }
    this.#settle()
  }

  /** Those who wait fail with it, unless another session may yet serve them. */
  #connectionFailed(kind: UpstreamFailureKind, detail: string): void {
    const others = [...this.#sessions].some((session) => session.usable)
    if (!others && this.#attempts.size === 0) {
      for (let next = this.#queue.take(); next !== undefined; next = this.#queue.take()) {
        this.#failed(next, kind, detail)
      }
    }
    this.#settle()
  }

  #ownership(): SessionOwner {
    const { keepAliveTimeout, maxHeaderBytes } = this.#options
    return {
      ticks: this.#ticks,
      maxHeaderBytes,
      maxStreams: this.#maxStreams,
      answerTicks: this.#connectTicks,
      silenceTicks: this.#ticks.of(this.#options.silence ?? silence),
      idleTicks: this.#ticks.within(keepAliveTimeout),
      vacated: (session) => {
        if (this.#closing && session.streams === 0 && this.#queue.size === 0) session.end()
        this.#serve()
      },
      closed: (session) => this.#closed(session),
      expired: (exchange, kind) => {
        this.#failed(exchange, kind, 'the upstream was silent for too long')
      },
    }
  }

  #closed(session: Session): void {
    this.#sessions.delete(session)
    if (session.ready) this.#serve()
    else this.#connectionFailed(session.reason.kind, `no HTTP/2 there: ${session.reason.detail}`)
  }

  /** Rests when there is nothing to watch. */
  #settle(): void {
    if (this.#occupied > 0 || this.#queue.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#emptied?.()
  }

  #startTimer(): void {
    if (this.#timer !== undefined) return
    this.#timer = setInterval(() => this.#sweep(), this.#ticks.interval)
    this.#timer.unref()
  }

  #sweep(): void {
    const now = ++this.#ticks.now
    for (const session of this.#sessions) session.sweep()
    for (const attempt of this.#attempts) this.#sweepAttempt(attempt, now)
    for (const exchange of this.#queue) this.#sweepWaiting(exchange, now)
    this.#names?.sweep()
    this.#settle()
  }

  #sweepWaiting(exchange: StreamExchange, now: number): void {
    const served = [...this.#sessions].some((session) => session.ready)
    const patience = served ? this.#queueTicks : Math.max(this.#queueTicks, this.#connectTicks)
    const outlived = exchange.outlived(now)
    if (!outlived && now - exchange.stamp <= patience) return
    this.#queue.delete(exchange)
    if (outlived) this.#failed(exchange, 'total_timeout', 'no place in time')
    else if (served) this.#failed(exchange, 'pool_exhausted', 'waited too long for a stream')
    else this.#failed(exchange, 'connect_timeout', 'no connection in time')
  }

  /** Lets sessions go whose address the name no longer has. */
  #retire(isCurrent: (address: string) => boolean): void {
    for (const session of this.#sessions) if (!isCurrent(session.address)) session.end()
  }

  #sweepAttempt(attempt: Attempt, now: number): void {
    const { dial } = attempt
    if (now - attempt.since > this.#connectTicks) {
      dial.cancel()
      this.#attempts.delete(attempt)
      this.#connectionFailed('connect_timeout', 'no connection in time')
    } else if (now - attempt.addressSince > this.#connectTicks / dial.addressCount) {
      dial.skipAddress()
      attempt.addressSince = now
    }
  }

  #abandonAll(): void {
    for (const exchange of this.#queue) {
      this.#queue.delete(exchange)
      this.#failed(exchange, 'aborted', closedDetail)
    }
    for (const attempt of this.#attempts) attempt.dial.cancel()
    this.#attempts.clear()
    for (const session of this.#sessions) session.drop('aborted', closedDetail)
    this.#settle()
  }

  readonly #failedLater = (
    exchange: StreamExchange,
    kind: UpstreamFailureKind,
    detail: string,
  ): void => process.nextTick(() => this.#failed(exchange, kind, detail))
}

const closedDetail = 'the upstream was closed'
