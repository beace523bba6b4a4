import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AuditLog } from '../../src/audit/index.ts'
import { manualClock, randomId } from '../../src/core/index.ts'
import { Lane } from '../../src/signals/lane.ts'
import type { Delivery, LaneParts } from '../../src/signals/lane.ts'
import { RecordSource } from '../../src/signals/source.ts'
import type { LaneState, LaneStore } from '../../src/signals/store.ts'
import { eventually } from '../kit/flows.ts'

class MemoryLanes implements LaneStore {
  readonly states = new Map<string, LaneState>()
  saves = 0
  failing = 0

  async load(log: string, name: string): Promise<LaneState | undefined> {
    return this.states.get(`${log} ${name}`)
  }

  async save(log: string, name: string, state: LaneState): Promise<void> {
    if (this.failing > 0) {
      this.failing--
      throw new Error('no answer')
    }
    this.saves++
    this.states.set(`${log} ${name}`, state)
  }

  async keep(): Promise<void> {
    assert.fail('not asked for here')
  }
}

/** A log with what it takes to tell of it; `append` waits until it is durable. */
async function world(t: TestContext) {
  const root = await mkdtemp(join(tmpdir(), 'proofgate-lane-'))
  const directory = join(root, 'audit')
  const clock = manualClock(1_000_000)
  const log = await AuditLog.open({
    directory,
    keyDirectory: join(root, 'keys'),
    origin: 'gateway.test/audit',
    clock,
  })
  t.after(async () => {
    await log.close()
    await rm(root, { recursive: true, force: true })
  })
  const store = new MemoryLanes()
  const size = (): number => log.size
  const newSource = (): RecordSource =>
    new RecordSource({ directory, size, wants: (action) => action === 'told' })
  const errors: unknown[] = []
  const parked: string[] = []
  const lane = (
    source: RecordSource,
    deliver: (seq: number) => Promise<Delivery['outcome'] | Delivery>,
    more: Partial<LaneParts> = {},
  ): Lane =>
    new Lane({
      name: 'webhook/one',
      log: log.name,
      source,
      store,
      clock,
      size,
      deliver: async ({ seq }) => {
        const outcome = await deliver(seq)
        return typeof outcome === 'string' ? ({ outcome } as Delivery) : outcome
      },
      giveUpAfter: () => 60_000,
      onParked: (_, problem) => parked.push(problem),
      onError: (error) => errors.push(error),
      ...more,
    })
  const append = async (...actions: readonly string[]): Promise<void> => {
    for (const action of actions) {
      const entry = { kind: 'system', outcome: 'success', reason: 'test' } as const
      await log.append({ ...entry, id: randomId(), action })
    }
  }
  const never = new AbortController().signal
  return { log, store, clock, newSource, lane, append, errors, parked, never }
}

test('a lane tells what is new from its first moment on, in order, and keeps its place', async (t) => {
  const { newSource, lane, append, store, log, never } = await world(t)
  await append('told', 'other')
  const source = newSource()
  const told: number[] = []
  const one = lane(source, async (seq) => {
    told.push(seq)
    return 'delivered'
  })
  await one.state()
  await append('told', 'other', 'told', 'other')
  await source.advance(never)
  one.wake()
  assert.ok(await eventually(() => told.length === 2))
  assert.deepEqual(told, [2, 4])
  await one.close()
  assert.equal(store.states.get(`${log.name} webhook/one`)?.next, 6)
})

test('whoever is behind is told from the log itself, everything, however much it is', async (t) => {
  const { newSource, lane, append, store, never } = await world(t)
  const first = lane(newSource(), async () => 'delivered')
  await first.state()
  await first.close()
  await append(...Array.from({ length: 600 }, (_, at) => (at % 2 === 0 ? 'told' : 'other')))
  const source = newSource()
  const told: number[] = []
  const second = lane(source, async (seq) => {
    told.push(seq)
    return 'delivered'
  })
  assert.equal((await second.state()).next, 0)
  second.wake()
  assert.ok(await eventually(() => told.length === 300))
  assert.deepEqual(
    told,
    Array.from({ length: 300 }, (_, at) => 2 * at),
  )
  await append('told')
  await source.advance(never)
  second.wake()
  assert.ok(await eventually(() => told.length === 301))
  await second.close()
  assert.equal(store.states.size, 1)
})

test('nothing is told behind what failed; the same is told again, and once it is taken the rest', async (t) => {
  const { newSource, lane, append, never } = await world(t)
  const source = newSource()
  const told: number[] = []
  const one = lane(source, async (seq) => {
    told.push(seq)
    return told.length < 2 ? { outcome: 'failed', problem: 'no' } : 'delivered'
  })
  await one.state()
  await append('told', 'told')
  await source.advance(never)
  one.wake()
  assert.ok(await eventually(() => told.length === 3))
  assert.deepEqual(told, [0, 0, 1])
  assert.deepEqual(one.counts, { delivered: 2, failed: 1 })
  const { failures, problem } = await one.state()
  assert.deepEqual([failures, problem], [0, undefined])
  await one.close()
})

