import { ErrorCode } from '../codes.ts'
import { ReceiveWindow, SendWindow } from '../flow.ts'
import { dataHead, windowUpdateFrame } from '../frame-writer.ts'
import { Inbox } from './inbox.ts'
import type { InboxOwner } from './inbox.ts'
import type { Outbox, Sending, Standing } from './outbox.ts'

/** Who uses a stream. */
export interface StreamUser {
  /** A piece of body came; `pause` holds further ones back. */
  onData(piece: Buffer): void
  /** The message of the peer is whole; `trailers` of the stream are known. */
  onEnd(): void
  /** All that was written has left, after `write` said to wait. */
  onDrain(): void
  /** The stream is over, whoever ended it and how. Called once. */
  onClose(): void
}

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly outbox: Outbox
  /** Octets of body were taken: the peer may send as many again. */
  release(octets: number): void
  /** The last frame of ours is in the outbox. */
  sentAll(stream: Stream): void
  /** Ends a stream with RST_STREAM. */
  cutOff(stream: Stream, code: number): void
  /** Both sides are done. */
  forget(stream: Stream): void
}

export interface StreamWindows {
  readonly send: number
  readonly receive: number
}

/** Shorter pieces are copied into the text that leaves: cheaper than a buffer of their own in the write. */
const shortPiece = 8 * 1024
/** With more than this to send the writer should wait. */
const highWater = 64 * 1024

/** One stream of a connection (RFC 9113 5.1): what either side sends on it, and how far that is. */
export class Stream implements Sending, InboxOwner {
  readonly id: number
  user: StreamUser | undefined
  /** Handed to whoever serves it: how it ends is no longer the protocol's to record. */
  isServed = false
  queues = false
  /** The peer has sent all it sends. */
  receivedAll = false
  /** All of ours is in the outbox. */
  sentAll = false
  /** Nothing more happens on it. */
  isOver = false
  /** Name, value pairs behind the body of the peer. */
  trailers: readonly string[] = []
  /** Octets of body that the peer announced; -1 for none. */
  declared = -1
  /** Octets of body either way so far. */
  received = 0
  sent = 0
  readonly sendWindow: SendWindow
  readonly #owner: StreamOwner
  readonly #receiveSize: number
  #receiveWindow: ReceiveWindow | undefined
  #inbox: Inbox | undefined
  #head: readonly string[] | undefined
  /** Pieces to send; strings are latin1. The first without `#offset` octets that were sent. */
  #pieces: (string | Buffer)[] = []
  #offset = 0
  #queued = 0
  #leaving = 0
  #ends = false
  #trailing: readonly string[] | undefined
  #owesDrain = false

  constructor(id: number, owner: StreamOwner, windows: StreamWindows) {
    this.id = id
    this.#owner = owner
    this.#receiveSize = windows.receive
    this.sendWindow = new SendWindow(windows.send)
  }

  /** Octets that were written and have not left. */
  get unsent(): number {
    return this.#queued + this.#leaving
  }

  get isPaused(): boolean {
    return this.#inbox?.isPaused ?? true
  }

  pause(): void {
    this.#inbox?.pause()
  }

  resume(): void {
    if (!this.isOver) this.#in().resume()
  }

