import assert from 'node:assert/strict'
import { appendFile, rm, truncate } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AuditTail } from '../../src/audit/index.ts'
import type { AuditLog } from '../../src/audit/index.ts'
import { appendEach, entry, open, openMarking, openSmall, places } from './kit.ts'
import type { Places } from './kit.ts'

function tailOf(where: Places, from = 0): AuditTail {
  const wants = (action: string): boolean => action === 'credential.remove'
  return new AuditTail({ directory: where.directory, wants, from })
}

async function removal(log: AuditLog, number: number): Promise<void> {
  await log.append({ ...entry(number), kind: 'identity', action: 'credential.remove' })
}

async function indexes(tail: AuditTail, most = 1000): Promise<readonly number[]> {
  return (await tail.read(most)).map((record) => record.seq)
}

test('a tail answers what is wanted, in order, over the ends of segments, and then what is new', async (t) => {
  const where = await places(t)
  const log = await openSmall(where, 2000)
  await appendEach(log, 0, 20)
  await removal(log, 20)
  await appendEach(log, 21, 40)
  await removal(log, 40)
  const tail = tailOf(where)
  assert.deepEqual(await indexes(tail), [20, 40])
  assert.equal(tail.next, 41)
  assert.deepEqual(await indexes(tail), [])
  await appendEach(log, 41, 60)
  await removal(log, 60)
  assert.deepEqual(await indexes(tail), [60])
  await log.close()
})

test('what was not wanted moves a tail on as well', async (t) => {
  const where = await places(t)
  const log = await openSmall(where, 2000)
  await appendEach(log, 0, 30)
  const tail = tailOf(where)
  assert.deepEqual(await indexes(tail), [])
  assert.equal(tail.next, 30)
  await log.close()
})

test('a tail begins where it is told to, in whichever segment that is', async (t) => {
  const where = await places(t)
  const log = await openSmall(where, 2000)
  for (let at = 0; at < 30; at++) await removal(log, at)
  await log.close()
  for (const from of [0, 1, 13, 29, 30, 99]) {
    const wanted = Array.from({ length: Math.max(0, 30 - from) }, (_, at) => from + at)
    assert.deepEqual(await indexes(tailOf(where, from)), wanted)
  }
})

test('a tail reads batches that end in marks, and those a seal closes later', async (t) => {
  const where = await places(t)
  const log = await openMarking(where)
  await appendEach(log, 0, 5)
  await removal(log, 5)
  const tail = tailOf(where)
  assert.deepEqual(await indexes(tail), [5])
  await removal(log, 6)
  await log.close()
  assert.deepEqual(await indexes(tail), [6])
  assert.equal(tail.next, 7)
})

test('a read stops near the number it was asked for and the next one goes on', async (t) => {
  const where = await places(t)
  const log = await openSmall(where, 2000)
  for (let at = 0; at < 30; at++) await removal(log, at)
  await log.close()
  const tail = tailOf(where)
  const found: number[] = []
  for (let turn = 0; turn < 30; turn++) {
    const some = await indexes(tail, 1)
    assert.ok(some.length < 30)
    found.push(...some)
  }
  assert.deepEqual(
    found,
    Array.from({ length: 30 }, (_, at) => at),
  )
})

test('a batch longer than one look is read whole', async (t) => {
  const where = await places(t)
  const log = await open(where)
  const long = 'x'.repeat(500)
  const many = Array.from({ length: 2000 }, (_, at) =>
    log.append({
      ...entry(at),
      action: at === 1999 ? 'credential.remove' : 'request',
      detail: long,
    }),
  )
  await Promise.all(many)
  const tail = tailOf(where)
  assert.deepEqual(await indexes(tail), [1999])
  assert.equal(tail.next, 2000)
  await log.close()
})

test('a batch that is not whole is not answered until it is', async (t) => {
  const where = await places(t)
  const log = await open(where)
  await appendEach(log, 0, 3)
  await removal(log, 3)
  await log.close()
  const path = join(where.directory, 'log-000000.ndjson')
  const whole = readFileSync(path)
  const start = whole.indexOf('{"action":"credential.remove"')
  for (const length of [start + 20, whole.indexOf(0x0a, start) + 1]) {
    await truncate(path, length)
    const tail = tailOf(where)
    assert.deepEqual(await indexes(tail), [])
    await appendFile(path, whole.subarray(length))
    assert.deepEqual(await indexes(tail), [3])
  }
})

test('files that were taken away are passed over', async (t) => {
  const where = await places(t)
  const log = await openSmall(where, 2000)
  for (let at = 0; at < 30; at++) await removal(log, at)
  const tail = tailOf(where)
  const first = await indexes(tail, 1)
  await rm(join(where.directory, 'log-000001.ndjson'))
  const rest = await indexes(tail)
  assert.equal(rest.at(-1), 29)
  assert.ok(first.length + rest.length < 30)
  await log.close()
})

test('a tail of a folder without a log answers nothing, and stops when it is told to', async (t) => {
  const where = await places(t)
  assert.deepEqual(await indexes(tailOf(where)), [])
  const log = await open(where)
  await removal(log, 0)
  assert.deepEqual(await tailOf(where).read(10, AbortSignal.abort()), [])
  await log.close()
})
