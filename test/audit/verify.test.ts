import assert from 'node:assert/strict'
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { digestText, leafHash, verifyAuditLog } from '../../src/audit/index.ts'
import { appendEach, code, copyOf, entry, open, openSmall, places } from './kit.ts'
import type { Places } from './kit.ts'

const first = 'log-000000.ndjson'

/** Ten records in batches of 1, 3, 1, 4, 1 over two segments, the second begun after the fourth. */
async function sample(t: TestContext): Promise<Places> {
  const where = await places(t)
  let number = 0
  for (const limit of [1e6, 1]) {
    const log = await openSmall(where, limit)
    for (const count of limit === 1 ? [1] : [1, 3, 1, 4]) {
      await Promise.all(Array.from({ length: count }, () => log.append(entry(number++))))
    }
    await log.close()
  }
  return where
}

/** Replaces lines of the first segment. Lines: header, r0, seal, r1 r2 r3, seal, r4, seal, r5-8, seal. */
async function edit(where: Places, change: (lines: string[]) => string[]): Promise<void> {
  const path = join(where.directory, first)
  const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1)
  await writeFile(
    path,
    change(lines)
      .map((line) => `${line}\n`)
      .join(''),
  )
}

async function firstBad(where: Places): Promise<string> {
  const report = await verifyAuditLog(where.directory)
  const { firstBad: bad, ok } = report
  assert.equal(ok, bad === undefined)
  return bad === undefined ? 'none' : `${bad.part} ${bad.index}, ${bad.file}:${bad.line}`
}

test('a whole log is proven, by the key beside it or one named', async (t) => {
  const where = await sample(t)
  const publicKey = await readFile(join(where.keyDirectory, 'audit.pub'), 'utf8')
  for (const options of [{}, { publicKey }]) {
    const report = await verifyAuditLog(where.directory, options)
    assert.deepEqual(report.problems, [])
    assert.deepEqual([report.ok, report.size], [true, 10])
    assert.equal(report.checkpointOrigin, where.origin)
    const copy = await readFile(join(where.directory, 'checkpoint'), 'utf8')
    assert.equal(report.root, copy.split('\n')[2])
  }
})

test('an empty log is proven', async (t) => {
  const where = await places(t)
  await (await open(where)).close()
  const report = await verifyAuditLog(where.directory)
  assert.deepEqual([report.ok, report.size], [true, 0])
})

test('each changed byte of each file is found, in the record or checkpoint it belongs to', async (t) => {
  const where = await sample(t)
  for (const name of await readdir(where.directory)) {
    const path = join(where.directory, name)
    const whole = await readFile(path)
    const expected = expectations(name, whole)
    for (let position = 0; position < whole.length; position++) {
      const changed = Buffer.from(whole)
      const bit = position % 8
      changed[position] = (changed[position] ?? 0) ^ (1 << bit)
      await writeFile(path, changed)
      const found = await firstBad(where)
      assert.match(found, expected(position), `${name} byte ${position} bit ${bit}`)
    }
    await writeFile(path, whole)
  }
  assert.equal(await firstBad(where), 'none')
})

/** For each byte, what verification has to name. */
function expectations(name: string, bytes: Buffer): (position: number) => RegExp {
  if (name === 'checkpoint') return () => /^checkpoint 0, checkpoint:1$/
  const owners: RegExp[] = []
  let batch = name === first ? 0 : 9
  let next = batch
  for (const [number, line] of bytes.toString('latin1').split('\n').slice(0, -1).entries()) {
    const at = `${name}:${number + 1}`
    let owner: RegExp
    if (line.startsWith('{"frontier":')) owner = new RegExp(`^header ${batch}, ${at}$`)
    else if (line.startsWith('{"action":')) owner = new RegExp(`^record ${next++}, ${at}$`)
    else {
      owner = new RegExp(`^checkpoint ${batch}, ${at}$`)
      batch = next
    }
    for (let offset = 0; offset <= line.length; offset++) owners.push(owner)
  }
  return (position) => owners[position] ?? /^never$/
}

test('each file cut at any byte is found', async (t) => {
  const where = await sample(t)
  for (const name of await readdir(where.directory)) {
    const path = join(where.directory, name)
    const whole = await readFile(path)
    for (let length = 0; length < whole.length; length += 101) {
      await writeFile(path, whole.subarray(0, length))
      assert.notEqual(await firstBad(where), 'none', `${name} cut to ${length}`)
    }
    await writeFile(path, whole)
  }
})

test('a deleted record is named', async (t) => {
  const where = await sample(t)
  await edit(where, (lines) => lines.toSpliced(4, 1))
  assert.equal(await firstBad(where), `record 2, ${first}:5`)
})

test('an inserted record is named', async (t) => {
  const where = await sample(t)
  await edit(where, (lines) => lines.toSpliced(4, 0, lines[4]?.replace('request-2', 'x') ?? ''))
  assert.equal(await firstBad(where), `record 2, ${first}:5`)
})

test('swapped records are named', async (t) => {
  const where = await sample(t)
  await edit(where, (lines) => lines.with(4, lines[5] ?? '').with(5, lines[4] ?? ''))
  const report = await verifyAuditLog(where.directory)
  assert.equal(report.firstBad?.index, 2)
  assert.match(report.firstBad.problem, /swapped/)
})

test('a record and its listed leaf hash changed together are found', async (t) => {
  const where = await sample(t)
  await edit(where, (lines) => {
    const record = lines[4]?.replace('"allow"', '"allew"') ?? ''
    const was = digestText(leafHash(lines[4] ?? ''), 'base64url')
    const seal = lines[6]?.replace(was, digestText(leafHash(record), 'base64url')) ?? ''
    return lines.with(4, record).with(6, seal)
  })
  const report = await verifyAuditLog(where.directory)
  assert.equal(report.ok, false)
  assert.equal(report.firstBad?.index, 1, 'somewhere from the first record of that batch on')
})

