import type { AuditWaiter } from '../audit/index.ts'

const fewest = 256

/**
 * Who waits for records that were numbered one after the other. A ring that is written over, in place of a map:
 * a map is copied again and again as entries come and go, and each copy that the collector took for old holds
 * all who waited then, with their requests and sockets, until a whole collection.
 */
export class Waiters {
  #ring: (AuditWaiter | undefined)[] = emptyRing(fewest)
  #first = 0
  #next = 0

  /** The number that waits longest, or else the next one. */
  get first(): number {
    return this.#first
  }

  /** How many numbers there are from the one that waits longest to the last. */
  get span(): number {
    return this.#next - this.#first
  }

  /** The number of the next one. */
  get next(): number {
    return this.#next
  }

  add(waiter: AuditWaiter): void {
    if (this.span === this.#ring.length) this.#grow()
    this.#ring[this.#placeOf(this.#next)] = waiter
    this.#next++
  }

  /** Removes a waiter; `undefined` when nobody waits under that number. */
  take(number: number): AuditWaiter | undefined {
    if (number < this.#first || number >= this.#next) return undefined
    const waiter = this.#ring[this.#placeOf(number)]
    this.#ring[this.#placeOf(number)] = undefined
    while (this.#first < this.#next && this.#isGone(this.#first)) this.#first++
    return waiter
  }

  /** Removes all, the one that waits longest first. */
  takeAll(): readonly AuditWaiter[] {
    const left: AuditWaiter[] = []
    while (this.#first < this.#next) {
      const waiter = this.take(this.#first)
      if (waiter !== undefined) left.push(waiter)
    }
    return left
  }

  #isGone(number: number): boolean {
    return this.#ring[this.#placeOf(number)] === undefined
  }

  /** The length of a ring is a power of two. */
  #placeOf(number: number): number {
    return number & (this.#ring.length - 1)
  }

  #grow(): void {
    const before = this.#ring
    this.#ring = emptyRing(2 * before.length)
    for (let number = this.#first; number < this.#next; number++) {
      this.#ring[this.#placeOf(number)] = before[number & (before.length - 1)]
    }
    before.fill(undefined)
  }
}

function emptyRing(length: number): undefined[] {
  return Array.from({ length }, () => undefined)
}
