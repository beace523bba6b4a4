import { randomBytes } from 'node:crypto'
import { toBase64url } from './bytes.ts'

/** A token nobody can guess: 32 random bytes (256 bits) as base64url. */
export function randomToken(byteLength = 32): string {
  return toBase64url(randomBytes(byteLength))
}

/** A short unique id, 128 bits, base64url: for records and rows, not for secrets. */
export function randomId(): string {
  return toBase64url(randomBytes(16))
}
