import { createHmac, createSecretKey, hkdfSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { digestText, Leaves, parseDigest, Pile, plainHash } from './merkle.ts'
import type { Digest } from './merkle.ts'

/**
 * Computes what marks carry. Only the log itself can: the key is derived from the one it signs with
 * (HKDF-SHA-256 of RFC 5869 over the Ed25519 seed, no salt) and is kept nowhere.
 */
export class MarkKey {
  readonly #key: KeyObject

  constructor(origin: string, signingKey: KeyObject) {
    const { d: seed = '' } = signingKey.export({ format: 'jwk' })
    const info = `proofgate/audit/mark\n${origin}\n`
    const bytes = hkdfSync('sha256', Buffer.from(seed, 'base64url'), '', info, 32)
    this.#key = createSecretKey(Buffer.from(bytes))
  }

  /** HMAC-SHA-256 over the mark or root before and the leaf hashes of one batch. */
  mac(before: Digest, leaves: Leaves): Digest {
    const hmac = createHmac('sha256', this.#key).update(before, 'latin1')
    return hmac.update(leaves.bytes).digest('latin1') as Digest
  }
}

/**
 * The records behind the last seal, in the order of their batches. They are durable and acknowledged;
 * each batch ends in a mark, and the next seal signs for all of them.
 */
export class Stretch {
  /** The root that the seal before signs, then the last mark. */
  #before: Digest
  readonly leaves = new Leaves()
  readonly #lines = new Pile()

  constructor(root: Digest) {
    this.#before = root
  }

  /** Records. */
  get size(): number {
    return this.leaves.size
  }

  /** The hash over the lines of all marks, which the next seal signs; none without a mark. */
  get marks(): Digest | undefined {
    return marksHash(this.#lines.bytes)
  }

  mac(key: MarkKey, leaves: Leaves): Digest {
    return key.mac(this.#before, leaves)
  }

  extend(leaves: Leaves, mac: Digest, line: string): void {
    this.leaves.addAll(leaves)
    this.#lines.add(`${line}\n`)
    this.#before = mac
  }

  /** Begins anew behind a seal that signs this root. */
  clear(root: Digest): void {
    this.#before = root
    this.leaves.clear()
    this.#lines.clear()
  }
}

/** The last line of a batch that is not signed yet. */
export interface Mark {
  readonly mac: Digest
  /** Records in the log up to here. */
  readonly size: number
}

/** Of all lines, each with its newline; `undefined` of none. */
export function marksHash(lines: string | Uint8Array): Digest | undefined {
  return lines.length === 0 ? undefined : plainHash(lines)
}

export function encodeMark(mac: Digest, size: number): string {
  return `{"mac":"${digestText(mac, 'base64url')}","size":${size}}`
}

export function isMarkLine(text: string): boolean {
  return text.startsWith('{"mac":')
}

const form = /^\{"mac":"([A-Za-z0-9_-]{43})","size":([1-9][0-9]{0,15})\}$/

export function parseMark(text: string): Mark | undefined {
  const [, encoded = '', digits = ''] = form.exec(text) ?? []
  const mac = parseDigest(encoded, 'base64url')
  if (mac === undefined) return undefined
  const size = Number(digits)
  // Invariant: there is one spelling of a mark, so that a changed byte never goes unseen.
  return encodeMark(mac, size) === text ? { mac, size } : undefined
}
