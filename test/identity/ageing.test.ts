import assert from 'node:assert/strict'
import { test } from 'node:test'
import { millis } from '../../src/core/index.ts'
import { ageless, opensRenewalOnly, standingOf, wantedCount } from '../../src/identity/index.ts'

const day = 86_400_000
const now = 2_000_000_000_000
const ageing = {
  rotateAfter: millis(365 * day),
  warnBefore: millis(30 * day),
  graceAfter: millis(14 * day),
  unusedFor: millis(180 * day),
}

function standing(
  age: number,
  idle: number | undefined,
  rules = ageing,
  sealedAt?: number,
): string {
  const createdAt = now - age * day
  const lastUsedAt = idle === undefined ? undefined : now - idle * day
  return standingOf(rules, { createdAt, lastUsedAt, sealedAt }, now)
}

test('a passkey is due before its age is full, overdue after it, and lapsed after its grace', () => {
  for (const [age, expected] of [
    [0, 'current'],
    [334.9, 'current'],
    [335, 'due'],
    [364.9, 'due'],
    [365, 'overdue'],
    [378.9, 'overdue'],
    [379, 'lapsed'],
    [9999, 'lapsed'],
  ] as const) {
    assert.equal(standing(age, 0), expected, `${age} days`)
  }
})

test('a passkey that nobody used for long is unused, whether it was ever used or not', () => {
  assert.equal(standing(200, 179.9), 'current')
  assert.equal(standing(200, 180), 'unused')
  assert.equal(standing(180, undefined), 'unused')
  assert.equal(standing(179, undefined), 'current')
  assert.equal(standing(370, 180), 'unused')
  assert.equal(standing(400, 180), 'lapsed')
})

test('without grace a passkey lapses on the day it is full', () => {
  assert.equal(standing(365, 0, { ...ageing, graceAfter: millis(0) }), 'lapsed')
})

test('where nothing is configured nothing ages', () => {
  assert.equal(
    standingOf(ageless, { createdAt: 0, lastUsedAt: undefined, sealedAt: undefined }, now),
    'current',
  )
})

test('only what is lapsed or unused opens nothing but its renewal', () => {
  const all = ['current', 'due', 'overdue', 'lapsed', 'unused'] as const
  assert.deepEqual(all.filter(opensRenewalOnly), ['lapsed', 'unused'])
})

test('somebody needs as many passkeys as the most demanding of their groups says', () => {
  const rules = {
    atLeast: [
      { group: 'admins', count: 3 },
      { group: 'staff', count: 2 },
    ],
  }
  assert.equal(wantedCount(rules, ['staff', 'admins', 'other']), 3)
  assert.equal(wantedCount(rules, ['staff']), 2)
  assert.equal(wantedCount(rules, ['other']), 1)
})

test('a passkey for emergencies is overdue at most, however long it lay unused', () => {
  assert.equal(standing(9999, 9999, ageing, now), 'overdue')
  assert.equal(standing(340, 340, ageing, now), 'due')
  assert.equal(standing(200, 200, ageing, now), 'current')
})
