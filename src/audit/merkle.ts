import { hash } from 'node:crypto'

/**
 * The Merkle tree of RFC 9162 section 2.1 (the same as RFC 6962): SHA-256, leaves hashed behind 0x00,
 * inner nodes behind 0x01, so that neither can pass for the other.
 */
export const hashLength = 32

/** The root of the tree without leaves: the hash of nothing. */
export const emptyRoot: Buffer = hash('sha256', '', 'buffer')

/** Hash of a leaf that is a line of ASCII text. */
export function leafHash(line: string): Buffer {
  return hash('sha256', `\0${line}`, 'buffer')
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(1 + 2 * hashLength)
  input[0] = 1
  input.set(left, 1)
  input.set(right, 1 + hashLength)
  return hash('sha256', input, 'buffer')
}

/**
 * The right edge of a tree: the roots of its complete subtrees, largest first, one for each bit set
 * in `size`. It is all that is needed to go on appending.
 */
export class Frontier {
  #size: number
  readonly #hashes: Buffer[]

  constructor(size = 0, hashes: readonly Buffer[] = []) {
    this.#size = size
    this.#hashes = [...hashes]
  }

  get size(): number {
    return this.#size
  }

  get hashes(): readonly Buffer[] {
    return this.#hashes
  }

  copy(): Frontier {
    return new Frontier(this.#size, this.#hashes)
  }

  append(leaf: Buffer): void {
    let node = leaf
    // Each trailing one bit of the old size is a complete subtree that the new leaf completes further.
    for (let rest = this.#size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      node = nodeHash(this.#hashes.pop() as Buffer, node)
    }
    this.#hashes.push(node)
    this.#size++
  }

  root(): Buffer {
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
