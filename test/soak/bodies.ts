import { randomBytes } from 'node:crypto'
import { largeSizeOf, smallSizeOf } from './mixture.ts'

const source = randomBytes(2 * 1024 * 1024)

/** The large body of a request: of its own length, and no stretch of it like another. */
export function largeBodyOf(number: number): Buffer {
  return stretch(number, largeSizeOf(number))
}

export function smallBodyOf(number: number): Buffer {
  return stretch(number, smallSizeOf(number))
}

function stretch(number: number, length: number): Buffer {
  const from = (number * 4099) % (1024 * 1024)
  return source.subarray(from, from + length)
}

/** Compares a body with what it must be while it comes, so that none has to be held. */
export class Comparison {
  readonly #expected: Buffer
  #length = 0
  #isSame = true

  constructor(expected: Buffer) {
    this.#expected = expected
  }

  get isWhole(): boolean {
    return this.#isSame && this.#length === this.#expected.length
  }

  take(chunk: Buffer): void {
    const end = this.#length + chunk.length
    this.#isSame &&= chunk.equals(this.#expected.subarray(this.#length, end))
    this.#length = end
  }

  describe(): string {
    const what = this.#isSame ? 'as they were sent' : 'changed'
    return `${this.#length} of ${this.#expected.length} bytes, ${what}`
  }
}
