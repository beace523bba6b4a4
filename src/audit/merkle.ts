import { hash } from 'node:crypto'

declare const digest: unique symbol

/**
 * A SHA-256 value as text, one character for each of its 32 bytes (latin1). Where every request passes,
 * such texts cost a third of what buffers do, and they compare by value.
 */
export type Digest = string & { readonly [digest]: true }

/**
 * The Merkle tree of RFC 9162 section 2.1 (the same as RFC 6962): SHA-256, leaves hashed behind 0x00,
 * inner nodes behind 0x01, so that neither can pass for the other.
 */
export const hashLength = 32

/** The root of the tree without leaves: the hash of nothing. */
export const emptyRoot: Digest = sha256('')

/** Hash of a leaf that is a line of ASCII text. */
export function leafHash(line: string): Digest {
  return sha256(`\0${line}`)
}

/** The same for a line in bytes that stands behind the 0x00 it is hashed with. */
export function leafHashOf(bytes: Uint8Array): Digest {
  return sha256(bytes)
}

const node = Buffer.alloc(1 + 2 * hashLength, 1)

export function nodeHash(left: Digest, right: Digest): Digest {
  node.write(left, 1, 'latin1')
  node.write(right, 1 + hashLength, 'latin1')
  return sha256(node)
}

const single = Buffer.alloc(hashLength)

export function digestText(value: Digest, encoding: 'base64' | 'base64url' | 'hex'): string {
  return single.toString(encoding, 0, single.write(value, 0, 'latin1'))
}

/** `undefined` for what does not have the length of a digest. */
export function parseDigest(text: string, encoding: 'base64' | 'base64url'): Digest | undefined {
  const value = Buffer.from(text, encoding).toString('latin1')
  return value.length === hashLength ? (value as Digest) : undefined
}

/**
 * The right edge of a tree: the roots of its complete subtrees, largest first, one for each bit set
 * in `size`. It is all that is needed to go on appending.
 */
export class Frontier {
  #size: number
  readonly #hashes: Digest[]

  constructor(size = 0, hashes: readonly Digest[] = []) {
    this.#size = size
    this.#hashes = [...hashes]
  }

  get size(): number {
    return this.#size
  }

  get hashes(): readonly Digest[] {
    return this.#hashes
  }

  copy(): Frontier {
    return new Frontier(this.#size, this.#hashes)
  }

  append(leaf: Digest): void {
    let root = leaf
    // Each trailing one bit of the old size is a complete subtree that the new leaf completes further.
    for (let rest = this.#size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      root = nodeHash(this.#hashes.pop() as Digest, root)
    }
    this.#hashes.push(root)
    this.#size++
  }

  root(): Digest {
    const edge = this.#hashes.toReversed()
    const first = edge.shift()
    if (first === undefined) return emptyRoot
    return edge.reduce((right, left) => nodeHash(left, right), first)
  }
}

/** The number of subtrees a frontier of this size has. */
export function frontierLength(size: number): number {
  let count = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2
  return count
}

/** Of ASCII text or bytes as they are: neither a leaf nor a node. */
export function plainHash(input: string | Uint8Array): Digest {
  return sha256(input)
}

function sha256(input: string | Uint8Array): Digest {
  return hash('sha256', input, 'latin1') as Digest
}
