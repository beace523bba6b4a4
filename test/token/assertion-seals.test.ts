import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { millis, randomId } from '../../src/core/index.ts'
import { AssertionSeals } from '../../src/token/assertion/seals.ts'
import type { Seal, SealOwner } from '../../src/token/assertion/seals.ts'

const goodFor = millis(40_000)
const start = 1_700_000_000
const sealAt = (issuedAt: number): Seal => ({
  issuedAt,
  id: randomId(),
  signature: randomBytes(64),
})

function read(seals: AssertionSeals, owner: SealOwner, upstream: string, second: number) {
  const place = seals.find(owner, upstream, second * 1000)
  if (place === undefined) return undefined
  const [issuedAt, id] = [seals.issuedAt(place), seals.id(place)]
  return { issuedAt, id, signature: Buffer.from(seals.signature(place), 'base64url') }
}

test('each of very many seals is found for whom it was made, while they become more and fewer', () => {
  const seals = new AssertionSeals(goodFor)
  const kept = Array.from({ length: 3000 }, (_, index) => ({
    owner: {} as SealOwner,
    seal: sealAt(start + Math.floor(index / 100)),
  }))
  for (const { owner, seal } of kept) seals.keep(owner, 'orders', seal)
  for (const { owner, seal } of kept) {
    assert.deepEqual(read(seals, owner, 'orders', start + 30), seal)
  }
  // All but the last hundred are no longer good, and the room for them goes a half at a time.
  for (let count = 0; count < 10; count++) {
    seals.keep({}, 'orders', sealAt(start + 68))
    for (const [index, { owner, seal }] of kept.entries()) {
      const found = read(seals, owner, 'orders', start + 68)
      assert.deepEqual(found, index < 2900 ? undefined : seal)
    }
  }
  assert.equal(seals.size, 110)
})

test('a seal is not found when it is 40 s old, whether or not another has been kept', () => {
  const seals = new AssertionSeals(goodFor)
  const owner: SealOwner = {}
  seals.keep(owner, 'orders', sealAt(start))
  assert.ok(read(seals, owner, 'orders', start + 39) !== undefined)
  assert.equal(read(seals, owner, 'orders', start + 40), undefined)
  seals.keep({}, 'orders', sealAt(start + 40))
  assert.equal(read(seals, owner, 'orders', start + 39), undefined)
  assert.equal(seals.size, 1)
})

test('a copy of an owner, or somebody with the same number, finds nothing', () => {
  const seals = new AssertionSeals(goodFor)
  const owner: SealOwner = {}
  seals.keep(owner, 'orders', sealAt(start))
  assert.equal(read(seals, { ...owner }, 'orders', start), undefined)
  assert.equal(read(new AssertionSeals(goodFor), owner, 'orders', start), undefined)
  const others = new AssertionSeals(goodFor)
  others.keep({}, 'orders', sealAt(start))
  assert.equal(read(others, owner, 'orders', start), undefined)
})

test('one owner has a seal for each upstream, the last that was kept for it', () => {
  const seals = new AssertionSeals(goodFor)
  const owner: SealOwner = {}
  const [orders, billing, later] = [sealAt(start), sealAt(start), sealAt(start + 30)]
  seals.keep(owner, 'orders', orders)
  seals.keep(owner, 'billing', billing)
  seals.keep(owner, 'orders', later)
  assert.deepEqual(read(seals, owner, 'orders', start + 39), later)
  assert.deepEqual(read(seals, owner, 'billing', start + 39), billing)
  assert.equal(read(seals, owner, 'stock', start + 39), undefined)
  assert.equal(read(seals, owner, 'billing', start + 40), undefined)
  assert.deepEqual(read(seals, owner, 'orders', start + 40), later)
})

test('beyond the bound the oldest goes first', () => {
  const seals = new AssertionSeals(goodFor)
  const [first, second]: [SealOwner, SealOwner] = [{}, {}]
  const seal = sealAt(start)
  seals.keep(first, 'orders', seal)
  seals.keep(second, 'orders', seal)
  for (let count = 2; count <= 131_072; count++) seals.keep({}, 'orders', seal)
  assert.equal(seals.size, 131_072)
  assert.equal(read(seals, first, 'orders', start), undefined)
  assert.deepEqual(read(seals, second, 'orders', start), seal)
})

test('a seal is for its own upstream, however many were named before', () => {
  const seals = new AssertionSeals(goodFor)
  const owners = Array.from({ length: 9000 }, (): SealOwner => ({}))
  for (const [index, owner] of owners.entries()) {
    const seal = sealAt(start + (index % 7))
    seals.keep(owner, `upstream-${index}`, seal)
    assert.deepEqual(read(seals, owner, `upstream-${index}`, start + 10), seal)
    assert.equal(read(seals, owner, `upstream-${(index + 1) % 4096}`, start + 10), undefined)
  }
  // Names are numbered anew when there are very many, and what has an old number is let go with it.
  const found = owners.filter(
    (owner, index) => seals.find(owner, `upstream-${index}`, start * 1000) !== undefined,
  )
  assert.deepEqual(found, owners.slice(8192))
  assert.equal(seals.size, 9000 - 8192)
})
