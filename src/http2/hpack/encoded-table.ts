import { defaultHeaderTableSize } from '../codes.ts'
import { slots } from './codings.ts'
import { staticTable } from './static-table.ts'

interface Line {
  readonly slot: number
  readonly value: string
  /** RFC 7541 4.1. */
  readonly size: number
}

/** What the decoder on the other side has in its table by now (RFC 7541 2.3.2, 4). */
export class EncodedTable {
  maxSize = defaultHeaderTableSize
  #size = 0
  /** Lines that are still there, oldest first. */
  #lines: Line[] = []
  /** How many lines have ever gone. */
  #gone = 0
  /** For each name the number of the line that has a value: the first line ever is 0. */
  readonly #numbers: (Map<string, number> | undefined)[] = []

  /** The index of a line (RFC 7541 2.3.3), if it is there. */
  find(slot: number, value: string): number | undefined {
    const number = this.#numbers[slot]?.get(value)
    if (number === undefined) return undefined
    return staticTable.length + this.#gone + this.#lines.length - number
  }

  /** @param line - no larger than the table. */
  add(line: Line): void {
    this.#shrink(this.maxSize - line.size)
    if (this.#numbers.length === 0)
      this.#numbers.push(...Array.from({ length: slots }, () => undefined))
    const numbers = (this.#numbers[line.slot] ??= new Map<string, number>())
    numbers.set(line.value, this.#gone + this.#lines.length)
    this.#lines.push(line)
    this.#size += line.size
  }

  resize(maxSize: number): void {
    this.maxSize = maxSize
    this.#shrink(maxSize)
  }

  #shrink(size: number): void {
    let count = 0
    for (; this.#size > size; count++) {
      const oldest = this.#lines[count]
      if (oldest === undefined) break
      this.#size -= oldest.size
      this.#numbers[oldest.slot]?.delete(oldest.value)
    }
    if (count === 0) return
    this.#lines.splice(0, count)
    this.#gone += count
  }
}
