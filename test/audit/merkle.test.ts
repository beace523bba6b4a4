import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  consistencyProof,
  digestText,
  emptyRoot,
  Frontier,
  inclusionProof,
  leafHash,
  nodeHash,
  verifyConsistency,
  verifyInclusion,
} from '../../src/audit/index.ts'
import type { Digest } from '../../src/audit/index.ts'
import { frontierLength, Leaves } from '../../src/audit/merkle.ts'

/** RFC 9162 section 2.1.1, word by word. */
function naiveRoot(leaves: readonly string[]): Digest {
  return naiveHash(leaves).toString('latin1') as Digest
}

function naiveHash(leaves: readonly string[]): Buffer {
  const sha256 = (...parts: readonly Uint8Array[]) => {
    const digest = createHash('sha256')
    for (const part of parts) digest.update(part)
    return digest.digest()
  }
  if (leaves.length === 0) return sha256()
  const [first] = leaves
  if (leaves.length === 1) return sha256(Buffer.of(0), Buffer.from(first ?? ''))
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return sha256(Buffer.of(1), naiveHash(leaves.slice(0, split)), naiveHash(leaves.slice(split)))
}

function treeOf(leaves: readonly string[]): Frontier {
  const frontier = new Frontier()
  for (const leaf of leaves) frontier.append(leafHash(leaf))
  return frontier
}

const published = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657'].map((hex) =>
  Buffer.from(hex, 'hex').toString('latin1'),
)
const trees = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\0', '{', '~') }), {
  minLength: 1,
  maxLength: 70,
})

test('the roots are those of the published certificate transparency vectors', () => {
  const last = Buffer.from('606162636465666768696a6b6c6d6e6f', 'hex').toString('latin1')
  assert.equal(
    digestText(treeOf(published.slice(0, 1)).root(), 'hex'),
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  )
  assert.equal(
    digestText(treeOf([...published, last]).root(), 'hex'),
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  )
})

test('a tree without leaves has the hash of nothing as its root', () => {
  assert.deepEqual(new Frontier().root(), naiveRoot([]))
  assert.deepEqual(emptyRoot, naiveRoot([]))
})

test('the frontier gives the root of the naive recursion and has one hash per bit of its size', () => {
  fc.assert(
    fc.property(trees, (leaves) => {
      const frontier = treeOf(leaves)
      assert.deepEqual(frontier.root(), naiveRoot(leaves))
      assert.equal(frontier.hashes.length, frontierLength(leaves.length))
    }),
  )
})

test('a frontier taken up again goes on as if it had never been put down', () => {
  fc.assert(
    fc.property(trees, trees, (before, after) => {
      const first = treeOf(before)
      const second = new Frontier(first.size, first.hashes)
      for (const leaf of after) second.append(leafHash(leaf))
      assert.deepEqual(second.root(), naiveRoot([...before, ...after]))
      assert.deepEqual(first.root(), naiveRoot(before))
    }),
  )
})

test('leaves taken many at once make the tree that they make one by one', () => {
  fc.assert(
    fc.property(fc.array(trees, { maxLength: 5 }), trees, (stretches, before) => {
      const tree = treeOf(before)
      for (const stretch of [...stretches, []]) {
        const leaves = Leaves.of(stretch.map(leafHash))
        assert.deepEqual(leaves.digests, stretch.map(leafHash))
        tree.appendAll(leaves.bytes)
      }
      const all = [...before, ...stretches.flat()]
      assert.equal(tree.size, all.length)
      assert.equal(tree.hashes.length, frontierLength(all.length))
      assert.deepEqual(tree.root(), naiveRoot(all))
    }),
  )
})

test('each leaf has an inclusion proof, and it proves nothing else', () => {
  fc.assert(
    fc.property(trees, fc.nat(), fc.nat(), (leaves, pick, other) => {
      const hashes = leaves.map(leafHash)
      const index = pick % leaves.length
      const proof = inclusionProof(hashes, index) ?? []
      const claim = {
        index,
        size: leaves.length,
        leaf: leafHash(leaves[index] ?? ''),
        proof,
        root: naiveRoot(leaves),
      }
      assert.equal(verifyInclusion(claim), true)
      assert.equal(verifyInclusion({ ...claim, leaf: leafHash('another leaf \x7f') }), false)
      assert.equal(verifyInclusion({ ...claim, root: leafHash('another root') }), false)
      assert.equal(verifyInclusion({ ...claim, proof: [...proof, emptyRoot] }), false)
      assert.equal(verifyInclusion({ ...claim, index: leaves.length }), false)
      assert.equal(verifyInclusion({ ...claim, index: -1 }), false)
      if (proof.length === 0) return
      assert.equal(verifyInclusion({ ...claim, proof: proof.slice(1) }), false)
      const changed = proof.with(other % proof.length, emptyRoot)
      assert.equal(verifyInclusion({ ...claim, proof: changed }), false)
    }),
  )
})

test('each earlier tree has a consistency proof, and it proves nothing else', () => {
  fc.assert(
    fc.property(trees, fc.nat(), fc.nat(), (leaves, pick, other) => {
      const first = 1 + (pick % leaves.length)
      const proof = consistencyProof(leaves.map(leafHash), first) ?? []
      const claim = {
        first,
        second: leaves.length,
        firstRoot: naiveRoot(leaves.slice(0, first)),
        secondRoot: naiveRoot(leaves),
        proof,
      }
      assert.equal(verifyConsistency(claim), true)
      assert.equal(verifyConsistency({ ...claim, firstRoot: emptyRoot }), false)
      assert.equal(verifyConsistency({ ...claim, secondRoot: emptyRoot }), false)
      assert.equal(verifyConsistency({ ...claim, proof: [...proof, emptyRoot] }), false)
      assert.equal(verifyConsistency({ ...claim, first: 0 }), false)
      assert.equal(verifyConsistency({ ...claim, first: leaves.length + 1 }), false)
      if (proof.length === 0) return
      assert.equal(verifyConsistency({ ...claim, proof: proof.slice(1) }), false)
      const changed = proof.with(other % proof.length, emptyRoot)
      assert.equal(verifyConsistency({ ...claim, proof: changed }), false)
    }),
  )
})

test('there is no proof for what is not in the tree', () => {
  const hashes = published.map(leafHash)
  for (const index of [-1, hashes.length, 0.5, Number.NaN]) {
    assert.equal(inclusionProof(hashes, index), undefined)
  }
  for (const first of [0, hashes.length + 1, 1.5]) {
    assert.equal(consistencyProof(hashes, first), undefined)
  }
})

test('an inner node never passes for a leaf', () => {
  const [left, right] = [leafHash('a'), leafHash('b')]
  const asText = `${left}${right}`
  assert.notDeepEqual(nodeHash(left, right), leafHash(asText))
})
