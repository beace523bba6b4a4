import { randomBytes } from 'node:crypto'

const longestHeader = 14
const continuation = 0

/**
 * Follows the frames of one direction of a WebSocket (RFC 6455 5.2) by their headers: where they begin and
 * end, and how long messages are. Nothing is copied or changed, and nothing is refused for its form.
 */
export class FrameFollower {
  readonly #maxMessage: number
  readonly #header = Buffer.alloc(longestHeader)
  /** Bytes of a header so far, and bytes of payload to come. */
  #gathered = 0
  #remaining = 0
  #message = 0
  #dataFrames = 0
  #isLost = false

  constructor(maxMessage = Infinity) {
    this.#maxMessage = maxMessage
  }

  /** Between two frames: what is put in here is read as a frame of its own. */
  get isBetweenFrames(): boolean {
    return !this.#isLost && this.#remaining === 0 && this.#gathered === 0
  }

  /** Frames that carry content, not pings, pongs and closes. */
  get dataFrames(): number {
    return this.#dataFrames
  }

  /** @returns `false` when a message is longer than it may be. */
  follow(chunk: Buffer): boolean {
    let at = 0
    while (at < chunk.length && !this.#isLost) {
      if (this.#remaining > 0) {
        const skipped = Math.min(this.#remaining, chunk.length - at)
        this.#remaining -= skipped
        at += skipped
      } else {
        this.#header[this.#gathered++] = chunk[at++] ?? 0
        if (this.#gathered === this.#headerLength() && !this.#begin()) return false
      }
    }
    return true
  }

  /** As far as it is known: two bytes say the rest. */
  #headerLength(): number {
    if (this.#gathered < 2) return 2
    const second = this.#header[1] ?? 0
    const length = second & 0x7f
    const extended = length === 127 ? 8 : length === 126 ? 2 : 0
    return 2 + extended + (second >= 0x80 ? 4 : 0)
  }

  #begin(): boolean {
    this.#gathered = 0
    this.#remaining = this.#payloadLength()
    const opcode = (this.#header[0] ?? 0) & 0x0f
    // Control frames may stand within a message and are no part of it (RFC 6455 5.4).
    if (opcode >= 8) return true
    this.#dataFrames += 1
    this.#message = (opcode === continuation ? this.#message : 0) + this.#remaining
    return this.#message <= this.#maxMessage
  }

  #payloadLength(): number {
    const length = (this.#header[1] ?? 0) & 0x7f
    if (length === 126) return this.#header.readUInt16BE(2)
    if (length < 126) return length
    const long = this.#header.readBigUInt64BE(2)
    // No such frame ever ends, so there is no place between frames any more.
    if (long > BigInt(Number.MAX_SAFE_INTEGER)) this.#isLost = true
    return Number(long)
  }
}

/** RFC 6455 7.4.1. */
export type CloseCode = 1001 | 1008 | 1009

/** A close frame; the side that opened the connection has to mask (RFC 6455 5.3). */
export function closeFrame(code: CloseCode, reason: string, masked: boolean): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason))
  payload.writeUInt16BE(code)
  payload.write(reason, 2)
  if (!masked) return Buffer.concat([Buffer.from([0x88, payload.length]), payload])
  const key = randomBytes(4)
  for (let at = 0; at < payload.length; at++) {
    payload[at] = (payload[at] ?? 0) ^ (key[at % 4] ?? 0)
  }
  return Buffer.concat([Buffer.from([0x88, 0x80 + payload.length]), key, payload])
}
