/** Room for so much of something at once, in one serving thread. What does not fit is refused, never waited for. */
export class Room {
  readonly #most: number
  #held = 0

  constructor(most: number) {
    this.#most = most
  }

  get held(): number {
    return this.#held
  }

  take(amount: number): boolean {
    if (this.#held + amount > this.#most) return false
    this.#held += amount
    return true
  }

  giveBack(amount: number): void {
    this.#held -= amount
  }
}

/** What proofs of requests may hold. */
export interface ProofRooms {
  /** For bodies that are read whole, in bytes. */
  readonly bodies: Room
  /** For callers who wait for an approval. */
  readonly waiting: Room
}

export function proofRooms(): ProofRooms {
  return { bodies: new Room(64 * 1024 * 1024), waiting: new Room(256) }
}
