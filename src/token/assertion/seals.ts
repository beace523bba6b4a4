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
const sealLength = 96
const words = sealLength / 4
const mostUpstreams = 4096
/** Powers of two. */
const smallest = 256
const mostSeals = 131_072
const lastNumber = 2 ** 30

/**
 * Id and signature of each assertion that may be sent again, side by side in one piece of memory: as texts they
 * took twice the room, and the garbage collector copied and followed each. In the order in which they were made;
 * what is no longer good is let go when another is kept.
 *
 * Invariant: a seal is found for the very object it was made for, never for a copy.
 */
export class AssertionSeals {
  readonly #goodFor: Millis
  readonly #upstreams = new Map<string, number>()
  #room = new Room(smallest)
  #next = 1
  #count = 0

  /** @param goodFor - how long each is found. */
  constructor(goodFor: Millis) {
    this.#goodFor = goodFor
  }

  get size(): number {
    return this.#count
  }

  /** The place of a seal that is still good. */
  find(owner: SealOwner, upstream: string, now: Instant): number | undefined {
    const room = this.#room
    const wanted = this.#upstreams.get(upstream)
    let number = wanted === undefined ? 0 : (owner.sealed ?? 0)
    while (number !== 0) {
      const place = room.placeOf(number)
      if (room.read(place, numberAt) !== number || room.owners[place] !== owner) return undefined
      if (room.read(place, upstreamAt) === wanted)
        return this.#isGood(place, now) ? place : undefined
      number = room.read(place, beforeAt)
    }
    return undefined
  }

  /** Seconds since the epoch. */
  issuedAt(place: number): number {
    return this.#room.read(place, issuedAt)
  }

  /** As base64url. */
  id(place: number): string {
    const at = place * sealLength
    return this.#room.bytes.toString('base64url', at + idAt, at + signatureAt)
  }

  /** As base64url. */
  signature(place: number): string {
    const at = place * sealLength
    return this.#room.bytes.toString('base64url', at + signatureAt, at + sealLength)
  }

  keep(owner: SealOwner, upstream: string, seal: Seal): void {
    this.#makeRoom(seal.issuedAt * 1000)
    const upstreamNumber = this.#numberOf(upstream)
    const number = this.#next
    this.#next = number === lastNumber ? 1 : number + 1
    this.#count += 1
    this.#room.write(number, owner, { ...seal, upstreamNumber })
    owner.sealed = number
  }

  /** There are as many as configurations have named; seals of more than that begin anew. */
  #numberOf(upstream: string): number {
    const known = this.#upstreams.get(upstream)
    if (known !== undefined) return known
    if (this.#upstreams.size === mostUpstreams) {
      this.#upstreams.clear()
      while (this.#count > 0) this.#dropOldest()
    }
    const number = this.#upstreams.size
    this.#upstreams.set(upstream, number)
    return number
  }

  #isGood(place: number, now: Instant): boolean {
    return now - this.issuedAt(place) * 1000 < this.#goodFor
  }

  #makeRoom(now: Instant): void {
    while (this.#count > 0 && !this.#isGood(this.#oldest, now)) this.#dropOldest()
    const { capacity } = this.#room
    if (this.#count === capacity) {
      if (capacity < mostSeals) this.#move(capacity * 2)
      else this.#dropOldest()
    } else if (capacity > smallest && this.#count < capacity / 8) {
      this.#move(capacity / 2)
    }
  }

  /** Its place; numbers begin again behind a multiple of every capacity. */
  get #oldest(): number {
    return this.#room.placeOf(this.#next - this.#count + lastNumber)
  }

  #dropOldest(): void {
    this.#room.clear(this.#oldest)
    this.#count -= 1
  }

  #move(capacity: number): void {
    const from = this.#room
    const oldest = this.#oldest
    this.#room = new Room(capacity)
    for (let index = 0; index < this.#count; index += 1) {
      this.#room.take(from, from.placeOf(oldest + index))
    }
  }
}

/** Places by number. */
class Room {
  readonly capacity: number
  readonly owners: (SealOwner | undefined)[]
  readonly bytes: Buffer
  /** The same memory. */
  readonly #words: Uint32Array

  constructor(capacity: number) {
    this.capacity = capacity
    this.owners = Array.from({ length: capacity }, () => undefined)
    this.#words = new Uint32Array(capacity * words)
    this.bytes = Buffer.from(this.#words.buffer)
  }

  placeOf(number: number): number {
    return number & (this.capacity - 1)
  }

  read(place: number, word: number): number {
    return this.#words[place * words + word] ?? 0
  }

  write(number: number, owner: SealOwner, seal: Seal & { readonly upstreamNumber: number }): void {
    const place = this.placeOf(number)
    const at = place * words
    this.owners[place] = owner
    this.#words[at + numberAt] = number
    this.#words[at + issuedAt] = seal.issuedAt
    this.#words[at + beforeAt] = owner.sealed ?? 0
    this.#words[at + upstreamAt] = seal.upstreamNumber
    this.bytes.write(seal.id, place * sealLength + idAt, 'base64url')
    seal.signature.copy(this.bytes, place * sealLength + signatureAt)
  }

  take(from: Room, place: number): void {
    const to = this.placeOf(from.read(place, numberAt))
    this.owners[to] = from.owners[place]
    const one = from.#words.subarray(place * words, (place + 1) * words)
    this.#words.set(one, to * words)
  }

  clear(place: number): void {
    this.#words[place * words + numberAt] = 0
    this.owners[place] = undefined
  }
}
