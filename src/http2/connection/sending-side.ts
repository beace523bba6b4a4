import { SendWindow } from '../flow.ts'
import { dataHead } from '../frame-writer.ts'
import type { Outbox, Sending, Standing } from './outbox.ts'

/** Shorter pieces are copied into the text that leaves: cheaper than a buffer of their own in the write. */
const shortPiece = 8 * 1024
/** With more than this to send the writer should wait. */
const highWater = 64 * 1024
/** The same with so many pieces: small ones hold more memory beside their octets. */
const mostPieces = 256

/**
 * The sending side of a stream of either role: a body that leaves as the windows let it, a frame for each turn,
 * and behind it trailers or the bare end.
 */
export abstract class SendingSide implements Sending {
  readonly id: number
  queues = false
  /** All of ours is in the outbox. */
  sentAll = false
  /** Nothing more is sent on it. */
  isOver = false
  /** Octets of body that were sent. */
  sent = 0
  readonly sendWindow: SendWindow
  protected readonly outbox: Outbox
  /** Pieces to send; strings are latin1. Of the first, `#offset` octets were sent. */
  #pieces: (string | Buffer)[] = []
  #offset = 0
  #queued = 0
  #leaving = 0
  #ends = false
  #trailers: readonly string[] | undefined
  #owesDrain = false

  constructor(id: number, outbox: Outbox, window: number) {
    this.id = id
    this.outbox = outbox
    this.sendWindow = new SendWindow(window)
  }

  /** Octets that were written and have not left. */
  get unsent(): number {
    return this.#queued + this.#leaving
  }

  /** @returns `false` when the writer should wait until it is told to go on. Strings are latin1. */
  write(piece: string | Buffer): boolean {
    if (this.isOver || piece.length === 0) return true
    this.#pieces.push(piece)
    this.#queued += piece.length
    this.outbox.enter(this)
    if (this.unsent < highWater && this.#pieces.length < mostPieces) return true
    this.#owesDrain = true
    return false
  }

  /** Ends the message of ours. @param trailers - checked. */
  end(trailers?: readonly string[]): void {
    if (this.isOver) return
    this.#ends = true
    this.#trailers = trailers
    this.outbox.enter(this)
  }

  sendNext(outbox: Outbox): Standing {
    if (this.isOver || this.sentAll) return 'idle'
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
    this.drain()
  }

  /** Tells a writer who waits to go on, if everything has left. */
  drain(): void {
    if (!this.#owesDrain || this.unsent > 0) return
    this.#owesDrain = false
    this.onDrained()
  }

  /** The frame that is about to leave is the last one of ours. */
  protected get endsHere(): boolean {
    return this.#ends && this.#queued === 0 && this.#trailers === undefined
  }

  /** Lets fall what waits to be sent. */
  protected dropUnsent(): void {
    this.#pieces = []
    this.#queued = 0
  }

  protected finish(): void {
    this.sentAll = true
    this.onSentAll()
  }

  protected abstract onSentAll(): void
  protected abstract onDrained(): void

  /** One frame: of short pieces as many as fit, of a long one a part. */
  #sendPiece(outbox: Outbox, most: number): void {
    const text = this.#takeShort(most)
    const long = text === '' ? this.#takeLong(most) : undefined
    const length = long?.length ?? text.length
    this.sendWindow.consume(length)
    outbox.window.consume(length)
    this.sent += length
    const isAll = this.endsHere
    const head = dataHead(this.id, length, isAll)
    if (long === undefined) outbox.say(head + text)
    else {
      this.#leaving += length
      outbox.say(head)
      outbox.sayByReference(this, long)
    }
    outbox.bodyFrames += 1
    if (isAll) this.finish()
    else if (this.#owesDrain && this.unsent === 0) process.nextTick(drainLater, this)
  }

  #takeShort(most: number): string {
    let text = ''
    for (let [piece] = this.#pieces; piece !== undefined; [piece] = this.#pieces) {
      const from = this.#offset
      const length = Math.min(most - text.length, piece.length - from)
      const isLong = typeof piece !== 'string' && length > shortPiece
      if (length === 0 || isLong) break
      if (typeof piece === 'string') text += piece.slice(from, from + length)
      else text += piece.toString('latin1', from, from + length)
      this.#take(piece, length)
    }
    return text
  }

  #takeLong(most: number): Buffer | undefined {
    const [piece] = this.#pieces
    if (piece === undefined || typeof piece === 'string') return undefined
    const from = this.#offset
    const length = Math.min(most, piece.length - from)
    this.#take(piece, length)
    return piece.subarray(from, from + length)
  }

  #take(piece: string | Buffer, length: number): void {
    this.#queued -= length
    this.#offset += length
    if (this.#offset < piece.length) return
    this.#offset = 0
    this.#pieces.shift()
  }

  /** An end that no piece of body could carry. */
  #sendEnd(outbox: Outbox): void {
    if (this.#trailers === undefined) outbox.say(dataHead(this.id, 0, true))
    else outbox.sayHead(this.id, this.#trailers, true)
    this.finish()
  }
}

function drainLater(stream: SendingSide): void {
  stream.drain()
}
