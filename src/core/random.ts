import { randomBytes } from 'node:crypto'
import { toBase64url } from './bytes.ts'

/** A token nobody can guess: 32 random bytes (256 bits) as base64url. */
export function randomToken(byteLength = 32): string {
  return toBase64url(randomBytes(byteLength))
}

/**
 * A short unique id, base64url of 128 random bits: for records and rows, not for secrets. Never begins with
 * a dash, so that it can be typed as an argument of a command.
 */
export function randomId(): string {
  for (;;) {
    const id = toBase64url(randomBytes(16))
    if (!id.startsWith('-')) return id
  }
}
