import type { Socket } from 'node:net'

import { millis } from '../core/index.ts'
import type { Millis } from '../core/index.ts'
import type { SocketReader } from '../sockets/index.ts'
import { passWhole } from './contract.ts'
import type { ResponseHead, UpstreamFailureKind } from './contract.ts'
import type { Carrier, LiveExchange } from './exchange.ts'
import type { HeadMemory } from './head.ts'
import { ResponseParser } from './parser.ts'
import type { ParserEvents } from './parser.ts'
import { readOn } from './broken.ts'
import type { BrokenBy } from './broken.ts'
import type { Ticks } from './ticks.ts'

/** The pool a connection belongs to. */
export interface ConnectionOwner {
  readonly ticks: Ticks
  readonly maxHeaderBytes: number
  readonly heads: HeadMemory
  readonly keepAliveTimeout: Millis
  /** Whether what died unanswered may be sent again. */
  readonly resends: boolean
  /** The connection is free for another exchange. */
  released(connection: Connection): void
  /** The connection is closed. */
  closed(connection: Connection): void
  /** The connection is closed, and its exchange is to go out on a fresh one. */
  died(connection: Connection, exchange: LiveExchange): void
  /** The exchange failed on a connection that is closed. */
  failed(exchange: LiveExchange, kind: UpstreamFailureKind, detail: string): void
  /** The connection's socket belongs to someone else now. */
  surrendered(connection: Connection): void
}

const lateDetails = {
  headers_timeout: 'the upstream sent no response head in time',
  idle_timeout: 'the upstream was silent for too long',
  total_timeout: 'the exchange took too long as a whole',
} as const

/** How much earlier than the upstream we give an unused connection up. */
const keepAliveMargin = 1000

