import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { RetryBudget } from '../../src/balance/retry-budget.ts'

test('retries never exceed ten and the share of requests', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 100 }),
      fc.array(fc.boolean(), { maxLength: 2000 }),
      (percent, wantsRetry) => {
        const budget = new RetryBudget(percent / 100)
        let retries = 0
        for (const [index, wants] of wantsRetry.entries()) {
          budget.earn()
          if (wants && budget.spend()) retries += 1
          assert.ok(retries <= (percent === 0 ? 0 : 10 + ((index + 1) * percent) / 100 + 1e-6))
        }
      },
    ),
  )
})

test('what a quiet time earned is not a storm later', () => {
  const budget = new RetryBudget(0.2)
  for (let count = 0; count < 1_000_000; count++) budget.earn()
  let retries = 0
  while (budget.spend()) retries += 1
  assert.equal(retries, 100)
})

test('a share of nothing retries nothing', () => {
  const budget = new RetryBudget(0)
  for (let count = 0; count < 100; count++) budget.earn()
  assert.equal(budget.spend(), false)
})
