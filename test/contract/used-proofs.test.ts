import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { Database, sqliteProofReplays, sweepExpired } from '../../src/storage/index.ts'
import { temporaryDirectory } from '../kit/gateway.ts'

const path = join(temporaryDirectory(), 'proofgate.db')
const later = 100

let database: Database
let otherDatabase: Database
/** As two processes hold them. */
let replays: ReturnType<typeof sqliteProofReplays>
let others: ReturnType<typeof sqliteProofReplays>

before(() => {
  database = Database.open(path, { create: true, durability: 'process' })
  otherDatabase = Database.open(path, { create: false, durability: 'process' })
  replays = sqliteProofReplays(database)
  others = sqliteProofReplays(otherDatabase)
})
after(() => {
  database.close()
  otherDatabase.close()
})

let count = 0
const next = (): string => `proof-${count++}`

/** Does something to the tables behind the back of both. */
function meanwhile(sql: string): void {
  using connection = new DatabaseSync(path, { timeout: 5000 })
  connection.exec(sql)
}

function kept(id: string): boolean {
  using connection = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  return connection.prepare('SELECT 1 FROM proof_replay WHERE id = ?').get(id) !== undefined
}

test('F05: a proof counts once, here and elsewhere, until it would not be accepted any more', async () => {
  const id = next()
  assert.equal(await replays.take(id, later), true)
  assert.equal(await others.take(id, later), false)
  assert.equal(await replays.take(id, later), false)
  sweepExpired(database, later - 1)
  assert.equal(await others.take(id, later), false)
  assert.equal(await replays.take(id, later), false)
})

test('F05: a proof counts once among those of one turn, and among other times of its end', async () => {
  const [id, other] = [next(), next()]
  const taken = [id, other, id, id].map((one) => replays.take(one, later))
  assert.deepEqual(await Promise.all(taken), [true, true, false, false])
  assert.equal(await replays.take(id, later + 1), false)
})

test('F05: of two processes that are asked at once, one takes a proof', async () => {
  const ids = Array.from({ length: 50 }, next)
  const taken = ids.flatMap((id) => [replays.take(id, later), others.take(id, later)])
  const outcomes = await Promise.all(taken)
  for (const at of ids.keys()) {
    const [one, another] = [outcomes[2 * at], outcomes[2 * at + 1]]
    assert.notEqual(one, another, `proof ${at}`)
  }
})

test('F05: a proof is on its way to the disk before anybody is told that it counts', async () => {
  const ids = [next(), next(), next()]
  const seen = ids.map(async (id) => {
    assert.equal(await replays.take(id, later), true)
    return kept(id)
  })
  assert.deepEqual(await Promise.all(seen), [true, true, true])
})

test('F05: when one proof of a turn cannot be kept, none of the turn counts and none is kept', async () => {
  const [first, second] = [next(), next()]
  meanwhile(`CREATE TRIGGER refused BEFORE INSERT ON proof_replay WHEN NEW.id = '${second}'
    BEGIN SELECT RAISE(ABORT, 'no'); END`)
  const taken = await Promise.allSettled([replays.take(first, later), replays.take(second, later)])
  meanwhile('DROP TRIGGER refused')
  for (const { status } of taken) assert.equal(status, 'rejected')
  assert.equal(kept(first), false)
  assert.equal(await replays.take(first, later), true, 'the next turn begins anew')
})

test('F05: where used proofs cannot be kept, none counts', async () => {
  meanwhile('PRAGMA legacy_alter_table = ON; ALTER TABLE proof_replay RENAME TO gone')
  const alone = await Promise.allSettled([replays.take(next(), later)])
  const together = await Promise.allSettled([
    others.take(next(), later),
    others.take(next(), later),
  ])
  meanwhile('PRAGMA legacy_alter_table = ON; ALTER TABLE gone RENAME TO proof_replay')
  for (const { status } of [...alone, ...together]) assert.equal(status, 'rejected')
})

test('what has ended is swept', async () => {
  const [ended, current] = [next(), next()]
  await Promise.all([replays.take(ended, later), replays.take(current, later + 10)])
  sweepExpired(database, later + 5)
  assert.deepEqual([kept(ended), kept(current)], [false, true])
})