/** One connection: carries an exchange at a time and is thrown away after anything odd. */
export class Connection implements Carrier, ParserEvents {
  readonly socket: Socket
  /** Where it leads: one of the addresses the name had. */
  readonly address: string
  readonly #owner: ConnectionOwner
  readonly #parser: ResponseParser
  readonly #reader: SocketReader | undefined
  #exchange: LiveExchange | undefined
  #dead = false
  #retiring = false
  #served = 0
  /** The view being parsed is overwritten by the next read. */
  #lent = false
  #idleSince = 0
  #idleTicks: number
  #error = ''
  /** Nothing can be sent any more. */
  #broken: BrokenBy | undefined
  readonly #onData = (chunk: Buffer): void => {
    this.#read(chunk, chunk.length, false)
  }
  readonly #onDrain = (): void => this.#exchange?.drained()
  readonly #onEnd = (): void => this.#ended()
  readonly #onClose = (): void => this.#closed()

  constructor(
    owner: ConnectionOwner,
    {
      socket,
      reader,
      address,
    }: { socket: Socket; reader: SocketReader | undefined; address: string },
  ) {
    this.#owner = owner
    this.socket = socket
    this.address = address
    this.#reader = reader
    this.#parser = new ResponseParser(this, owner.maxHeaderBytes, owner.heads)
    this.#idleTicks = owner.ticks.within(owner.keepAliveTimeout)
    if (reader === undefined) socket.on('data', this.#onData)
    else {
      reader.consumer = (memory, length, lent) => this.#read(memory, length, lent)
      readOn(socket, { broken: (by) => this.#writeFailed(by), ended: this.#onEnd })
    }
    socket.on('drain', this.#onDrain)
    socket.on('error', (error) => {
      this.#error = error.message
    })
    socket.on('end', this.#onEnd)
    socket.on('close', this.#onClose)
  }

  /** Carries an exchange. @param soon - its caller may still be about to write a body. */
  start(exchange: LiveExchange, soon: boolean): void {
    this.#exchange = exchange
    this.#parser.begin(exchange)
    exchange.attach(this, soon)
  }

  /** Still good for another exchange. */
  isUsable(): boolean {
    return !this.#dead && this.#owner.ticks.now - this.#idleSince < this.#idleTicks
  }

  drop(): void {
    if (this.#dead) return
    this.#discard()
    this.#owner.closed(this)
  }

  /** Carries what it carries to its end, and nothing after. */
  retire(): void {
    this.#retiring = true
    if (this.#exchange === undefined) this.drop()
  }

  /** Closes what has been unused, or silent, for too long. */
  sweep(): void {
    const exchange = this.#exchange
    if (exchange === undefined) {
      if (!this.isUsable()) this.drop()
      return
    }
    const kind = exchange.expired(this.#owner.ticks.now)
    if (kind !== undefined) this.#fail(kind, lateDetails[kind])
  }

  /** Fails what is being carried, because its time is over. */
  abandon(detail: string): void {
    this.#fail('aborted', detail)
  }

  informational(status: number, headers: readonly string[]): void {
    this.#exchange?.sink.onInformational?.(status, headers)
  }

  head(head: ResponseHead, isRepeated: boolean): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    exchange.began(head)
    // RFC 9112 9.5: who answers with an error wants no more of the request.
    if (head.status >= 400) exchange.stopSending()
    exchange.sink.onHead(head, isRepeated)
  }

  text(body: string): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    exchange.stamp = this.#owner.ticks.now
    passWhole(body, exchange.sink)
  }

  data(view: Buffer, last: boolean): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    exchange.stamp = this.#owner.ticks.now
    const chunk = this.#lent ? Buffer.from(view) : view
    const isSole = this.#reader !== undefined && !this.#lent
    if (exchange.sink.onData(chunk, last, isSole) || last) return
    exchange.pause()
    this.#reader?.ease()
  }

  end(trailers: readonly string[], reusable: boolean): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    this.#exchange = undefined
    // Invariant: the next request starts where the upstream has read this one to its end.
    const settled = exchange.complete && this.socket.writableLength === 0
    exchange.close()
    const usable = reusable && settled && !this.#retiring
    if (usable && exchange.upgradeSink === undefined && this.#rest()) {
      if (exchange.paused) this.socket.resume()
      this.#owner.released(this)
    } else this.drop()
    exchange.sink.onEnd(trailers)
  }

  upgraded(head: ResponseHead, leftover: Buffer): void {
    const exchange = this.#exchange
    if (exchange?.upgradeSink === undefined) return
    this.#exchange = undefined
    this.#dead = true
    exchange.close()
    const { socket } = this
    socket.pause()
    // The error listener stays, so that a reset before the receiver listens is not uncaught.
    socket.off('data', this.#onData).off('drain', this.#onDrain)
    socket.off('end', this.#onEnd).off('close', this.#onClose)
    this.#owner.surrendered(this)
    exchange.upgradeSink.onUpgrade(head, socket, leftover)
  }

  failed(kind: 'malformed' | 'too_large' | 'reset', detail: string): void {
    if (kind === 'reset') this.#lost(detail)
    else this.#fail(kind, detail)
  }

  /** @returns whether more of the same answer is to come. */
  #read(memory: Buffer, length: number, lent: boolean): boolean {
    if (this.#dead) return false
    const exchange = this.#exchange
    // Invariant: an answer nobody asked for is never kept for whoever asks next.
    if (exchange === undefined) {
      this.drop()
      return false
    }
    if (!exchange.hasBegun) {
      this.#passOn(exchange)
      return false
    }
    exchange.answered = true
    this.#lent = lent
    this.#parser.feed(memory, length)
    return this.#exchange === exchange
  }

  #ended(): void {
    if (this.#dead) return
    // Invariant: a reset is never taken for an end; the system says it once, to the write that failed.
    if (this.#broken === 'reset') this.#closed()
    else this.#parser.finish()
    this.drop()
  }

  /** The answer may be here all the same, or the beginning of one. */
  #writeFailed(by: BrokenBy): void {
    this.#broken = by
    this.#error = 'the connection was reset'
    const exchange = this.#exchange
    if (exchange === undefined) this.drop()
    else exchange.stopSending()
  }

  #closed(): void {
    if (this.#dead) return
    const reason = this.#error === '' ? 'the connection was closed' : this.#error
    if (this.#exchange === undefined) this.drop()
    else this.#lost(reason)
  }

  /** The connection went away under its exchange. */
  #lost(detail: string): void {
    const exchange = this.#exchange
    const unanswered = this.#served > 0 && !this.#parser.started
    const resends = this.#owner.resends && exchange?.repeatable === true && !exchange.retried
    const passes = exchange?.hasBegun === false || (resends && unanswered)
    if (exchange !== undefined && passes) this.#passOn(exchange)
    else this.#fail('reset', detail)
  }

  /** A fresh connection carries the exchange: nothing of it was sent here, or it may be sent again. */
  #passOn(exchange: LiveExchange): void {
    this.#discard()
    exchange.detach()
    this.#owner.died(this, exchange)
  }

  #fail(kind: UpstreamFailureKind, detail: string): void {
    const exchange = this.#exchange
    this.drop()
    if (exchange !== undefined) this.#owner.failed(exchange, kind, detail)
  }

  #discard(): void {
    this.#dead = true
    this.#exchange = undefined
    this.#parser.stop()
    this.socket.destroy()
  }

  /** Becomes unused; false when the upstream is about to close it anyway. */
  #rest(): boolean {
    this.#served += 1
    const { ticks, keepAliveTimeout } = this.#owner
    const said = this.#parser.keepAliveSeconds
    const promised = said === undefined ? Infinity : said * 1000 - keepAliveMargin
    this.#idleTicks = ticks.within(millis(Math.min(keepAliveTimeout, promised)))
    this.#idleSince = ticks.now
    return this.#idleTicks > 0
  }
}
