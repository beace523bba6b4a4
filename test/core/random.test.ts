import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomId, randomToken } from '../../src/core/index.ts'

test('an id never looks like an option of a command, and none comes twice', () => {
  const ids = Array.from({ length: 2000 }, () => randomId())
  assert.ok(ids.every((id) => /^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/.test(id)))
  assert.equal(new Set(ids).size, ids.length)
})

test('a token has 256 random bits', () => {
  assert.match(randomToken(), /^[A-Za-z0-9_-]{43}$/)
})
