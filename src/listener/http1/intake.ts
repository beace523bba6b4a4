import type { Wire } from '../../sockets/index.ts'
import { Ahead } from './ahead.ts'

/** What is read ahead of a request under way; with more of it waiting, nothing is read. */
const mostAhead = 64 * 1024

/** Whom the bytes of a connection are for. */
export interface Taker {
  /** Within a body. */
  readonly isInBody: boolean
  /** @param chunk - may be kept only by way of `Intake.own`. */
  take(chunk: Buffer): void
}

/** What is read of a connection, and what was read of it before its turn. */
export class Intake {
  readonly #taker: Taker
  readonly #ahead = new Ahead()
  /** What is read at the moment is overwritten by the next read, of any connection. */
  #isLent = false
  /** How long it is, where it is in memory of its own; 0 otherwise. */
  #ownLength = 0

  constructor(taker: Taker) {
    this.#taker = taker
  }

  /** See `WireUser`. */
  read(memory: Buffer, length: number, lent: boolean): boolean {
    this.#isLent = lent
    this.#ownLength = lent ? 0 : length
    this.#taker.take(memory.subarray(0, length))
    this.#isLent = false
    this.#ownLength = 0
    return this.#taker.isInBody
  }

  get hasAhead(): boolean {
    return this.#ahead.length > 0
  }

  /** So much waits that nothing is read, and nobody notices when the caller goes. */
  get isFull(): boolean {
    return this.#ahead.length > mostAhead
  }

  /** Invariant: what outlasts a read is never the memory that all connections are read into. */
  own(view: Buffer): Buffer {
    return this.#isLent ? Buffer.from(view) : view
  }

  /** Whether nothing else is in the memory of this part of what is read at the moment. */
  isSole(view: Buffer): boolean {
    return view.length === this.#ownLength
  }

  /** Lets it wait for its turn. */
  keep(chunk: Buffer, wire: Wire): void {
    this.#ahead.add(this.own(chunk))
    if (this.isFull) wire.pause()
  }

  /** @returns all that waits; `undefined` where nothing does. */
  takeAhead(): Buffer | undefined {
    return this.#ahead.take()
  }
}
