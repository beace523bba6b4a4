import { randomBytes, randomFillSync } from 'node:crypto'
import { toBase64url } from './bytes.ts'

/** A token nobody can guess: 32 random bytes (256 bits) as base64url. */
export function randomToken(byteLength = 32): string {
  return toBase64url(randomBytes(byteLength))
}

/** Asking the system for random bytes costs the same for many as for few. */
const pool = Buffer.alloc(4096)
const idLength = 16
let taken = pool.length

/**
 * A short unique id, base64url of 128 random bits: for records and rows, not for secrets. Never begins with
 * a dash, so that it can be typed as an argument of a command.
 */
export function randomId(): string {
  for (;;) {
    if (taken === pool.length) {
      randomFillSync(pool)
      taken = 0
    }
    const id = pool.toString('base64url', taken, taken + idLength)
    taken += idLength
    if (!id.startsWith('-')) return id
  }
}
