import assert from 'node:assert/strict'
import {
  chmod,
  cp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { readRecords, verifyAuditLog } from '../../src/audit/index.ts'
import { all, appendEach, code, copyOf, entry, open, openSmall, places } from './kit.ts'
import type { Places } from './kit.ts'

const first = 'log-000000.ndjson'

async function withRecords(t: TestContext, count: number): Promise<Places> {
  const where = await places(t)
  const log = await openSmall(where)
  await appendEach(log, 0, count)
  await log.close()
  return where
}

/** Five records; the copied checkpoint is still the one over three, as when a crash came early. */
async function crashed(t: TestContext): Promise<Places> {
  const where = await withRecords(t, 3)
  const copy = await readFile(join(where.directory, 'checkpoint'))
  const log = await openSmall(where)
  await Promise.all([log.append(entry(3)), log.append(entry(4))])
  await log.close()
  await writeFile(join(where.directory, 'checkpoint'), copy)
  return where
}

async function refusedWith(where: Places, ...codes: string[]): Promise<void> {
  const before = await contents(where)
  await assert.rejects(open(where), (error) => codes.some((expected) => code(expected)(error)))
  assert.deepEqual(await contents(where), before, 'a refusal changes nothing')
}

async function contents(where: Places): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const name of await readdir(where.root, { recursive: true })) {
    const path = join(where.root, name)
    if ((await stat(path)).isFile()) found[name] = await readFile(path, 'latin1')
  }
  return found
}

test('a new log begins empty, proven and with its name', async (t) => {
  const where = await places(t)
  const log = await open(where)
  assert.equal(log.size, 0)
  assert.equal(log.checkpoint().split('\n')[0], where.origin)
  await log.close()
  await assert.rejects(open({ ...(await places(t)), origin: 'a b' }), code('audit.origin'))
})

test('a log keeps the origin it was made with', async (t) => {
  const where = await withRecords(t, 1)
  const log = await open({ ...where, origin: 'renamed.test/audit' })
  await log.append(entry(1))
  await log.close()
  assert.equal(log.checkpoint().split('\n')[0], where.origin)
  assert.equal((await verifyAuditLog(where.directory)).ok, true)
})

test('no part that is missing is ever replaced by a new one', async (t) => {
  const whole = await places(t)
  const log = await openSmall(whole, 1000)
  await appendEach(log, 0, 6)
  await log.close()
  const parts = [
    ['keys/audit.key'],
    ['keys'],
    ['audit'],
    ['audit/checkpoint'],
    [`audit/${first}`],
    [`audit/${first}`, 'audit/log-000001.ndjson'],
    ['audit/log-000001.ndjson'],
    [`audit/${first}`, 'keys/audit.key'],
    ['audit/checkpoint', 'keys/audit.key'],
  ]
  for (const missing of parts) {
    const where = await copyOf(t, whole)
    for (const part of missing) await rm(join(where.root, part), { recursive: true })
    await refusedWith(where, 'audit.incomplete')
  }
  const segments = (await readdir(whole.directory)).filter((name) => name.endsWith('.ndjson'))
  const where = await copyOf(t, whole)
  for (const name of segments) await rm(join(where.directory, name))
  await refusedWith(where, 'audit.incomplete')
})

test('a log that lost its last segment is refused as shorter than its checkpoint', async (t) => {
  const where = await places(t)
  const log = await openSmall(where, 1000)
  await appendEach(log, 0, 6)
  await log.close()
  const last = (await readdir(where.directory)).toSorted().at(-1) ?? ''
  await rm(join(where.directory, last))
  await refusedWith(where, 'audit.cut')
})

