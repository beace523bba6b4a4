import { RecentIds } from '../../http2/index.ts'
import type { StreamExchange } from './exchange.ts'
import type { ClientStream } from './stream.ts'

const maxStreamId = 2 ** 31 - 1

export interface Carried {
  readonly stream: ClientStream
  readonly exchange: StreamExchange
}

/** The streams of one connection to a service: those that are not over, and what is known of the others. */
export class CarriedStreams {
  readonly #carried = new Map<number, Carried>()
  readonly #resetByUs = new RecentIds()
  #nextId = 1

  get size(): number {
    return this.#carried.size
  }

  /** No number is left for another one (RFC 9113 5.1.1). */
  get isUsedUp(): boolean {
    return this.#nextId > maxStreamId
  }

  takeId(): number {
    const id = this.#nextId
    this.#nextId += 2
    return id
  }

  add(carried: Carried): void {
    this.#carried.set(carried.stream.id, carried)
  }

  find(id: number): Carried | undefined {
    return this.#carried.get(id)
  }

  all(): Iterable<Carried> {
    return this.#carried.values()
  }

  *sides(): Iterable<ClientStream> {
    for (const { stream } of this.#carried.values()) yield stream
  }

  /** @returns whether it was there. */
  remove(id: number): boolean {
    return this.#carried.delete(id)
  }

  /** What still comes on it is on its way already (RFC 9113 5.1). */
  resetByUs(id: number): void {
    this.#resetByUs.add(id)
  }

  wasResetByUs(id: number): boolean {
    return this.#resetByUs.has(id)
  }

  /** Streams that we have not begun, and those of services, which begin none. */
  isIdle(id: number): boolean {
    return id >= this.#nextId || id % 2 === 0
  }
}
