import type { EncodedEntry } from '../audit/index.ts'

/** A power of two, so that positions that wrap at 2^32 stay right. */
const capacity = 1024 * 1024
/** Words in front of the entries: how far it was written, how far it was read, and whether to call. */
const written = 0
const read = 1
const called = 2
const headBytes = 12
/** In front of each entry: the lengths of its three texts. */
const lengthBytes = 12
/** In the place of a length: the next entry stands at the beginning. */
const goOn = -1

/** Memory for the entries of one thread on their way to the log. */
export function entryRingMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(headBytes + capacity)
}

/**
 * Entries of one thread in memory that the thread of the log reads from. One writes, one reads.
 *
 * Invariant: an entry can be seen when all of it has been written, so that a thread that dies leaves none in part.
 */
export class EntryRing {
  readonly #head: Int32Array
  readonly #words: Int32Array
  readonly #bytes: Buffer

  constructor(memory: SharedArrayBuffer) {
    this.#head = new Int32Array(memory, 0, headBytes / 4)
    this.#words = new Int32Array(memory, headBytes, capacity / 4)
    this.#bytes = Buffer.from(memory, headBytes, capacity)
  }

  /** @returns false when there is no room for it now. @throws RangeError for what never finds room. */
  write(entry: EncodedEntry): boolean {
    const [first, second, third] = entry
    const length = first.length + second.length + third.length
    const needed = lengthBytes + ((length + 3) & ~3)
    if (needed > capacity / 2) throw new RangeError(`an entry of ${length} bytes is too long`)
    const end = Atomics.load(this.#head, written) >>> 0
    const used = (end - Atomics.load(this.#head, read)) >>> 0
    const place = end % capacity
    const skipped = place + needed > capacity ? capacity - place : 0
    if (used + skipped + needed > capacity) return false
    if (skipped > 0) this.#words[place / 4] = goOn
    const at = skipped > 0 ? 0 : place
    this.#words[at / 4] = first.length
    this.#words[at / 4 + 1] = second.length
    this.#words[at / 4 + 2] = third.length
    this.#bytes.write(first + second + third, at + lengthBytes, 'latin1')
    Atomics.store(this.#head, written, (end + skipped + needed) | 0)
    return true
  }

  /** All that was written and not taken yet. */
  take(each: (entry: EncodedEntry) => void): void {
    const end = Atomics.load(this.#head, written) >>> 0
    let from = Atomics.load(this.#head, read) >>> 0
    while (from !== end) {
      const place = from % capacity
      if (this.#words[place / 4] === goOn) {
        from = (from + capacity - place) >>> 0
        continue
      }
      const first = this.#words[place / 4] ?? 0
      const second = first + (this.#words[place / 4 + 1] ?? 0)
      const length = second + (this.#words[place / 4 + 2] ?? 0)
      const start = place + lengthBytes
      const text = this.#bytes.toString('latin1', start, start + length)
      from = (from + lengthBytes + ((length + 3) & ~3)) >>> 0
      each([text.slice(0, first), text.slice(first, second), text.slice(second)])
    }
    Atomics.store(this.#head, read, from | 0)
  }

  /** The reader looks by itself from now on. */
  attend(): void {
    Atomics.store(this.#head, called, 1)
  }

  /** The reader has to be called from now on; what was written before that it finds by looking once more. */
  rest(): void {
    Atomics.store(this.#head, called, 0)
  }

  /** True for the first who asks while the reader rests: that one calls it. */
  needsCall(): boolean {
    return Atomics.exchange(this.#head, called, 1) === 0
  }
}
