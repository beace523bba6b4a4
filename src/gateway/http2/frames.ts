/** Types of frames (RFC 9113 6). */
export const frameType = {
  data: 0,
  headers: 1,
  rstStream: 3,
  windowUpdate: 8,
  continuation: 9,
} as const

export const frameFlag = { endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const

/** RFC 9113 7. */
export const errorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  refusedStream: 7,
  cancel: 8,
  enhanceYourCalm: 11,
} as const

export interface FrameHead {
  readonly type: number
  readonly flags: number
  readonly stream: number
  /** Bytes of payload. */
  readonly length: number
}

export interface FrameReader {
  /** Called for each frame. @returns whether its payload is wanted. */
  onFrame(head: FrameHead): boolean
  /** A piece of a payload that was wanted; `last` is its end. Its bytes are the connection's, not the reader's. */
  onPayload(piece: Buffer, last: boolean): void
}

const headLength = 9

/** Reads frames (RFC 9113 4.1) off a stream of bytes, however it is cut, without holding payloads. */
export class FrameScanner {
  readonly #reader: FrameReader
  readonly #partial = Buffer.alloc(headLength)
  /** Bytes of the next frame's head that are here already. */
  #have = 0
  /** Bytes of this frame's payload that are still to come. */
  #left = 0
  #wanted = false

  constructor(reader: FrameReader) {
    this.#reader = reader
  }

  scan(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      at = this.#left > 0 ? this.#payload(chunk, at) : this.#head(chunk, at)
    }
  }

  #payload(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#left)
    this.#left -= end - at
    if (this.#wanted) this.#reader.onPayload(chunk.subarray(at, end), this.#left === 0)
    return end
  }

  #head(chunk: Buffer, at: number): number {
    if (this.#have === 0 && chunk.length - at >= headLength) {
      this.#begin(chunk, at)
      return at + headLength
    }
    const taken = chunk.copy(this.#partial, this.#have, at, at + headLength - this.#have)
    this.#have += taken
    if (this.#have === headLength) {
      this.#have = 0
      this.#begin(this.#partial, 0)
    }
    return at + taken
  }

  #begin(bytes: Buffer, at: number): void {
    this.#left = bytes.readUIntBE(at, 3)
    this.#wanted = this.#reader.onFrame({
      type: bytes.readUInt8(at + 3),
      flags: bytes.readUInt8(at + 4),
      stream: bytes.readUInt32BE(at + 5) & 0x7fffffff,
      length: this.#left,
    })
    if (this.#wanted && this.#left === 0) this.#reader.onPayload(bytes.subarray(0, 0), true)
  }
}
