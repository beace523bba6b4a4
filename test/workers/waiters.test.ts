import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { AuditWaiter } from '../../src/audit/index.ts'
import { Waiters } from '../../src/workers/waiters.ts'

const waiter = (): AuditWaiter => ({ recorded: () => undefined, refused: () => undefined })

test('whoever waits is found once under their number, in whatever order that is', () => {
  const added = fc.constant('add' as const)
  const taken = fc.integer({ min: -2, max: 700 })
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 3, arbitrary: added }, taken), { maxLength: 900 }),
      (steps) => {
        const waiters = new Waiters()
        const model = new Map<number, AuditWaiter>()
        let next = 0
        for (const step of steps) {
          if (step === 'add') {
            const one = waiter()
            assert.equal(waiters.next, next)
            waiters.add(one)
            model.set(next, one)
            next++
          } else {
            assert.equal(waiters.take(step), model.get(step))
            model.delete(step)
          }
          const longest = Math.min(...model.keys(), next)
          assert.equal(waiters.span, next - longest)
        }
        assert.deepEqual(waiters.takeAll(), [...model.values()])
        assert.equal(waiters.span, 0)
      },
    ),
  )
})

test('more than were ever expected find room, and the first of them is not lost', () => {
  const waiters = new Waiters()
  const all = Array.from({ length: 1000 }, waiter)
  for (const one of all) waiters.add(one)
  assert.equal(waiters.take(999), all[999])
  assert.equal(waiters.take(999), undefined)
  assert.equal(waiters.take(1000), undefined)
  assert.equal(waiters.span, 1000, 'the first waits still')
  for (let number = 0; number < 999; number++) assert.equal(waiters.take(number), all[number])
  assert.equal(waiters.span, 0)
})
