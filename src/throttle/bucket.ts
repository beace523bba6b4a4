import type { Instant } from '../core/index.ts'

/** A token bucket's size, with the meaning API Gateway gives it: one token a request. */
export interface Limit {
  /** Tokens added per second. */
  readonly rate: number
  /** Most tokens the bucket holds; it starts full. */
  readonly burst: number
}

/**
 * Port: where buckets live. `take` removes one token if there is one, atomically.
 * Answers 0 when admitted, else the milliseconds until the next token.
 */
export interface BucketStore {
  take(key: string, limit: Limit, now: Instant): number
}

export interface Bucket {
  tokens: number
  /** When it held that many. */
  at: Instant
}

/**
 * Takes a token out of a bucket, filled up for the time since. Clocks of several takers may differ a little:
 * a bucket never loses by that, and its time never goes back.
 *
 * @returns 0 when there was one, else the milliseconds until there is.
 */
export function takeToken(bucket: Bucket, limit: Limit, now: Instant): number {
  const elapsed = now > bucket.at ? now - bucket.at : 0
  const refilled = bucket.tokens + (elapsed * limit.rate) / 1000
  bucket.tokens = refilled > limit.burst ? limit.burst : refilled
  bucket.at += elapsed
  if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) * 1000) / limit.rate)
  bucket.tokens -= 1
  return 0
}

/**
 * Buckets in this process's memory. Bounded: when `capacity` keys are held, the oldest full ones go
 * first; a forgotten bucket starts full again, so `capacity` is generous.
 */
export class MemoryBuckets implements BucketStore {
  readonly #buckets = new Map<string, Bucket>()
  readonly #capacity: number

  constructor(capacity = 200_000) {
    this.#capacity = capacity
  }

  take(key: string, limit: Limit, now: Instant): number {
    const bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      this.#makeRoom()
      this.#buckets.set(key, { tokens: limit.burst - 1, at: now })
      return limit.burst >= 1 ? 0 : Math.ceil(1000 / limit.rate)
    }
    return takeToken(bucket, limit, now)
  }

  get size(): number {
    return this.#buckets.size
  }

  #makeRoom(): void {
    if (this.#buckets.size < this.#capacity) return
    // Insertion order is age: dropping a twentieth at a time keeps the cost per request constant.
    let drop = Math.ceil(this.#capacity / 20)
    for (const key of this.#buckets.keys()) {
      if (drop-- === 0) return
      this.#buckets.delete(key)
    }
  }
}
