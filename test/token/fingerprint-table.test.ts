import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import test from 'node:test'
import * as fc from 'fast-check'
import { FingerprintTable } from '../../src/token/remembered/fingerprint-table.ts'

const printOf = (text: string | number): string => hash('sha256', String(text), 'latin1')
const later = { endsAt: 1000, now: 0 }

test('it answers as a map does, while there is room', () => {
  const key = fc.integer({ min: 0, max: 200 })
  const step = fc.oneof(
    fc.record({ kind: fc.constant('keep' as const), key }),
    fc.record({ kind: fc.constant('remove' as const), key }),
    fc.record({ kind: fc.constant('removeIf' as const), key }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const table = new FingerprintTable<{ at: number }>(1000)
      const map = new Map<string, { at: number }>()
      for (const [at, { kind, key: number }] of steps.entries()) {
        const print = printOf(number)
        const value = { at }
        if (kind === 'keep') {
          table.keep(print, value, later)
          map.set(print, value)
        } else if (kind === 'remove') {
          table.remove(print)
          map.delete(print)
        } else {
          table.removeIf((one) => one.at % 7 === number % 7)
          const gone = [...map].filter(([, one]) => one.at % 7 === number % 7)
          gone.forEach(([known]) => map.delete(known))
        }
        assert.equal(table.size, map.size)
      }
      for (let number = 0; number <= 200; number++) {
        const print = printOf(number)
        assert.equal(table.find(print), map.get(print))
      }
    }),
  )
})

test('whoever differs in one bit of the fingerprint is somebody else', () => {
  const print = printOf('somebody')
  const table = new FingerprintTable<string>(1000)
  table.keep(print, 'somebody', later)
  for (let bit = 0; bit < 256; bit++) {
    const bytes = Buffer.from(print, 'latin1')
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    const other = bytes.toString('latin1')
    assert.equal(table.find(other), undefined)
    table.keep(other, `bit ${bit}`, later)
  }
  assert.equal(table.find(print), 'somebody')
  for (let bit = 0; bit < 256; bit++) {
    const bytes = Buffer.from(print, 'latin1')
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(table.find(bytes.toString('latin1')), `bit ${bit}`)
  }
})

test('many in one bucket are all found, and each goes alone', () => {
  const table = new FingerprintTable<number>(1000)
  const prints = Array.from({ length: 50 }, (_, index) => `same${printOf(index).slice(4)}`)
  for (const [index, print] of prints.entries()) table.keep(print, index, later)
  for (const gone of [0, 49, 25]) {
    table.remove(prints[gone] ?? '')
    table.remove(prints[gone] ?? '')
  }
  for (const [index, print] of prints.entries()) {
    assert.equal(table.find(print), [0, 49, 25].includes(index) ? undefined : index)
  }
  assert.equal(table.size, 47)
})

test('it never holds more than its bound, and what is found again and again stays', () => {
  for (const bound of [1, 2, 10, 64, 65, 100]) {
    const table = new FingerprintTable<number>(bound)
    for (let index = 0; index < 1000; index++) {
      table.keep(printOf(index), index, later)
      assert.equal(table.size, Math.min(index + 1, bound))
      for (let often = 0; often < Math.min(bound - 1, 4) && often < index; often++) {
        assert.equal(table.find(printOf(often)), often)
      }
    }
    assert.equal(table.find(printOf(999)), 999)
  }
})

test('as many as there is room for stay, however often each is found', () => {
  const table = new FingerprintTable<number>(100)
  for (let index = 0; index < 300; index++) table.keep(printOf(index), index, later)
  for (let turn = 0; turn < 3; turn++) {
    for (let index = 200; index < 300; index++) assert.equal(table.find(printOf(index)), index)
  }
})

test('what has ended goes as others come, and nothing else does', () => {
  const table = new FingerprintTable<number>(1000)
  for (let index = 0; index < 500; index++) {
    table.keep(printOf(index), index, { endsAt: index % 2 === 0 ? 10 : 30, now: 0 })
  }
  for (let index = 500; index < 800; index++) {
    table.keep(printOf(index), index, { endsAt: 30, now: 20 })
  }
  for (let index = 0; index < 800; index++) {
    const hasEnded = index < 500 && index % 2 === 0
    assert.equal(table.find(printOf(index)), hasEnded ? undefined : index)
  }
  assert.equal(table.size, 550)
})

test('what is kept again is the newer one, with the newer end', () => {
  const table = new FingerprintTable<string>(10)
  table.keep(printOf('a'), 'first', { endsAt: 10, now: 0 })
  table.keep(printOf('a'), 'second', { endsAt: 30, now: 0 })
  assert.deepEqual([table.find(printOf('a')), table.size], ['second', 1])
  for (let index = 0; index < 20; index++) table.keep(printOf('b'), 'b', { endsAt: 30, now: 20 })
  assert.equal(table.find(printOf('a')), 'second')
})
