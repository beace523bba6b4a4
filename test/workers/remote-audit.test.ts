import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { AuditLog, readRecords, verifyAuditLog } from '../../src/audit/index.ts'
import type { AuditWaiter, EncodedEntry } from '../../src/audit/index.ts'
import { manualClock } from '../../src/core/index.ts'
import { AuditDesk, entryRingMemory, RemoteAudit } from '../../src/workers/index.ts'
import type { AuditReply } from '../../src/workers/index.ts'
import { code, entry, open, places } from '../audit/kit.ts'

interface Way {
  readonly audit: RemoteAudit
  readonly desk: AuditDesk
  readonly close: () => void
  /** How often the log was called. */
  readonly calls: () => number
}

/** A way to the log as between threads: shared memory, and a real channel. */
function remote(log: AuditLog): Way {
  const { port1, port2 } = new MessageChannel()
  const memory = entryRingMemory()
  let calls = 0
  const audit = new RemoteAudit(memory, (message) => port1.postMessage(message))
  const desk = new AuditDesk(log, { memory, reply: (reply) => port2.postMessage(reply) })
  log.follow(desk)
  port2.on('message', () => {
    calls++
    log.wake()
  })
  port1.on('message', (reply: AuditReply) => audit.settle(reply))
  return { audit, desk, close: () => port1.close(), calls: () => calls }
}

/** A way whose log is not there: what is written to it stays. */
function nowhere(): RemoteAudit {
  return new RemoteAudit(entryRingMemory(), () => undefined)
}

async function idsIn(directory: string): Promise<readonly string[]> {
  const ids: string[] = []
  for await (const record of readRecords(directory)) ids.push(record.id)
  return ids
}

test('records of several threads stand in one log that verifies, each once', async (t) => {
  const where = await places(t)
  const log = await open(where)
  const [one, other] = [remote(log), remote(log)]
  const appended: Promise<unknown>[] = []
  for (let number = 0; number < 300; number++) {
    appended.push((number % 2 === 0 ? one : other).audit.append(entry(number)))
    if (number % 17 === 0) await new Promise(setImmediate)
    if (number % 23 === 0) appended.push(log.append(entry(1000 + number)))
  }
  await Promise.all(appended)
  assert.equal(log.size, appended.length)
  assert.ok(one.calls() < 150, 'nobody calls a log that looks by itself')
  await log.close()
  one.close()
  other.close()
  const report = await verifyAuditLog(where.directory)
  assert.deepEqual([report.ok, report.size], [true, appended.length])
  const ids = await idsIn(where.directory)
  assert.equal(new Set(ids).size, appended.length)
  const ofOne = ids.filter((id) => /[02468]$/.test(id) && Number(id.slice(8)) < 300)
  const numbers = ofOne.map((id) => Number(id.slice(8)))
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
    'each thread keeps its own order',
  )
})

test('nobody is told of a record before it is durable', async (t) => {
  const where = await places(t)
  const log = await open(where)
  const { audit, close } = remote(log)
  await audit.append(entry(1))
  assert.equal(log.size, 1)
  assert.deepEqual(await idsIn(where.directory), ['request-1'])
  await log.close()
  close()
})

test('an entry that no record can hold is refused in its own thread and disturbs no other', async (t) => {
  const where = await places(t)
  const log = await open(where)
  const { audit, close } = remote(log)
  const bad = { ...entry(1), what: { 'no name': 'x' } }
  await assert.rejects(audit.append(bad), code('audit.invalid_entry'))
  await audit.append(entry(2))
  assert.equal(log.size, 1)
  await log.close()
  close()
})

test('what the log refuses is refused where it was asked, and what it took before is not', async (t) => {
  const where = await places(t)
  const log = await open(where)
  const { audit, close } = remote(log)
  await audit.append(entry(1))
  await log.close()
  const late = await Promise.allSettled([audit.append(entry(2)), audit.append(entry(3))])
  for (const one of late) {
    assert.equal(one.status, 'rejected')
    assert.ok(one.status === 'rejected' && code('audit.unavailable')(one.reason))
  }
  close()
})

