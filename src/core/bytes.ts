import { timingSafeEqual } from 'node:crypto'

/** Base64url without padding (RFC 4648 section 5). */
export function toBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}

/**
 * Decodes strict base64url: no padding, no other alphabet, no stray bits in the last character.
 * Answers `undefined` for anything else, so that one value has exactly one spelling.
 */
export function parseBase64url(text: string): Uint8Array | undefined {
  const bytes = viewBase64url(text)
  return bytes === undefined ? undefined : new Uint8Array(bytes)
}

/**
 * The same in memory that it shares with others: for what is read at once and not kept. What is strict is
 * what comes out again when it is encoded, and costs less than to judge each character.
 */
export function viewBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}

/** Compares in time that depends only on the lengths. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b)
}

/** Compares two strings in time that depends only on their lengths. */
export function equalText(a: string, b: string): boolean {
  return equalBytes(Buffer.from(a), Buffer.from(b))
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
