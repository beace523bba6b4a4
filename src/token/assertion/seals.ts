import type { Instant, Millis } from '../../core/index.ts'

/** Whom an assertion is about. */
export interface SealOwner {
  /** Number of the last seal that was kept for this very object: for the seals alone. */
  sealed?: number
}

export interface Seal {
  /** Seconds since the epoch. */
  readonly issuedAt: number
  /** 16 bytes as base64url. */
  readonly id: string
  /** 64 bytes. */
  readonly signature: Buffer
}

/*
 * A place begins with four words of 32 bits: the number of the seal, the second it was issued at, the number of the
 * one that was kept for the same owner before, and the number of the upstream. Id and signature follow, as bytes.
 */
const numberAt = 0
const issuedAt = 1
const beforeAt = 2
const upstreamAt = 3
const idAt = 16
const signatureAt = 32
const placeLength = 96
const words = placeLength / 4

/** Places; a power of two. */
const pieceBits = 11
const pieceLength = 2 ** pieceBits
const mostSeals = 131_072
const mostUpstreams = 4096
/** Of whoever has none. */
const noNumber = 0
const firstNumber = pieceLength
const lastNumber = 2 ** 30

/**
 * Id and signature of each assertion that may be sent again, side by side in a few pieces of memory: as texts they
 * took twice the room, and the garbage collector copied and followed each. They are numbered in the order in which
 * they were made; what is no longer good is let go when another is kept.
 *
 * Invariant: a seal is found for the very object it was made for, never for a copy.
 */
export class AssertionSeals {
  readonly #goodFor: Millis
  readonly #upstreams = new Map<string, number>()
  /** Those that seals are in, the oldest first. */
  readonly #pieces: Piece[] = []
  #oldest = firstNumber
  #next = firstNumber

  /** @param goodFor - how long each is found. */
  constructor(goodFor: Millis) {
    this.#goodFor = goodFor
  }

  get size(): number {
    return this.#next - this.#oldest
  }

  /** The number of a seal that is still good. */
  find(owner: SealOwner, upstream: string, now: Instant): number | undefined {
    const wanted = this.#upstreams.get(upstream)
    let number = wanted === undefined ? noNumber : (owner.sealed ?? noNumber)
    while (number !== noNumber) {
      const piece = this.#pieceOf(number)
      if (piece?.ownerOf(number) !== owner) return undefined
      if (piece.read(number, upstreamAt) === wanted) {
        return this.#isGood(piece.read(number, issuedAt), now) ? number : undefined
      }
      number = piece.read(number, beforeAt)
    }
    return undefined
  }

  /** Seconds since the epoch. */
  issuedAt(number: number): number {
    return this.#pieceOf(number)?.read(number, issuedAt) ?? 0
  }

  /** As base64url. */
  id(number: number): string {
    return this.#pieceOf(number)?.text(number, idAt, signatureAt) ?? ''
  }

  /** As base64url. */
  signature(number: number): string {
    return this.#pieceOf(number)?.text(number, signatureAt, placeLength) ?? ''
  }

  keep(owner: SealOwner, upstream: string, seal: Seal): void {
    this.#makeRoom(seal.issuedAt * 1000)
    const upstreamNumber = this.#numberOf(upstream)
    const number = this.#next
    const piece = this.#pieceOf(number) ?? new Piece()
    if (placeOf(number) === 0) this.#pieces.push(piece)
    piece.write(number, owner, { ...seal, upstreamNumber })
    this.#next = number + 1
    owner.sealed = number
  }

  #pieceOf(number: number): Piece | undefined {
    return this.#pieces[(number >> pieceBits) - (this.#oldest >> pieceBits)]
  }

  #isGood(second: number, now: Instant): boolean {
    return now - second * 1000 < this.#goodFor
  }

  #makeRoom(now: Instant): void {
    while (this.size > 0 && !this.#isGood(this.issuedAt(this.#oldest), now)) this.#dropOldest()
    if (this.size === mostSeals) this.#dropOldest()
    if (this.#next === lastNumber) this.#beginAnew()
  }

  #dropOldest(): void {
    this.#pieceOf(this.#oldest)?.clear(this.#oldest)
    this.#oldest += 1
    if (placeOf(this.#oldest) === 0) this.#pieces.shift()
  }

  #beginAnew(): void {
    this.#pieces.length = 0
    this.#oldest = firstNumber
    this.#next = firstNumber
  }

  /** There are as many as configurations have named; with more than that all begins anew. */
  #numberOf(upstream: string): number {
    const known = this.#upstreams.get(upstream)
    if (known !== undefined) return known
    if (this.#upstreams.size === mostUpstreams) {
      this.#upstreams.clear()
      this.#beginAnew()
    }
    const number = this.#upstreams.size
    this.#upstreams.set(upstream, number)
    return number
  }
}

function placeOf(number: number): number {
  return number & (pieceLength - 1)
}

/** Seals whose numbers follow each other. */
class Piece {
  readonly #owners = Array.from({ length: pieceLength }, (): SealOwner | undefined => undefined)
  readonly #words = new Uint32Array(pieceLength * words)
  /** The same memory. */
  readonly #bytes = Buffer.from(this.#words.buffer)

  /** Only while the seal of this very number is held. */
  ownerOf(number: number): SealOwner | undefined {
    const place = placeOf(number)
    return this.#words[place * words + numberAt] === number ? this.#owners[place] : undefined
  }

  read(number: number, word: number): number {
    return this.#words[placeOf(number) * words + word] ?? 0
  }

  /** As base64url. */
  text(number: number, from: number, to: number): string {
    const at = placeOf(number) * placeLength
    return this.#bytes.toString('base64url', at + from, at + to)
  }

  write(number: number, owner: SealOwner, seal: Seal & { readonly upstreamNumber: number }): void {
    const place = placeOf(number)
    const at = place * words
    this.#owners[place] = owner
    this.#words[at + numberAt] = number
    this.#words[at + issuedAt] = seal.issuedAt
    this.#words[at + beforeAt] = owner.sealed ?? noNumber
    this.#words[at + upstreamAt] = seal.upstreamNumber
    this.#bytes.write(seal.id, place * placeLength + idAt, 'base64url')
    seal.signature.copy(this.#bytes, place * placeLength + signatureAt)
  }

  clear(number: number): void {
    const place = placeOf(number)
    this.#words[place * words + numberAt] = noNumber
    this.#owners[place] = undefined
  }
}
