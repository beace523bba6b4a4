import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { suite, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { AuditLog, emptyRoot, encodeEntry, Frontier, leafHash } from '../../src/audit/index.ts'
import { CheckpointSigner } from '../../src/audit/checkpoint.ts'
import { parseRecord } from '../../src/audit/encoding.ts'
import type { LogFolder, SegmentFile } from '../../src/audit/folder.ts'
import { scanSegment } from '../../src/audit/scan.ts'
import { encodeHeader } from '../../src/audit/segment.ts'
import { BatchWriter } from '../../src/audit/writer.ts'
import { manualClock } from '../../src/core/index.ts'
import { appendEach, code, entry } from './kit.ts'

type Step = 'write' | 'sync' | 'truncate' | 'length' | 'create' | 'copy'

/** What goes wrong: at the nth such call and for so many of them, with this code. */
interface Fault {
  readonly step: Step
  readonly nth: number
  readonly times?: number
  readonly code: string
  /** Bytes that a failing write stores nevertheless. */
  readonly stored?: number
}

/** A disk in memory that keeps what was written apart from what was synced. */
class Disk implements LogFolder {
  readonly segments: Buffer[] = []
  copy = ''
  /** Pieces of memory that batches were written from. */
  readonly memory = new Set<ArrayBufferLike>()
  #faults: readonly Fault[]
  readonly #counts = new Map<Step, number>()

  constructor(faults: readonly Fault[]) {
    this.#faults = faults
  }

  heal(): void {
    this.#faults = []
  }

  async createSegment(segment: number, header: string): Promise<SegmentFile> {
    this.meet('create')
    this.segments[segment] = Buffer.from(`${header}\n`)
    return this.#file(segment)
  }

  async replaceCheckpoint(note: string): Promise<void> {
    this.meet('copy')
    this.copy = note
  }

  meet(step: Step): Fault | undefined {
    const count = (this.#counts.get(step) ?? 0) + 1
    this.#counts.set(step, count)
    const fault = this.#faults.find(
      (candidate) =>
        candidate.step === step &&
        count >= candidate.nth &&
        count < candidate.nth + (candidate.times ?? 1),
    )
    if (fault === undefined || fault.stored !== undefined) return fault
    throw failure(fault)
  }

  #file(segment: number): SegmentFile {
    const bytes = () => this.segments[segment] ?? Buffer.alloc(0)
    return {
      length: () => {
        this.meet('length')
        return bytes().length
      },
      write: (more, offset) => {
        const fault = this.meet('write')
        this.memory.add(more.buffer)
        const kept = fault === undefined ? more : more.subarray(0, fault.stored)
        this.segments[segment] = Buffer.concat([bytes().subarray(0, offset), kept])
        if (fault !== undefined) throw failure(fault)
      },
      sync: async () => void this.meet('sync'),
      truncate: async (length) => {
        this.meet('truncate')
        this.segments[segment] = bytes().subarray(0, length)
      },
      close: async () => {},
    }
  }
}

function failure(fault: Fault): Error {
  return Object.assign(new Error(`${fault.code} at ${fault.step}`), { code: fault.code })
}

const signer = new CheckpointSigner('disk.test', generateKeyPairSync('ed25519').privateKey)

async function logOn(disk: Disk, limit?: number): Promise<AuditLog> {
  const checkpoint = signer.sign(0, emptyRoot)
  const header = encodeHeader(0, [], checkpoint)
  const file = await disk.createSegment(0, header)
  const length = header.length + 1
  const frontier = new Frontier()
  const start = { folder: disk, signer, segment: 0, file, length, frontier, checkpoint }
  return new AuditLog(new BatchWriter(start, limit === undefined ? {} : { segment: limit }), {
    folder: disk,
    clock: manualClock(),
    lastAt: 0,
  })
}