test('an unusable key is refused', async (t) => {
  const whole = await withRecords(t, 2)
  const other = await withRecords(t, 2)
  const damage: ((where: Places) => Promise<void>)[] = [
    (where) => chmod(join(where.keyDirectory, 'audit.key'), 0o644),
    (where) => writeFile(join(where.keyDirectory, 'audit.key'), ''),
    (where) => writeFile(join(where.keyDirectory, 'audit.pub'), 'x'),
    (where) =>
      cp(join(other.keyDirectory, 'audit.key'), join(where.keyDirectory, 'audit.key'), {
        force: true,
      }),
  ]
  for (const change of damage) {
    const where = await copyOf(t, whole)
    await change(where)
    await refusedWith(where, 'audit.key')
  }
})

test('the log of another key is refused, also when the public half fits', async (t) => {
  const [where, other] = [await withRecords(t, 2), await withRecords(t, 2)]
  await cp(other.keyDirectory, where.keyDirectory, { recursive: true, force: true })
  await refusedWith(where, 'audit.damaged')
})

test('a public half that is missing is made again', async (t) => {
  const where = await withRecords(t, 2)
  const path = join(where.keyDirectory, 'audit.pub')
  const before = await readFile(path, 'utf8')
  await rm(path)
  await (await open(where)).close()
  assert.equal(await readFile(path, 'utf8'), before)
})

test('a write cut short at any byte is removed, recorded, and nothing before it is lost', async (t) => {
  const whole = await crashed(t)
  const path = join(whole.directory, first)
  const { size } = await stat(path)
  const text = await readFile(path, 'utf8')
  const durable = text.indexOf('{"action":"request"', text.lastIndexOf('"request-2"'))
  for (let length = durable; length < size; length += 7) {
    const where = await copyOf(t, whole)
    await truncate(join(where.directory, first), length)
    const log = await open(where)
    await log.append(entry(9))
    await log.close()
    const records = await all(readRecords(where.directory, { from: 3 }))
    const reasons = records.map((record) => record.reason)
    const note = length === durable ? [] : ['audit.recovered']
    assert.deepEqual(reasons, [...note, 'policy.allowed'], `cut to ${length} of ${size}`)
    if (length > durable) assert.equal(records[0]?.what?.['bytes'], length - durable)
    assert.equal((await verifyAuditLog(where.directory)).ok, true)
  }
})

test('a batch that was stored but never acknowledged is kept', async (t) => {
  const where = await crashed(t)
  const log = await open(where)
  assert.equal(log.size, 5)
  await log.close()
})

test('blocks that a loss of power left zero are removed when nobody was told of them', async (t) => {
  const whole = await crashed(t)
  const bytes = await readFile(join(whole.directory, first))
  const durable = bytes.indexOf('{"action":"request"', bytes.lastIndexOf('"request-2"'))
  for (const from of [durable, durable + 300]) {
    const where = await copyOf(t, whole)
    await writeFile(join(where.directory, first), Buffer.from(bytes).fill(0, from))
    const log = await open(where)
    assert.equal(log.size, 4)
    await log.close()
  }
})

test('records the copied checkpoint signs are never removed as the remains of a crash', async (t) => {
  const where = await withRecords(t, 5)
  const path = join(where.directory, first)
  const { size } = await stat(path)
  for (const length of [size - 1, size - 300, size - 900]) {
    await truncate(path, length)
    await refusedWith(where, 'audit.cut')
  }
})

test('each changed byte of the log is refused, not removed', async (t) => {
  const where = await crashed(t)
  const path = join(where.directory, first)
  const whole = await readFile(path)
  for (let position = 0; position < whole.length; position++) {
    const changed = Buffer.from(whole)
    changed[position] = (changed[position] ?? 0) ^ (1 << (position % 8))
    await writeFile(path, changed)
    if (isInEarlierSignature(whole, position)) continue
    await assert.rejects(open(where), code('audit.damaged'), `byte ${position}`)
    assert.deepEqual(await readFile(path), changed)
  }
})

