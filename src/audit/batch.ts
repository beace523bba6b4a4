import type { AuditWaiter } from './entry.ts'
import { leafHashOf, Leaves } from './merkle.ts'
import { batchBytes, batchRecords } from './segment.ts'

const usualBytes = 64 * 1024
const mostKept = 1024 * 1024

/** Records that are written together, in the bytes in which they will stand in the file. */
export class Batch {
  readonly leaves = new Leaves()
  readonly waiting: AuditWaiter[] = []
  #bytes: Buffer = Buffer.allocUnsafeSlow(usualBytes)
  /** Behind one byte more than the file gets: the newline of the record before. */
  #length = 1

  constructor() {
    this.#bytes[0] = 0x0a
  }

  get isFull(): boolean {
    return this.leaves.size >= batchRecords || this.#length > batchBytes
  }

  add(line: string): void {
    const start = this.#length
    const end = start + line.length
    this.#reserve(end + 1)
    this.#bytes.write(line, start, 'latin1')
    // A leaf is hashed behind 0x00, for which the newline before it makes room.
    this.#bytes[start - 1] = 0
    this.leaves.add(leafHashOf(this.#bytes.subarray(start - 1, end)))
    this.#bytes[start - 1] = 0x0a
    this.#bytes[end] = 0x0a
    this.#length = end + 1
  }

  /** So many bytes are to be written, without the line that closes them. */
  get bytes(): number {
    return this.#length - 1
  }

  /** All records and the line that closes them, as written. */
  closed(last: string): Uint8Array {
    const start = this.#length
    const end = start + last.length
    this.#reserve(end + 1)
    this.#bytes.write(last, start, 'latin1')
    this.#bytes[end] = 0x0a
    return this.#bytes.subarray(1, end + 1)
  }

  /** Makes room for another batch in the same memory. @returns false when it had to grow a lot. */
  clear(): boolean {
    this.leaves.clear()
    this.waiting.length = 0
    this.#length = 1
    return this.#bytes.length <= mostKept
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}
