import { defaultHeaderTableSize } from '../codes.ts'
import { EncodedTable } from './encoded-table.ts'
import { codingOf } from './codings.ts'
import { integer, text } from './primitives.ts'
import { lineSize } from './table-line.ts'

/** A longer value is rarely said twice, and costs the lines that are. */
const longestIndexed = 256

/**
 * Encodes the field blocks of one connection, in the order they are sent (RFC 7541). Strings are sent as
 * they are: the Huffman code saves octets, and costs more than the octets do.
 */
export class HeaderEncoder {
  readonly #table = new EncodedTable()
  /** The least size that the table had since the last block, when the next has to say so. */
  #least: number | undefined

  /**
   * Takes the table sizes of the peer's SETTINGS.
   * @param least - the least that they named on the way to `size` (RFC 7541 4.2).
   */
  resize(size: number, least: number): void {
    const before = this.#table.maxSize
    const next = Math.min(size, defaultHeaderTableSize)
    const low = Math.min(least, next)
    if (low === before && next === before) return
    if (low < before) this.#table.resize(low)
    this.#table.resize(next)
    this.#least = Math.min(this.#least ?? before, low)
  }

  /**
   * @param fields - name, value, name, value: lower-case names, pseudo-header fields first, latin1 text
   *   that was checked.
   * @returns the block as latin1 text, one character for each octet.
   */
  encode(fields: readonly string[]): string {
    let block = this.#least === undefined ? '' : this.#resizes(this.#least)
    for (let at = 0; at + 1 < fields.length; at += 2) {
      block += this.#line(fields[at] ?? '', fields[at + 1] ?? '')
    }
    return block
  }

  /** RFC 7541 4.2: the least size, and the one in force where that is another. */
  #resizes(least: number): string {
    this.#least = undefined
    const { maxSize } = this.#table
    const last = integer(0x20, 0x1f, maxSize)
    return least < maxSize ? integer(0x20, 0x1f, least) + last : last
  }

  /**
   * Invariant: only names of a list of ours are put into the table; all else is sent as never to be indexed
   * by anybody, so that what a caller marked as secret stays so, and no secret is ever compressed
   * (RFC 7541 7.1).
   */
  #line(name: string, value: string): string {
    const coding = codingOf(name)
    if (coding === undefined) return `\x10${text(name)}${text(value)}`
    const whole = coding.whole?.get(value)
    if (whole !== undefined) return whole
    if (coding.slot < 0 || value.length > longestIndexed) return coding.never + text(value)
    const known = this.#table.find(coding.slot, value)
    if (known !== undefined) return integer(0x80, 0x7f, known)
    const size = lineSize(name, value)
    if (size > this.#table.maxSize) return coding.never + text(value)
    this.#table.add({ slot: coding.slot, value, size })
    return coding.keeping + text(value)
  }
}
