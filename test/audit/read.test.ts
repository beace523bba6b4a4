import assert from 'node:assert/strict'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { manualClock } from '../../src/core/index.ts'
import { findRecord, readRecords } from '../../src/audit/index.ts'
import { all, appendEach, code, entry, open, openSmall, places } from './kit.ts'
import type { Places } from './kit.ts'

async function thirty(where: Places): Promise<void> {
  const log = await openSmall(where, 2000)
  await appendEach(log, 0, 29)
  await log.append({ ...entry(29), kind: 'system' })
  await log.close()
}

async function indexes(where: Places, options: Parameters<typeof readRecords>[1]) {
  return (await all(readRecords(where.directory, options))).map((record) => record.seq)
}

test('reading can begin anywhere', async (t) => {
  const where = await places(t)
  await thirty(where)
  assert.equal((await indexes(where, {})).length, 30)
  for (const from of [0, 1, 13, 29]) {
    const found = await indexes(where, { from })
    assert.deepEqual([found[0], found.length], [from, 30 - from])
  }
  assert.deepEqual(await indexes(where, { from: 30 }), [])
})

test('reading by time passes over files that ended before, and over nothing else', async (t) => {
  const where = await places(t)
  const clock = manualClock(1_000_000)
  const log = await openSmall(where, 2000, clock)
  for (let at = 0; at < 30; at++) {
    await log.append(entry(at))
    if (at % 2 === 1) clock.advance(1000)
  }
  await log.close()
  const times = (await all(readRecords(where.directory))).map(({ at }) => Date.parse(at))
  for (const since of [0, 1_000_000, 1_007_000, 1_014_000]) {
    const found = await indexes(where, { since })
    const wanted = times.flatMap((at, index) => (at >= since ? [index] : []))
    assert.deepEqual(found.slice(found.length - wanted.length), wanted)
  }
  assert.ok((await indexes(where, { since: 1_014_000 })).length < 10)
  assert.equal((await indexes(where, { since: 2_000_000 })).at(-1), 29)
})

test('the last ones are found over the ends of segments, and by kind', async (t) => {
  const where = await places(t)
  await thirty(where)
  assert.deepEqual(await indexes(where, { last: 3 }), [27, 28, 29])
  assert.equal((await indexes(where, { last: 20 })).length, 20)
  assert.equal((await indexes(where, { last: 1000 })).length, 30)
  assert.deepEqual(await indexes(where, { last: 0 }), [])
  assert.deepEqual(await indexes(where, { last: 5, kind: 'system' }), [29])
  assert.deepEqual(await indexes(where, { last: 2, kind: 'decision' }), [27, 28])
  assert.deepEqual(await indexes(where, { kind: 'token' }), [])
})

test('a record is found by index and by id, the latest of several', async (t) => {
  const where = await places(t)
  await thirty(where)
  for (const index of [0, 15, 29]) {
    assert.equal((await findRecord(where.directory, index))?.id, `request-${index}`)
    assert.equal((await findRecord(where.directory, `request-${index}`))?.seq, index)
  }
  const log = await openSmall(where, 2000)
  await log.append({ ...entry(3), what: { text: '"id":"request-4",' } })
  await log.append({ ...entry(31), id: 'a\u2028b' })
  await log.close()
  assert.equal((await findRecord(where.directory, 'request-3'))?.seq, 30)
  assert.equal((await findRecord(where.directory, 'request-4'))?.seq, 4)
  assert.equal((await findRecord(where.directory, 'a\u2028b'))?.seq, 31)
})

test('what is not there is not found', async (t) => {
  const where = await places(t)
  await thirty(where)
  for (const wanted of [30, -1, 1.5, 'request-', 'request-30', '', '"']) {
    assert.equal(await findRecord(where.directory, wanted), undefined)
  }
})

test('a folder without a log is an error, not an empty log', async (t) => {
  const where = await places(t)
  await assert.rejects(all(readRecords(where.directory)), code('audit.absent'))
  await assert.rejects(findRecord(where.directory, 1), code('audit.absent'))
})

test('a record whose batch is not whole is not shown', async (t) => {
  const where = await places(t)
  await thirty(where)
  await appendFile(join(where.directory, 'log-000003.ndjson'), '{"action":"request","at":"x"}\n')
  assert.equal((await indexes(where, {})).length, 30)
  assert.deepEqual(await indexes(where, { last: 1 }), [29])
})

test('following shows what is appended from then on, over the end of a segment', async (t) => {
  const where = await places(t)
  const log = await openSmall(where, 2000)
  await appendEach(log, 0, 3)
  const stop = new AbortController()
  const seen: number[] = []
  const options = { last: 1, follow: true, signal: stop.signal }
  const reading = (async () => {
    for await (const record of readRecords(where.directory, options)) {
      seen.push(record.seq)
      if (record.seq === 2) void appendEach(log, 3, 20)
      if (record.seq === 19) stop.abort()
    }
  })()
  await reading
  await log.close()
  assert.deepEqual(
    seen,
    Array.from({ length: 18 }, (_, index) => index + 2),
  )
})

test('an empty log is read as empty', async (t) => {
  const where = await places(t)
  await (await open(where)).close()
  assert.deepEqual(await indexes(where, {}), [])
  assert.deepEqual(await indexes(where, { last: 5 }), [])
})
