import { hash, randomBytes } from 'node:crypto'
import type { Instant } from '../core/index.ts'
import { takeToken } from '../throttle/index.ts'
import type { BucketStore, Limit } from '../throttle/index.ts'

/** Buckets that share one lock; a key belongs to one such set. Large sets fill evenly. */
const setSize = 64
const sets = 3125
const slots = sets * setSize
const slotBytes = 32
const saltBytes = 16
const mostPlaces = 100_000
/** Tries before a thread that holds a lock is waited for instead. */
const spins = 1000
/** Milliseconds a lock is waited for. */
const mostWaits = 200

/** Memory for 200,000 buckets of all threads. */
export function sharedBucketMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(slots * slotBytes + sets * 4 + saltBytes)
  new Uint8Array(memory, memory.byteLength - saltBytes).set(randomBytes(saltBytes))
  return memory
}

/** Where a key's bucket is looked for, and the name it bears there. */
interface Place {
  readonly set: number
  readonly high: number
  readonly low: number
  /** Where it was found last. */
  slot: number
}

/**
 * Token buckets in memory that all threads of a process see. Bounded: where a set is full, the bucket makes room
 * that is full again first, as most are already; that one is not missed. So a flood of keys drives out the
 * limits of seconds, and those of hours last.
 *
 * Invariant: between a take's look at a bucket and its change of it no other thread gets at that bucket. A key
 * is found by 64 bits of a salted SHA-256, so that nobody can choose one that shares another's bucket.
 */
export class SharedBuckets implements BucketStore {
  readonly #tokens: Float64Array
  readonly #at: Float64Array
  /** When each will be full again. */
  readonly #fullAt: Float64Array
  readonly #names: Int32Array
  readonly #locks: Int32Array
  readonly #salt: string
  readonly #thread: number
  readonly #places = new Map<string, Map<string, Place>>()
  #placeCount = 0
  readonly #bucket = { tokens: 0, at: 0 }

  /** @param thread - a positive number that no other thread has. */
  constructor(memory: SharedArrayBuffer, thread: number) {
    this.#tokens = new Float64Array(memory, 0, slots)
    this.#at = new Float64Array(memory, slots * 8, slots)
    this.#fullAt = new Float64Array(memory, slots * 16, slots)
    this.#names = new Int32Array(memory, slots * 24, slots * 2)
    this.#locks = new Int32Array(memory, slots * slotBytes, sets)
    const salt = new Uint8Array(memory, memory.byteLength - saltBytes)
    this.#salt = Buffer.from(salt).toString('latin1')
    this.#thread = thread
  }

  take(key: string, limit: Limit, now: Instant, scope = ''): number {
    const place = this.#places.get(scope)?.get(key) ?? this.#placeOf(key, scope)
    this.#lock(place.set)
    const slot = this.#slotOf(place, limit, now)
    const bucket = this.#bucket
    bucket.tokens = this.#tokens[slot] ?? 0
    bucket.at = this.#at[slot] ?? 0
    const wait = takeToken(bucket, limit, now)
    this.#tokens[slot] = bucket.tokens
    this.#at[slot] = bucket.at
    this.#fullAt[slot] = bucket.at + ((limit.burst - bucket.tokens) * 1000) / limit.rate
    this.#unlock(place.set)
    return wait
  }

  /** Frees what a thread that died may have held. */
  release(thread: number): void {
    for (let set = 0; set < sets; set++) {
      Atomics.compareExchange(this.#locks, set, thread, 0)
    }
  }

  #placeOf(key: string, scope: string): Place {
    const digest = hash('sha256', `${this.#salt}${scope.length}/${scope}${key}`, 'buffer')
    const low = digest.readInt32LE(4)
    const set = digest.readUInt32LE(8) % sets
    const place = {
      set,
      slot: set * setSize,
      high: digest.readInt32LE(0),
      // Zero in both is a slot that was never used.
      low: low === 0 ? 1 : low,
    }
    if (this.#placeCount >= mostPlaces) {
      this.#places.clear()
      this.#placeCount = 0
    }
    const places = this.#places.get(scope) ?? new Map<string, Place>()
    if (places.size === 0) this.#places.set(scope, places)
    places.set(key, place)
    this.#placeCount += 1
    return place
  }

  /** The key's slot in its set, made anew and full when there is none. Its lock must be held. */
  #slotOf(place: Place, limit: Limit, now: Instant): number {
    if (this.#isAt(place.slot, place)) return place.slot
    const first = place.set * setSize
    let least = first
    for (let slot = first; slot < first + setSize; slot++) {
      if (this.#isAt(slot, place)) {
        place.slot = slot
        return slot
      }
      if (this.#names[slot * 2 + 1] === 0) {
        least = slot
        break
      }
      if ((this.#fullAt[slot] ?? 0) < (this.#fullAt[least] ?? 0)) least = slot
    }
    this.#names[least * 2] = place.high
    this.#names[least * 2 + 1] = place.low
    this.#tokens[least] = limit.burst
    this.#at[least] = now
    place.slot = least
    return least
  }

  #isAt(slot: number, place: Place): boolean {
    return this.#names[slot * 2 + 1] === place.low && this.#names[slot * 2] === place.high
  }

  #lock(set: number): void {
    for (let tries = 0; ; tries++) {
      const holder = Atomics.compareExchange(this.#locks, set, 0, this.#thread)
      if (holder === 0) return
      if (tries < spins) continue
      // A holder that lost its turn at the processor gets one. What it does takes microseconds: after so long it
      // has died, perhaps before the thread that waits here could hear of it.
      Atomics.wait(this.#locks, set, holder, 1)
      if (tries < spins + mostWaits) continue
      if (Atomics.compareExchange(this.#locks, set, holder, this.#thread) === holder) return
    }
  }

  #unlock(set: number): void {
    // Nobody is woken up, which would cost each take more than the rare one that waits its millisecond.
    Atomics.store(this.#locks, set, 0)
  }
}
