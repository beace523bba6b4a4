import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Departing, fillsMemory } from '../../src/gateway/forward/departing.ts'

test('memory of pieces is kept until they have left, and freed then', () => {
  const departing = new Departing()
  const pieces = [Buffer.alloc(65_536, 'a'), Buffer.alloc(65_536, 'b')]
  for (const piece of pieces) departing.add(piece)
  assert.deepEqual(
    pieces.map((piece) => piece.toString('latin1', 0, 2)),
    ['aa', 'bb'],
  )
  departing.haveLeft()
  assert.deepEqual(
    pieces.map((piece) => piece.length),
    [0, 0],
  )
})

test('what is added behind pieces that have left is kept in turn', () => {
  const departing = new Departing()
  departing.haveLeft()
  departing.add(Buffer.alloc(65_536))
  departing.haveLeft()
  const piece = Buffer.alloc(65_536)
  departing.add(piece)
  assert.equal(piece.length, 65_536)
})

test('small pieces are left to the garbage collector', () => {
  const departing = new Departing()
  const piece = Buffer.alloc(1000)
  departing.add(piece)
  departing.haveLeft()
  assert.equal(piece.length, 1000)
})

test('a piece beside others in one memory does not fill it', () => {
  const memory = Buffer.allocUnsafeSlow(65_536)
  assert.ok(fillsMemory(memory))
  assert.ok(!fillsMemory(memory.subarray(0, 65_535)))
  assert.ok(!fillsMemory(memory.subarray(9)))
  // Cut from the runtime's pool.
  assert.ok(!fillsMemory(Buffer.from('a')))
  assert.ok(!fillsMemory(Buffer.from(memory.subarray(0, 20_000))))
})
