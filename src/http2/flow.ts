const maxWindow = 2 ** 31 - 1

/** What we may still send on a stream or a connection (RFC 9113 5.2, 6.9). */
export class SendWindow {
  /** Octets that may be sent now; below zero after SETTINGS made the window smaller (RFC 9113 6.9.2). */
  available: number

  constructor(initial: number) {
    this.available = initial
  }

  /** Counts octets of DATA that are sent, padding included. */
  consume(octets: number): void {
    this.available -= octets
  }

  /**
   * Takes WINDOW_UPDATE, or the difference of two SETTINGS_INITIAL_WINDOW_SIZE.
   * @returns false when the window would pass 2^31-1: a flow-control error (RFC 9113 6.9.1).
   */
  grow(octets: number): boolean {
    if (this.available + octets > maxWindow) return false
    this.available += octets
    return true
  }
}

/**
 * What the peer may still send to us. Room is given back as the consumer takes what came, and announced
 * when half of the window has gathered: a frame for each piece would cost more than it says.
 */
export class ReceiveWindow {
  readonly #size: number
  #available: number
  #freed = 0

  /** @param size - what the peer was told; the connection's is 65,535 until the first update. */
  constructor(size: number) {
    this.#size = size
    this.#available = size
  }

  /** Octets that came and were not given back. */
  get held(): number {
    return this.#size - this.#available - this.#freed
  }

  /**
   * Counts octets of DATA that came, padding included.
   * @returns false when the peer sent more than it was allowed to: a flow-control error.
   */
  receive(octets: number): boolean {
    this.#available -= octets
    return this.#available >= 0
  }

  /** Gives back what the consumer took. @returns the increment to announce now, or 0. */
  release(octets: number): number {
    this.#freed += octets
    if (this.#freed * 2 < this.#size) return 0
    const increment = this.#freed
    this.#freed = 0
    this.#available += increment
    return increment
  }
}
