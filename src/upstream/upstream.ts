import type { Socket } from 'node:net'

import { invariant, millis } from '../core/index.ts'
import type { Millis } from '../core/index.ts'
import type { SocketReader } from '../sockets/index.ts'
import { AddressWatch } from './address-watch.ts'
import { Connection } from './connection.ts'
import type { ConnectionOwner } from './connection.ts'
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
} from './contract.ts'
import { Dial, dialTarget } from './dial.ts'
import type { DialTarget } from './dial.ts'
import { LiveExchange } from './exchange.ts'
import type { ExchangeSettings } from './exchange.ts'
import { FairQueue } from './fair-queue.ts'
import { HeadMemory } from './head.ts'
import { Ticks } from './ticks.ts'

const defaultMaxQueued = 1024

/** A connection being made for the exchange that asked for it. */
interface Attempt {
  readonly dial: Dial
  /** When the address being tried was started with, in ticks. */
  addressSince: number
}

/**
 * A pool of HTTP/1.1 connections to one origin. Time-outs are watched by one coarse timer: none comes
 * early, each up to half a second late. A sink is never called from inside `request` or `upgrade`.
 */
export class Upstream implements UpstreamPool {
  readonly name: string
  readonly #options: UpstreamOptions
  readonly #ticks: Ticks
  readonly #target: DialTarget
  readonly #owner: ConnectionOwner
  readonly #connectTicks: number
  readonly #queueTicks: number
  readonly #exchanges: ExchangeSettings
  readonly #names: AddressWatch | undefined
  /** Last in, first out: what was used last is least likely to be closed. */
  readonly #idle: Connection[] = []
  readonly #connections = new Set<Connection>()
  readonly #attempts = new Map<LiveExchange, Attempt>()
  readonly #queue: FairQueue<LiveExchange>
  readonly #counts = { requests: 0, reused: 0, retried: 0, failed: 0, upgraded: 0 }
  #timer: NodeJS.Timeout | undefined
  #closing = false
  #emptied: (() => void) | undefined

