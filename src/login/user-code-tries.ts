import type { Clock, Instant } from '../core/index.ts'
import { addressKey } from '../throttle/index.ts'
import type { BucketStore } from '../throttle/index.ts'

/** Wrong codes that are forgiven per source address, then one every 12 s (RFC 8628 5.1). */
const perPlace = { rate: 5 / 60, burst: 4 }
/** Over all places: what a distributed guesser gets. */
const overall = { rate: 50 / 60, burst: 50 }
const mostPlaces = 10_000

/** Counts wrong device codes. Right ones cost nothing, so nobody is locked out by using the page. */
export class UserCodeTries {
  readonly #buckets: BucketStore
  readonly #clock: Clock
  readonly #blocked = new Map<string, Instant>()
  #allBlocked: Instant = 0

  constructor(buckets: BucketStore, clock: Clock) {
    this.#buckets = buckets
    this.#clock = clock
  }

  /** Milliseconds until the next try is allowed; 0 = now. */
  waitFor(address: string): number {
    const until = Math.max(this.#blocked.get(addressKey(address)) ?? 0, this.#allBlocked)
    return Math.max(0, until - this.#clock.now())
  }

  wrong(address: string): void {
    const now = this.#clock.now()
    const place = addressKey(address)
    const wait = this.#buckets.take(`user-code/${place}`, perPlace, now)
    if (wait > 0) {
      const [oldest] = this.#blocked.keys()
      if (this.#blocked.size >= mostPlaces && oldest !== undefined) this.#blocked.delete(oldest)
      this.#blocked.set(place, now + wait)
    }
    const waitAll = this.#buckets.take('user-code', overall, now)
    if (waitAll > 0) this.#allBlocked = now + waitAll
  }
}
