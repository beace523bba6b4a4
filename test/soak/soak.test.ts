import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Order } from './order.ts'
import { judge, soak } from './soak.ts'
import { growth } from './watch.ts'
import type { Held } from './watch.ts'

test('a short soak fails no request, records each once and leaves nothing behind', async () => {
  const report = await soak({ requests: 6000 })
  // Too short to tell growth from caches that fill: only a leak of kilobytes per request would show.
  judge(report, { heap: 32 * 1024 * 1024, rss: 128 * 1024 * 1024 })
  for (const what of ['reloads', 'rotations', 'revocations'] as const) {
    assert.ok(report[what] > 1, `${report[what]} ${what}`)
  }
})

test('growth is what the best line says, whatever single samples do', () => {
  const at = (time: number, heap: number): Held => ({
    at: time,
    heap,
    rss: 0,
    timers: 0,
    descriptors: 0,
  })
  const heap = (held: Held): number => held.heap
  assert.equal(growth([at(0, 5), at(1, 5), at(2, 5)], heap), 0)
  assert.equal(growth([at(0, 0), at(10, 10), at(20, 20)], heap), 20)
  assert.ok(Math.abs(growth([at(0, 10), at(1, 0), at(2, 0), at(3, 10)], heap)) < 1e-9)
  assert.equal(growth([at(0, 1), at(1, 100)], heap), 0)
})

const log = '25</data/audit/000000.log>'
const service = '31<TCP:[127.0.0.1:1->127.0.0.1:2]>'
const record = `7 pwrite64(${log}, "... /public/o1 ...", 20, 0) = 20`
const forwarded = `5 write(${service}, "GET /public/o1 HTTP/1.1", 20) = 20`

test('a trace is in order when the sync of a record is over before its request is sent', () => {
  const order = new Order()
  for (const line of [record, `7 fdatasync(${log}) = 0`, forwarded]) order.read(line)
  assert.deepEqual([...order.forwarded], ['o1'])
  const halves = [record, `7 fdatasync(${log} <unfinished ...>`, '7 <... fdatasync resumed>) = 0']
  const parted = new Order()
  for (const line of [...halves, forwarded]) parted.read(line)
  assert.equal(parted.syncs, 1)
})

test('a trace is out of order when the sync is missing, not over, failed, or of something else', () => {
  for (const lines of [
    [forwarded],
    [record, forwarded],
    [record, `7 fdatasync(${log} <unfinished ...>`, forwarded],
    [`7 fdatasync(${log}) = 0`, record, forwarded],
    [record, `7 fdatasync(${log}) = -1 EIO (Input/output error)`, forwarded],
    [record, '7 fdatasync(26</data/proofgate.db>) = 0', forwarded],
    [`7 fdatasync(${log} <unfinished ...>`, record, '7 <... fdatasync resumed>) = 0', forwarded],
  ]) {
    const order = new Order()
    assert.throws(() => {
      for (const line of lines) order.read(line)
    }, /before its record/)
  }
})
