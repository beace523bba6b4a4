import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { MemoryBuckets } from '../../src/throttle/index.ts'
import { SharedBuckets, sharedBucketMemory } from '../../src/workers/index.ts'
import type { Taking } from './taker.ts'

/** Takes in several threads at once; what each key was given, over all of them. */
async function takeTogether(
  threads: number,
  taking: Omit<Taking, 'thread'>,
): Promise<readonly number[]> {
  const file = new URL('./taker.ts', import.meta.url)
  const workers = Array.from(
    { length: threads },
    (_, at) => new Worker(file, { workerData: { ...taking, thread: at + 1 } }),
  )
  // Asked for before any can have happened: a quick thread ends while a slow one still counts.
  const exits = workers.map((worker) => once(worker, 'exit'))
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  const results = workers.map((worker) => once(worker, 'message') as Promise<[number[]]>)
  for (const worker of workers) worker.postMessage('go')
  const admitted = (await Promise.all(results)).map(([counts]) => counts)
  await Promise.all(exits)
  return taking.keys.map((_, key) => admitted.reduce((sum, counts) => sum + (counts[key] ?? 0), 0))
}

test('threads that take from one bucket at once get exactly what is in it', async () => {
  const counts = await takeTogether(4, {
    memory: sharedBucketMemory(),
    keys: ['one', 'other'],
    takes: 20_000,
    from: 1_700_000_000_000,
    step: 0,
    limit: { rate: 100, burst: 5000 },
  })
  assert.deepEqual(counts, [5000, 5000])
})

test('while time goes on they get the burst and the rate, and no token twice', async () => {
  const counts = await takeTogether(3, {
    memory: sharedBucketMemory(),
    keys: ['one'],
    takes: 10_000,
    from: 1_700_000_000_000,
    step: 1,
    limit: { rate: 100, burst: 50 },
  })
  const exact = 50 + 100 * 10
  assert.ok((counts[0] ?? 0) <= exact && (counts[0] ?? 0) >= exact - 3, String(counts))
})

test('decides as buckets of one thread do', () => {
  const shared = new SharedBuckets(sharedBucketMemory(), 1)
  const plain = new MemoryBuckets()
  let now = 1_700_000_000_000
  for (let turn = 0; turn < 5000; turn++) {
    now += (turn * 7919) % 23
    const limit = { rate: 1 + (turn % 7), burst: turn % 5 === 0 ? 3 : 3 }
    const key = `key-${turn % 3}`
    assert.equal(shared.take(key, limit, now), plain.take(key, limit, now), `turn ${turn}`)
  }
  assert.ok(shared.take('nothing', { rate: 1, burst: 0 }, now) > 0)
})

test('a clock that is behind that of another thread takes nothing from a bucket and adds nothing', () => {
  const buckets = new SharedBuckets(sharedBucketMemory(), 1)
  const limit = { rate: 10, burst: 2 }
  assert.equal(buckets.take('a', limit, 10_000), 0)
  assert.equal(buckets.take('a', limit, 9000), 0)
  assert.ok(buckets.take('a', limit, 9000) > 0)
  assert.ok(buckets.take('a', limit, 10_050) > 0)
  assert.equal(buckets.take('a', limit, 10_100), 0)
})

test('a hundred thousand keys all keep their limits', () => {
  const buckets = new SharedBuckets(sharedBucketMemory(), 1)
  const limit = { rate: 0.001, burst: 1 }
  for (let key = 0; key < 100_000; key++) assert.equal(buckets.take(`k${key}`, limit, 1000), 0)
  let again = 0
  for (let key = 0; key < 100_000; key++) if (buckets.take(`k${key}`, limit, 2000) === 0) again++
  assert.equal(again, 0)
})

test('a flood of keys drives out what is full again soon, not the limits that last', () => {
  const buckets = new SharedBuckets(sharedBucketMemory(), 1)
  const slow = { rate: 0.001, burst: 1 }
  const quick = { rate: 100, burst: 200 }
  for (let key = 0; key < 500; key++) buckets.take(`slow-${key}`, slow, 1000)
  for (let turn = 0; turn < 400_000; turn++) buckets.take(`flood-${turn}`, quick, 2000 + turn)
  for (let key = 0; key < 500; key++) {
    assert.ok(buckets.take(`slow-${key}`, slow, 402_000) > 0, `slow-${key} was forgotten`)
  }
})

test('more lasting limits than there is room for are bounded all the same', () => {
  const memory = sharedBucketMemory()
  const buckets = new SharedBuckets(memory, 1)
  const limit = { rate: 0.001, burst: 1 }
  for (let turn = 0; turn < 300_000; turn++) buckets.take(`key-${turn}`, limit, 2000 + turn)
  assert.ok(buckets.take('key-299999', limit, 302_000) > 0, 'the latest is known')
  assert.ok(memory.byteLength < 8 * 1024 * 1024)
})

test('a lock whose holder never lets go is taken over in the end', () => {
  const memory = sharedBucketMemory()
  new Int32Array(memory, 200_000 * 32, 3125).fill(9)
  assert.equal(new SharedBuckets(memory, 1).take('a', { rate: 1, burst: 1 }, 1000), 0)
})

test('a lock that a dead thread held is freed, and only that of the dead', () => {
  const memory = sharedBucketMemory()
  const locks = new Int32Array(memory, 200_000 * 32, 3125)
  locks.fill(7)
  locks[0] = 8
  const buckets = new SharedBuckets(memory, 1)
  buckets.release(7)
  assert.equal(locks[0], 8)
  assert.ok(locks.subarray(1).every((lock) => lock === 0))
  buckets.release(8)
  assert.equal(buckets.take('a', { rate: 1, burst: 1 }, 1000), 0)
  assert.ok(
    locks.every((lock) => lock === 0),
    'and a take gives its own back',
  )
})
