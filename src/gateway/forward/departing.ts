/** Smaller pieces are as cheap to leave to the garbage collector. */
const worthwhile = 16 * 1024

/**
 * Memory of the pieces of a body on their way out, freed as soon as they have left. The garbage collector
 * would find them much later, and looks through everything there is whenever enough of them have piled up:
 * that costs more than the transfer.
 */
export class Departing {
  #pieces: Buffer[] = []

  /** Takes a piece that was written, and whose memory is nobody else's. */
  add(piece: Buffer): void {
    if (piece.buffer.byteLength >= worthwhile) this.#pieces.push(piece)
  }

  /** Invariant: called only when nobody has anything left to write, since what is freed is used for others. */
  haveLeft(): void {
    if (this.#pieces.length === 0) return
    for (const { buffer } of this.#pieces) {
      if (buffer instanceof ArrayBuffer) buffer.transfer(0)
    }
    this.#pieces = []
  }
}

/** Whether a piece fills its memory, so that no other can be in it. */
export function fillsMemory(piece: Buffer): boolean {
  return piece.length === piece.buffer.byteLength
}