test('a batch that was removed whole is found at its first record', async (t) => {
  const where = await sample(t)
  await edit(where, (lines) => lines.toSpliced(7, 2))
  assert.equal(await firstBad(where), `record 4, ${first}:8`)
})

test('swapped batches are found', async (t) => {
  const where = await sample(t)
  await edit(where, (lines) => [
    ...lines.slice(0, 3),
    ...lines.slice(7, 9),
    ...lines.slice(3, 7),
    ...lines.slice(9),
  ])
  assert.equal(await firstBad(where), `record 1, ${first}:4`)
})

test('damage in one file leaves the next one proven and named no worse', async (t) => {
  const where = await sample(t)
  await edit(where, (lines) => lines.toSpliced(7, 2))
  const report = await verifyAuditLog(where.directory)
  assert.deepEqual(
    report.problems.map((problem) => [problem.index, problem.file]),
    [[4, first]],
  )
})

test('a log cut back to an earlier valid state is found by the copied checkpoint', async (t) => {
  const where = await sample(t)
  await rm(join(where.directory, 'log-000001.ndjson'))
  assert.equal(await firstBad(where), 'checkpoint 9, checkpoint:1')
  await edit(where, (lines) => lines.slice(0, 7))
  assert.equal(await firstBad(where), 'checkpoint 4, checkpoint:1')
})

test('a missing file in the middle is named', async (t) => {
  const where = await sample(t)
  await rm(join(where.directory, first))
  assert.equal(await firstBad(where), `file 0, ${first}:1`)
})

test('a missing copy of the checkpoint is named', async (t) => {
  const where = await sample(t)
  await rm(join(where.directory, 'checkpoint'))
  assert.equal(await firstBad(where), 'checkpoint 0, checkpoint:1')
})

test('a whole folder set back to an older backup is found by a checkpoint kept elsewhere', async (t) => {
  const where = await places(t)
  const log = await open(where)
  await appendEach(log, 0, 3)
  await log.close()
  const backup = await copyOf(t, where)
  const again = await open(where)
  await appendEach(again, 3, 6)
  const checkpoint = await again.whenSigned((signed) => signed)
  await again.close()
  assert.equal((await verifyAuditLog(where.directory, { checkpoint })).ok, true)
  assert.equal((await verifyAuditLog(backup.directory)).ok, true)
  const report = await verifyAuditLog(backup.directory, { checkpoint })
  assert.deepEqual([report.ok, report.firstBad?.index], [false, 3])
})

test('an older backup that went on differently is found by a checkpoint kept elsewhere', async (t) => {
  const where = await places(t)
  const log = await open(where)
  await appendEach(log, 0, 3)
  await log.close()
  const fork = await copyOf(t, where)
  const [one, other] = [await open(where), await open(fork)]
  await appendEach(one, 3, 6)
  await appendEach(other, 13, 19)
  const checkpoint = await one.whenSigned((signed) => signed)
  await Promise.all([one.close(), other.close()])
  assert.equal((await verifyAuditLog(fork.directory)).ok, true)
  const report = await verifyAuditLog(fork.directory, { checkpoint })
  assert.equal(report.ok, false)
  assert.match(report.firstBad?.problem ?? '', /does not hold the 6 records/)
})

test('an earlier checkpoint kept elsewhere agrees, even from the middle of a later segment', async (t) => {
  const where = await places(t)
  const log = await openSmall(where, 1500)
  const kept: string[] = []
  for (let number = 0; number < 12; number++) {
    kept.push(log.checkpoint())
    await log.append(entry(number))
  }
  await log.close()
  for (const checkpoint of kept) {
    assert.equal((await verifyAuditLog(where.directory, { checkpoint })).ok, true)
  }
})

test('a log of another key is not proven, however whole it is', async (t) => {
  const [where, other] = [await sample(t), await sample(t)]
  const publicKey = await readFile(join(other.keyDirectory, 'audit.pub'), 'utf8')
  const report = await verifyAuditLog(where.directory, { publicKey })
  assert.deepEqual([report.ok, report.firstBad?.index], [false, 0])
  await rm(where.directory, { recursive: true })
  await cp(other.directory, where.directory, { recursive: true })
  assert.equal((await verifyAuditLog(where.directory)).ok, false)
})

test('a key that is none, and a folder without a log, are errors', async (t) => {
  const where = await sample(t)
  for (const publicKey of ['', 'x', 'gateway.test/audit+00000000+AAAA']) {
    await assert.rejects(verifyAuditLog(where.directory, { publicKey }), code('audit.key'))
  }
  await rm(join(where.keyDirectory, 'audit.pub'))
  await assert.rejects(verifyAuditLog(where.directory), code('audit.key'))
  const publicKey = await readFile(join((await sample(t)).keyDirectory, 'audit.pub'), 'utf8')
  const empty = await places(t)
  await assert.rejects(verifyAuditLog(empty.directory, { publicKey }), code('audit.absent'))
})

test('a log that is written meanwhile is proven as far as it was read', async (t) => {
  const where = await places(t)
  const log = await open(where)
  const stop = new AbortController()
  const writing = (async () => {
    for (let number = 0; !stop.signal.aborted; number++) {
      await Promise.all(Array.from({ length: 50 }, () => log.append(entry(number))))
    }
  })()
  for (let round = 0; round < 10; round++) {
    const report = await verifyAuditLog(where.directory)
    assert.deepEqual(report.problems, [])
  }
  stop.abort()
  await writing
  await log.close()
})
