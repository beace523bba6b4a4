import { ErrorCode, defaultHeaderTableSize } from '../codes.ts'
import { ConnectionProblem } from '../problem.ts'
import { DynamicTable } from './dynamic-table.ts'
import { decodeHuffman, longestDecoded } from './huffman.ts'
import { LastLiteral, shortestRemembered } from './last-literal.ts'
import { staticTable } from './static-table.ts'
import { TableLine } from './table-line.ts'

/** Bounds of a decoded list (RFC 9113 6.5.2: each line counts its name, its value and 32). */
export interface FieldLimits {
  readonly bytes: number
  readonly count: number
}

/** What a field block says. Only whole when neither `tooLarge` nor `malformed`. */
export interface FieldList {
  /** Name, value, name, value: latin1 text, in order. */
  readonly fields: readonly string[]
  /** A limit was passed; lines beyond it were read, so that the table stays right, and not kept. */
  readonly tooLarge: boolean
  /**
   * What no field may be (RFC 9113 8.2.1: an upper-case or otherwise forbidden name, an octet that no
   * value has): a stream error. For the log: never text of the peer's.
   */
  readonly malformed: string | undefined
}

/** Numbers are lengths and indexes: what does not fit in four octets behind its prefix is none (5.1). */
const longestInteger = 4
const mostResizes = 2
const nothing = Buffer.alloc(0)

/** Decodes the field blocks of one connection, in the order they came (RFC 7541). */
export class HeaderDecoder {
  readonly #maxTableSize: number
  readonly #table = new DynamicTable(defaultHeaderTableSize)
  #block: Buffer = nothing
  #at = 0
  #wrong: string | undefined
  #list = new List({ bytes: 0, count: 0 })
  readonly #last = new LastLiteral()

  /** @param maxTableSize - what our SETTINGS_HEADER_TABLE_SIZE says; the default of 4096 or more. */
  constructor(maxTableSize: number) {
    this.#maxTableSize = maxTableSize
  }

  /** @returns a compression error when the table cannot be right any more: the connection ends. */
  decode(block: Buffer, limits: FieldLimits): FieldList | ConnectionProblem {
    this.#block = block
    this.#at = 0
    const list = new List(limits)
    this.#list = list
    this.#resize()
    while (this.#wrong === undefined && this.#at < block.length) this.#line()
    this.#block = nothing
    if (this.#wrong === undefined) return list
    return new ConnectionProblem(ErrorCode.compression, this.#wrong)
  }

  /** Changes of the table's size, at the beginning of a block only (RFC 7541 4.2, 6.3). */
  #resize(): void {
    for (let count = 0; count < mostResizes && this.#isResize(); count++) {
      const size = this.#integer(0x1f)
      if (size > this.#maxTableSize) this.#wrong ??= 'a table larger than allowed'
      if (this.#wrong === undefined) this.#table.resize(size)
    }
  }

  #isResize(): boolean {
    return ((this.#block[this.#at] ?? 0) & 0xe0) === 0x20
  }

  #line(): void {
    const octet = this.#block[this.#at] ?? 0
    if ((octet & 0x80) !== 0) this.#indexed()
    else if ((octet & 0x40) !== 0) this.#literal(0x3f, true)
    else if ((octet & 0x20) !== 0) this.#wrong = 'a change of the table within a block'
    else this.#literal(0x0f, false)
  }

  /** RFC 7541 6.1. */
  #indexed(): void {
    const line = this.#lookUp(this.#integer(0x7f))
    if (line !== undefined) this.#list.add(line)
  }

  /** RFC 7541 6.2: with incremental indexing, without, or never. */
  #literal(prefix: number, kept: boolean): void {
    const index = this.#integer(prefix)
    const name = index === 0 ? this.#string() : this.#lookUp(index)?.name
    if (this.#wrong !== undefined || name === undefined) return
    const line = kept ? this.#newLine(name) : this.#lineOfNoTable(name)
    if (line === undefined) return
    if (kept) this.#table.add(line)
    this.#list.add(line)
  }

  #newLine(name: string): TableLine | undefined {
    const value = this.#string()
    return this.#wrong === undefined ? new TableLine(name, value) : undefined
  }

  #lineOfNoTable(name: string): TableLine | undefined {
    const from = this.#at
    const length = this.#stringLength()
    const to = this.#at + length
    if (length < shortestRemembered || to > this.#block.length) {
      this.#at = from
      return this.#newLine(name)
    }
    const code = this.#block.subarray(from, to)
    const last = this.#last.find(name, code)
    this.#at = last === undefined ? from : to
    if (last !== undefined) return last
    const line = this.#newLine(name)
    if (line !== undefined) this.#last.keep(line, code)
    return line
  }

  /** RFC 7541 2.3.3. */
  #lookUp(index: number): TableLine | undefined {
    const line =
      index <= staticTable.length
        ? staticTable[index - 1]
        : this.#table.at(index - staticTable.length - 1)
    if (line === undefined) this.#wrong ??= 'an index of no line'
    return line
  }

  /** RFC 7541 5.1. */
  #integer(prefix: number): number {
    let value = (this.#block[this.#at] ?? 0) & prefix
    this.#at += 1
    if (value < prefix) return value
    for (let shift = 0; shift < longestInteger * 7; shift += 7) {
      const octet = this.#block[this.#at]
      if (octet === undefined) break
      this.#at += 1
      value += (octet & 0x7f) << shift
      if (octet < 0x80) return value
    }
    this.#wrong ??= 'a number without end'
    return 0
  }

  /** RFC 7541 5.2. */
  #string(): string {
    const start = this.#block[this.#at] ?? 0
    const length = this.#stringLength()
    const from = this.#at
    this.#at += length
    if (this.#at > this.#block.length) this.#wrong ??= 'a block cut short'
    if (this.#wrong !== undefined) return ''
    if (start < 0x80) return this.#block.toString('latin1', from, this.#at)
    return this.#huffman(this.#block.subarray(from, this.#at))
  }

  /** How many octets of a string follow. */
  #stringLength(): number {
    if (this.#at < this.#block.length) return this.#integer(0x7f)
    this.#wrong ??= 'a block cut short'
    return 0
  }

  #huffman(code: Buffer): string {
    const into = scratchFor(longestDecoded(code.length))
    const length = decodeHuffman(code, into)
    if (length >= 0) return into.toString('latin1', 0, length)
    this.#wrong ??= 'an unsound Huffman coding'
    return ''
  }
}

const scratch = Buffer.allocUnsafeSlow(4096)

function scratchFor(length: number): Buffer {
  return length <= scratch.length ? scratch : Buffer.allocUnsafe(length)
}

class List implements FieldList {
  readonly fields: string[] = []
  tooLarge = false
  malformed: string | undefined = undefined
  #bytes: number
  #count: number

  constructor(limits: FieldLimits) {
    this.#bytes = limits.bytes
    this.#count = limits.count
  }

  /**
   * Invariant: a list is never longer than its limits, whatever lines of the table it names how often; what
   * is beyond them costs a look-up for each octet of the block at most.
   */
  add(line: TableLine): void {
    this.#bytes -= line.size
    this.#count -= 1
    if (this.#bytes < 0 || this.#count < 0) {
      this.tooLarge = true
      return
    }
    if (line.fault !== undefined) this.malformed ??= line.fault
    this.fields.push(line.name, line.value)
  }
}
