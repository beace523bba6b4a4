import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { equalText, toBase64url } from './bytes.ts'

const placeholder = '[secret]'

/**
 * A value that must not reach a log, an error or a serializer: every way of printing it gives a fixed
 * word. Only `reveal` gives it back, so that each use of a secret can be found by that name.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  /** In time that depends only on the lengths. */
  equals(other: string): boolean {
    return equalText(this.#value, other)
  }

  toString(): string {
    return placeholder
  }

  toJSON(): string {
    return placeholder
  }

  [inspect.custom](): string {
    return placeholder
  }
}

/** What a stored one-time value is for: the same random value hashes differently for another purpose. */
export type HashPurpose =
  | 'ticket'
  | 'session'
  | 'api-session'
  | 'pending-session'
  | 'handoff'
  | 'ceremony'
  | 'step-up'
  | 'oidc'
  | 'audit-token'

/**
 * The form in which high-entropy secrets are stored: SHA-256 over a purpose tag and the value. Enough
 * because every value it is used for has at least 128 random bits.
 */
export function hashSecret(purpose: HashPurpose, value: string): string {
  return toBase64url(createHash('sha256').update(`proofgate/${purpose}\0${value}`).digest())
}