/** What would be found after a restart: refusing is as good as finding all that was acknowledged. */
function reread(disk: Disk): { readonly size: number; readonly ids: readonly string[] } {
  const ids: string[] = []
  let size = 0
  for (const [segment, bytes] of disk.segments.entries()) {
    const scan = scanSegment(bytes, segment, signer)
    size = scan.frontier.size + scan.stretch.size
    for (const line of bytes.subarray(0, scan.length).toString('latin1').split('\n')) {
      const record = line.startsWith('{"action":') ? parseRecord(line) : undefined
      if (record !== undefined) ids.push(record.id)
    }
  }
  return { size, ids }
}

async function appendUntilRefused(log: AuditLog): Promise<readonly string[]> {
  const acknowledged: string[] = []
  for (let number = 0; number < 8; number++) {
    const made = await Promise.allSettled([
      log.append(entry(2 * number)),
      log.append(entry(2 * number + 1)),
    ])
    for (const [position, outcome] of made.entries()) {
      if (outcome.status === 'fulfilled') acknowledged.push(`request-${2 * number + position}`)
      else assert.equal((outcome.reason as { code: string }).code, 'audit.unavailable')
    }
  }
  return acknowledged
}

const fatal: readonly Fault[] = [
  ...[1, 2, 5].flatMap((nth): Fault[] => [
    { step: 'write', nth, code: 'EIO' },
    { step: 'write', nth, code: 'EIO', stored: 40 },
    { step: 'write', nth, code: 'EIO', stored: 1e9 },
    { step: 'sync', nth, code: 'EIO' },
    { step: 'sync', nth, code: 'ENOSPC' },
    { step: 'length', nth, code: 'EIO' },
  ]),
  { step: 'create', nth: 2, code: 'EIO' },
  { step: 'create', nth: 2, code: 'EEXIST' },
]

const healing: readonly Fault[] = [
  { step: 'write', nth: 2, times: 2, code: 'ENOSPC', stored: 0 },
  { step: 'write', nth: 2, times: 2, code: 'ENOSPC', stored: 100 },
  { step: 'write', nth: 1, times: 2, code: 'EDQUOT', stored: 700 },
  { step: 'write', nth: 3, times: 1, code: 'EFBIG', stored: 1e9 },
  { step: 'create', nth: 2, times: 2, code: 'ENOSPC' },
]