  /**
   * Takes DATA. Window is given back for what the user took, and for padding at once.
   * @returns the code of the stream error that it is, if it is one.
   */
  receive(view: Buffer, flowed: number, ends: boolean): number | undefined {
    this.#receiveWindow ??= new ReceiveWindow(this.#receiveSize)
    if (!this.#receiveWindow.receive(flowed)) return ErrorCode.flowControl
    this.received += view.length
    if (this.declared >= 0 && this.received > this.declared) return ErrorCode.protocol
    if (view.length > 0) this.#in().receive(view)
    if (flowed > view.length) this.#giveBack(flowed - view.length)
    return ends ? this.receiveEnd([]) : undefined
  }

  /** @returns the code of the stream error that it is, if it is one (RFC 9113 8.1.1). */
  receiveEnd(trailers: readonly string[]): number | undefined {
    if (this.declared >= 0 && this.received !== this.declared) return ErrorCode.protocol
    this.receivedAll = true
    this.trailers = trailers
    this.#inbox?.end()
    return undefined
  }

  onPiece(piece: Buffer): void {
    this.user?.onData(piece)
    this.#giveBack(piece.length)
  }

  onWhole(): void {
    this.user?.onEnd()
  }

  /** Sends a head that stands by itself, such as an answer before the answer. */
  inform(fields: readonly string[]): void {
    if (!this.isOver) this.#owner.outbox.sayHead(this.id, fields, false)
  }

  /** Begins the message of ours. The fields have been checked. */
  begin(fields: readonly string[]): void {
    if (this.isOver) return
    this.#head = fields
    this.#owner.outbox.enter(this)
  }

  /** @returns `false` when the writer should wait for `onDrain`. Strings are latin1. */
  write(piece: string | Buffer): boolean {
    if (this.isOver || piece.length === 0) return true
    this.#pieces.push(piece)
    this.#queued += piece.length
    this.#owner.outbox.enter(this)
    if (this.unsent < highWater) return true
    this.#owesDrain = true
    return false
  }

  /** Ends the message of ours. */
  end(trailers?: readonly string[]): void {
    if (this.isOver) return
    this.#ends = true
    this.#trailing = trailers
    this.#owner.outbox.enter(this)
  }

  /** Ends the stream with RST_STREAM; of what waits the head alone is sent. */
  reset(code: number): void {
    if (this.#head !== undefined) this.#sendHead(this.#owner.outbox, this.#head)
    if (!this.isOver) this.#owner.cutOff(this, code)
  }

  /** The stream is over: lets go of all that it holds. For its connection alone. */
  close(): void {
    if (this.isOver) return
    this.isOver = true
    this.#inbox?.discard()
    this.#owner.release(this.#receiveWindow?.held ?? 0)
    this.#head = undefined
    this.#pieces = []
    this.#queued = 0
    this.#owner.forget(this)
    this.user?.onClose()
  }

  sendNext(outbox: Outbox): Standing {
    if (this.isOver || this.sentAll) return 'idle'
    if (this.#head !== undefined) this.#sendHead(outbox, this.#head)
    if (this.#queued > 0) {
      const own = this.sendWindow.available
      if (own <= 0) return 'idle'
      if (outbox.window.available <= 0) return 'starved'
      this.#sendPiece(outbox, Math.min(own, outbox.window.available, outbox.frameSize))
      if (this.#queued > 0) return 'more'
    }
    if (this.#ends && !this.sentAll) this.#sendEnd(outbox)
    return 'idle'
  }

  haveLeft(octets: number): void {
    this.#leaving -= octets
    this.#drained()
  }

  #in(): Inbox {
    if (this.#inbox === undefined) {
      this.#inbox = new Inbox(this)
      if (this.receivedAll) this.#inbox.end()
    }
    return this.#inbox
  }

  #giveBack(octets: number): void {
    if (this.isOver) return
    this.#owner.release(octets)
    const increment = this.#receiveWindow?.release(octets) ?? 0
    if (increment === 0 || this.receivedAll) return
    this.#owner.outbox.say(windowUpdateFrame(this.id, increment))
  }

  #sendHead(outbox: Outbox, fields: readonly string[]): void {
    this.#head = undefined
    const isAll = this.#ends && this.#queued === 0 && this.#trailing === undefined
    outbox.sayHead(this.id, fields, isAll)
    if (isAll) this.#finish()
  }

  #sendPiece(outbox: Outbox, most: number): void {
    const piece = this.#pieces[0] ?? ''
    const from = this.#offset
    const length = Math.min(most, piece.length - from)
    const isRest = from + length === piece.length
    this.#queued -= length
    this.#offset = isRest ? 0 : from + length
    if (isRest) this.#pieces.shift()
    this.sendWindow.consume(length)
    outbox.window.consume(length)
    this.sent += length
    const isAll = this.#ends && this.#queued === 0 && this.#trailing === undefined
    const head = dataHead(this.id, length, isAll)
    if (typeof piece === 'string') outbox.say(head + piece.slice(from, from + length))
    else if (length <= shortPiece) outbox.say(head + piece.toString('latin1', from, from + length))
    else {
      this.#leaving += length
      outbox.say(head)
      outbox.sayByReference(this, piece.subarray(from, from + length))
    }
    outbox.bodyFrames += 1
    if (isAll) this.#finish()
    else if (this.#owesDrain && this.unsent === 0) process.nextTick(() => this.#drained())
  }

  /** An end that no piece of body could carry. */
  #sendEnd(outbox: Outbox): void {
    if (this.#trailing === undefined) outbox.say(dataHead(this.id, 0, true))
    else outbox.sayHead(this.id, this.#trailing, true)
    this.#finish()
  }

  #finish(): void {
    this.sentAll = true
    this.#owner.sentAll(this)
  }

  #drained(): void {
    if (!this.#owesDrain || this.unsent > 0) return
    this.#owesDrain = false
    this.user?.onDrain()
  }
}
