import assert from 'node:assert/strict'
import { createHash, createHmac, createPrivateKey, hkdfSync } from 'node:crypto'
import { chmod, cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { readRecords, verifyAuditLog } from '../../src/audit/index.ts'
import { all, appendEach, code, copyOf, entry, open, openMarking, places } from './kit.ts'
import { killed, linesOf, unsigned, write } from './unsigned.ts'
import type { Places } from './kit.ts'

const first = 'log-000000.ndjson'
const olderFormat = fileURLToPath(new URL('sealed-each', import.meta.url))

function kindOf(line: string): string {
  return line.slice(2, line.indexOf('"', 2))
}

async function ids(where: Places): Promise<readonly string[]> {
  return (await all(readRecords(where.directory))).map((record) => record.id)
}

test('batches end in marks, and closing signs all of them', async (t) => {
  const where = await places(t)
  const log = await openMarking(where)
  await appendEach(log, 0, 3)
  assert.equal(log.checkpoint().split('\n')[1], '0')
  await log.close()
  assert.deepEqual((await linesOf(where)).map(kindOf), [
    'frontier',
    'action',
    'mac',
    'action',
    'mac',
    'action',
    'mac',
    'checkpoint',
  ])
  assert.equal(log.checkpoint().split('\n')[1], '3')
  const { ok, size, unsigned: left } = await verifyAuditLog(where.directory)
  assert.deepEqual([ok, size, left], [true, 3, 0])
})

test('marks and what a checkpoint says of them are those of the audit format', async (t) => {
  const where = await places(t)
  const log = await openMarking(where)
  await Promise.all([log.append(entry(0)), log.append(entry(1))])
  await log.append(entry(2))
  await log.close()
  const pem = await readFile(join(where.keyDirectory, 'audit.key'))
  const seed = Buffer.from(String(createPrivateKey(pem).export({ format: 'jwk' }).d), 'base64url')
  const info = `proofgate/audit/mark\n${where.origin}\n`
  const key = Buffer.from(hkdfSync('sha256', seed, '', info, 32))
  const sha256 = (text: string) => createHash('sha256').update(text, 'latin1').digest()
  const mac = (...parts: Buffer[]) =>
    createHmac('sha256', key).update(Buffer.concat(parts)).digest()
  const lines = await linesOf(where)
  const [a, b, c] = [1, 2, 4].map((at) => sha256(`\0${lines[at] ?? ''}`)) as [
    Buffer,
    Buffer,
    Buffer,
  ]
  const one = mac(sha256(''), a, b)
  const two = mac(one, c)
  assert.equal(lines[3], `{"mac":"${one.toString('base64url')}","size":2}`)
  assert.equal(lines[5], `{"mac":"${two.toString('base64url')}","size":3}`)
  const marks = sha256(`${lines[3]}\n${lines[5]}\n`).toString('base64')
  assert.equal(log.checkpoint().split('\n')[3], `marks ${marks}`)
})

test('a log that takes nothing more is signed a moment later', async (t) => {
  const where = await places(t)
  const log = await open(where)
  await log.append(entry(0))
  while (log.checkpoint().split('\n')[1] !== '1') await delay(5)
  const lines = await linesOf(where)
  assert.deepEqual(lines.map(kindOf), ['frontier', 'action', 'mac', 'checkpoint'])
  await log.append(entry(1))
  await log.close()
  assert.equal((await verifyAuditLog(where.directory)).ok, true)
})

test('a log that never rests is signed meanwhile', async (t) => {
  const where = await places(t)
  const log = await open(where)
  for (let number = 0; log.checkpoint().split('\n')[1] === '0'; number++) {
    await log.append(entry(number))
  }
  await log.close()
  assert.equal((await verifyAuditLog(where.directory)).ok, true)
})

test('a segment ends in a seal, and a stretch in one when it is full', async (t) => {
  const where = await places(t)
  const log = await openMarking(where, 3000)
  await appendEach(log, 0, 20)
  await log.close()
  for (const name of await readdir(where.directory)) {
    if (name === 'checkpoint') continue
    const text = await readFile(join(where.directory, name), 'latin1')
    assert.match(text, /\n\{"checkpoint":[^\n]*\n$/)
    assert.match(text, /\n\{"mac":/)
  }
  const report = await verifyAuditLog(where.directory)
  assert.deepEqual([report.problems, report.size], [[], 20])
  const large = await places(t)
  const other = await openMarking(large)
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 2000 }, (_, number) => other.append(entry(number))))
  }
  assert.equal(other.checkpoint().split('\n')[1], '6000')
  await other.close()
})

