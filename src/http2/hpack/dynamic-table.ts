import type { TableLine } from './table-line.ts'

/** The table that a decoder builds as the encoder on the other side tells it to (RFC 7541 2.3.2, 4). */
export class DynamicTable {
  #maxSize: number
  #size = 0
  /** A ring: the newest line is at `#newest`, older ones behind it. */
  #lines: (TableLine | undefined)[] = []
  #newest = -1
  #count = 0

  constructor(maxSize: number) {
    this.#maxSize = maxSize
  }

  /** @param back - 0 for the newest line. */
  at(back: number): TableLine | undefined {
    if (back >= this.#count) return undefined
    const length = this.#lines.length
    return this.#lines[(this.#newest - back + length) % length]
  }

  /** A line too large for the table empties it and is not kept (RFC 7541 4.4). */
  add(line: TableLine): void {
    this.#shrink(this.#maxSize - line.size)
    if (line.size > this.#maxSize) return
    if (this.#count === this.#lines.length) this.#grow()
    this.#newest = (this.#newest + 1) % this.#lines.length
    this.#lines[this.#newest] = line
    this.#count += 1
    this.#size += line.size
  }

  resize(maxSize: number): void {
    this.#maxSize = maxSize
    this.#shrink(maxSize)
  }

  #shrink(size: number): void {
    const length = this.#lines.length
    while (this.#count > 0 && this.#size > size) {
      const oldest = (this.#newest - this.#count + 1 + length) % length
      this.#size -= this.#lines[oldest]?.size ?? 0
      this.#lines[oldest] = undefined
      this.#count -= 1
    }
  }

  #grow(): void {
    const lines: (TableLine | undefined)[] = []
    for (let back = this.#count - 1; back >= 0; back--) lines.push(this.at(back))
    const room = Math.max(8, lines.length)
    this.#newest = lines.length - 1
    for (let more = 0; more < room; more++) lines.push(undefined)
    this.#lines = lines
  }
}