  constructor(options: UpstreamOptions) {
    invariant(options.maxConnections >= 1, 'an upstream needs at least one connection')
    this.name = options.name
    this.#options = options
    const { connectTimeout, headersTimeout, idleTimeout, keepAliveTimeout } = options
    const queueTimeout = options.queueTimeout ?? connectTimeout
    const totalTimeout = options.totalTimeout ?? millis(Infinity)
    this.#ticks = new Ticks(
      millis(
        Math.min(
          connectTimeout,
          headersTimeout,
          idleTimeout,
          keepAliveTimeout,
          queueTimeout,
          totalTimeout,
        ),
      ),
    )
    this.#connectTicks = this.#ticks.of(connectTimeout)
    this.#queueTicks = this.#ticks.of(queueTimeout)
    this.#exchanges = {
      ticks: this.#ticks,
      headersTicks: this.#ticks.of(headersTimeout),
      idleTicks: this.#ticks.of(idleTimeout),
      totalTicks: this.#ticks.of(totalTimeout),
      abandoned: (exchange) => this.#forget(exchange),
    }
    this.#queue = new FairQueue(options.maxQueued ?? defaultMaxQueued)
    this.#target = dialTarget(options)
    this.#owner = this.#ownership()
    this.#names = AddressWatch.of(this.#target, {
      every: options.addressRefresh,
      ticks: this.#ticks,
      changed: (isCurrent) => this.#retire(isCurrent),
    })
  }

  get stats(): UpstreamStats {
    return {
      ...this.#counts,
      open: this.#occupied,
      idle: this.#idle.length,
      queued: this.#queue.size,
    }
  }

  /** Sends a request as soon as a connection can be had. */
  request(request: OutgoingRequest, sink: ResponseSink): Exchange {
    const exchange = new LiveExchange(request, sink, this.#exchanges)
    this.#admit(exchange)
    return exchange
  }

  /** Asks to change protocols, on a connection of its own that serves nothing else whatever the answer. */
  upgrade(request: UpgradeRequest, sink: UpgradeSink): Exchange {
    const exchange = new LiveExchange(request, sink, this.#exchanges, {
      protocol: request.protocol,
      sink,
    })
    this.#admit(exchange)
    return exchange
  }

  async close(deadline: Millis): Promise<void> {
    this.#closing = true
    for (const connection of this.#idle.splice(0)) connection.drop()
    if (this.#occupied === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#emptied = resolve
    const timer = setTimeout(() => this.#abandonAll(), deadline)
    await promise
    clearTimeout(timer)
  }

  get #occupied(): number {
    return this.#connections.size + this.#attempts.size
  }

  /** Lets connections go whose address the name no longer has. */
  #retire(isCurrent: (address: string) => boolean): void {
    for (const connection of this.#connections) {
      if (!isCurrent(connection.address)) connection.retire()
    }
  }

  #admit(exchange: LiveExchange): void {
    this.#counts.requests += 1
    if (this.#closing) {
      this.#failLater(exchange, 'aborted', 'the upstream is being closed')
      return
    }
    const connection = exchange.needsFresh ? undefined : this.#takeIdle()
    if (connection !== undefined) {
      this.#counts.reused += 1
      connection.start(exchange, true)
      return
    }
    if (exchange.needsFresh && this.#occupied >= this.#options.maxConnections) {
      this.#idle.shift()?.drop()
    }
    if (this.#occupied < this.#options.maxConnections) this.#dial(exchange)
    else this.#enqueue(exchange)
  }

  #enqueue(exchange: LiveExchange): void {
    const displaced = this.#queue.add(exchange)
    if (displaced === undefined) return
    this.#failLater(displaced, 'pool_exhausted', 'too many requests wait for a connection')
  }

  #takeIdle(): Connection | undefined {
    for (;;) {
      const connection = this.#idle.pop()
      if (connection === undefined || connection.isUsable()) return connection
      connection.drop()
    }
  }

  #dial(exchange: LiveExchange): void {
    const outcome = {
      connected: (socket: Socket, reader: SocketReader | undefined, address: string) => {
        this.#attempts.delete(exchange)
        const connection = new Connection(this.#owner, { socket, reader, address })
        this.#connections.add(connection)
        connection.start(exchange, false)
      },
      failed: (kind: UpstreamFailureKind, detail: string) => this.#giveUp(exchange, kind, detail),
    }
    this.#startTimer()
    const dial = new Dial(this.#target, outcome, exchange.upgradeSink !== undefined)
    this.#attempts.set(exchange, { dial, addressSince: this.#ticks.now })
  }

  #giveUp(exchange: LiveExchange, kind: UpstreamFailureKind, detail: string): void {
    this.#forget(exchange)
    this.#fail(exchange, kind, detail)
  }

  /** Takes an exchange that has no connection out of the books. */
  #forget(exchange: LiveExchange): void {
    this.#queue.delete(exchange)
    const attempt = this.#attempts.get(exchange)
    if (attempt === undefined) return
    attempt.dial.cancel()
    this.#attempts.delete(exchange)
    this.#vacated()
  }

  /** A place became free: whose turn it is gets it. */
  #vacated(): void {
    while (this.#queue.size > 0) {
      if (this.#occupied >= this.#options.maxConnections) return
      const exchange = this.#queue.take()
      if (exchange !== undefined) this.#dial(exchange)
    }
    if (this.#occupied > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#emptied?.()
  }

  #ownership(): ConnectionOwner {
    return {
      ticks: this.#ticks,
      maxHeaderBytes: this.#options.maxHeaderBytes,
      heads: new HeadMemory(),
      keepAliveTimeout: this.#options.keepAliveTimeout,
      resends: this.#options.resends !== false,
      released: (connection) => this.#released(connection),
      closed: (connection) => {
        this.#remove(connection)
        this.#vacated()
      },
      died: (connection, exchange) => {
        this.#remove(connection)
        this.#counts.retried += 1
        exchange.stamp = this.#ticks.now
        this.#dial(exchange)
      },
      failed: (exchange, kind, detail) => this.#fail(exchange, kind, detail),
      surrendered: (connection) => {
        this.#counts.upgraded += 1
        this.#remove(connection)
        this.#vacated()
      },
    }
  }

  #remove(connection: Connection): void {
    this.#connections.delete(connection)
    const at = this.#idle.lastIndexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
  }

  #released(connection: Connection): void {
    const next = this.#queue.peek()
    if (this.#closing && next === undefined) connection.drop()
    else if (next === undefined) this.#idle.push(connection)
    else if (next.needsFresh) connection.drop()
    else {
      this.#queue.take()
      this.#counts.reused += 1
      connection.start(next, false)
    }
  }

  #startTimer(): void {
    if (this.#timer !== undefined) return
    this.#timer = setInterval(() => this.#sweep(), this.#ticks.interval)
    this.#timer.unref()
  }

  #sweep(): void {
    const now = ++this.#ticks.now
    for (const connection of this.#connections) connection.sweep()
    for (const exchange of this.#queue) {
      if (exchange.outlived(now)) this.#giveUp(exchange, 'total_timeout', 'no place in time')
      else if (now - exchange.stamp > this.#queueTicks) {
        this.#giveUp(exchange, 'pool_exhausted', 'waited too long for a connection')
      }
    }
    for (const [exchange, attempt] of this.#attempts) this.#sweepAttempt(exchange, attempt)
    this.#names?.sweep()
  }

  #sweepAttempt(exchange: LiveExchange, attempt: Attempt): void {
    const { now } = this.#ticks
    if (exchange.outlived(now)) this.#giveUp(exchange, 'total_timeout', 'no connection in time')
    else if (now - exchange.stamp > this.#connectTicks) {
      this.#giveUp(exchange, 'connect_timeout', 'no connection in time')
    } else if (now - attempt.addressSince > this.#connectTicks / attempt.dial.addressCount) {
      attempt.dial.skipAddress()
      attempt.addressSince = now
    }
  }

  #abandonAll(): void {
    for (const exchange of this.#queue) this.#giveUp(exchange, 'aborted', closedDetail)
    for (const exchange of this.#attempts.keys()) this.#giveUp(exchange, 'aborted', closedDetail)
    for (const connection of this.#connections) connection.abandon(closedDetail)
  }

  #failLater(exchange: LiveExchange, kind: UpstreamFailureKind, detail: string): void {
    process.nextTick(() => this.#fail(exchange, kind, detail))
  }

  #fail(exchange: LiveExchange, kind: UpstreamFailureKind, detail: string): void {
    if (exchange.over) return
    this.#counts.failed += 1
    exchange.fail(kind, `${this.name}: ${detail}`)
  }
}

const closedDetail = 'the upstream was closed'