test('whoever asks for it sees the files while all of them is signed', async (t) => {
  const where = await places(t)
  const log = await openMarking(where)
  const copy = await places(t)
  const waiting = Array.from({ length: 40 }, (_, number) =>
    log.append(entry(number)).then(() => log.append(entry(number + 100))),
  )
  const checkpoint = await log.whenSigned((signed) => signed)
  await log.append(entry(1000))
  await log
    .whenSigned(() => {
      throw new Error('not this time')
    })
    .then(assert.fail, (error: Error) => assert.equal(error.message, 'not this time'))
  await Promise.all(waiting)
  await cp(where.root, copy.root, { recursive: true })
  await log.close()
  await assert.rejects(
    log.whenSigned(() => 0),
    code('audit.unavailable'),
  )
  assert.equal((await verifyAuditLog(where.directory, { checkpoint })).ok, true)
})

test('records that a kill left unsigned are kept, signed at once and said to be', async (t) => {
  const where = await unsigned(t)
  const log = await open(where)
  assert.equal(log.size, 7)
  assert.equal(log.checkpoint().split('\n')[1], '7')
  const [note] = (await all(readRecords(where.directory))).slice(-1)
  assert.equal(note?.reason, 'audit.recovered')
  assert.deepEqual(note.what, { bytes: 0, records: 4 })
  await log.close()
  assert.deepEqual(
    (await ids(where)).slice(0, 6),
    [0, 1, 2, 3, 4, 5].map((n) => `request-${n}`),
  )
  assert.equal((await verifyAuditLog(where.directory)).ok, true)
})

