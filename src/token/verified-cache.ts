import type { Instant } from '../core/index.ts'

interface Entry<Token> {
  readonly token: Token
  /** From this instant on the entry counts for nothing. */
  readonly until: Instant
  /** The state of the key set it was verified under. */
  readonly revision: number
}

/**
 * Remembers verified tokens by their exact text. Two generations stand in for a least-recently-used
 * list: a hit costs one Map lookup, and what was not used for a whole generation is dropped.
 *
 * Invariant: belongs to one verifier, so one issuer, audience and key set; an entry is only found
 * under the key set revision it was verified with.
 */
export class VerifiedTokenCache<Token> {
  readonly #generationSize: number
  #recent = new Map<string, Entry<Token>>()
  #older = new Map<string, Entry<Token>>()

  /** @param capacity - this many in use are kept, and twice as many at most; 0 keeps none. */
  constructor(capacity: number) {
    this.#generationSize = capacity
  }

  get size(): number {
    return this.#recent.size + this.#older.size
  }

  find(text: string, now: Instant, revision: number): Token | undefined {
    const recent = this.#recent.get(text)
    const entry = recent ?? this.#older.get(text)
    if (entry === undefined) return undefined
    if (now >= entry.until || entry.revision !== revision) {
      this.#remove(text)
      return undefined
    }
    if (recent === undefined) this.#promote(text, entry)
    return entry.token
  }

  keep(text: string, entry: Entry<Token>): void {
    if (this.#generationSize === 0) return
    if (this.#recent.size >= this.#generationSize) {
      this.#older = this.#recent
      this.#recent = new Map()
    }
    this.#recent.set(text, entry)
  }

  /** Drops what the predicate names; answers how many entries that were. */
  forget(predicate: (token: Token) => boolean): number {
    const before = this.size
    for (const generation of [this.#recent, this.#older]) {
      for (const [text, entry] of generation) {
        if (predicate(entry.token)) generation.delete(text)
      }
    }
    return before - this.size
  }

  #promote(text: string, entry: Entry<Token>): void {
    this.#older.delete(text)
    this.keep(text, entry)
  }

  #remove(text: string): void {
    this.#recent.delete(text)
    this.#older.delete(text)
  }
}
