import assert from 'node:assert/strict'
import { appendFile, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { AuditLog, findRecord, readRecords, verifyAuditLog } from '../../src/audit/index.ts'
import { manualClock } from '../../src/core/index.ts'
import { all, appendEach, code, entry, open, openMarking, openSmall, places } from './kit.ts'

test('records come back as they were appended, with index and time', async (t) => {
  const where = await places(t)
  const log = await open(where, manualClock(Date.UTC(2026, 10, 1)))
  assert.deepEqual(await log.append(entry(1)), { index: 0 })
  await log.close()
  assert.deepEqual(await all(readRecords(where.directory)), [
    { ...entry(1), seq: 0, at: '2026-11-01T00:00:00.000Z', v: 1 },
  ])
})

test('concurrent appends get one index each, in the order they were made, in few batches', async (t) => {
  const where = await places(t)
  const log = await open(where)
  const receipts = await Promise.all(Array.from({ length: 5000 }, (_, n) => log.append(entry(n))))
  assert.deepEqual(
    receipts.map((receipt) => receipt.index),
    receipts.map((_, index) => index),
  )
  assert.equal(log.size, 5000)
  await log.close()
  const records = await all(readRecords(where.directory))
  assert.deepEqual(
    records.map((record) => record.id),
    receipts.map((_, index) => `request-${index}`),
  )
  const text = await readFile(join(where.directory, 'log-000000.ndjson'), 'utf8')
  const seals = text.split('\n').filter((line) => line.startsWith('{"checkpoint":'))
  assert.equal(seals.length, 2, 'a batch has at most 4096 records')
  assert.equal((await verifyAuditLog(where.directory)).ok, true)
})

test('appends made while others wait for the disk all become durable', async (t) => {
  const where = await places(t)
  const log = await open(where)
  let made = 0
  const chain = async () => {
    for (let round = 0; round < 20; round++) await log.append(entry(made++))
  }
  await Promise.all(Array.from({ length: 25 }, chain))
  await log.close()
  const report = await verifyAuditLog(where.directory)
  assert.deepEqual([report.ok, report.size], [true, 500])
})

test('a receipt is given only when the record and what closes its batch stand in the file', async (t) => {
  for (const [open, end] of [
    [openSmall, /^\{"checkpoint":.*\]\}\n$/],
    [openMarking, /^\{"mac":.*,"size":\d+\}\n$/],
  ] as const) {
    const where = await places(t)
    const log = await open(where)
    for (let number = 0; number < 5; number++) {
      await log.append(entry(number))
      const text = await readFile(join(where.directory, 'log-000000.ndjson'), 'utf8')
      const [record, last] = text.split(/(?<=\n)/).slice(-2)
      assert.match(record ?? '', new RegExp(`"id":"request-${number}"`))
      assert.match(last ?? '', end)
      assert.equal(log.size, number + 1)
    }
    await log.close()
  }
})

test('time never goes back, not within a run and not over a restart', async (t) => {
  const where = await places(t)
  const clock = { at: 2_000_000, now: () => clock.at }
  const log = await open(where, clock)
  await log.append(entry(0))
  clock.at = 1_000_000
  await log.append(entry(1))
  await log.close()
  const again = await open(where, clock)
  await again.append(entry(2))
  clock.at = 3_000_000
  await again.append(entry(3))
  await again.close()
  const times = (await all(readRecords(where.directory))).map((record) => Date.parse(record.at))
  assert.deepEqual(times, [2_000_000, 2_000_000, 2_000_000, 3_000_000])
})

test('a reopened log goes on where it ended', async (t) => {
  const where = await places(t)
  for (let run = 0; run < 6; run++) {
    const log = await open(where)
    assert.equal(log.size, run * 7)
    await appendEach(log, run * 7, run * 7 + 7)
    await log.close()
  }
  const report = await verifyAuditLog(where.directory)
  assert.deepEqual([report.ok, report.size, report.problems], [true, 42, []])
})

