import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import * as fc from 'fast-check'
import type { EncodedEntry } from '../../src/audit/index.ts'
import { EntryRing, entryRingMemory } from '../../src/workers/entry-ring.ts'

function taken(ring: EntryRing): readonly EncodedEntry[] {
  const entries: EncodedEntry[] = []
  ring.take((entry) => entries.push(entry))
  return entries
}

test('what was written is taken once, whole and in its order, however often the memory is gone through', () => {
  const lengths = fc.array(fc.nat({ max: 40_000 }), { minLength: 3, maxLength: 3 })
  const step = fc.oneof({ weight: 4, arbitrary: lengths }, fc.constant('take' as const))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const memory = entryRingMemory()
      const [writer, reader] = [new EntryRing(memory), new EntryRing(memory)]
      let waiting: EncodedEntry[] = []
      let number = 0
      for (const one of steps) {
        if (one === 'take') {
          assert.deepEqual(taken(reader), waiting)
          waiting = []
          continue
        }
        const [a = 0, b = 0, c = 0] = one
        const entry = [`${number}`.repeat(a), 'b'.repeat(b), 'c'.repeat(c)] as const
        if (writer.write(entry)) waiting.push(entry)
        else assert.ok(waiting.length > 0, 'an empty ring has room')
        number++
      }
      assert.deepEqual(taken(reader), waiting)
      assert.deepEqual(taken(reader), [])
    }),
    { numRuns: 40 },
  )
})

test('a full ring takes nothing until something was taken from it, and loses nothing', () => {
  const memory = entryRingMemory()
  const [writer, reader] = [new EntryRing(memory), new EntryRing(memory)]
  let count = 0
  while (writer.write([`${count}`, 'x'.repeat(1000), ''])) count++
  assert.ok(count > 500)
  assert.equal(writer.write([`${count}`, 'x'.repeat(1000), '']), false)
  const all = taken(reader)
  assert.deepEqual(
    all.map(([number]) => Number(number)),
    Array.from({ length: count }, (_, at) => at),
  )
  assert.equal(writer.write(['', '', '']), true)
  assert.deepEqual(taken(reader), [['', '', '']])
})

test('an entry that would never find room is refused at once, and leaves no trace', () => {
  const memory = entryRingMemory()
  const ring = new EntryRing(memory)
  assert.throws(() => ring.write(['x'.repeat(memory.byteLength), '', '']), RangeError)
  assert.deepEqual(taken(ring), [])
})

test('one of those who ask while the reader rests calls it, and none while it looks by itself', () => {
  const memory = entryRingMemory()
  const [writer, reader] = [new EntryRing(memory), new EntryRing(memory)]
  assert.deepEqual([writer.needsCall(), writer.needsCall()], [true, false])
  reader.attend()
  assert.equal(writer.needsCall(), false)
  reader.rest()
  assert.deepEqual([writer.needsCall(), writer.needsCall()], [true, false])
})

test('a thread that is ended while it writes leaves whole entries only, none of them missing', async () => {
  const memory = entryRingMemory()
  const reader = new EntryRing(memory)
  const writer = new Worker(new URL('ring-writer.ts', import.meta.url), { workerData: memory })
  const exit = once(writer, 'exit')
  const seen = { count: 0 }
  const check = ([first, second, third]: EncodedEntry): void => {
    assert.equal(first, `${seen.count},`)
    assert.equal(second, String(seen.count % 10).repeat(seen.count % 97))
    assert.equal(third, 'z'.repeat(seen.count % 511))
    seen.count++
  }
  while (seen.count < 20_000) {
    reader.take(check)
    await new Promise(setImmediate)
  }
  await writer.terminate()
  await exit
  reader.take(check)
  const { count } = seen
  reader.take(check)
  assert.equal(seen.count, count)
})
