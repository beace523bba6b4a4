/** DATA of one stream, as it is handed on. */
export interface DataPiece {
  /** Stays as it is for as long as the owner of the bytes fed leaves them alone. */
  readonly octets: Buffer
  /** Octets that flow control counts: padding too. */
  readonly flowed: number
  /** Nothing follows on the stream. */
  readonly ends: boolean
  /** Nothing else is in its memory, which whoever takes it may free, at once if they like. */
  readonly isSole: boolean
}

/**
 * Puts frames of DATA that follow each other on one stream, in one read, together in place: the nine octets
 * between them close up. What a body costs further on is counted by pieces, not by octets.
 */
export class DataRun {
  /** 0 while there is none. */
  stream = 0
  #from = 0
  #to = 0
  #ends = false
  /** Some of what was read went elsewhere. */
  #isShared = false

  /** Another read begins. */
  begin(): void {
    this.#isShared = false
  }

  /** Some of what was read is handed on beside the run. */
  share(): void {
    this.#isShared = true
  }

  /** Whether this run goes on with that stream. */
  takes(stream: number): boolean {
    return this.stream === stream && !this.#ends
  }

  /** Takes octets of DATA without padding that `takes` allows, or that begin a run. */
  add(bytes: Buffer, part: { stream: number; from: number; to: number; ends: boolean }): void {
    const { from, to } = part
    if (this.stream === 0) {
      this.stream = part.stream
      this.#from = from
      this.#to = to
    } else {
      bytes.copyWithin(this.#to, from, to)
      this.#to += to - from
    }
    this.#ends = part.ends
  }

  /**
   * Ends the run. @param isLast - nothing else of `bytes` is looked at any more.
   *
   * Invariant: a piece is said to be sole only when no other piece of its memory was handed on, and none of it
   * is read behind it.
   */
  take(bytes: Buffer, isLast: boolean): DataPiece {
    const isWhole = bytes.length === bytes.buffer.byteLength
    const isSole = isLast && isWhole && !this.#isShared
    const flowed = this.#to - this.#from
    this.#isShared = true
    this.stream = 0
    return { octets: bytes.subarray(this.#from, this.#to), flowed, ends: this.#ends, isSole }
  }
}
