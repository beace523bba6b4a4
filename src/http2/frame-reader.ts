import { ErrorCode, Flag, FrameType, connectionPreface } from './codes.ts'
import { DataRun } from './data-run.ts'
import type { DataPiece } from './data-run.ts'
import { ConnectionProblem } from './problem.ts'

/**
 * Receives frames in order, from inside `feed`. Each is well-formed by itself; whether its stream may have
 * it is the connection's to judge. Padding and priority are gone, unknown types come as `ignored`.
 */
export interface FrameSink {
  /** A frame, a piece of one that came in pieces, or several that came together. */
  data(stream: number, piece: DataPiece): void
  /** A whole field block, of HEADERS and its CONTINUATIONs. `block` is only valid during the call. */
  headers(stream: number, block: Buffer, endStream: boolean): void
  reset(stream: number, code: number): void
  /** For `PeerSettings`; only valid during the call. */
  settings(payload: Buffer): void
  settingsAck(): void
  /** @param opaque - eight characters of latin1, for `pingAck`. */
  ping(opaque: string): void
  pingAck(opaque: string): void
  goaway(lastStream: number, code: number): void
  /** An `increment` of 0 comes for streams only, and is an error of theirs (RFC 9113 6.9). */
  windowUpdate(stream: number, increment: number): void
  /** PRIORITY, PRIORITY_UPDATE and unknown types: nothing to do but to count them. */
  ignored(type: number, stream: number): void
}

export interface FrameReaderOptions {
  /** The longest payload taken: what our SETTINGS say, 16,384 at least. */
  readonly maxFrameSize: number
  /** The longest field block, encoded, of HEADERS and its CONTINUATIONs together. */
  readonly maxBlockBytes: number
  /** Whether the peer is a client, whose preface comes before its first frame (RFC 9113 3.4). */
  readonly expectPreface: boolean
}

const headLength = 9
/** An honest peer fills its frames: more of them for one block only cost us time (CVE-2024-27316). */
const maxContinuations = 8
const preface = Buffer.from(connectionPreface, 'latin1')
const nothing = Buffer.alloc(0)
/** Also what is left of a number whose first bit is reserved (RFC 9113 4.1). */
const maxStream = 0x7fff_ffff

/**
 * Reads the frames of one connection from whatever pieces arrive: what is found does not depend on where
 * the pieces were cut. Knows nothing of sockets, and of streams only that they have numbers.
 */
export class FrameReader {
  readonly #sink: FrameSink
  readonly #options: FrameReaderOptions
  #problem: ConnectionProblem | undefined
  #stopped = false
  #prefaceRead: number
  /** The first frame has to be SETTINGS (RFC 9113 3.4). */
  #settled = false
  /** A frame whose end has not come: its head, until nine octets are there, then all of it. */
  #partial: Buffer = nothing
  #partialLength = 0
  /** What is still to come of DATA whose beginning was handed on. */
  #dataLeft = 0
  #dataStream = 0
  #dataEnds = false
  readonly #run = new DataRun()
  /** The block that CONTINUATION has to go on with, and for which stream; 0 for none. */
  #blockStream = 0
  #blockEnds = false
  #block: Buffer = nothing
  #continuations = 0

  constructor(sink: FrameSink, options: FrameReaderOptions) {
    this.#sink = sink
    this.#options = options
    this.#prefaceRead = options.expectPreface ? 0 : preface.length
  }

  /** Whether a header section has begun, be it with the type of its first frame, and is not whole. */
  get inHeaders(): boolean {
    const begins = this.#partialLength > 3 && this.#partial[3] === FrameType.headers
    return begins || this.#blockStream !== 0
  }

  /** Reads nothing more, from inside a call of the sink too. */
  stop(): void {
    this.#stopped = true
  }

