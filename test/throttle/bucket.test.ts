import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addressKey, MemoryBuckets } from '../../src/throttle/index.ts'

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
