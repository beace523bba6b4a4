import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addressKey, MemoryBuckets } from '../../src/throttle/index.ts'
import { SharedBuckets, sharedBucketMemory } from '../../src/workers/index.ts'

describe('a bucket', () => {
  test('admits its burst and then its rate, also around a second', () => {
    const buckets = new MemoryBuckets()
    let admitted = 0
    for (let at = 0; at <= 2000; at++) {
      if (buckets.take('a', { rate: 100, burst: 100 }, at) === 0) admitted++
    }
    assert.ok(admitted >= 298 && admitted <= 301, String(admitted))
  })

  test('names the wait until the next token', () => {
    const buckets = new MemoryBuckets()
    const limit = { rate: 2, burst: 1 }
    assert.equal(buckets.take('a', limit, 0), 0)
    assert.equal(buckets.take('a', limit, 0), 500)
    assert.ok(buckets.take('a', limit, 499) <= 2)
    assert.equal(buckets.take('a', limit, 500), 0)
    assert.equal(buckets.take('b', limit, 500), 0, 'another key')
  })

  test('of nothing admits nothing, and the memory for them is bounded', () => {
    assert.ok(new MemoryBuckets().take('a', { rate: 1, burst: 0 }, 0) > 0)
    const buckets = new MemoryBuckets(100)
    for (let index = 0; index < 10_000; index++)
      buckets.take(String(index), { rate: 1, burst: 1 }, 0)
    assert.ok(buckets.size <= 100)
  })

  test('of one scope is no bucket of another, whatever the keys are made of', () => {
    const limit = { rate: 0.001, burst: 1 }
    const names = [
      ['a', 'bc'],
      ['ab', 'c'],
      ['', 'abc'],
      ['abc', ''],
      ['a', ''],
      ['', 'a'],
    ] as const
    for (const buckets of [new MemoryBuckets(), new SharedBuckets(sharedBucketMemory(), 1)]) {
      for (const [scope, key] of names) assert.equal(buckets.take(key, limit, 1000, scope), 0)
      for (const [scope, key] of names) assert.ok(buckets.take(key, limit, 1000, scope) > 0)
      assert.ok(buckets.take('abc', limit, 1000) > 0, 'no scope is the empty one')
    }
  })

  test('outlasts a flood of keys in another scope', () => {
    const buckets = new MemoryBuckets(1000)
    const slow = { rate: 0.001, burst: 1 }
    const people = Array.from({ length: 100 }, (_, index) => `p${index}`)
    for (const person of people) assert.equal(buckets.take(person, slow, 0, 'route'), 0)
    for (let turn = 0; turn < 20_000; turn++) buckets.take(`flood-${turn}`, slow, turn, 'address')
    for (const person of people) assert.ok(buckets.take(person, slow, 20_000, 'route') > 0, person)
    assert.ok(buckets.size <= 1000, String(buckets.size))
  })

  test('never counts for another, however many came and went', () => {
    const buckets = new MemoryBuckets(1000)
    const limit = { rate: 1, burst: 2 }
    const kept = Array.from({ length: 5000 }, (_, index) => `k${index}`)
    for (const key of kept) assert.equal(buckets.take(key, limit, 0), 0, key)
    // The last were not dropped yet, the first long ago: those are full again.
    for (const key of kept.slice(-500)) {
      assert.deepEqual([buckets.take(key, limit, 0), buckets.take(key, limit, 0)], [0, 1000], key)
    }
    for (const key of kept.slice(0, 500)) {
      assert.deepEqual(
        [1, 2, 3].map(() => buckets.take(key, limit, 0)),
        [0, 0, 1000],
        key,
      )
    }
  })
})

test('one host has one key: mapped addresses, other spellings and its whole /64', () => {
  assert.equal(addressKey('::ffff:10.0.0.1'), '10.0.0.1')
  const one = addressKey('2001:db8:1:2::1')
  for (const same of [
    '2001:db8:1:2:ffff::9',
    '2001:0db8:0001:0002::',
    '2001:db8:1:2:3:4:5:6%eth0',
  ]) {
    assert.equal(addressKey(same), one, same)
  }
  assert.notEqual(addressKey('2001:db8:1:3::1'), one)
  assert.notEqual(addressKey('::1'), one)
})
