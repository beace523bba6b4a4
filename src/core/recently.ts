/** What is kept in more detail while it is met often. */
export interface Meetable {
  /** Set by `Recently` alone. */
  meetings: 'none' | 'one' | 'several'
  /** It was met several times, but not of late: what can be made again is let go. */
  letGo(): void
}

/**
 * Tells apart what comes again soon from what comes once in a while, among any number. Bounded: it knows the
 * last `capacity` that were met, and keeps none of them: with it would stay whatever it was made of, such as
 * the policies of a configuration that was replaced.
 */
export class Recently<One extends Meetable> {
  readonly #ring: (WeakRef<One> | undefined)[]
  #next = 0

  constructor(capacity: number) {
    this.#ring = Array.from({ length: capacity }, () => undefined)
  }

  /** Answers whether it was met before, not long ago. */
  meet(one: One): boolean {
    if (one.meetings === 'several') return true
    if (one.meetings === 'one') {
      one.meetings = 'several'
      return true
    }
    const gone = this.#ring[this.#next]?.deref()
    if (gone !== undefined) {
      if (gone.meetings === 'several') gone.letGo()
      gone.meetings = 'none'
    }
    one.meetings = 'one'
    this.#ring[this.#next] = new WeakRef(one)
    this.#next = (this.#next + 1) % this.#ring.length
    return false
  }
}