test('cut at any byte, a log keeps each batch whose mark is whole and no other', async (t) => {
  const whole = await unsigned(t)
  const bytes = await readFile(join(whole.directory, first))
  const text = bytes.toString('latin1')
  const ends = [...text.matchAll(/\n\{"mac":[^\n]*\n/g)].map(
    (found) => found.index + found[0].length,
  )
  const sealed = text.lastIndexOf('{"checkpoint":')
  const signed = text.indexOf('\n', sealed) + 1
  const counts = new Map([
    [signed, 2],
    [ends.at(-3) ?? 0, 3],
    [ends.at(-2) ?? 0, 5],
    [ends.at(-1) ?? 0, 6],
  ])
  for (let length = signed; length <= bytes.length; length += 3) {
    const where = await copyOf(t, whole)
    await writeFile(join(where.directory, first), bytes.subarray(0, length))
    const [end, count] = [...counts].findLast(([at]) => at <= length) ?? [0, 0]
    const log = await open(where)
    const isNoted = count > 2 || length > end
    assert.equal(log.size, count + (isNoted ? 1 : 0), `cut to ${length}`)
    await log.close()
    const notes = (await all(readRecords(where.directory, { kind: 'system' }))).map(
      ({ what }) => what,
    )
    assert.deepEqual(notes, isNoted ? [{ bytes: length - end, records: count - 2 }] : [])
    assert.equal((await verifyAuditLog(where.directory)).ok, true)
    await rm(where.root, { recursive: true })
  }
})

test('each changed byte behind the last seal is refused, not removed', async (t) => {
  const where = await unsigned(t)
  const path = join(where.directory, first)
  const whole = await readFile(path)
  for (let at = whole.lastIndexOf('{"checkpoint":'); at < whole.length; at++) {
    const changed = Buffer.from(whole)
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
    await writeFile(path, changed)
    await assert.rejects(open(where), code('audit.damaged'), `byte ${at}`)
    assert.deepEqual(await readFile(path), changed)
  }
})

/** Lines: header, r0, mark, r1, mark, seal, then r2, mark, r3, r4, mark, r5, mark. */
const forgeries: readonly (readonly [string, (lines: string[]) => string[]])[] = [
  ['removed mark', (lines) => lines.toSpliced(7, 1)],
  ['removed batch', (lines) => lines.toSpliced(6, 2)],
  ['removed record of a batch', (lines) => lines.toSpliced(8, 1)],
  ['mark said twice', (lines) => lines.toSpliced(8, 0, lines[7] ?? '')],
  ['marks swapped', (lines) => lines.with(7, lines[10] ?? '').with(10, lines[7] ?? '')],
  [
    'marks swapped with their sizes left',
    (lines) => {
      const mac = (line = '') => line.slice(0, 52)
      const size = (line = '') => line.slice(52)
      return lines
        .with(7, mac(lines[10]) + size(lines[7]))
        .with(10, mac(lines[7]) + size(lines[10]))
    },
  ],
  ['mark of an earlier batch', (lines) => lines.with(7, lines[2] ?? '')],
  ['batch of before, said again', (lines) => [...lines, ...lines.slice(11)]],
  ['mark with another size', (lines) => lines.with(12, lines[12]?.replace('6}', '7}') ?? '')],
  ['mark moved into a batch', (lines) => lines.toSpliced(10, 1).toSpliced(9, 0, lines[10] ?? '')],
  ['records swapped', (lines) => lines.with(8, lines[9] ?? '').with(9, lines[8] ?? '')],
  ['mark made up', (lines) => lines.with(12, `{"mac":"${'A'.repeat(43)}","size":6}`)],
  ['mark with more in it', (lines) => lines.with(12, lines[12]?.replace('}', ',"a":1}') ?? '')],
]

for (const [name, forge] of forgeries) {
  test(`behind the last seal this is refused: ${name}`, async (t) => {
    const where = await unsigned(t)
    const lines = forge(await linesOf(where))
    await write(where, lines)
    await assert.rejects(open(where), code('audit.damaged'))
    assert.deepEqual(await linesOf(where), lines, 'a refusal changes nothing')
  })
}

test('unsigned records of another log, or of this one under another key, are refused', async (t) => {
  const where = await unsigned(t)
  const other = await unsigned(t)
  const [own, foreign] = [await linesOf(where), await linesOf(other)]
  await write(where, [...own.slice(0, 6), ...foreign.slice(6)])
  await assert.rejects(open(where), code('audit.damaged'))
  await write(where, own)
  for (const name of ['audit.key', 'audit.pub']) {
    await cp(join(other.keyDirectory, name), join(where.keyDirectory, name))
  }
  await assert.rejects(open(where), code('audit.damaged'))
})

test('a block of zeros before a whole mark is damage, not the remains of a write', async (t) => {
  const where = await places(t)
  const text = 'x'.repeat(512)
  await killed(where, async (log) => {
    await log.append(entry(0))
    await log.append({ ...entry(1), what: { one: text, two: text } })
  })
  const path = join(where.directory, first)
  const bytes = await readFile(path)
  const [start, mark] = [bytes.lastIndexOf('{"action":'), bytes.lastIndexOf('{"mac":')]
  for (const from of [start, start + 100]) {
    await writeFile(path, Buffer.from(bytes).fill(0, from, mark))
    await assert.rejects(open(where), code('audit.damaged'))
  }
  await writeFile(path, Buffer.from(bytes).fill(0, start))
  const log = await open(where)
  assert.equal(log.size, 2, 'the first record, and the one that says so')
  await log.close()
})

test('a lost seal leaves its records to their marks, and their checkpoint proves them', async (t) => {
  const where = await places(t)
  const log = await openMarking(where)
  await appendEach(log, 0, 3)
  await log.close()
  const lines = await linesOf(where)
  await write(where, lines.slice(0, -1))
  const report = await verifyAuditLog(where.directory)
  assert.deepEqual([report.ok, report.size, report.unsigned], [false, 0, 3])
  assert.deepEqual(
    report.problems.map(({ file }) => file),
    [first],
    'the copied checkpoint is over records that are there',
  )
  const again = await open(where)
  assert.equal(again.size, 4)
  await again.close()
  await write(where, lines.slice(0, -3))
  await assert.rejects(open(where), code('audit.cut'))
})

test('records that are not signed yet fail verification and are counted', async (t) => {
  const where = await unsigned(t)
  const report = await verifyAuditLog(where.directory)
  assert.deepEqual([report.ok, report.size, report.unsigned], [false, 2, 4])
  assert.equal(report.firstBad?.index, 2)
  assert.match(report.firstBad.problem, /^4 records are not signed yet, 0 bytes follow/)
  await (await open(where)).close()
  const after = await verifyAuditLog(where.directory)
  assert.deepEqual([after.ok, after.size, after.unsigned], [true, 7, 0])
})

test('records made up behind the last seal never pass for signed', async (t) => {
  const where = await unsigned(t)
  const lines = await linesOf(where)
  const made = lines[11]?.replace('"seq":5', '"seq":6') ?? ''
  const mark = `{"mac":"${'A'.repeat(43)}","size":7}`
  await write(where, [...lines, made, mark])
  const report = await verifyAuditLog(where.directory)
  assert.deepEqual([report.ok, report.size, report.unsigned], [false, 2, 5])
  await write(where, [...lines, made])
  assert.equal((await verifyAuditLog(where.directory)).unsigned, 4)
  await write(where, [...lines.slice(0, -1), mark])
  assert.equal((await verifyAuditLog(where.directory)).unsigned, 0)
})

test('each changed byte of a log with marks is found with the public key alone', async (t) => {
  const where = await places(t)
  const log = await openMarking(where)
  await log.append(entry(0))
  await Promise.all([log.append(entry(1)), log.append(entry(2))])
  await log.whenSigned(() => 0)
  await log.append(entry(3))
  await log.close()
  const path = join(where.directory, first)
  const whole = await readFile(path)
  const marks = [...whole.toString('latin1').matchAll(/\{"mac":[^\n]*/g)]
  assert.equal(marks.length, 3)
  for (let at = 0; at < whole.length; at++) {
    const changed = Buffer.from(whole)
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
    await writeFile(path, changed)
    const { firstBad, ok } = await verifyAuditLog(where.directory)
    assert.equal(ok, false, `byte ${at}`)
    const inMark = marks.find((mark) => at >= mark.index + 8 && at < mark.index + mark[0].length)
    // A newline cuts the line in two, and the second half is no mark.
    const isCut = changed[at] === 0x0a
    if (inMark !== undefined && !isCut) assert.equal(firstBad?.part, 'mark', `byte ${at}`)
  }
})

test('marks that are moved, removed or said twice are found once they are signed', async (t) => {
  const whole = await unsigned(t)
  await (await open(whole)).close()
  const lines = await linesOf(whole)
  assert.equal((await verifyAuditLog(whole.directory)).ok, true)
  const withoutAny = (all: readonly string[]) =>
    all.filter((line, at) => at < 6 || kindOf(line) !== 'mac')
  for (const [name, forge] of [...forgeries, ['all of them removed', withoutAny] as const]) {
    if (name === 'batch of before, said again') continue
    const where = await copyOf(t, whole)
    await write(where, forge(lines))
    const report = await verifyAuditLog(where.directory)
    assert.equal(report.ok, false, name)
    await assert.rejects(open(where), code('audit.damaged'), name)
  }
})

test('a segment after one that does not end in a seal is refused, also an empty one', async (t) => {
  const where = await unsigned(t)
  await writeFile(join(where.directory, 'log-000001.ndjson'), '')
  await assert.rejects(open(where), code('audit.damaged'))
})

test('a log in which each batch was signed is read, verified and gone on with', async (t) => {
  const where = await places(t)
  await cp(olderFormat, where.root, { recursive: true })
  await chmod(join(where.keyDirectory, 'audit.key'), 0o600)
  assert.equal((await verifyAuditLog(where.directory)).size, 5)
  await killed(where, (log) => appendEach(log, 5, 8))
  const log = await open(where)
  await log.append(entry(8))
  await log.close()
  const found = await ids(where)
  assert.deepEqual(
    [found.slice(0, 8), found.length, found[9]],
    [[0, 1, 2, 3, 4, 5, 6, 7].map((number) => `request-${number}`), 10, 'request-8'],
  )
  const report = await verifyAuditLog(where.directory)
  assert.deepEqual([report.problems, report.size], [[], 10])
})
