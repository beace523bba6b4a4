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
  /** @param scope - what the key is a key of, such as a route: one of few, never made of a request. */
  take(key: string, limit: Limit, now: Instant, scope?: string): number
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

/** Numbers that a bucket takes: its tokens, and when it held them. */
const perBucket = 2

/**
 * Buckets in this process's memory. Bounded: when `capacity` are held, the oldest of the largest scopes go
 * first, so that a flood drives out its own; a forgotten bucket starts full again, so `capacity` is generous.
 *
 * Their numbers stand side by side in one array, and a key is the caller's own text: as objects and texts of
 * their own, a hundred thousand cost the garbage collector, and each use of one more cache misses.
 */
export class MemoryBuckets implements BucketStore {
  readonly #capacity: number
  readonly #scopes = new Map<string, Map<string, number>>()
  readonly #free: number[] = []
  #size = 0
  #numbers = new Float64Array(perBucket * 256)
  readonly #bucket: Bucket = { tokens: 0, at: 0 }

  constructor(capacity = 200_000) {
    this.#capacity = capacity
  }

  take(key: string, limit: Limit, now: Instant, scope = ''): number {
    const place = this.#scopes.get(scope)?.get(key) ?? this.#open(key, scope)
    const bucket = this.#bucket
    bucket.tokens = this.#numbers[place] ?? 0
    bucket.at = this.#numbers[place + 1] ?? 0
    const wait = takeToken(bucket, limit, now)
    this.#numbers[place] = bucket.tokens
    this.#numbers[place + 1] = bucket.at
    return wait
  }

  get size(): number {
    return this.#size
  }

  /** A bucket that is full when it is first looked at. */
  #open(key: string, scope: string): number {
    if (this.#size >= this.#capacity) this.#makeRoom()
    const place = this.#free.pop() ?? this.#size * perBucket
    if (place === this.#numbers.length) {
      const grown = new Float64Array(2 * place)
      grown.set(this.#numbers)
      this.#numbers = grown
    }
    this.#numbers[place] = Infinity
    this.#numbers[place + 1] = 0
    const places = this.#scopes.get(scope) ?? new Map<string, number>()
    if (places.size === 0) this.#scopes.set(scope, places)
    places.set(key, place)
    this.#size += 1
    return place
  }

  /** A twentieth at a time keeps the cost per request constant. */
  #makeRoom(): void {
    let drop = Math.ceil(this.#capacity / 20)
    const bySize = [...this.#scopes].sort(([, one], [, other]) => other.size - one.size)
    for (const [scope, places] of bySize) {
      if (drop === 0) return
      const dropped = Math.min(drop, Math.ceil(places.size / 2))
      this.#dropOldest(places, dropped)
      if (places.size === 0) this.#scopes.delete(scope)
      drop -= dropped
    }
  }

  #dropOldest(places: Map<string, number>, count: number): void {
    let left = count
    // Insertion order is age.
    for (const [key, place] of places) {
      if (left-- === 0) break
      places.delete(key)
      this.#free.push(place)
    }
    this.#size -= count
  }
}