test('a number speaks for all below it, but not for those that were refused, nor for who comes later', () => {
  const heard: string[] = []
  const audit = nowhere()
  const record = (number: number): void =>
    audit.record(entry(number), {
      recorded: () => heard.push(`yes ${number}`),
      refused: () => heard.push(`no ${number}`),
    })
  for (let number = 0; number < 6; number++) record(number)
  audit.settle({ kind: 'refused', numbers: [1, 4], reason: 'full' })
  assert.deepEqual(heard.splice(0), ['no 1', 'no 4'])
  audit.settle(2)
  assert.deepEqual(heard.splice(0), ['yes 0', 'yes 2'])
  audit.settle(1)
  assert.deepEqual(heard, [], 'nobody is told twice')
  audit.settle(100)
  record(6)
  assert.deepEqual(heard, ['yes 3', 'yes 5'])
})

test('the desk tells what was refused before what is durable, however they came', () => {
  const memory = entryRingMemory()
  const audit = new RemoteAudit(memory, () => undefined)
  const waiting: AuditWaiter[] = []
  const log = {
    recordEncoded: (_: EncodedEntry, waiter: AuditWaiter) => {
      if (waiting.length === 2) throw new Error('no room')
      waiting.push(waiter)
    },
  }
  const replies: AuditReply[] = []
  const desk = new AuditDesk(log, { memory, reply: (reply) => replies.push(reply) })
  const heard: string[] = []
  for (let number = 0; number < 3; number++) {
    audit.record(entry(number), {
      recorded: () => heard.push(`yes ${number}`),
      refused: () => heard.push(`no ${number}`),
    })
  }
  desk.attend()
  for (const [index, waiter] of waiting.entries()) waiter.recorded(index)
  desk.attend()
  assert.deepEqual(replies, [{ kind: 'refused', numbers: [2], reason: 'no room' }, 1])
  for (const reply of replies) audit.settle(reply)
  assert.deepEqual(heard, ['no 2', 'yes 0', 'yes 1'])
})

test('more than the shared memory holds is recorded all the same, in its order', async (t) => {
  const where = await places(t)
  const log = await open(where)
  const { audit, close } = remote(log)
  const count = 4000
  const detail = 'x'.repeat(500)
  const all = Array.from({ length: count }, (_, at) => audit.append({ ...entry(at), detail }))
  await Promise.all(all)
  await log.close()
  close()
  const ids = await idsIn(where.directory)
  assert.deepEqual(
    ids,
    all.map((_, at) => `request-${at}`),
  )
})

test('a log that rests is called, and hears of what was written while it went to rest', async (t) => {
  const where = await places(t)
  const log = await open(where)
  const { audit, close, calls } = remote(log)
  for (let number = 0; number < 200; number++) {
    await audit.append(entry(number))
    // At every distance from the end of the log's own work.
    for (let turn = 0; turn < number % 5; turn++) await new Promise(setImmediate)
  }
  assert.equal(log.size, 200)
  assert.ok(calls() > 0)
  await log.close()
  close()
})

test('a way that is closed refuses what it has not heard of, and whatever comes', async () => {
  const audit = nowhere()
  const pending = audit.append(entry(1))
  audit.close()
  await assert.rejects(pending, code('audit.unavailable'))
  await assert.rejects(audit.append(entry(2)), code('audit.unavailable'))
})

test('entries that were sent are recorded when their thread is gone, though nobody called', async (t) => {
  const where = await places(t)
  const log = await AuditLog.open({ ...where, clock: manualClock() })
  const memory = entryRingMemory()
  const desk = new AuditDesk(log, { memory, reply: () => undefined })
  log.follow(desk)
  const audit = new RemoteAudit(memory, () => undefined)
  audit.record(entry(1), { recorded: () => undefined, refused: () => undefined })
  log.unfollow(desk)
  audit.record(entry(2), { recorded: () => undefined, refused: () => undefined })
  log.unfollow(desk)
  await log.close()
  assert.equal((await verifyAuditLog(where.directory)).size, 1)
})
