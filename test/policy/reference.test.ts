import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareCases, compareConditions, compareLongPolicies } from './reference/compare.ts'

test('the evaluator decides as a naive one does, written from the description of the language', () => {
  const { verdicts, allowedWith, limited } = compareCases({ numRuns: 2000 })
  const told = JSON.stringify({ verdicts, allowedWith, limited })
  assert.ok(verdicts.allowed >= 150, told)
  assert.ok(verdicts.explicitDeny >= 200, told)
  assert.ok(verdicts.implicitDeny >= 500, told)
  assert.ok(allowedWith.boundary >= 25 && allowedWith.resource >= 80, told)
  assert.ok(allowedWith.session >= 8 && allowedWith.across >= 4, told)
  assert.ok(limited >= 100, told)
})

test('long policies are decided on as short ones are', () => {
  const { verdicts } = compareLongPolicies({ numRuns: 1000 })
  const told = JSON.stringify(verdicts)
  assert.ok(verdicts.allowed >= 100 && verdicts.explicitDeny >= 50, told)
  assert.ok(verdicts.implicitDeny >= 100, told)
})

test('conditions hold as they do for a naive evaluator, and each operator is seen to hold and not to', () => {
  for (const [operator, { held, not }] of compareConditions({ numRuns: 6000 })) {
    assert.ok(held > 0 && not > 0, `${operator} held ${held} times, and ${not} times not`)
  }
})
