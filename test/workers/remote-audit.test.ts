import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { AuditLog, readRecords, verifyAuditLog } from '../../src/audit/index.ts'
import { manualClock } from '../../src/core/index.ts'
import { AuditDesk, RemoteAudit } from '../../src/workers/index.ts'
import type { AuditMessage, AuditReply } from '../../src/workers/index.ts'
import { code, entry, open, places } from '../audit/kit.ts'

/** A way to the log over a real channel, as between threads. */
function remote(log: Pick<AuditLog, 'recordEncoded'>): {
  audit: RemoteAudit
  close: () => void
  messages: () => number
} {
  const { port1, port2 } = new MessageChannel()
  let messages = 0
  const audit = new RemoteAudit((message) => port1.postMessage(message))
  const desk = new AuditDesk(log, (reply) => port2.postMessage(reply))
  port2.on('message', (message: AuditMessage) => {
    messages++
    desk.take(message)
  })
  port1.on('message', (reply: AuditReply) => audit.settle(reply))
  return { audit, close: () => port1.close(), messages: () => messages }
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
  assert.ok(one.messages() < 150, 'entries of one turn travel together')
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

test('answers in ranges reach exactly those they are for, in whatever order they come', () => {
  const heard: string[] = []
  const audit = new RemoteAudit(() => undefined)
  for (let number = 0; number < 6; number++) {
    audit.record(entry(number), {
      recorded: () => heard.push(`yes ${number}`),
      refused: () => heard.push(`no ${number}`),
    })
  }
  audit.settle({ kind: 'audit', recorded: [2, 3, 5, 5], refused: [0, 0], reason: 'full' })
  assert.deepEqual(heard, ['yes 2', 'yes 3', 'yes 5', 'no 0'])
  audit.settle({ kind: 'audit', recorded: [0, 5], refused: [], reason: '' })
  assert.deepEqual(heard.slice(4), ['yes 1', 'yes 4'], 'nobody is told twice')
})

test('a way that is closed refuses what it has not heard of, and whatever comes', async () => {
  const audit = new RemoteAudit(() => undefined)
  const pending = audit.append(entry(1))
  audit.close()
  await assert.rejects(pending, code('audit.unavailable'))
  await assert.rejects(audit.append(entry(2)), code('audit.unavailable'))
})

test('entries that were sent are recorded when their thread is gone', async (t) => {
  const where = await places(t)
  const log = await AuditLog.open({ ...where, clock: manualClock() })
  const { port1, port2 } = new MessageChannel()
  const desk = new AuditDesk(log, () => undefined)
  port2.on('message', (message: AuditMessage) => desk.take(message))
  const audit = new RemoteAudit((message) => port1.postMessage(message))
  audit.record(entry(1), { recorded: () => undefined, refused: () => undefined })
  await new Promise(setImmediate)
  port1.close()
  await once(port2, 'close')
  await log.close()
  assert.equal((await verifyAuditLog(where.directory)).size, 1)
})
