import { countFields } from './field-count.ts'
import { errorCode, frameFlag, frameType } from './frames.ts'
import type { FrameHead, FrameReader } from './frames.ts'
import { PerSecond } from './per-second.ts'

/** What the bytes of a connection say of one stream. */
export interface StreamTraffic {
  /** Fields that were sent as the header section; `undefined` when that could not be read. */
  readonly fields: number | undefined
  /** The same for the trailer section, once there is one. */
  trailerFields: number | undefined
  /** The caller has sent the whole message. */
  ended: boolean
  /** The request was handed on: how it ends is no longer the protocol's to say. */
  begun: boolean
  /** We have said all we say: the answer is whole, or we reset the stream. */
  over: boolean
  /** Bytes of frames with body, either way. */
  received: number
  sent: number
}

export interface TrafficLimits {
  readonly headerBytes: number
  /** Streams that the other side may have open. */
  readonly mostAtOnce: number
  /** In milliseconds; never goes back. */
  readonly now: () => number
}

export interface TrafficEvents {
  /** The other side does what costs us much and it nothing. */
  readonly onFlood: (what: string) => void
  /** A stream was reset by the runtime before any request came of it. */
  readonly onRejected: (stream: number, code: number) => void
}

/** Streams that are cancelled, or end because the caller broke a rule. Closing a tab ends a hundred. */
const mostResets = 150
/** Frames that carry nothing: pings, settings, priorities, empty data, frames of unknown types. */
const mostOddFrames = 5000
/** Streams whose end we have not heard of; the runtime keeps no more than a hundred open. */
const mostStreams = 1000
/** Frames that continue one header section. Two are enough for the largest we read. */
const mostContinuations = 16
/** Room for headers that the runtime itself refuses, which leaves the connection to others. */
const roomBeyondLimit = 16 * 1024
/** What a field counts at least against the limit of a header section (RFC 9113 6.5.2). */
const leastPerField = 32
/** Window updates that may come for each piece of body we send, and before the first. */
const updatesPerPiece = 10
const mostUpdates = 2000

interface HeaderBlock {
  readonly head: FrameHead
  readonly startedAt: number
  pieces: Buffer[]
  size: number
  frames: number
  whole: boolean
}

/**
 * Follows the frames of one connection both ways and bounds what the runtime does not: how often streams are
 * reset, how much comes to nothing, how long a header section goes on. Counts fields, because the runtime
 * drops those it does not like without a word.
 */
export class Traffic {
  readonly inbound: FrameReader
  readonly outbound: FrameReader
  readonly streams = new Map<number, StreamTraffic>()
  readonly #limits: TrafficLimits
  readonly #events: TrafficEvents
  readonly #resets = new PerSecond(mostResets)
  readonly #oddFrames = new PerSecond(mostOddFrames)
  #updates = mostUpdates
  #lastStream = 0
  #block: HeaderBlock | undefined
  #reset = { stream: 0, code: Buffer.alloc(0) }

  constructor(limits: TrafficLimits, events: TrafficEvents) {
    this.#limits = limits
    this.#events = events
    this.inbound = {
      onFrame: (head) => this.#received(head),
      onPayload: (piece, last) => this.#headerPiece(piece, last),
    }
    this.outbound = {
      onFrame: (head) => this.#sent(head),
      onPayload: (piece, last) => this.#resetPiece(piece, last),
    }
  }

  /** Since when a header section is being sent that is not whole yet. */
  get blockSince(): number | undefined {
    return this.#block?.startedAt
  }

  #received(head: FrameHead): boolean {
    switch (head.type) {
      case frameType.headers:
      case frameType.continuation:
        return this.#beginPiece(head)
      case frameType.data:
        this.#receivedData(head)
        return false
      case frameType.rstStream:
        this.#receivedReset(head.stream)
        return false
      case frameType.windowUpdate:
        this.#updates -= 1
        if (this.#updates < 0) this.#events.onFlood('window updates')
        return false
      default:
        this.#countOddFrame()
        return false
    }
  }

