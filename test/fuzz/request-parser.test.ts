import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkRequests, newRequestTally } from './request-check.ts'

/** The same in each run of the suite; `npm run fuzz` tries others. */
const seed = 20_261_123

test('requests of every shape are read alike however they are cut, and never otherwise than by llhttp', () => {
  const tally = newRequestTally()
  for (let index = 0; index < 20_000; index++) checkRequests(seed, index, tally)
  for (const [result, count] of Object.entries(tally.results)) {
    assert.ok(count > 100, `${result}: ${count}`)
  }
  assert.ok(tally.compared > 2000, `${tally.compared} compared`)
})
