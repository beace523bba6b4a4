import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Floods } from '../../src/http2/index.ts'

test('a ping for each piece of body is no flood, and pings by themselves are', () => {
  const floods = new Floods()
  for (let pieces = 1; pieces <= 100_000; pieces++) assert.equal(floods.ping(pieces), false)
  let count = 0
  while (!floods.ping(100_000)) count += 1
  assert.ok(count >= 5000, String(count))
})

test('window updates are counted by what was sent', () => {
  const floods = new Floods()
  for (let pieces = 1; pieces <= 10_000; pieces++) {
    for (let update = 0; update < 10; update++) assert.equal(floods.windowUpdate(pieces), false)
  }
  let count = 0
  while (!floods.windowUpdate(10_000)) count += 1
  assert.ok(count > 1900 && count <= 2000, String(count))
})
