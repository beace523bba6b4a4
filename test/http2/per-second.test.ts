import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PerSecond } from '../../src/http2/connection/per-second.ts'

test('so many within a second are allowed, and one more is not', () => {
  const counter = new PerSecond(100)
  for (let n = 0; n < 100; n++) assert.equal(counter.exceededAt(1000 + n), false)
  assert.equal(counter.exceededAt(1100), true)
})

test('a burst around the turn of a second counts as one', () => {
  const counter = new PerSecond(100)
  counter.exceededAt(0)
  for (let n = 0; n < 90; n++) assert.equal(counter.exceededAt(990), false)
  const after = Array.from({ length: 90 }, () => counter.exceededAt(1010))
  assert.ok(after.includes(true))
})

test('a steady rate below the limit never exceeds it, and a pause forgets', () => {
  const counter = new PerSecond(100)
  for (let n = 0; n < 1000; n++) assert.equal(counter.exceededAt(n * 12), false)
  for (let n = 0; n < 200; n++) counter.exceededAt(12_000)
  assert.equal(counter.exceededAt(12_000), true)
  assert.equal(counter.exceededAt(14_500), false)
})