// Most of these wait for what must not happen, so they wait together.
suite('a disk that fails', { concurrency: true }, () => {
  for (const fault of fatal) {
    const stored = fault.stored === undefined ? '' : ` after storing up to ${fault.stored} bytes`
    test(`${fault.code} at ${fault.step} ${fault.nth}${stored} closes the log for good`, async () => {
      const disk = new Disk([fault])
      const log = await logOn(disk, 2500)
      const acknowledged = await appendUntilRefused(log)
      assert.equal(log.healthy, false)
      assert.ok(acknowledged.length < 16)
      await delay(700)
      assert.equal(log.healthy, false, 'it does not come back by itself')
      await assert.rejects(log.append(entry(99)), code('audit.unavailable'))
      const found = reread(disk)
      for (const id of acknowledged) assert.ok(found.ids.includes(id), id)
      assert.equal(log.size, acknowledged.length, 'the size counts what is known to be durable')
      await log.close()
    })
  }

  for (const fault of healing) {
    test(`${fault.code} at ${fault.step} ${fault.nth}, ${fault.stored ?? 'no'} bytes stored, heals with space`, async () => {
      const disk = new Disk([fault])
      const log = await logOn(disk, 1500)
      const before = await appendUntilRefused(log)
      assert.equal(log.healthy, false)
      assert.deepEqual(reread(disk).ids, before, 'what was refused is gone')
      while (!log.healthy) await delay(20)
      assert.equal(log.failure, undefined)
      await appendEach(log, 100, 103)
      await log.close()
      const found = reread(disk)
      assert.equal(found.size, log.size)
      assert.equal(found.ids.length, before.length + 4)
      assert.deepEqual(found.ids.slice(-3), ['request-100', 'request-101', 'request-102'])
      assert.equal(disk.copy, log.checkpoint())
    })
  }

  test('a seal that cannot be written closes the log, and loses nothing acknowledged', async () => {
    for (const stored of [0, 40, 1e9]) {
      const disk = new Disk([{ step: 'write', nth: 2, code: 'EIO', stored }])
      const log = await logOn(disk)
      await log.append(entry(0))
      while (log.healthy) await delay(5)
      await assert.rejects(log.append(entry(1)), code('audit.unavailable'))
      await log.close()
      assert.deepEqual(reread(disk), { size: 1, ids: ['request-0'] })
    }
  })

  test('a seal that no space is left for is made once there is', async () => {
    const disk = new Disk([{ step: 'write', nth: 2, times: 2, code: 'ENOSPC', stored: 60 }])
    const log = await logOn(disk)
    await log.append(entry(0))
    while (log.healthy) await delay(5)
    assert.deepEqual(reread(disk), { size: 1, ids: ['request-0'] })
    while (!log.healthy) await delay(20)
    assert.equal(log.checkpoint().split('\n')[1], '2', 'the record that says so is signed as well')
    await log.close()
    assert.equal(reread(disk).size, 2)
  })

  test('while the disk is full no seal is tried', async () => {
    const disk = new Disk([{ step: 'write', nth: 2, times: 2, code: 'ENOSPC', stored: 0 }])
    const log = await logOn(disk)
    await log.append(entry(0))
    await assert.rejects(log.append(entry(1)), code('audit.unavailable'))
    while (!log.healthy) await delay(20)
    await log.append(entry(2))
    await delay(700)
    await log.close()
    assert.equal(reread(disk).size, 3, 'one record says that there is space')
  })

  test('a seal alone is not waited for, and is durable after closing', async () => {
    const disk = new Disk([{ step: 'sync', nth: 2, code: 'EIO' }])
    const log = await logOn(disk)
    await log.append(entry(0))
    // At once, so that no copy is due before the log is closed.
    assert.equal(await log.whenSigned((checkpoint) => checkpoint.split('\n')[1]), '1')
    assert.equal(log.healthy, true, 'there was no second sync')
    await assert.rejects(log.close(), /could not sync/)
    assert.equal(disk.copy, '', 'no copy is kept of what may not be durable')
  })

  test('a full disk that cannot even be cut back closes the log for good', async () => {
    const disk = new Disk([
      { step: 'write', nth: 2, code: 'ENOSPC', stored: 100 },
      { step: 'truncate', nth: 1, code: 'EIO' },
    ])
    const log = await logOn(disk)
    const acknowledged = await appendUntilRefused(log)
    await delay(700)
    assert.equal(log.healthy, false)
    assert.deepEqual(reread(disk).ids, acknowledged)
  })

  test('a failed sync while cutting back closes the log for good', async () => {
    const disk = new Disk([
      { step: 'write', nth: 2, code: 'ENOSPC', stored: 100 },
      { step: 'sync', nth: 2, code: 'EIO' },
    ])
    const log = await logOn(disk)
    await appendUntilRefused(log)
    await delay(700)
    assert.equal(log.healthy, false)
  })

  test('everything that waited behind a failed batch is refused with it', async () => {
    const disk = new Disk([{ step: 'sync', nth: 1, code: 'EIO' }])
    const log = await logOn(disk)
    const first = log.append(entry(0))
    await Promise.resolve()
    await Promise.resolve()
    const second = log.append(entry(1))
    const outcomes = await Promise.allSettled([first, second])
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status),
      ['rejected', 'rejected'],
    )
  })

  test('a copy of the checkpoint that fails is made again and never stops the log', async () => {
    const disk = new Disk([{ step: 'copy', nth: 1, times: 1, code: 'ENOSPC' }])
    const log = await logOn(disk)
    await log.append(entry(0))
    while (disk.copy === '') await delay(50)
    assert.equal(disk.copy, log.checkpoint())
    assert.equal(log.healthy, true)
    await log.close()
  })

  test('however often batches come in pairs and then none does, two pieces of memory hold them all', async () => {
    const disk = new Disk([])
    const log = await logOn(disk)
    for (let round = 0; round < 20; round++) {
      const first = log.append(entry(2 * round))
      // The first is at the disk by now, so that this one begins another batch.
      await Promise.resolve()
      await Promise.all([first, log.append(entry(2 * round + 1))])
    }
    assert.equal(log.size, 40)
    const seals = disk.segments[0]?.toString('latin1').match(/^\{"checkpoint"/gm)?.length ?? 0
    assert.ok(disk.memory.size <= 2 + seals, `${disk.memory.size} pieces, ${seals} seals`)
    await log.close()
  })

  test('the copy of the checkpoint is made within a second or so, without closing', async () => {
    const disk = new Disk([])
    const log = await logOn(disk)
    await log.append(entry(0))
    const first = await log.whenSigned((signed) => signed)
    while (disk.copy !== first) await delay(50)
    await log.append(entry(1))
    const second = await log.whenSigned((signed) => signed)
    while (disk.copy !== second) await delay(50)
    await log.close()
  })

  test('after a full disk the resuming record says how many entries were refused', async () => {
    const disk = new Disk([{ step: 'write', nth: 1, code: 'ENOSPC', stored: 10 }])
    const log = await logOn(disk)
    await Promise.allSettled([log.append(entry(0)), log.append(entry(1))])
    await assert.rejects(log.append(entry(2)), code('audit.unavailable'))
    while (!log.healthy) await delay(20)
    const line = disk.segments[0]?.toString('latin1').split('\n')[1] ?? ''
    assert.deepEqual(parseRecord(line)?.what, { refused: 3 })
    assert.equal(parseRecord(line)?.reason, 'audit.space_returned')
    assert.equal(leafHash(line).length, 32)
    await log.close()
  })

  test('whoever has to wake the log hears so after each time it stopped working, a full disk included', async () => {
    const disk = new Disk([{ step: 'write', nth: 1, times: 2, code: 'ENOSPC', stored: 0 }])
    const log = await logOn(disk)
    const calls: string[] = []
    log.follow({
      attend: () => calls.push('attend'),
      rest: () => calls.push(log.healthy ? 'rest, working' : 'rest, full'),
    })
    await assert.rejects(log.append(entry(0)), code('audit.unavailable'))
    while (!calls.includes('rest, working')) await delay(20)
    // The batch, a look that found no space, and one that did; a seal of its own may follow.
    assert.deepEqual(calls.filter((call) => call !== 'attend').slice(0, 3), [
      'rest, full',
      'rest, full',
      'rest, working',
    ])
    assert.notEqual(calls.at(-1), 'attend')
    await log.close()
  })

  test('what waits at a source joins the batch that is written next, and what comes late is refused', async () => {
    const disk = new Disk([])
    const log = await logOn(disk)
    const outcomes: string[] = []
    let waiting = [1, 2]
    const take = (): void => {
      for (const number of waiting.splice(0)) {
        const heard = (what: string) => () => void outcomes.push(`${what} ${number}`)
        const waiter = { recorded: heard('yes'), refused: heard('no') }
        try {
          log.recordEncoded(encodeEntry(entry(number)), waiter)
        } catch {
          waiter.refused()
        }
      }
    }
    log.follow({ attend: take, rest: take })
    await log.append(entry(0))
    assert.deepEqual(outcomes, ['yes 1', 'yes 2'])
    assert.equal(disk.segments[0]?.toString('latin1').match(/"mac"/g)?.length, 1, 'one batch')
    waiting = [3]
    await log.close()
    log.wake()
    await delay(1)
    assert.deepEqual(outcomes, ['yes 1', 'yes 2', 'no 3'])
  })
})
