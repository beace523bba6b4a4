import type { Duplex } from 'node:stream'
import { ErrorCode } from '../codes.ts'
import type { DataPiece } from '../data-run.ts'
import { ReceiveWindow } from '../flow.ts'
import { FrameReader } from '../frame-reader.ts'
import type { FrameSink } from '../frame-reader.ts'
import { goawayFrame, pingAck, pingFrame, resetFrame, windowUpdateFrame } from '../frame-writer.ts'
import { HeaderDecoder } from '../hpack/decoder.ts'
import type { FieldList } from '../hpack/decoder.ts'
import { ConnectionProblem } from '../problem.ts'
import { PeerSettings } from '../settings.ts'
import { Floods } from './floods.ts'
import { connectionWindow, greeting, streamWindow } from './greeting.ts'
import type { ServerLimits } from './greeting.ts'
import { Outbox } from './outbox.ts'
import { followSettings } from './peer-settings.ts'
import { RecentIds } from './recent-ids.ts'
import { Stream } from './stream.ts'
import type { StreamOwner } from './stream.ts'
import { isTrailerSection } from './trailer-section.ts'

export interface ServerEvents {
  /**
   * Reads a header section that begins a stream; nothing is done about it yet.
   *
   * @returns what makes it malformed (RFC 9113 8.1.1), for the log.
   */
  onFields(stream: Stream, list: FieldList): string | undefined
  /** The stream is a request: everything that came with it has been looked at, and it was not reset. */
  onRequest(stream: Stream): void
  /** A stream was reset before it was a request. */
  onRejected(detail: string): void
  /** The connection ends because of what came on it. Called once at most. */
  onFailed(detail: string): void
  /** Nothing more happens on the connection. */
  onClosed(): void
}

/** Room for header sections that are refused by themselves, which leaves the connection to others. */
const blockBeyondLimit = 16 * 1024
const headerTableSize = 4096
/** The largest number that a stream may have: in a GOAWAY it says that none is refused yet. */
const lastPossible = 2 ** 31 - 1
/** How long a client has to read the last of a connection, in milliseconds. */
const lingersFor = 1000
const farewell = 'farewell'

/** One HTTP/2 connection from a client (RFC 9113): its frames, its streams, and the rules for both. */
export class ServerConnection implements FrameSink, StreamOwner {
  readonly outbox: Outbox
  readonly streams = new Map<number, Stream>()
  readonly #socket: Duplex
  readonly #limits: ServerLimits
  readonly #events: ServerEvents
  readonly #reader: FrameReader
  readonly #decoder = new HeaderDecoder(headerTableSize)
  readonly #peer = new PeerSettings('client')
  readonly #window = new ReceiveWindow(connectionWindow)
  readonly #floods = new Floods()
  readonly #resetByUs = new RecentIds()
  /** Streams whose header section came in the piece that is being read. */
  #begun: Stream[] = []
  /** The highest stream that was begun, and the highest that we took up. */
  #highest = 0
  #taken = 0
  #pieces = 0
  #state: 'open' | 'leaving' | 'last' | 'over' = 'open'
  #isAcknowledged = false

