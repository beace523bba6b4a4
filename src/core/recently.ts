/** What is kept in more detail while it is met often. */
export interface Meetable {
  /** Set by `Recently` alone. */
  meetings: 'none' | 'one' | 'several'
  /** It was met several times, but not of late: what can be made again is let go. */
  letGo(): void
}

/**
 * Tells apart what comes again soon from what comes once in a while, among any number. Bounded: it knows the
 * last `capacity` that were met, and keeps them until it is told to forget.
 */
export class Recently<One extends Meetable> {
  readonly #ring: (One | undefined)[]
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
    leave(this.#ring[this.#next])
    one.meetings = 'one'
    this.#ring[this.#next] = one
    this.#next = (this.#next + 1) % this.#ring.length
    return false
  }

  /** Has met nobody, and keeps nobody. */
  forget(): void {
    for (const one of this.#ring) leave(one)
    this.#ring.fill(undefined)
  }
}

function leave(one: Meetable | undefined): void {
  if (one === undefined) return
  if (one.meetings === 'several') one.letGo()
  one.meetings = 'none'
}
