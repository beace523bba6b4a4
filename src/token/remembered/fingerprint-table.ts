import type { Instant } from '../../core/index.ts'

/** Of 32 bits each in a fingerprint of 256. */
const words = 8
/*
 * A row, in words of 32 bits: the fingerprint, whether it was found since the hand came by, the next row of its
 * bucket, and two for its end. They stand together, so that a look at a row misses the processor's caches once.
 */
const foundAt = words
const nextAt = words + 1
const endAt = words + 2
const rowLength = words + 4
const smallest = 64
/** Looked at for each that is kept, so that what has ended goes before room is short. */
const lookedAt = 2
const none = -1

/**
 * Values by SHA-256, each up to an end of its own. The fingerprints stand side by side in one piece of memory: as
 * keys of a map, a hundred thousand of them cost the garbage collector, and each look at one more cache misses.
 * Bounded: when it is full, a hand goes round and what was not found since it came by last goes first.
 */
export class FingerprintTable<Value> {
  readonly #capacity: number
  #rows = smallest
  /** A row for each bucket, the first of a chain; as many buckets as rows at least. */
  #buckets = new Int32Array(smallest).fill(none)
  #table = new Int32Array(smallest * rowLength)
  /** The same memory, for the ends. */
  #ends = new Float64Array(this.#table.buffer)
  #values: (Value | undefined)[] = []
  /** The first of the rows that were used and are free. */
  #free = none
  #size = 0
  #hand = 0
  readonly #wanted = new Int32Array(words)

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#size
  }

  /** @param print - SHA-256 as a text of 32 characters. */
  find(print: string): Value | undefined {
    const row = this.#rowOf(print)
    if (row === none) return undefined
    this.#table[row * rowLength + foundAt] = 1
    return this.#values[row]
  }

  /** @param endsAt - from then on it may be dropped, and is found until that happens. */
  keep(print: string, value: Value, times: { endsAt: Instant; now: Instant }): void {
    const known = this.#rowOf(print)
    if (known !== none) this.#drop(known)
    for (let looks = 0; looks < lookedAt; looks += 1) this.#dropEnded(times.now)
    if (this.#size >= this.#capacity) this.#dropUnused()
    const row = this.#takeRow()
    this.#table.set(this.#read(print), row * rowLength)
    this.#table[row * rowLength + foundAt] = 0
    this.#ends[endOf(row)] = times.endsAt
    this.#values[row] = value
    this.#link(row)
    this.#size += 1
  }

  remove(print: string): void {
    const row = this.#rowOf(print)
    if (row !== none) this.#drop(row)
  }

  /** Drops what the predicate names. */
  removeIf(predicate: (value: Value) => boolean): void {
    for (const [row, value] of this.#values.entries()) {
      if (value !== undefined && predicate(value)) this.#drop(row)
    }
  }

  /** Words of a fingerprint, in the same place each time. */
  #read(print: string): Int32Array {
    const { length } = print
    for (let word = 0, at = 0; word < words && at + 3 < length; word += 1, at += 4) {
      this.#wanted[word] =
        print.charCodeAt(at) |
        (print.charCodeAt(at + 1) << 8) |
        (print.charCodeAt(at + 2) << 16) |
        (print.charCodeAt(at + 3) << 24)
    }
    return this.#wanted
  }

  #rowOf(print: string): number {
    const wanted = this.#read(print)
    let row = this.#buckets[this.#bucketOf(wanted[0] ?? 0)] ?? none
    while (row !== none && !this.#holds(row, wanted)) row = this.#nextOf(row)
    return row
  }

  /** Invariant: all of it is compared. */
  #holds(row: number, wanted: Int32Array): boolean {
    const table = this.#table
    const from = row * rowLength
    for (let word = 0; word < words; word += 1) {
      if (table[from + word] !== wanted[word]) return false
    }
    return true
  }

  #bucketOf(firstWord: number): number {
    return firstWord & (this.#buckets.length - 1)
  }

  #nextOf(row: number): number {
    return this.#table[row * rowLength + nextAt] ?? none
  }

  #setNext(row: number, next: number): void {
    this.#table[row * rowLength + nextAt] = next
  }

  #link(row: number): void {
    const bucket = this.#bucketOf(this.#table[row * rowLength] ?? 0)
    this.#setNext(row, this.#buckets[bucket] ?? none)
    this.#buckets[bucket] = row
  }

  #drop(row: number): void {
    const bucket = this.#bucketOf(this.#table[row * rowLength] ?? 0)
    const after = this.#nextOf(row)
    let before = this.#buckets[bucket] ?? none
    if (before === row) this.#buckets[bucket] = after
    else {
      while (before !== none && this.#nextOf(before) !== row) before = this.#nextOf(before)
      this.#setNext(before, after)
    }
    this.#values[row] = undefined
    this.#setNext(row, this.#free)
    this.#free = row
    this.#size -= 1
  }

  #dropEnded(now: Instant): void {
    const row = this.#moveHand()
    if (this.#values[row] !== undefined && now >= (this.#ends[endOf(row)] ?? 0)) this.#drop(row)
  }

  /** It is full, so that the hand finds one at the latest in its second round. */
  #dropUnused(): void {
    for (;;) {
      const row = this.#moveHand()
      const found = row * rowLength + foundAt
      if (this.#values[row] !== undefined && this.#table[found] === 0) {
        this.#drop(row)
        return
      }
      this.#table[found] = 0
    }
  }

  #moveHand(): number {
    const row = this.#hand
    this.#hand = row + 1 >= this.#values.length ? 0 : row + 1
    return row
  }

  #takeRow(): number {
    const row = this.#free
    if (row !== none) {
      this.#free = this.#nextOf(row)
      return row
    }
    if (this.#values.length === this.#rows) this.#grow()
    this.#values.push(undefined)
    return this.#values.length - 1
  }

  #grow(): void {
    this.#rows = Math.min(2 * this.#rows, Math.max(this.#capacity, this.#rows + 1))
    const table = new Int32Array(this.#rows * rowLength)
    table.set(this.#table)
    this.#table = table
    this.#ends = new Float64Array(table.buffer)
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(this.#rows))).fill(none)
    // No row is free when there is no room left.
    for (const row of this.#values.keys()) this.#link(row)
  }
}

/** Where the end of a row stands among numbers of 64 bits. */
function endOf(row: number): number {
  return (row * rowLength + endAt) >> 1
}
