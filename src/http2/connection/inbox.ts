/** Whom a body is for. */
export interface InboxOwner {
  /**
   * A piece is taken. It may pause the inbox.
   *
   * @param isSole - nothing else is in its memory, which may be freed.
   */
  onPiece(piece: Buffer, isSole: boolean): void
  /** Every piece was taken, and there are no more. */
  onWhole(): void
}

/** So many small pieces that wait are put together: each costs more beside its octets. */
const mostPieces = 64

/** The body that a peer sends on a stream: handed on as it comes, and held while nobody takes it. */
export class Inbox {
  readonly #owner: InboxOwner
  #pieces: Buffer[] = []
  #flows = false
  #isWhole = false
  #isOver = false
  #isDue = false

  constructor(owner: InboxOwner) {
    this.#owner = owner
  }

  get isPaused(): boolean {
    return !this.#flows
  }

  receive(piece: Buffer, isSole: boolean): void {
    if (this.#isOver) return
    if (this.#flows && this.#pieces.length === 0) {
      this.#owner.onPiece(piece, isSole)
      return
    }
    this.#pieces.push(ownCopy(piece))
    if (this.#pieces.length > mostPieces) this.#pieces = [Buffer.concat(this.#pieces)]
  }

  /** There will be no more. */
  end(): void {
    this.#isWhole = true
    if (this.#flows) this.#schedule()
  }

  pause(): void {
    this.#flows = false
  }

  /** Goes on in the next tick: whoever begins to listen does so for pieces first and the end later. */
  resume(): void {
    this.#flows = true
    if (this.#pieces.length > 0 || this.#isWhole) this.#schedule()
  }

  /** Lets fall what waits; nothing is handed on any more. */
  discard(): void {
    this.#isOver = true
    this.#pieces = []
  }

  #schedule(): void {
    if (this.#isDue || this.#isOver) return
    this.#isDue = true
    process.nextTick(() => this.#deliver())
  }

  #deliver(): void {
    this.#isDue = false
    while (this.#flows && !this.#isOver) {
      const piece = this.#pieces.shift()
      if (piece === undefined) break
      this.#owner.onPiece(piece, false)
    }
    if (!this.#flows || this.#isOver || !this.#isWhole) return
    this.#isOver = true
    this.#owner.onWhole()
  }
}

/**
 * Invariant: what waits holds no more memory than its octets. A piece is cut out of what was read, which may be
 * mostly frames of other streams.
 */
function ownCopy(piece: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(piece.length)
  piece.copy(own)
  return own
}
