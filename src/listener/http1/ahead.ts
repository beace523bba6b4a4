/** So many pieces are made one, lest each keeps a buffer of its own: they may be of a byte each. */
const mostPieces = 64

/** What was read of a connection and not parsed yet: it waits behind a request under way. */
export class Ahead {
  length = 0
  #pieces: Buffer[] = []

  add(piece: Buffer): void {
    this.length += piece.length
    this.#pieces.push(piece)
    if (this.#pieces.length === mostPieces) this.#pieces = [Buffer.concat(this.#pieces)]
  }

  /** @returns all of it; `undefined` where nothing waits. */
  take(): Buffer | undefined {
    const [first, ...others] = this.#pieces
    if (first === undefined) return undefined
    this.length = 0
    this.#pieces = []
    return others.length === 0 ? first : Buffer.concat([first, ...others])
  }
}
