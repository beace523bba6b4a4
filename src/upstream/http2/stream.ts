import { ReceiveWindow, SendWindow, dataHead, windowUpdateFrame } from '../../http2/index.ts'
import type { Outbox, Sending, Standing } from '../../http2/index.ts'
import { streamWindow } from './greeting.ts'
import { StreamAnswer } from './answer.ts'
import type { AnswerEvents } from './answer.ts'

/** The exchange that a stream is for. */
export interface StreamUser extends AnswerEvents {
  /** All that was written has left, after `write` said to wait. */
  drained(): void
}

/** What a stream needs of its session. */
export interface StreamHost {
  readonly outbox: Outbox
  /** The last frame of ours is in the outbox. */
  sentAll(stream: ClientStream): void
  /** Ends the stream with RST_STREAM. */
  cutOff(stream: ClientStream, code: number): void
}

/** Shorter pieces are copied into the text that leaves: cheaper than a buffer of their own in the write. */
const shortPiece = 8 * 1024
/** With so much that did not leave yet the writer should wait. */
const highWater = 64 * 1024

/** One stream to a service: a request that leaves as the windows let it, and the answer to it. */
export class ClientStream implements Sending {
  readonly id: number
  readonly answer: StreamAnswer
  readonly sendWindow: SendWindow
  queues = false
  /** All of the request is in the outbox. */
  hasSentAll = false
  /** The service has sent all it sends. */
  receivedAll = false
  /** Nothing is sent on it any more; what came may still wait for its receiver. */
  isOver = false
  readonly #host: StreamHost
  readonly #user: StreamUser
  readonly #receiveWindow = new ReceiveWindow(streamWindow)
  /** Pieces to send; of the first, `#offset` octets were. */
  #pieces: Buffer[] = []
  #offset = 0
  #queued = 0
  #leaving = 0
  #ends = false
  #trailers: readonly string[] | undefined
  #owesDrain = false

  constructor(
    host: StreamHost,
    user: StreamUser,
    begin: {
      readonly id: number
      readonly window: number
      readonly headRequest: boolean
      readonly paused: boolean
    },
  ) {
    this.id = begin.id
    this.#host = host
    this.#user = user
    this.sendWindow = new SendWindow(begin.window)
    this.answer = new StreamAnswer(user, {
      headRequest: begin.headRequest,
      paused: begin.paused,
      taken: (octets) => this.#giveBack(octets),
    })
  }

  /** Takes DATA. @returns `false` when it is more than the window of the stream. */
  receive(view: Buffer, flowed: number, ends: boolean): boolean {
    if (!this.#receiveWindow.receive(flowed)) return false
    if (flowed > view.length) this.#giveBack(flowed - view.length)
    this.answer.data(view, ends)
    return true
  }

  /** @returns `false` when the writer should wait. */
  write(piece: Buffer): boolean {
    if (this.isOver) return true
    this.#pieces.push(piece)
    this.#queued += piece.length
    this.#host.outbox.enter(this)
    this.#owesDrain = this.#queued + this.#leaving >= highWater
    return !this.#owesDrain
  }

  /** The request is whole. @param trailers - checked; without any, none are sent. */
  end(trailers: readonly string[]): void {
    if (this.isOver) return
    this.#ends = true
    if (trailers.length > 0) this.#trailers = trailers
    this.#host.outbox.enter(this)
  }

  /** Ends the stream with RST_STREAM; what waits is not sent. */
  reset(code: number): void {
    if (!this.isOver) this.#host.cutOff(this, code)
  }

  /** Lets go of what waits to be sent. For its session alone. */
  close(): void {
    this.isOver = true
    this.#pieces = []
    this.#queued = 0
  }

  sendNext(outbox: Outbox): Standing {
    if (this.isOver || this.hasSentAll) return 'idle'
    if (this.#queued > 0) {
      const own = this.sendWindow.available
      if (own <= 0) return 'idle'
      if (outbox.window.available <= 0) return 'starved'
      this.#sendPiece(outbox, Math.min(own, outbox.window.available, outbox.frameSize))
      if (this.#queued > 0) return 'more'
    }
    if (this.#ends && !this.hasSentAll) this.#sendEnd(outbox)
    return 'idle'
  }

  haveLeft(octets: number): void {
    this.#leaving -= octets
    this.drain()
  }

  #giveBack(octets: number): void {
    if (this.isOver) return
    const increment = this.#receiveWindow.release(octets)
    if (increment === 0 || this.receivedAll) return
    this.#host.outbox.say(windowUpdateFrame(this.id, increment))
  }

  #sendPiece(outbox: Outbox, most: number): void {
    const [piece] = this.#pieces
    if (piece === undefined) return
    const from = this.#offset
    const length = Math.min(most, piece.length - from)
    const isRest = from + length === piece.length
    this.#queued -= length
    this.#offset = isRest ? 0 : from + length
    if (isRest) this.#pieces.shift()
    this.sendWindow.consume(length)
    outbox.window.consume(length)
    const isAll = this.#ends && this.#queued === 0 && this.#trailers === undefined
    outbox.bodyFrames += 1
    if (length <= shortPiece) {
      const octets = piece.toString('latin1', from, from + length)
      outbox.say(dataHead(this.id, length, isAll) + octets)
    } else {
      this.#leaving += length
      outbox.say(dataHead(this.id, length, isAll))
      outbox.sayByReference(this, piece.subarray(from, from + length))
    }
    if (isAll) this.#finish()
    else if (this.#owesDrain) process.nextTick(drainLater, this)
  }

  /** An end that no piece of body could carry. */
  #sendEnd(outbox: Outbox): void {
    if (this.#trailers === undefined) outbox.say(dataHead(this.id, 0, true))
    else outbox.sayHead(this.id, this.#trailers, true)
    this.#finish()
  }

  #finish(): void {
    this.hasSentAll = true
    this.#host.sentAll(this)
  }

  /** Tells a writer who waits to go on, if everything has left. */
  drain(): void {
    if (!this.#owesDrain || this.isOver || this.#queued + this.#leaving > 0) return
    this.#owesDrain = false
    this.#user.drained()
  }
}

function drainLater(stream: ClientStream): void {
  stream.drain()
}