  constructor(socket: Duplex, limits: ServerLimits, events: ServerEvents) {
    this.#socket = socket
    this.#limits = limits
    this.#events = events
    this.outbox = new Outbox(socket)
    this.#reader = new FrameReader(this, {
      maxFrameSize: this.outbox.frameSize,
      maxBlockBytes: limits.headerBytes + blockBeyondLimit,
      expectPreface: true,
    })
    this.outbox.say(greeting(limits))
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', () => this.destroy())
    // A client that ends its side has nobody to read what is left.
    socket.on('end', () => this.destroy())
    socket.on('close', () => this.#closed())
  }

  /** Whether a header section has begun and is not whole. */
  get isInHeaders(): boolean {
    return this.#reader.inHeaders
  }

  /** How many header sections have come. */
  get sections(): number {
    return this.#pieces
  }

  get isAcknowledged(): boolean {
    return this.#isAcknowledged
  }

  get state(): 'open' | 'leaving' | 'last' | 'over' {
    return this.#state
  }

  /**
   * Begins to end the connection: the client hears of it first and has a round trip for what it was just about
   * to ask (RFC 9113 6.8). `leave` follows when it has answered, or when the owner has waited long enough.
   */
  announceEnd(): void {
    if (this.#state !== 'open') return
    this.#state = 'leaving'
    this.outbox.say(goawayFrame(lastPossible, ErrorCode.none) + pingFrame(farewell))
  }

  /** Takes no new streams, and ends with the last of those there are. */
  leave(): void {
    if (this.#state === 'last' || this.#state === 'over') return
    this.#state = 'last'
    this.outbox.say(goawayFrame(this.#taken, ErrorCode.none))
    if (this.streams.size === 0) this.#finish()
  }

  /** Ends the connection and everything on it, with an error for the client to see. */
  end(code: number): void {
    if (this.#state === 'over') return
    this.outbox.say(goawayFrame(this.#taken, code))
    this.#finish()
  }

  /** The same because of what the client does. */
  fail(code: number, detail: string): void {
    if (this.#state === 'over') return
    this.end(code)
    this.#events.onFailed(detail)
  }

  /** Cuts the connection off. */
  destroy(): void {
    this.#socket.destroy()
    this.#stop()
  }

  #read(chunk: Buffer): void {
    if (this.#state === 'over') return
    const problem = this.#reader.feed(chunk)
    if (problem !== undefined) this.fail(problem.code, problem.detail)
    const begun = this.#begun
    if (begun.length === 0) return
    this.#begun = []
    for (const stream of begun) {
      if (stream.isOver) continue
      stream.isServed = true
      this.#events.onRequest(stream)
    }
  }

  /* Frames, in the order of RFC 9113 6. */

  data(id: number, piece: DataPiece): void {
    const { flowed } = piece
    const isEmpty = piece.octets.length === 0 && !piece.ends
    if (!this.#window.receive(flowed)) {
      this.fail(ErrorCode.flowControl, 'more data than the window of the connection')
      return
    }
    const stream = this.streams.get(id)
    if (stream === undefined || stream.receivedAll) this.release(flowed)
    if (stream === undefined) {
      this.#strayed(id, 'data')
      return
    }
    if (stream.receivedAll) {
      this.#spoiled(stream, ErrorCode.streamClosed, 'data behind the end')
      return
    }
    const wrong = stream.receive(piece)
    if (wrong !== undefined) this.#spoiled(stream, wrong, 'a body of another length')
    else if (isEmpty) this.#countOdd()
  }

  headers(id: number, block: Buffer, endStream: boolean): void {
    this.#pieces += 1
    const list = this.#decoder.decode(block, {
      bytes: this.#limits.headerBytes,
      count: Infinity,
    })
    if (list instanceof ConnectionProblem) {
      this.fail(list.code, list.detail)
      return
    }
    const stream = this.streams.get(id)
    if (stream !== undefined) this.#trailers(stream, list, endStream)
    else if (id > this.#highest && id % 2 === 1) this.#begin(id, list, endStream)
    else this.#strayed(id, 'a header section')
  }

  reset(id: number): void {
    const stream = this.streams.get(id)
    if (stream === undefined) {
      if (this.#isIdle(id)) this.fail(ErrorCode.protocol, 'a reset of no stream')
      else this.#countOdd()
      return
    }
    // A client that is told to stop sending may answer with a reset: that undoes nothing we did.
    if (stream.sentAll) this.#countOdd()
    else this.#countReset()
    stream.close()
  }

  settings(payload: Buffer): void {
    const problem = followSettings(payload, {
      peer: this.#peer,
      outbox: this.outbox,
      streams: this.streams.values(),
    })
    if (problem === undefined) this.#countOdd()
    else this.fail(problem.code, problem.detail)
  }

  settingsAck(): void {
    this.#isAcknowledged = true
    this.#countOdd()
  }

  ping(opaque: string): void {
    this.outbox.say(pingAck(opaque))
    if (this.#floods.ping(this.#pieces + this.outbox.bodyFrames)) this.#failOfFlood()
  }

  pingAck(opaque: string): void {
    if (opaque === farewell && this.#state === 'leaving') this.leave()
    this.#countOdd()
  }

  goaway(_last: number, code: number): void {
    if (code === ErrorCode.none) this.leave()
    else this.end(ErrorCode.none)
  }

  windowUpdate(id: number, increment: number): void {
    if (this.#floods.windowUpdate(this.#pieces + this.outbox.bodyFrames)) {
      this.fail(ErrorCode.enhanceYourCalm, 'a flood of window updates')
      return
    }
    if (id === 0) {
      if (this.outbox.window.grow(increment)) this.outbox.wake()
      else this.fail(ErrorCode.flowControl, 'a window that is too large')
      return
    }
    const stream = this.streams.get(id)
    if (stream === undefined) {
      if (this.#isIdle(id)) this.fail(ErrorCode.protocol, 'a window of no stream')
    } else if (increment === 0) {
      this.#spoiled(stream, ErrorCode.protocol, 'a window update of nothing')
    } else if (stream.sendWindow.grow(increment)) this.outbox.enter(stream)
    else this.#spoiled(stream, ErrorCode.flowControl, 'a window that is too large')
  }

  ignored(): void {
    this.#countOdd()
  }

  /* What streams ask for. */

  release(octets: number): void {
    const increment = this.#window.release(octets)
    if (increment > 0) this.outbox.say(windowUpdateFrame(0, increment))
  }

  /** Nobody reads what the client still sends: RFC 9113 8.1 has a code for that. */
  sentAll(stream: Stream): void {
    if (stream.receivedAll) stream.close()
    else this.cutOff(stream, ErrorCode.none)
  }

  cutOff(stream: Stream, code: number): void {
    this.#sendReset(stream.id, code)
    stream.close()
  }

  forget(stream: Stream): void {
    this.streams.delete(stream.id)
    if (this.#state === 'last' && this.streams.size === 0) this.#finish()
  }

  #begin(id: number, list: FieldList, endStream: boolean): void {
    this.#highest = id
    if (this.#state === 'last') {
      // It was told, and knows that nothing was done (RFC 9113 6.8).
      this.#resetByUs.add(id)
      return
    }
    this.#taken = id
    if (this.streams.size >= this.#limits.streams) {
      // It was not looked at, and the code for that lets it come again (RFC 9113 8.7).
      this.#sendReset(id, ErrorCode.refusedStream)
      if (this.#isAcknowledged) this.#countReset()
      else this.#countOdd()
      return
    }
    const windows = { send: this.#peer.initialWindowSize, receive: streamWindow }
    const stream = new Stream(id, this, windows)
    stream.receivedAll = endStream
    this.streams.set(id, stream)
    const malformed = list.malformed ?? this.#events.onFields(stream, list)
    if (malformed !== undefined) this.#spoiled(stream, ErrorCode.protocol, malformed)
    else if (endStream && stream.declared > 0) {
      this.#spoiled(stream, ErrorCode.protocol, 'a length and no body')
    } else this.#begun.push(stream)
  }

  #trailers(stream: Stream, list: FieldList, endStream: boolean): void {
    const wrong = stream.receivedAll
      ? ErrorCode.streamClosed
      : endStream && isTrailerSection(list)
        ? stream.receiveEnd(list.fields)
        : ErrorCode.protocol
    if (wrong !== undefined) this.#spoiled(stream, wrong, 'a trailer section')
  }

  /** A frame on a stream that is not open (RFC 9113 5.1). */
  #strayed(id: number, what: string): void {
    if (this.#isIdle(id)) this.fail(ErrorCode.protocol, `${what} on no stream`)
    else if (!this.#resetByUs.has(id)) {
      this.fail(ErrorCode.streamClosed, `${what} on a stream that is over`)
    }
  }

  /** Never begun. Clients begin those with odd numbers, and we begin none. */
  #isIdle(id: number): boolean {
    return id > this.#highest || id % 2 === 0
  }

  /** A stream error of the client's (RFC 9113 5.4.2). */
  #spoiled(stream: Stream, code: number, detail: string): void {
    if (!stream.isServed) this.#events.onRejected(detail)
    this.cutOff(stream, code)
    this.#countReset()
  }

  #sendReset(id: number, code: number): void {
    this.#resetByUs.add(id)
    this.outbox.say(resetFrame(id, code))
  }

  #countReset(): void {
    if (this.#floods.reset()) this.fail(ErrorCode.enhanceYourCalm, 'a flood of resets')
  }

  #countOdd(): void {
    if (this.#floods.oddFrame()) this.#failOfFlood()
  }

  #failOfFlood(): void {
    this.fail(ErrorCode.enhanceYourCalm, 'a flood of empty frames')
  }

  /** Sends what is left, and reads what still comes to nowhere for a while, so that it is not lost to a reset. */
  #finish(): void {
    this.#stop()
    this.outbox.flush()
    this.#socket.end()
    setTimeout(() => this.#socket.destroy(), lingersFor).unref()
  }

  #stop(): void {
    this.#state = 'over'
    this.#reader.stop()
    for (const stream of this.streams.values()) stream.close()
  }

  #closed(): void {
    this.#stop()
    this.#events.onClosed()
  }
}
