import { timingSafeEqual } from 'node:crypto'
import type { TableLine } from './table-line.ts'

/** Shorter values are as quickly read again, longer ones not worth their memory. */
export const shortestRemembered = 64
const longest = 2048

/**
 * The last long value of a line that no table may keep, as it was sent and as it was read: clients send the same
 * credential with every request, never indexed. It stays with us; the client is told nothing of it.
 *
 * Invariant: values are compared in constant time. Requests of several people may come through a proxy on one
 * connection, and how long a guess takes may say nothing of another's credential.
 */
export class LastLiteral {
  #code: Buffer | undefined
  #line: TableLine | undefined

  /** @param code - the value with its coding and length, as it stands in the block. */
  find(name: string, code: Buffer): TableLine | undefined {
    const line = this.#line
    if (line?.name !== name || this.#code?.length !== code.length) return undefined
    return timingSafeEqual(this.#code, code) ? line : undefined
  }

  keep(line: TableLine, code: Buffer): void {
    if (code.length > longest) return
    this.#code = Buffer.from(code)
    this.#line = line
  }
}
