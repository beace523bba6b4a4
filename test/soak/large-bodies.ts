import { randomBytes } from 'node:crypto'
import { largeSizeOf } from './mixture.ts'

const source = randomBytes(2 * 1024 * 1024)

/** The large body of a request: of its own length, and no stretch of it like another. */
export function largeBodyOf(number: number): Buffer {
  const from = (number * 4099) % (1024 * 1024)
  return source.subarray(from, from + largeSizeOf(number))
}
