const window = 1000

/** Counts what happens within a sliding second, weighing the second before by how much of it still counts. */
export class PerSecond {
  readonly #most: number
  #startedAt = 0
  #count = 0
  #before = 0

  constructor(most: number) {
    this.#most = most
  }

  /** @param now - in milliseconds, of a clock that never goes back. @returns whether it is too often. */
  exceededAt(now: number): boolean {
    const passed = now - this.#startedAt
    if (passed >= window) {
      this.#before = passed < 2 * window ? this.#count : 0
      this.#count = 0
      this.#startedAt = passed < 2 * window ? this.#startedAt + window : now
    }
    this.#count += 1
    const share = 1 - (now - this.#startedAt) / window
    return this.#count + this.#before * share > this.#most
  }
}
