import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { balancer, hashText } from '../../src/balance/balancer.ts'
import type { Balance } from '../../src/balance/balancer.ts'

interface Target {
  readonly label: string
  readonly weight: number
  readonly seed: number
  pending: number
}

function targetsOf(weights: readonly number[]): Target[] {
  return weights.map((weight, index) => {
    const label = `http://10.0.0.${index}:8080`
    return { label, weight, seed: hashText(label), pending: 0 }
  })
}

function countOf(
  balance: Balance,
  targets: readonly Target[],
  rounds: number,
  keyOf: (round: number) => string | undefined = () => undefined,
): number[] {
  const choose = balancer<Target>(balance)
  const counts = targets.map(() => 0)
  for (let round = 0; round < rounds; round++) {
    const chosen = choose(targets, keyOf(round))
    assert.ok(chosen !== undefined)
    const index = targets.indexOf(chosen)
    counts[index] = (counts[index] ?? 0) + 1
  }
  return counts
}

const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 })
const all: readonly Balance[] = ['round-robin', 'least-pending', 'weighted', 'sticky']

test('nobody is chosen among none, and the only one among one', () => {
  for (const balance of all) {
    const choose = balancer<Target>(balance)
    const [only] = targetsOf([3])
    assert.ok(only !== undefined)
    assert.equal(choose([], 'a'), undefined)
    assert.equal(choose([], undefined), undefined)
    assert.equal(choose([only], 'a'), only)
    assert.equal(choose([only], undefined), only)
  }
})

test('round robin gives each target as many as any other, to one', () => {
  fc.assert(
    fc.property(weights, fc.integer({ min: 1, max: 200 }), (some, rounds) => {
      const counts = countOf('round-robin', targetsOf(some), rounds)
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1)
    }),
  )
})

test('by weight, each target gets exactly its weight in a round of all weights', () => {
  fc.assert(
    fc.property(weights, fc.integer({ min: 1, max: 5 }), (some, times) => {
      const sum = some.reduce((total, weight) => total + weight, 0)
      const counts = countOf('weighted', targetsOf(some), sum * times)
      assert.deepEqual(
        counts,
        some.map((weight) => weight * times),
      )
    }),
  )
})

test('by weight, a heavy target is not given its requests in one run', () => {
  const targets = targetsOf([5, 1, 1])
  const choose = balancer<Target>('weighted')
  let run = 0
  let longest = 0
  for (let round = 0; round < 70; round++) {
    run = choose(targets, undefined) === targets[0] ? run + 1 : 0
    longest = Math.max(longest, run)
  }
  assert.ok(longest <= 4, String(longest))
})

test('by weight, a target that was away is not made up for', () => {
  const targets = targetsOf([1, 1])
  const choose = balancer<Target>('weighted')
  const [first] = targets
  assert.ok(first !== undefined)
  for (let round = 0; round < 1000; round++) choose([first], undefined)
  const after = Array.from({ length: 10 }, () => choose(targets, undefined))
  assert.equal(after.filter((target) => target === first).length, 5)
})

test('the fewest requests under way per weight win', () => {
  fc.assert(
    fc.property(weights, fc.array(fc.nat(50), { minLength: 8, maxLength: 8 }), (some, pending) => {
      const targets = targetsOf(some)
      for (const [index, target] of targets.entries()) target.pending = pending[index] ?? 0
      const chosen = balancer<Target>('least-pending')(targets, undefined)
      assert.ok(chosen !== undefined)
      const load = (target: Target): number => (target.pending + 1) / target.weight
      assert.equal(load(chosen), Math.min(...targets.map(load)))
    }),
  )
})

test('among equally busy targets all are chosen', () => {
  assert.deepEqual(countOf('least-pending', targetsOf([1, 1, 1, 1]), 40), [10, 10, 10, 10])
})

test('one caller always meets the same target, whatever others do and in whatever order', () => {
  fc.assert(
    fc.property(weights, fc.array(fc.string(), { minLength: 1, maxLength: 50 }), (some, keys) => {
      const targets = targetsOf(some)
      const choose = balancer<Target>('sticky')
      const homes = keys.map((key) => choose(targets, key))
      const again = balancer<Target>('sticky')
      const turned = targets.toReversed()
      for (const [index, key] of keys.entries()) assert.equal(again(turned, key), homes[index])
    }),
  )
})

test('when a target leaves only its own callers move, and they come back with it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 8 }),
      fc.nat(7),
      (some, leaving) => {
        const targets = targetsOf(some)
        const gone = targets[leaving % targets.length]
        const rest = targets.filter((target) => target !== gone)
        const choose = balancer<Target>('sticky')
        for (let caller = 0; caller < 200; caller++) {
          const key = `https://issuer.example caller-${caller}`
          const home = choose(targets, key)
          const meanwhile = choose(rest, key)
          if (home !== gone) assert.equal(meanwhile, home)
          assert.equal(choose(targets, key), home)
        }
      },
    ),
    { numRuns: 50 },
  )
})

test('sticky callers are spread by weight, within a few percent', () => {
  for (const some of [
    [1, 1],
    [1, 2, 3],
    [10, 1],
    [1, 1, 1, 1, 1, 1, 1, 1],
  ]) {
    const rounds = 20_000
    const counts = countOf('sticky', targetsOf(some), rounds, (round) => `user-${round}`)
    const sum = some.reduce((total, weight) => total + weight, 0)
    for (const [index, weight] of some.entries()) {
      const expected = (rounds * weight) / sum
      const off = Math.abs((counts[index] ?? 0) - expected)
      assert.ok(off < 5 * Math.sqrt(expected) + 1, `${some.join()}: ${counts.join()}`)
    }
  }
})

test('callers nobody knows are spread by weight', () => {
  assert.deepEqual(countOf('sticky', targetsOf([1, 3]), 8), [2, 6])
})