/** Opening checks one signature, the last; those before it are for `verifyAuditLog`. */
function isInEarlierSignature(bytes: Buffer, position: number): boolean {
  const start = bytes.lastIndexOf(0x0a, position - 1) + 1
  const isSeal = bytes.subarray(start, start + 14).toString() === '{"checkpoint":'
  const isLast = bytes.indexOf(0x0a, start) === bytes.length - 1
  const leaves = bytes.indexOf('"leaves"', start)
  return isSeal && !isLast && position >= start + 15 && position < leaves - 2
}

test('a changed or foreign copy of the checkpoint is refused', async (t) => {
  const whole = await withRecords(t, 3)
  const path = join(whole.directory, 'checkpoint')
  const bytes = await readFile(path)
  for (let position = 0; position < bytes.length; position += 3) {
    const changed = Buffer.from(bytes)
    changed[position] = (changed[position] ?? 0) ^ 1
    await writeFile(path, changed)
    await refusedWith(whole, 'audit.damaged', 'audit.key')
  }
  await writeFile(path, '')
  await refusedWith(whole, 'audit.damaged')
})

test('a copy over records that another history holds is refused', async (t) => {
  const where = await withRecords(t, 2)
  const fork = await copyOf(t, where)
  for (const [place, number] of [
    [where, 2],
    [fork, 20],
  ] as const) {
    const log = await open(place)
    await log.append(entry(number))
    await log.close()
  }
  await cp(join(fork.directory, 'checkpoint'), join(where.directory, 'checkpoint'))
  await refusedWith(where, 'audit.damaged')
})

test('a creation interrupted before its key had its name is begun anew', async (t) => {
  const whole = await places(t)
  await (await open(whole)).close()
  await rename(join(whole.keyDirectory, 'audit.key'), join(whole.keyDirectory, 'audit.key.pending'))
  for (const missing of [[], ['checkpoint'], ['checkpoint', first]]) {
    const where = await copyOf(t, whole)
    for (const name of missing) await rm(join(where.directory, name))
    const log = await open(where)
    await log.append(entry(0))
    await log.close()
    assert.equal((await verifyAuditLog(where.directory)).ok, true)
  }
})

test('a log with records is never taken for an interrupted creation', async (t) => {
  const where = await withRecords(t, 1)
  await rename(join(where.keyDirectory, 'audit.key'), join(where.keyDirectory, 'audit.key.pending'))
  await refusedWith(where, 'audit.incomplete')
})

test('a segment whose first line never got whole is removed', async (t) => {
  const whole = await places(t)
  const log = await openSmall(whole, 1000)
  await appendEach(log, 0, 3)
  await log.close()
  const name = 'log-000001.ndjson'
  const path = join(whole.directory, name)
  const header = (await readFile(path, 'utf8')).split('\n')[0] ?? ''
  const copy = (await readFile(join(whole.directory, first), 'utf8')).split('\n').at(-2) ?? ''
  const checkpoint = (JSON.parse(copy) as { checkpoint: string }).checkpoint
  await writeFile(join(whole.directory, 'checkpoint'), checkpoint)
  for (const rest of ['', header.slice(0, 20), header, '\0'.repeat(50)]) {
    const where = await copyOf(t, whole)
    await writeFile(join(where.directory, name), rest)
    const again = await open(where)
    await again.close()
    assert.deepEqual((await readdir(where.directory)).toSorted(), ['checkpoint', first])
    assert.equal((await verifyAuditLog(where.directory)).ok, true)
  }
  const where = await copyOf(t, whole)
  await writeFile(join(where.directory, name), 'something else')
  await refusedWith(where, 'audit.damaged')
})

test('a path that cannot be a log is a clear error', async (t) => {
  const where = await places(t)
  await writeFile(where.directory, '')
  await assert.rejects(open(where), code('audit.unavailable'))
  const other = await withRecords(t, 1)
  await rm(join(other.directory, first))
  await cp(other.keyDirectory, join(other.directory, first), { recursive: true })
  await assert.rejects(open(other), code('audit.unavailable'))
})
