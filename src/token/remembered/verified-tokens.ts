import { hash } from 'node:crypto'
import type { Instant, Millis } from '../../core/index.ts'
import { FingerprintTable } from './fingerprint-table.ts'

/** How many tokens in frequent use are found without a hash; a power of two. */
const atHand = 2048

/**
 * Remembers verified tokens by the SHA-256 of their whole text, so that a token costs what it says and not
 * what it is long. Those that come again and again are also kept at hand, with their text.
 *
 * Invariant: belongs to one verifier, so one issuer, audience and key set; an entry is only found by the exact
 * text that was verified, before its end, and under the key set revision it was verified with.
 */
export class VerifiedTokenCache<Token extends { readonly expiresAt: Instant }> {
  readonly #capacity: number
  readonly #clockSkew: Millis
  #revision = 0
  #known: FingerprintTable<Token>
  #atHand = new TokensAtHand<Token>()
  /** The last text that was hashed: one that is not found is verified and kept next. */
  #hashed = ''
  #fingerprint = ''

  /**
   * @param capacity - so many are kept at most; 0 keeps none.
   * @param clockSkew - how long after its end a token still counts.
   */
  constructor(capacity: number, clockSkew: Millis) {
    this.#capacity = capacity
    this.#clockSkew = clockSkew
    this.#known = new FingerprintTable(capacity)
  }

  get size(): number {
    return this.#known.size
  }

  find(text: string, now: Instant, revision: number): Token | undefined {
    if (this.#capacity === 0) return undefined
    if (revision !== this.#revision) this.#begin(revision)
    const known = this.#atHand.find(text) ?? this.#findByHash(text)
    if (known === undefined) return undefined
    if (now < known.expiresAt + this.#clockSkew) return known
    this.#remove(text)
    return undefined
  }

  keep(text: string, token: Token, { now, revision }: { now: Instant; revision: number }): void {
    if (this.#capacity === 0) return
    if (revision !== this.#revision) this.#begin(revision)
    const endsAt = token.expiresAt + this.#clockSkew
    this.#known.keep(this.#fingerprintOf(text), token, { endsAt, now })
    this.#hashed = ''
  }

  /** Drops what the predicate names; answers how many entries that were. */
  forget(predicate: (token: Token) => boolean): number {
    const before = this.size
    this.#known.removeIf(predicate)
    this.#atHand = new TokensAtHand()
    return before - this.size
  }

  #begin(revision: number): void {
    this.#revision = revision
    this.#known = new FingerprintTable(this.#capacity)
    this.#atHand = new TokensAtHand()
  }

  #findByHash(text: string): Token | undefined {
    const token = this.#known.find(this.#fingerprintOf(text))
    if (token !== undefined) this.#atHand.note(text, token)
    return token
  }

  /** SHA-256 as a text of 32 characters, which is made in half the time of a buffer. */
  #fingerprintOf(text: string): string {
    if (text !== this.#hashed) {
      this.#fingerprint = hash('sha256', text, 'latin1')
      this.#hashed = text
    }
    return this.#fingerprint
  }

  #remove(text: string): void {
    this.#known.remove(this.#fingerprintOf(text))
    this.#atHand.remove(text)
  }
}

/**
 * A table with one place for each of many texts. A token gets its place when it comes twice with no other for
 * that place in between, so that those who come once in a while drive nobody out and leave nothing behind.
 */
class TokensAtHand<Token> {
  readonly #texts: (string | undefined)[] = []
  readonly #tokens: (Token | undefined)[] = []
  readonly #candidates: (Token | undefined)[] = []

  find(text: string): Token | undefined {
    const place = placeOf(text)
    return this.#texts[place] === text ? this.#tokens[place] : undefined
  }

  note(text: string, token: Token): void {
    const place = placeOf(text)
    if (this.#candidates.length === 0) this.#open()
    if (this.#candidates[place] === token) {
      this.#texts[place] = text
      this.#tokens[place] = token
    }
    this.#candidates[place] = token
  }

  remove(text: string): void {
    const place = placeOf(text)
    this.#candidates[place] = undefined
    if (this.#texts[place] !== text) return
    this.#texts[place] = undefined
    this.#tokens[place] = undefined
  }

  #open(): void {
    for (const list of [this.#texts, this.#tokens, this.#candidates]) {
      for (let place = 0; place < atHand; place++) list.push(undefined)
    }
  }
}

/** Of the last characters of a signature, which is as good as random; the very last one says little. */
function placeOf(text: string): number {
  const end = text.length
  const mixed =
    (text.charCodeAt(end - 2) * 61 + text.charCodeAt(end - 3)) * 61 + text.charCodeAt(end - 4)
  return mixed & (atHand - 1)
}
