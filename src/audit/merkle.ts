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
    this.#complete(leaf, this.#size)
    this.#size++
  }

  /** The same for leaves that stand one behind the other. */
  appendAll(leaves: Buffer): void {
    let at = 0
    const single = (): void => {
      this.append(leaves.toString('latin1', at, at + hashLength) as Digest)
      at += hashLength
    }
    if (this.#size % 2 === 1 && leaves.length > 0) single()
    for (; at + 2 * hashLength <= leaves.length; at += 2 * hashLength) {
      leaves.copy(node, 1, at, at + 2 * hashLength)
      this.#complete(sha256(node), Math.floor(this.#size / 2))
      this.#size += 2
    }
    if (at < leaves.length) single()
  }

  /** @param before - how many subtrees as large as this one there were. */
  #complete(subtree: Digest, before: number): void {
    let root = subtree
    // Each trailing one bit is a complete subtree that the new one completes further.
    for (let rest = before; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      root = nodeHash(this.#hashes.pop() as Digest, root)
    }
    this.#hashes.push(root)
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

/** Grows at its end. Kept outside of the heap, where thousands of texts would be moved before they die. */
export class Pile {
  #memory = Buffer.allocUnsafeSlow(4096)
  #length = 0

  get length(): number {
    return this.#length
  }

  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length)
  }

  add(text: string): void {
    this.#reserve(text.length)
    this.#length += this.#memory.write(text, this.#length, 'latin1')
  }

  addBytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#memory.set(bytes, this.#length)
    this.#length += bytes.length
  }

  clear(): void {
    this.#length = 0
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#memory.length) return
    const larger = Buffer.allocUnsafeSlow(2 * (this.#length + more))
    this.#memory.copy(larger, 0, 0, this.#length)
    this.#memory = larger
  }
}

/** Leaf hashes in their order, as bytes one behind the other. */
export class Leaves {
  readonly #pile = new Pile()

  static of(digests: Iterable<Digest>): Leaves {
    const leaves = new Leaves()
    for (const digest of digests) leaves.add(digest)
    return leaves
  }

  get size(): number {
    return this.#pile.length / hashLength
  }

  get bytes(): Buffer {
    return this.#pile.bytes
  }

  get digests(): readonly Digest[] {
    return this.#texts('latin1') as readonly string[] as readonly Digest[]
  }

  /** Each as it stands in a seal. */
  get encoded(): readonly string[] {
    return this.#texts('base64url')
  }

  add(leaf: Digest): void {
    this.#pile.add(leaf)
  }

  addAll(leaves: Leaves): void {
    this.#pile.addBytes(leaves.bytes)
  }

  clear(): void {
    this.#pile.clear()
  }

  #texts(encoding: 'latin1' | 'base64url'): string[] {
    const { bytes } = this
    const texts: string[] = []
    for (let at = 0; at < bytes.length; at += hashLength) {
      texts.push(bytes.toString(encoding, at, at + hashLength))
    }
    return texts
  }
}
