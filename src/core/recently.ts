/** What is kept in more detail while it is met often. */
export interface Meetable {
  /** Set by `Recently` alone; 0 of what was never met. */
  meeting: number
  /** It was met often, but is not among the last of those: what can be made again is let go. */
  letGo(): void
}

const never = 0
const often = -1
const lastMeeting = 2 ** 30

export function isMetOften({ meeting }: Meetable): boolean {
  return meeting === often
}

/**
 * Tells apart what comes again soon from what comes once in a while, among any number. Bounded: it keeps as many as
 * `capacity` that came again before so many others came, until it is told to forget. Of what did not come again it
 * keeps nothing, and nothing is touched but what is met.
 */
export class Recently<One extends Meetable> {
  readonly #ring: (One | undefined)[]
  #next = 0
  /** Meetings with what is not met often, counted. */
  #meetings = 0

  constructor(capacity: number) {
    this.#ring = Array.from({ length: capacity }, () => undefined)
  }

  /** Answers whether it was met before, not long ago. */
  meet(one: One): boolean {
    if (isMetOften(one)) return true
    this.#count(1)
    const since = this.#meetings - one.meeting
    if (one.meeting === never || since < 0 || since > this.#ring.length) {
      one.meeting = this.#meetings
      return false
    }
    leave(this.#ring[this.#next])
    one.meeting = often
    this.#ring[this.#next] = one
    this.#next = (this.#next + 1) % this.#ring.length
    return true
  }

  /** Has met nobody of late, and keeps nobody. */
  forget(): void {
    for (const one of this.#ring) leave(one)
    this.#ring.fill(undefined)
    this.#count(this.#ring.length)
  }

  /** Begins anew where numbers would no longer be small ones, which need no room of their own. */
  #count(more: number): void {
    this.#meetings = this.#meetings + more > lastMeeting ? more : this.#meetings + more
  }
}

function leave(one: Meetable | undefined): void {
  if (one === undefined) return
  one.meeting = never
  one.letGo()
}