  /** A caller that is told to stop sending may answer with a reset: that undoes nothing we did. */
  #receivedReset(stream: number): void {
    const isOver = this.streams.get(stream)?.over ?? stream <= this.#lastStream
    if (isOver) this.#countOddFrame()
    else this.#countReset()
  }

  #receivedData({ stream, length, flags }: FrameHead): void {
    const ends = (flags & frameFlag.endStream) !== 0
    const traffic = this.streams.get(stream)
    if (traffic !== undefined) {
      traffic.received += length
      if (ends) traffic.ended = true
    }
    if (length === 0 && !ends) this.#countOddFrame()
  }

  #beginPiece(head: FrameHead): boolean {
    if (head.type === frameType.headers) {
      const startedAt = this.#limits.now()
      this.#block = { head, startedAt, pieces: [], size: 0, frames: 0, whole: false }
    }
    const block = this.#block
    // A continuation of nothing: the runtime ends the connection over it.
    if (block === undefined) return false
    block.frames += 1
    block.size += head.length
    block.whole = (head.flags & frameFlag.endHeaders) !== 0
    const tooLong = block.size > this.#limits.headerBytes + roomBeyondLimit
    if (tooLong || block.frames > mostContinuations) this.#events.onFlood('a header section')
    return true
  }

  #headerPiece(piece: Buffer, last: boolean): void {
    const block = this.#block
    if (block === undefined) return
    if (!last || !block.whole) {
      block.pieces.push(Buffer.from(piece))
      return
    }
    this.#block = undefined
    const { pieces } = block
    this.#headerSection(block.head, pieces.length === 0 ? piece : Buffer.concat([...pieces, piece]))
  }

  #headerSection(head: FrameHead, payload: Buffer): void {
    const content = withoutPadding(head.flags, payload)
    const fields = content === undefined ? undefined : countFields(content)
    const most = (this.#limits.headerBytes + roomBeyondLimit) / leastPerField
    if (fields !== undefined && fields > most) this.#events.onFlood('fields')
    const ended = (head.flags & frameFlag.endStream) !== 0
    if (head.stream <= this.#lastStream) {
      const traffic = this.streams.get(head.stream)
      if (traffic === undefined) return
      traffic.trailerFields = fields
      traffic.ended = ended
      return
    }
    this.#lastStream = head.stream
    this.streams.set(head.stream, {
      fields,
      trailerFields: undefined,
      ended,
      begun: false,
      over: false,
      received: 0,
      sent: 0,
    })
    this.#grantUpdates()
    if (this.streams.size > mostStreams) this.#events.onFlood('streams')
  }

  #sent(head: FrameHead): boolean {
    if (head.type === frameType.data || head.type === frameType.headers) {
      const traffic = this.streams.get(head.stream)
      if (traffic !== undefined) {
        if (head.type === frameType.data) traffic.sent += head.length
        if ((head.flags & frameFlag.endStream) !== 0) traffic.over = true
      }
      if (head.type === frameType.data) this.#grantUpdates()
      return false
    }
    if (head.type !== frameType.rstStream) return false
    this.#reset = { stream: head.stream, code: Buffer.alloc(0) }
    return true
  }

  #resetPiece(piece: Buffer, last: boolean): void {
    this.#reset.code = Buffer.concat([this.#reset.code, piece])
    if (!last || this.#reset.code.length < 4) return
    const { stream } = this.#reset
    const traffic = this.streams.get(stream)
    const rejected = traffic?.begun === false
    if (rejected && this.streams.size > this.#limits.mostAtOnce) sayRefused(piece)
    if (traffic !== undefined) traffic.over = true
    const code = piece.length === 4 ? piece.readUInt32BE(0) : this.#reset.code.readUInt32BE(0)
    if (rejected) {
      this.streams.delete(stream)
      this.#events.onRejected(stream, code)
    }
    // A stream beyond the number we allow was never taken up; others of these are the caller's doing.
    if (code === errorCode.refusedStream) this.#countOddFrame()
    else if (!ownCodes.has(code)) this.#countReset()
  }

  #countReset(): void {
    if (this.#resets.exceededAt(this.#limits.now())) this.#events.onFlood('resets')
  }

  #countOddFrame(): void {
    if (this.#oddFrames.exceededAt(this.#limits.now())) this.#events.onFlood('empty frames')
  }

  #grantUpdates(): void {
    this.#updates = Math.min(mostUpdates, this.#updates + updatesPerPiece)
  }
}

/**
 * The runtime counts a stream a moment longer than the protocol does, and resets one too many with a code
 * that says not to try again. This one says that nothing was done (RFC 9113 8.7).
 */
function sayRefused(code: Buffer): void {
  if (code.length === 4) code.writeUInt32BE(errorCode.refusedStream, 0)
}

/** With these we end streams ourselves, whatever the caller does. */
const ownCodes: ReadonlySet<number> = new Set([
  errorCode.noError,
  errorCode.internalError,
  errorCode.cancel,
])

/** RFC 9113 6.2. `undefined` when there is more padding than payload. */
function withoutPadding(flags: number, payload: Buffer): Buffer | undefined {
  const padded = (flags & frameFlag.padded) !== 0
  const padding = padded ? (payload[0] ?? 0) : 0
  const start = (padded ? 1 : 0) + ((flags & frameFlag.priority) === 0 ? 0 : 5)
  const end = payload.length - padding
  return end < start ? undefined : payload.subarray(start, end)
}
