import type { Socket } from 'node:net'

import {
  ConnectionProblem,
  ErrorCode,
  Floods,
  FrameReader,
  HeaderDecoder,
  Outbox,
  PeerSettings,
  ReceiveWindow,
  defaultFrameSize,
  defaultHeaderTableSize,
  followSettings,
  goawayFrame,
  pingAck,
  pingFrame,
  resetFrame,
  windowUpdateFrame,
} from '../../http2/index.ts'
import type { DataPiece, FieldLimits, FrameSink } from '../../http2/index.ts'
import type { UpstreamFailureKind } from '../contract.ts'
import { CarriedStreams } from './carried.ts'
import type { Carried } from './carried.ts'
import { nameOf } from './code-names.ts'
import type { ConnectionEvents } from './connection-events.ts'
import type { Loss, StreamExchange } from './exchange.ts'
import { connectionWindow, greeting } from './greeting.ts'
import { ClientStream } from './stream.ts'
import type { StreamHost } from './stream.ts'

const maxHeaderPairs = 260
/** Room for sections that are refused by themselves, which leaves the connection to others. */
const blockBeyondLimit = 16 * 1024
const liveness = 'are you?'

/** One HTTP/2 connection to a service (RFC 9113): its frames, its streams, and the rules for both. */
export class ClientConnection implements StreamHost, FrameSink {
  readonly outbox: Outbox
  readonly #socket: Socket
  readonly #events: ConnectionEvents
  readonly #reader: FrameReader
  readonly #decoder = new HeaderDecoder(defaultHeaderTableSize)
  readonly #limits: FieldLimits
  readonly #peer = new PeerSettings('server')
  readonly #window = new ReceiveWindow(connectionWindow)
  readonly #floods = new Floods()
  readonly #streams = new CarriedStreams()
  #heads = 0
  #served = 0
  #saidSettings = false
  #acknowledged = false
  /** No new streams: we are leaving, or the service is. */
  #leaving = false
  #dead = false
  #isVacating = false
  readonly #tellVacated = (): void => {
    this.#isVacating = false
    this.#events.vacated()
  }
  #pinged = false
  /** The last stream the service said it would look at (RFC 9113 6.8). */
  #lastStream = Infinity
  #reason: { readonly kind: UpstreamFailureKind; readonly detail: string } | undefined
  #error = 'the connection was closed'

  constructor(socket: Socket, maxHeaderBytes: number, events: ConnectionEvents) {
    this.#socket = socket
    this.#events = events
    this.#limits = { bytes: maxHeaderBytes, count: maxHeaderPairs }
    this.outbox = new Outbox(socket)
    this.#reader = new FrameReader(this, {
      maxFrameSize: defaultFrameSize,
      maxBlockBytes: maxHeaderBytes + blockBeyondLimit,
      expectPreface: false,
    })
    this.outbox.say(greeting(maxHeaderBytes))
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', (error) => {
      this.#error = error.message
    })
    socket.on('end', () => this.#die('reset', this.#error))
    socket.on('close', () => {
      this.#die('reset', this.#error)
      this.#events.closed()
    })
  }

  /** Streams that are not over. */
  get streams(): number {
    return this.#streams.size
  }

  /** Streams that the service takes at once. */
  get mostStreams(): number {
    return this.#peer.maxConcurrentStreams
  }

  /** Octets of a header section that the service takes, each line counted with 32 more (RFC 9113 6.5.2). */
  get mostHeaderBytes(): number {
    return this.#peer.maxHeaderListSize
  }

  /** Both sides know how the other wants to be spoken to. */
  get ready(): boolean {
    return this.#saidSettings && this.#acknowledged
  }

  /** Neither gone nor going. */
  get usable(): boolean {
    return !this.#dead && !this.#leaving
  }

  /** Nothing is read or begun any more; what was said last may still have to leave. */
  get dead(): boolean {
    return this.#dead
  }

  /** Why it is gone. */
  get reason(): { readonly kind: UpstreamFailureKind; readonly detail: string } {
    return this.#reason ?? { kind: 'reset', detail: this.#error }
  }

  exchanges(): readonly StreamExchange[] {
    return Array.from(this.#streams.all(), ({ exchange }) => exchange)
  }

  open(exchange: StreamExchange, begin: { ended: boolean; paused: boolean }): ClientStream {
    const id = this.#streams.takeId()
    const headRequest = exchange.request.method === 'HEAD'
    const window = this.#peer.initialWindowSize
    const { paused } = begin
    const stream = new ClientStream(this, exchange, { id, window, headRequest, paused })
    stream.sentAll = begin.ended
    this.#streams.add({ stream, exchange })
    this.#heads += 1
    this.outbox.sayHead(id, exchange.fields, begin.ended)
    if (this.#streams.isUsedUp) this.end()
    return stream
  }

  /** Asks for a sign of life: `ponged` follows. */
  askForLife(): void {
    this.#pinged = true
    this.outbox.say(pingFrame(liveness))
  }

  /** Takes no more streams and closes when the last one has ended. */
  end(): void {
    if (!this.usable) return
    this.#leaving = true
    this.outbox.say(goawayFrame(0, ErrorCode.none))
    this.#finishIfEmpty()
  }

  /** Closes at once; what it carries fails. */
  drop(kind: UpstreamFailureKind, detail: string): void {
    this.#socket.destroy()
    this.#die(kind, detail)
  }

  /* Frames, in the order of RFC 9113 6. */

  data(id: number, piece: DataPiece): void {
    const { flowed, ends } = piece
    // Given back at once, the window of the connection is never used up; those of streams are what holds.
    this.#window.receive(flowed)
    const increment = this.#window.release(flowed)
    if (increment > 0) this.outbox.say(windowUpdateFrame(0, increment))
    if (piece.octets.length === 0 && !ends) this.#countOdd()
    const carried = this.#receiving(id, 'data', ends)
    if (carried === undefined || carried.stream.receive(piece)) return
    carried.stream.reset(ErrorCode.flowControl)
    carried.exchange.failed('malformed', 'more data than the window of the stream')
  }

  headers(id: number, block: Buffer, endStream: boolean): void {
    const list = this.#decoder.decode(block, this.#limits)
    if (list instanceof ConnectionProblem) {
      this.#fail(list.code, list.detail)
      return
    }
    this.#receiving(id, 'a header section', endStream)?.stream.answer.section(list, endStream)
  }

  reset(id: number, code: number): void {
    const carried = this.#streams.find(id)
    if (carried === undefined) {
      if (this.#streams.isIdle(id)) this.#fail(ErrorCode.protocol, 'a reset of no stream')
      else this.#countOdd()
      return
    }
    const unprocessed = code === ErrorCode.refusedStream
    const detail = `the stream ended with ${nameOf(code)}`
    this.#lose(carried, code, { kind: 'reset', detail, unprocessed, unanswered: false })
  }

  settings(payload: Buffer): void {
    const problem = followSettings(payload, {
      peer: this.#peer,
      outbox: this.outbox,
      streams: this.#streams.sides(),
    })
    if (problem !== undefined) {
      this.#fail(problem.code, problem.detail)
      return
    }
    this.#countOdd()
    this.#saidSettings = true
    this.#vacated()
  }

  /**
   * Invariant: no stream is opened before the service has acknowledged our settings: it has to know the bounds
   * that its answers are held to.
   */
  settingsAck(): void {
    if (this.#acknowledged) this.#countOdd()
    this.#acknowledged = true
    this.#vacated()
  }

  ping(opaque: string): void {
    this.outbox.say(pingAck(opaque))
    if (this.#floods.ping(this.#heads + this.outbox.bodyFrames)) this.#failOfFlood()
  }

  pingAck(opaque: string): void {
    if (!this.#pinged || opaque !== liveness) {
      this.#countOdd()
      return
    }
    this.#pinged = false
    this.#events.ponged()
  }

  goaway(lastStream: number, code: number): void {
    this.#leaving = true
    this.#lastStream = Math.min(this.#lastStream, lastStream)
    const detail = `the service left with ${nameOf(code)}`
    if (code !== ErrorCode.none) {
      this.#die('reset', detail)
      return
    }
    this.#countOdd()
    for (const carried of this.#streams.all()) {
      if (carried.stream.id <= this.#lastStream) continue
      const loss = { kind: 'reset', detail, unprocessed: true, unanswered: false } as const
      this.#lose(carried, ErrorCode.refusedStream, loss)
    }
    this.#finishIfEmpty()
    this.#vacated()
  }

  windowUpdate(id: number, increment: number): void {
    if (this.#floods.windowUpdate(this.#heads + this.outbox.bodyFrames)) {
      this.#fail(ErrorCode.enhanceYourCalm, 'a flood of window updates')
      return
    }
    if (id === 0) {
      if (this.outbox.window.grow(increment)) this.outbox.wake()
      else this.#fail(ErrorCode.flowControl, 'a window that is too large')
      return
    }
    const carried = this.#streams.find(id)
    if (carried === undefined) {
      if (this.#streams.isIdle(id)) this.#fail(ErrorCode.protocol, 'a window of no stream')
    } else if (increment > 0 && carried.stream.sendWindow.grow(increment)) {
      this.outbox.enter(carried.stream)
    } else {
      carried.stream.reset(increment === 0 ? ErrorCode.protocol : ErrorCode.flowControl)
      carried.exchange.failed('malformed', 'a window update of nothing, or of too much')
    }
  }

  ignored(): void {
    this.#countOdd()
  }

  /* What streams ask for. */

  sentAll(stream: ClientStream): void {
    if (stream.receivedAll) this.#close(stream)
  }

  cutOff(stream: ClientStream, code: number): void {
    this.#streams.resetByUs(stream.id)
    this.outbox.say(resetFrame(stream.id, code))
    this.#close(stream)
  }

  #read(chunk: Buffer): void {
    if (this.#dead) return
    this.#events.heard()
    const problem = this.#reader.feed(chunk)
    if (problem !== undefined) this.#fail(problem.code, problem.detail)
  }

  /** Whose frame it is, if anybody's still (RFC 9113 5.1). Behind `ends` nothing more may come. */
  #receiving(id: number, what: string, ends: boolean): Carried | undefined {
    const carried = this.#streams.find(id)
    if (carried?.stream.receivedAll === false) {
      if (ends) this.#receivedAll(carried.stream)
      return carried
    }
    if (this.#streams.isIdle(id)) this.#fail(ErrorCode.protocol, `${what} on no stream`)
    else if (!this.#streams.wasResetByUs(id)) {
      this.#fail(ErrorCode.streamClosed, `${what} on a stream that is over`)
    }
    return undefined
  }

  #receivedAll(stream: ClientStream): void {
    stream.receivedAll = true
    if (stream.sentAll) this.#close(stream)
  }

  #close(stream: ClientStream): void {
    stream.close()
    if (!this.#streams.remove(stream.id)) return
    if (!this.#dead) this.#served += 1
    this.#finishIfEmpty()
    this.#vacated()
  }

  /** The stream is over by the service's doing; an answer that is whole stays whole. */
  #lose(carried: Carried, code: number, loss: Loss): void {
    this.#close(carried.stream)
    if (carried.stream.answer.outlives(code)) carried.exchange.drained()
    else carried.exchange.lost(loss)
  }

  /** The owner hears of room once for all streams that end in one go, and never from inside their calls. */
  #vacated(): void {
    if (this.#isVacating) return
    this.#isVacating = true
    process.nextTick(this.#tellVacated)
  }

  #countOdd(): void {
    if (this.#floods.oddFrame()) this.#failOfFlood()
  }

  #failOfFlood(): void {
    this.#fail(ErrorCode.enhanceYourCalm, 'a flood of empty frames')
  }

  #finishIfEmpty(): void {
    if (this.#leaving && this.#streams.size === 0) this.#die('reset', this.#error)
  }

  /** The service broke HTTP/2 so that nothing more on the connection can be believed. */
  #fail(code: number, detail: string): void {
    if (this.#dead) return
    this.outbox.say(goawayFrame(0, code))
    this.#die('malformed', detail)
  }

  /** Nothing more is read or begun; what waits to be written leaves, and what is carried is lost. */
  #die(kind: UpstreamFailureKind, detail: string): void {
    if (this.#dead) return
    this.#dead = true
    this.#reason = { kind, detail }
    this.#reader.stop()
    const unanswered = this.#served > 0 && kind !== 'malformed'
    for (const carried of this.#streams.all()) {
      const unprocessed = carried.stream.id > this.#lastStream
      this.#lose(carried, ErrorCode.internal, { kind, detail, unprocessed, unanswered })
    }
    this.outbox.flush()
    this.#socket.destroySoon()
  }
}
