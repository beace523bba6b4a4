import { Frontier, nodeHash } from './merkle.ts'
import type { Digest } from './merkle.ts'

/**
 * RFC 9162 section 2.1.3.1: the hashes that, with the leaf at `index`, give the root over `leaves`.
 * `undefined` when there is no such leaf.
 */
export function inclusionProof(leaves: readonly Digest[], index: number): Digest[] | undefined {
  if (!Number.isSafeInteger(index) || index < 0 || index >= leaves.length) return undefined
  return path(leaves, index)
}

/** RFC 9162 section 2.1.3.2. */
export function verifyInclusion(claim: {
  readonly index: number
  readonly size: number
  readonly leaf: Digest
  readonly proof: readonly Digest[]
  readonly root: Digest
}): boolean {
  if (!areSizes(claim.index, claim.size) || claim.index >= claim.size) return false
  let node = claim.leaf
  const arrived = climb(claim.proof, claim.index, claim.size - 1, (sibling, isLeft) => {
    node = isLeft ? nodeHash(sibling, node) : nodeHash(node, sibling)
  })
  return arrived && node === claim.root
}

/**
 * RFC 9162 section 2.1.4.1: the hashes that show the tree over the first `first` leaves to be a
 * beginning of the tree over all of them. `undefined` when `first` is not between 1 and their number.
 */
export function consistencyProof(leaves: readonly Digest[], first: number): Digest[] | undefined {
  if (!Number.isSafeInteger(first) || first < 1 || first > leaves.length) return undefined
  return first === leaves.length ? [] : subproof(leaves, first, true)
}

/** RFC 9162 section 2.1.4.2. */
export function verifyConsistency(claim: {
  readonly first: number
  readonly second: number
  readonly firstRoot: Digest
  readonly secondRoot: Digest
  readonly proof: readonly Digest[]
}): boolean {
  const { first, second, firstRoot, secondRoot } = claim
  if (!areSizes(first, second) || first < 1 || first > second) return false
  if (first === second) return claim.proof.length === 0 && firstRoot === secondRoot
  const start = isPowerOfTwo(first) ? [firstRoot, ...claim.proof] : claim.proof
  const [seed, ...rest] = start
  if (seed === undefined) return false
  let position = first - 1
  let last = second - 1
  while (position % 2 === 1) {
    position = Math.floor(position / 2)
    last = Math.floor(last / 2)
  }
  let older = seed
  let newer = seed
  const arrived = climb(rest, position, last, (sibling, isLeft) => {
    if (isLeft) older = nodeHash(sibling, older)
    newer = isLeft ? nodeHash(sibling, newer) : nodeHash(newer, sibling)
  })
  return arrived && older === firstRoot && newer === secondRoot
}

/**
 * Goes from a node to the root as both verifications do, telling for each hash of the proof on which
 * side it stands. False unless the proof has exactly the length of that way.
 */
function climb(
  proof: readonly Digest[],
  from: number,
  lastOfLevel: number,
  meet: (sibling: Digest, isLeft: boolean) => void,
): boolean {
  let position = from
  let last = lastOfLevel
  for (const sibling of proof) {
    if (last === 0) return false
    const isLeft = position % 2 === 1 || position === last
    meet(sibling, isLeft)
    if (isLeft) {
      // A last node without a sibling is its own parent until it is a right child.
      while (position % 2 === 0 && position !== 0) {
        position /= 2
        last = Math.floor(last / 2)
      }
    }
    position = Math.floor(position / 2)
    last = Math.floor(last / 2)
  }
  return last === 0
}

function path(leaves: readonly Digest[], index: number): Digest[] {
  if (leaves.length === 1) return []
  const split = largestPowerBelow(leaves.length)
  const left = leaves.slice(0, split)
  const right = leaves.slice(split)
  return index < split
    ? [...path(left, index), rootOf(right)]
    : [...path(right, index - split), rootOf(left)]
}

function subproof(leaves: readonly Digest[], first: number, known: boolean): Digest[] {
  if (first === leaves.length) return known ? [] : [rootOf(leaves)]
  const split = largestPowerBelow(leaves.length)
  const left = leaves.slice(0, split)
  const right = leaves.slice(split)
  return first <= split
    ? [...subproof(left, first, known), rootOf(right)]
    : [...subproof(right, first - split, false), rootOf(left)]
}

function rootOf(leaves: readonly Digest[]): Digest {
  const frontier = new Frontier()
  for (const leaf of leaves) frontier.append(leaf)
  return frontier.root()
}

/** The largest power of two that is smaller than `count`, for counts above 1. */
function largestPowerBelow(count: number): number {
  let power = 1
  while (power * 2 < count) power *= 2
  return power
}

function isPowerOfTwo(value: number): boolean {
  return 2 ** Math.round(Math.log2(value)) === value
}

function areSizes(...values: readonly number[]): boolean {
  return values.every((value) => Number.isSafeInteger(value) && value >= 0)
}