test('one that fails for too long is parked, also over a restart, until it is told to go on', async (t) => {
  const { newSource, lane, append, store, clock, parked, never } = await world(t)
  const source = newSource()
  let tries = 0
  const failing = async (): Promise<Delivery> => {
    tries++
    clock.advance(40_000)
    return { outcome: 'failed', problem: 'it answered 500' }
  }
  const one = lane(source, failing)
  await one.state()
  await append('told', 'told')
  await source.advance(never)
  one.wake()
  assert.ok(await eventually(() => parked.length === 1))
  assert.equal(tries, 3)
  await one.close()
  const told: number[] = []
  const listen = async (seq: number): Promise<'delivered'> => {
    told.push(seq)
    return 'delivered'
  }
  const still = lane(newSource(), listen)
  still.wake()
  await still.close()
  assert.deepEqual(told, [])
  const again = lane(newSource(), listen)
  assert.notEqual((await again.state()).parkedAt, undefined)
  assert.equal((await again.state()).problem, 'it answered 500')
  await again.retry(false, true)
  assert.ok(await eventually(() => told.length === 2))
  assert.deepEqual(told, [0, 1])
  await again.close()
  assert.equal([...store.states.values()][0]?.parkedAt, undefined)
})

test('one that says it wants no more is parked at once', async (t) => {
  const { newSource, lane, append, parked, never } = await world(t)
  const source = newSource()
  const one = lane(source, async () => ({ outcome: 'failed', problem: 'gone', isFinal: true }))
  await one.state()
  await append('told')
  await source.advance(never)
  one.wake()
  assert.ok(await eventually(() => parked.length === 1))
  await one.close()
})

test('an attempt that closing interrupts is none, and is made again', async (t) => {
  const { newSource, lane, append, store, never } = await world(t)
  const source = newSource()
  const begun = Promise.withResolvers<void>()
  const one = lane(source, async () => 'delivered', {
    deliver: (_, signal) =>
      new Promise((resolve) => {
        begun.resolve()
        signal.addEventListener('abort', () => resolve({ outcome: 'failed', problem: 'cut' }))
      }),
  })
  await one.state()
  await append('told')
  await source.advance(never)
  one.wake()
  await begun.promise
  await one.close()
  const [state] = store.states.values()
  assert.deepEqual([state?.next, state?.failures], [0, 0])
})

test('a place that cannot be kept is not moved, and nothing is left out', async (t) => {
  const { newSource, lane, append, store, errors, never } = await world(t)
  const source = newSource()
  const told: number[] = []
  const one = lane(source, async (seq) => {
    told.push(seq)
    return 'delivered'
  })
  await one.state()
  await append('told', 'told')
  await source.advance(never)
  store.failing = 1
  one.wake()
  assert.ok(await eventually(() => errors.length === 1))
  // It waits for a moment of its own; whoever restarts meanwhile tells it again.
  await one.close()
  assert.deepEqual(told, [0])
  const after: number[] = []
  const next = lane(newSource(), async (seq) => {
    after.push(seq)
    return 'delivered'
  })
  next.wake()
  assert.ok(await eventually(() => after.at(-1) === 1))
  await next.close()
})

test('a log that was set back to an earlier one does not hide what comes', async (t) => {
  const { newSource, lane, append, store, log, never } = await world(t)
  const place = { next: 1000, failures: 0 }
  const rest = { failingSince: undefined, parkedAt: undefined, problem: undefined }
  await store.save(log.name, 'webhook/one', { ...place, ...rest, deliveredAt: undefined })
  const source = newSource()
  const told: number[] = []
  const one = lane(source, async (seq) => {
    told.push(seq)
    return 'delivered'
  })
  await one.state()
  await append('told')
  await source.advance(never)
  one.wake()
  assert.ok(await eventually(() => told.length === 1))
  await one.close()
})

test('whoever is up to date shares one reading, of which only so much is kept', async (t) => {
  const { newSource, append, never } = await world(t)
  const source = newSource()
  await append(...Array.from({ length: 1200 }, () => 'told'))
  assert.equal(await source.advance(never), true)
  assert.equal(source.next, 1200)
  assert.equal(await source.advance(never), false)
  const late = await source.after('late', 1100, never)
  assert.equal(late.records.length, 100)
  assert.equal(late.next, 1200)
  const first = await source.after('first', 0, never)
  assert.equal(first.records[0]?.seq, 0)
  assert.ok(first.records.length < 1200)
  assert.equal(first.next, (first.records.at(-1)?.seq ?? 0) + 1)
})