  /**
   * Takes the next bytes, which are the reader's to change.
   *
   * @returns the connection error they are, from then on each time.
   */
  feed(bytes: Buffer): ConnectionProblem | undefined {
    if (!this.#reading) return this.#problem
    this.#run.begin()
    let at = this.#prefaceRead < preface.length ? this.#feedPreface(bytes) : 0
    if (this.#dataLeft > 0) at = this.#feedData(bytes, at)
    else if (this.#partialLength > 0) at = this.#feedPartial(bytes, at)
    while (this.#reading && at < bytes.length) at = this.#feedFrame(bytes, at)
    this.#handOn(bytes, true)
    return this.#problem
  }

  /** Takes one frame, or what there is of it. @returns the index after the last byte taken. */
  #feedFrame(bytes: Buffer, at: number): number {
    const whole = this.#lengthOf(bytes, at, bytes.length - at)
    if (!this.#reading) return at
    if (whole > headLength && this.#beginsData(bytes, at)) {
      this.#dataLeft = whole - headLength
      return this.#feedData(bytes, at + headLength)
    }
    if (at + whole > bytes.length) {
      this.#keep(bytes, at, whole)
      return bytes.length
    }
    this.#handOn(bytes, false)
    if (this.#reading) this.#frame(bytes, at, at + whole)
    return at + whole
  }

  get #reading(): boolean {
    return this.#problem === undefined && !this.#stopped
  }

  #feedPreface(bytes: Buffer): number {
    const taken = Math.min(bytes.length, preface.length - this.#prefaceRead)
    const from = this.#prefaceRead
    this.#prefaceRead += taken
    if (bytes.compare(preface, from, from + taken, 0, taken) !== 0) {
      this.#fail(ErrorCode.protocol, 'no connection preface')
    }
    return taken
  }

  /**
   * How long the frame is whose first octets are at `at`; as long as its head while that is not whole.
   * Fails when it is longer than we take, before any of it is kept.
   */
  #lengthOf(bytes: Buffer, at: number, available: number): number {
    if (available < headLength) return headLength
    const length = bytes.readUIntBE(at, 3)
    if (length > this.#options.maxFrameSize) {
      this.#fail(ErrorCode.frameSize, 'a frame longer than allowed')
    }
    return headLength + length
  }

  #keep(bytes: Buffer, at: number, whole: number): void {
    this.#partial = Buffer.allocUnsafeSlow(whole)
    this.#partialLength = bytes.copy(this.#partial, 0, at)
  }

  /** Goes on with the frame that was cut. @returns the index after the last byte taken. */
  #feedPartial(bytes: Buffer, from: number): number {
    let at = this.#fillPartial(bytes, from)
    if (this.#partialLength < this.#partial.length) return at
    const whole = this.#lengthOf(this.#partial, 0, this.#partial.length)
    if (!this.#reading) return at
    if (whole > this.#partial.length) {
      if (this.#beginsData(this.#partial, 0)) {
        this.#partialLength = 0
        this.#dataLeft = whole - headLength
        return this.#feedData(bytes, at)
      }
      this.#keep(this.#partial, 0, whole)
      at = this.#fillPartial(bytes, at)
      if (this.#partialLength < whole) return at
    }
    const frame = this.#partial
    this.#partial = nothing
    this.#partialLength = 0
    this.#frame(frame, 0, whole)
    return at
  }

  #fillPartial(bytes: Buffer, from: number): number {
    const copied = bytes.copy(this.#partial, this.#partialLength, from)
    this.#partialLength += copied
    return from + copied
  }

  /**
   * Whether it is DATA that can be handed on as it comes, because it has no padding: bodies are not copied, and
   * do not wait for the end of their frames.
   */
  #beginsData(bytes: Buffer, at: number): boolean {
    if (at + headLength > bytes.length || bytes[at + 3] !== FrameType.data) return false
    const flags = bytes[at + 4] ?? 0
    const stream = bytes.readUInt32BE(at + 5) & maxStream
    // What may not stand here is kept, and judged when it is whole.
    if ((flags & Flag.padded) !== 0 || stream === 0) return false
    if (!this.#settled || this.#blockStream !== 0) return false
    this.#dataStream = stream
    this.#dataEnds = (flags & Flag.endStream) !== 0
    return true
  }

  #feedData(bytes: Buffer, at: number): number {
    const to = Math.min(bytes.length, at + this.#dataLeft)
    if (to === at) return at
    this.#dataLeft -= to - at
    const stream = this.#dataStream
    if (!this.#run.takes(stream)) this.#handOn(bytes, false)
    const ends = this.#dataLeft === 0 && this.#dataEnds
    if (this.#reading) this.#run.add(bytes, { stream, from: at, to, ends })
    return to
  }

  /** @param isLast - no more of what was read is looked at. */
  #handOn(bytes: Buffer, isLast: boolean): void {
    const { stream } = this.#run
    if (stream !== 0) this.#sink.data(stream, this.#run.take(bytes, isLast))
  }

  #frame(bytes: Buffer, at: number, end: number): void {
    const type = bytes[at + 3] ?? 0
    const flags = bytes[at + 4] ?? 0
    const stream = bytes.readUInt32BE(at + 5) & maxStream
    if (!this.#settled && (type !== FrameType.settings || (flags & Flag.ack) !== 0)) {
      this.#fail(ErrorCode.protocol, 'a first frame other than SETTINGS')
    } else if (
      this.#blockStream !== 0 &&
      (type !== FrameType.continuation || stream !== this.#blockStream)
    ) {
      this.#fail(ErrorCode.protocol, 'a frame within a field block')
    } else if (!isOnItsStream(type, stream)) {
      this.#fail(ErrorCode.protocol, 'a frame on a stream it does not belong to')
    } else {
      this.#settled = true
      this.#dispatch(type, flags, stream, bytes.subarray(at + headLength, end))
    }
  }

  #dispatch(type: number, flags: number, stream: number, payload: Buffer): void {
    switch (type) {
      case FrameType.data:
        return this.#data(stream, flags, payload)
      case FrameType.headers:
        return this.#headers(stream, flags, payload)
      case FrameType.continuation:
        return this.#continuation(flags, payload)
      case FrameType.windowUpdate:
        return this.#windowUpdate(stream, payload)
      case FrameType.reset:
        if (this.#hasLength(payload, 4)) this.#sink.reset(stream, payload.readUInt32BE(0))
        return undefined
      case FrameType.priority:
        if (this.#hasLength(payload, 5)) this.#sink.ignored(type, stream)
        return undefined
      default:
        return this.#dispatchOther(type, flags, stream, payload)
    }
  }

  #dispatchOther(type: number, flags: number, stream: number, payload: Buffer): void {
    switch (type) {
      case FrameType.settings:
        return this.#settings(flags, payload)
      case FrameType.ping:
        return this.#ping(flags, payload)
      case FrameType.goaway:
        return this.#goaway(payload)
      case FrameType.pushPromise:
        // A client of ours says ENABLE_PUSH 0, and clients may not push at all (RFC 9113 8.4).
        return this.#fail(ErrorCode.protocol, 'PUSH_PROMISE')
      default:
        return this.#sink.ignored(type, stream)
    }
  }

  #data(stream: number, flags: number, payload: Buffer): void {
    const padded = (flags & Flag.padded) !== 0
    const octets = padded ? this.#unpadded(payload, 0) : payload
    if (octets === undefined) return
    const ends = (flags & Flag.endStream) !== 0
    if (octets.length > 0) this.#run.share()
    this.#sink.data(stream, { octets, flowed: payload.length, ends, isSole: false })
  }

  #headers(stream: number, flags: number, payload: Buffer): void {
    const skipped = (flags & Flag.priority) === 0 ? 0 : 5
    let fragment: Buffer | undefined = payload
    if ((flags & Flag.padded) !== 0) fragment = this.#unpadded(payload, skipped)
    else if (payload.length < skipped) this.#fail(ErrorCode.frameSize, 'HEADERS cut short')
    else if (skipped > 0) fragment = payload.subarray(skipped)
    if (fragment === undefined || !this.#reading || !this.#blockFits(fragment.length)) return
    const ends = (flags & Flag.endStream) !== 0
    if ((flags & Flag.endHeaders) !== 0) {
      this.#sink.headers(stream, fragment, ends)
      return
    }
    this.#blockStream = stream
    this.#blockEnds = ends
    this.#block = Buffer.from(fragment)
    this.#continuations = 0
  }

  #continuation(flags: number, payload: Buffer): void {
    const stream = this.#blockStream
    this.#continuations += 1
    if (stream === 0) this.#fail(ErrorCode.protocol, 'CONTINUATION of nothing')
    else if (this.#continuations > maxContinuations) {
      this.#fail(ErrorCode.enhanceYourCalm, 'too many CONTINUATIONs')
    } else if (this.#blockFits(this.#block.length + payload.length)) {
      const block = Buffer.concat([this.#block, payload])
      const last = (flags & Flag.endHeaders) !== 0
      this.#block = last ? nothing : block
      if (!last) return
      this.#blockStream = 0
      this.#sink.headers(stream, block, this.#blockEnds)
    }
  }

  /** Invariant: no more of a field block is kept or decoded than the options say, however it comes. */
  #blockFits(length: number): boolean {
    if (length <= this.#options.maxBlockBytes) return true
    this.#fail(ErrorCode.enhanceYourCalm, 'a field block longer than allowed')
    return false
  }

  #settings(flags: number, payload: Buffer): void {
    if ((flags & Flag.ack) !== 0) {
      if (this.#hasLength(payload, 0)) this.#sink.settingsAck()
    } else if (payload.length % 6 === 0) this.#sink.settings(payload)
    else this.#fail(ErrorCode.frameSize, 'SETTINGS of a wrong length')
  }

  #ping(flags: number, payload: Buffer): void {
    if (!this.#hasLength(payload, 8)) return
    const opaque = payload.toString('latin1', 0, 8)
    if ((flags & Flag.ack) === 0) this.#sink.ping(opaque)
    else this.#sink.pingAck(opaque)
  }

  #goaway(payload: Buffer): void {
    if (payload.length < 8) this.#fail(ErrorCode.frameSize, 'GOAWAY cut short')
    else this.#sink.goaway(payload.readUInt32BE(0) & maxStream, payload.readUInt32BE(4))
  }

  #windowUpdate(stream: number, payload: Buffer): void {
    if (!this.#hasLength(payload, 4)) return
    const increment = payload.readUInt32BE(0) & maxStream
    if (increment === 0 && stream === 0) this.#fail(ErrorCode.protocol, 'a window update of 0')
    else this.#sink.windowUpdate(stream, increment)
  }

  /** A payload without its pad length, padding and `skipped` octets of priority (RFC 9113 6.1, 6.2). */
  #unpadded(payload: Buffer, skipped: number): Buffer | undefined {
    const start = 1 + skipped
    const end = payload.length - (payload[0] ?? 0)
    if (payload.length < start) this.#fail(ErrorCode.frameSize, 'a padded frame cut short')
    else if (end < start) this.#fail(ErrorCode.protocol, 'padding longer than its frame')
    else return payload.subarray(start, end)
    return undefined
  }

  #hasLength(payload: Buffer, length: number): boolean {
    if (payload.length === length) return true
    this.#fail(ErrorCode.frameSize, 'a frame of a wrong length')
    return false
  }

  #fail(code: number, detail: string): void {
    this.#problem ??= new ConnectionProblem(code, detail)
  }
}

/** Whether a frame is of a stream, or of the connection, as its type says (RFC 9113 6). */
function isOnItsStream(type: number, stream: number): boolean {
  switch (type) {
    case FrameType.data:
    case FrameType.headers:
    case FrameType.priority:
    case FrameType.reset:
    case FrameType.continuation:
      return stream !== 0
    case FrameType.settings:
    case FrameType.ping:
    case FrameType.goaway:
      return stream === 0
    default:
      return true
  }
}
