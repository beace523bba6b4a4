import type { AuditWaiter } from './entry.ts'
import type { Digest } from './merkle.ts'
import { leafHashOf } from './merkle.ts'
import { batchBytes, batchRecords } from './segment.ts'

const usualBytes = 64 * 1024
const mostKept = 1024 * 1024

/** Records that are written together, in the bytes in which they will stand in the file. */
export class Batch {
  readonly leaves: Digest[] = []
  readonly waiting: AuditWaiter[] = []
  #bytes: Buffer
  /** Behind one byte more than the file gets: the newline of the record before. */
  #length = 1

  /** @param memory - that of a batch that is done with. */
  constructor(memory: Buffer = Buffer.allocUnsafe(usualBytes)) {
    this.#bytes = memory
    this.#bytes[0] = 0x0a
  }

  get isFull(): boolean {
    return this.leaves.length >= batchRecords || this.#length > batchBytes
  }

  add(line: string): void {
    const start = this.#length
    const end = start + line.length
    this.#reserve(end + 1)
    this.#bytes.write(line, start, 'latin1')
    // A leaf is hashed behind 0x00, for which the newline before it makes room.
    this.#bytes[start - 1] = 0
    this.leaves.push(leafHashOf(this.#bytes.subarray(start - 1, end)))
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

  /** Gives the memory up for another batch, unless it had to grow a lot. */
  release(): Buffer | undefined {
    return this.#bytes.length <= mostKept ? this.#bytes : undefined
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}
