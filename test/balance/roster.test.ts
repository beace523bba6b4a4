import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { millis } from '../../src/core/index.ts'
import { Member } from '../../src/balance/member.ts'
import { Roster } from '../../src/balance/roster.ts'
import type { EjectionOptions } from '../../src/balance/roster.ts'
import type { UpstreamPool } from '../../src/upstream/index.ts'

const nowhere: UpstreamPool = {
  name: 'nowhere',
  stats: {
    open: 0,
    idle: 0,
    queued: 0,
    requests: 0,
    reused: 0,
    retried: 0,
    failed: 0,
    upgraded: 0,
  },
  request: () => assert.fail('nothing is sent here'),
  upgrade: () => assert.fail('nothing is sent here'),
  close: () => Promise.resolve(),
}

const target = fc.record({ backup: fc.boolean() })
const event = fc.record({
  kind: fc.constantFrom(
    'take',
    'release',
    'fail',
    'succeed',
    'error',
    'answer',
    'sick',
    'well',
    'wait',
  ),
  at: fc.nat(7),
})

test('whatever happens, the roster keeps its promises', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  fc.assert(
    fc.property(
      fc.array(target, { minLength: 1, maxLength: 8 }),
      fc.constantFrom(0, 30, 50, 99, 100),
      fc.array(event, { maxLength: 120 }),
      (targets, maxEjected, events) => {
        const members = targets.map(
          ({ backup }, index) =>
            new Member({ label: String(index), pool: nowhere, weight: 1, backup }),
        )
        const ejection = { failures: 2, errorAnswers: 2, base: millis(1000), maxEjected }
        const roster = new Roster(members, { ejection, onChange: () => undefined })
        const open: [Member, boolean][] = []
        for (const { kind, at } of events) {
          const member = members[at % members.length]
          assert.ok(member !== undefined)
          if (kind === 'take' && roster.ready.includes(member)) {
            open.push([member, roster.taken(member)])
          } else if (kind === 'release') {
            const one = open.shift()
            if (one !== undefined) roster.released(...one)
          } else if (kind === 'fail') roster.failed(member)
          else if (kind === 'succeed') roster.succeeded(member)
          else if (kind === 'error') roster.answered(member, 503)
          else if (kind === 'answer') roster.answered(member, 200)
          else if (kind === 'sick') roster.checked(member, false)
          else if (kind === 'well') roster.checked(member, true)
          else if (kind === 'wait') t.mock.timers.tick(1000)
          check(roster, maxEjected)
        }
        for (const one of open) roster.released(...one)
        assert.ok(members.every(({ pending }) => pending === 0))
        roster.close()
      },
    ),
    { numRuns: 500 },
  )
})

function check({ members, ready }: Roster, maxEjected: number): void {
  const passing = members.filter(({ checked }) => checked)
  const out = members.filter(({ ejection }) => ejection !== 'none')
  assert.ok(out.length <= Math.max(1, Math.floor((members.length * maxEjected) / 100)))
  assert.ok(
    ready.every((member) => member.checked),
    'who failed its checks is not used',
  )
  if (maxEjected < 100) assert.equal(ready.length > 0, passing.length > 0, 'somebody is used')
  const usable = passing.filter((member) => member.usable)
  if (usable.length > 0) {
    assert.ok(
      ready.every((member) => member.usable),
      'the ejected only when nobody is left',
    )
    const primary = usable.some(({ backup }) => !backup)
    assert.ok(
      ready.every(({ backup }) => !backup || !primary),
      'no backup beside another',
    )
  }
  for (const member of members) {
    const isTried = member.ejection === 'half-open' && member.probing
    if (isTried && usable.length > 0) assert.ok(!ready.includes(member), 'one at a time')
  }
}

function rosterOf(count: number, ejection: Partial<EjectionOptions>): [Roster, ...Member[]] {
  const members = Array.from(
    { length: count },
    (_, index) => new Member({ label: String(index), pool: nowhere, weight: 1, backup: false }),
  )
  const all = { failures: 2, base: millis(1000), maxEjected: 50, ...ejection }
  return [new Roster(members, { ejection: all, onChange: () => undefined }), ...members]
}

test('a success between failures begins the count anew', () => {
  const [roster, member] = rosterOf(2, {})
  assert.ok(member !== undefined)
  for (let count = 0; count < 5; count++) {
    roster.failed(member)
    roster.succeeded(member)
  }
  assert.equal(member.ejection, 'none')
  roster.failed(member)
  roster.failed(member)
  assert.equal(member.ejection, 'ejected')
  roster.close()
})

test('the only target that passes its checks is not left out', () => {
  const [roster, member, other] = rosterOf(2, { failures: 1 })
  assert.ok(member !== undefined && other !== undefined)
  roster.checked(other, false)
  roster.failed(member)
  assert.equal(member.ejection, 'none')
  roster.checked(other, true)
  roster.failed(member)
  assert.equal(member.ejection, 'ejected')
  roster.close()
})

test('one failure of a returning target is enough, whatever it was left out for', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const [roster, member] = rosterOf(2, { failures: 5, errorAnswers: 1 })
  assert.ok(member !== undefined)
  roster.answered(member, 500)
  assert.equal(member.ejection, 'ejected')
  t.mock.timers.tick(1000)
  assert.equal(member.ejection, 'half-open')
  roster.failed(member)
  assert.equal(member.ejection, 'ejected')
  roster.close()
})

test('the end of a request from before does not let a second one try a returning target', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const [roster, member] = rosterOf(2, { failures: 1 })
  assert.ok(member !== undefined)
  const before = roster.taken(member)
  roster.failed(member)
  t.mock.timers.tick(1000)
  assert.equal(roster.taken(member), true)
  roster.released(member, before)
  assert.ok(!roster.ready.includes(member))
  roster.released(member, true)
  assert.ok(roster.ready.includes(member))
  roster.close()
})
