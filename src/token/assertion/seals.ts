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

const idLength = 16
const sealLength = idLength + 64
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
    let number = owner.sealed ?? 0
    while (number !== 0) {
      const place = room.placeOf(number)
      if (room.numbers[place] !== number || room.owners[place] !== owner) return undefined
      if (room.upstreams[place] === upstream) return this.#isGood(place, now) ? place : undefined
      number = room.before[place] ?? 0
    }
    return undefined
  }

  issuedAt(place: number): number {
    return this.#room.issuedAt[place] ?? 0
  }

  /** As base64url. */
  id(place: number): string {
    const at = place * sealLength
    return this.#room.bytes.toString('base64url', at, at + idLength)
  }

  /** As base64url. */
  signature(place: number): string {
    const at = place * sealLength
    return this.#room.bytes.toString('base64url', at + idLength, at + sealLength)
  }

  keep(owner: SealOwner, upstream: string, seal: Seal): void {
    this.#makeRoom(seal.issuedAt * 1000)
    const number = this.#next
    this.#next = number === lastNumber ? 1 : number + 1
    this.#count += 1
    this.#room.write(number, owner, upstream, seal)
    owner.sealed = number
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
  readonly bytes: Buffer
  readonly owners: (SealOwner | undefined)[]
  readonly upstreams: (string | undefined)[]
  readonly numbers: Int32Array
  readonly issuedAt: Float64Array
  /** Number of the seal that was kept for the same owner before. */
  readonly before: Int32Array

  constructor(capacity: number) {
    this.capacity = capacity
    this.bytes = Buffer.alloc(capacity * sealLength)
    this.owners = Array.from({ length: capacity }, () => undefined)
    this.upstreams = Array.from({ length: capacity }, () => undefined)
    this.numbers = new Int32Array(capacity)
    this.issuedAt = new Float64Array(capacity)
    this.before = new Int32Array(capacity)
  }

  placeOf(number: number): number {
    return number & (this.capacity - 1)
  }

  write(number: number, owner: SealOwner, upstream: string, seal: Seal): void {
    const place = this.placeOf(number)
    this.numbers[place] = number
    this.owners[place] = owner
    this.upstreams[place] = upstream
    this.issuedAt[place] = seal.issuedAt
    this.before[place] = owner.sealed ?? 0
    this.bytes.write(seal.id, place * sealLength, idLength, 'base64url')
    seal.signature.copy(this.bytes, place * sealLength + idLength)
  }

  take(from: Room, place: number): void {
    const number = from.numbers[place] ?? 0
    const to = this.placeOf(number)
    this.numbers[to] = number
    this.owners[to] = from.owners[place]
    this.upstreams[to] = from.upstreams[place]
    this.issuedAt[to] = from.issuedAt[place] ?? 0
    this.before[to] = from.before[place] ?? 0
    from.bytes.copy(this.bytes, to * sealLength, place * sealLength, (place + 1) * sealLength)
  }

  clear(place: number): void {
    this.numbers[place] = 0
    this.owners[place] = undefined
    this.upstreams[place] = undefined
  }
}
