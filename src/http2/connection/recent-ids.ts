/** Streams that we reset and whose frames may still be on their way (RFC 9113 5.1); the oldest are forgotten. */
const most = 1000

/** The last streams of a connection that were reset by us. */
export class RecentIds {
  readonly #ids = new Set<number>()

  add(id: number): void {
    this.#ids.add(id)
    if (this.#ids.size <= most) return
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest)
      return
    }
  }

  has(id: number): boolean {
    return this.#ids.has(id)
  }
}