test('a full segment is followed by the next, and the log stays one', async (t) => {
  const where = await places(t)
  for (let run = 0; run < 3; run++) {
    const log = await openSmall(where, 2000)
    await appendEach(log, run * 10, run * 10 + 10)
    await log.close()
  }
  await stat(join(where.directory, 'log-000003.ndjson'))
  const report = await verifyAuditLog(where.directory)
  assert.deepEqual([report.ok, report.size, report.problems], [true, 30, []])
  const ids = (await all(readRecords(where.directory))).map((record) => record.seq)
  assert.deepEqual(
    ids,
    ids.map((_, index) => index),
  )
})

test('an entry no record can hold is refused and leaves no gap', async (t) => {
  const where = await places(t)
  const log = await open(where)
  await log.append(entry(0))
  const unfit = { ...entry(1), what: { bad: Number.NaN } }
  await assert.rejects(log.append(unfit), code('audit.invalid_entry'))
  assert.deepEqual(await log.append(entry(2)), { index: 1 })
  assert.equal(log.healthy, true)
  await log.close()
  assert.equal((await verifyAuditLog(where.directory)).ok, true)
})

test('a closed log takes nothing, and what was appended before it closed is kept', async (t) => {
  const where = await places(t)
  const log = await open(where)
  const last = log.append(entry(0))
  await log.close()
  assert.deepEqual(await last, { index: 0 })
  await assert.rejects(log.append(entry(1)), code('audit.unavailable'))
  assert.equal(log.healthy, false)
  await log.close()
  assert.equal((await findRecord(where.directory, 0))?.id, 'request-0')
})

test('the copied checkpoint is the latest one after closing', async (t) => {
  const where = await places(t)
  const log = await open(where)
  await log.append(entry(0))
  await log.close()
  assert.equal(await readFile(join(where.directory, 'checkpoint'), 'utf8'), log.checkpoint())
})

test('a file that another process changed stops the log before it writes', async (t) => {
  const where = await places(t)
  const failures: string[] = []
  const log = await AuditLog.open({
    ...where,
    clock: manualClock(),
    onFailure: (failure) => failures.push(failure.code),
  })
  await log.append(entry(0))
  const path = join(where.directory, 'log-000000.ndjson')
  await appendFile(path, 'x')
  const { size } = await stat(path)
  await assert.rejects(log.append(entry(1)), code('audit.unavailable'))
  await assert.rejects(log.append(entry(2)), code('audit.unavailable'))
  assert.equal(log.healthy, false)
  assert.equal((await stat(path)).size, size)
  assert.deepEqual(failures, ['audit.unavailable'])
  await log.close()
})

test('a file that was removed from its folder stops the log', async (t) => {
  const where = await places(t)
  const log = await open(where)
  await rm(join(where.directory, 'log-000000.ndjson'))
  await assert.rejects(log.append(entry(0)), code('audit.unavailable'))
  await assert.rejects(log.append(entry(0)), code('audit.unavailable'))
  await log.close()
})

test('more records than may wait for the disk are refused, the waiting ones kept', async (t) => {
  const where = await places(t)
  const log = await open(where)
  const appended = Array.from({ length: 65_537 }, (_, number) => log.append(entry(number)))
  const last = appended.pop()
  await assert.rejects(last ?? Promise.resolve(), code('audit.unavailable'))
  assert.equal((await Promise.all(appended)).length, 65_536)
  assert.equal(log.healthy, true)
  await log.close()
  assert.equal((await verifyAuditLog(where.directory)).ok, true)
})

test('keys and log are readable by their owner alone', async (t) => {
  if (process.platform === 'win32') return
  const where = await places(t)
  await (await open(where)).close()
  const mode = async (...path: string[]) => (await stat(join(where.root, ...path))).mode & 0o777
  assert.equal(await mode('keys', 'audit.key'), 0o600)
  assert.equal(await mode('keys'), 0o700)
  assert.equal(await mode('audit'), 0o700)
  assert.equal(await mode('audit', 'log-000000.ndjson'), 0o600)
})
