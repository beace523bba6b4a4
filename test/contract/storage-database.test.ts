import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { manualClock, ProofgateError } from '../../src/core/index.ts'
import { Database, loadClockFloor, saveClockFloor, sweepExpired } from '../../src/storage/index.ts'
import { administer, databaseOf, startHouse } from '../kit/flows.ts'
import { startGateway, temporaryDirectory } from '../kit/gateway.ts'

const open = (path: string, create = true): Database =>
  Database.open(path, { create, durability: 'full' })

function newPath(): string {
  return join(temporaryDirectory(), 'proofgate.db')
}

function refusesToOpen(path: string, code: string): void {
  assert.throws(
    () => open(path),
    (error: unknown) => error instanceof ProofgateError && error.code === code,
  )
}

describe('the database file', () => {
  test('is made once and found again with what was in it', () => {
    const path = newPath()
    const first = open(path)
    saveClockFloor(first, 42)
    first.close()
    const second = open(path, false)
    assert.equal(loadClockFloor(second), 42)
    second.close()
  })

  test('that is missing is not made where one has to be', () => {
    const path = newPath()
    assert.throws(() => open(path, false), { code: 'storage.damaged' })
  })

  for (const [what, spoil] of Object.entries({
    'of no length': (path: string) => truncateSync(path, 0),
    'with a broken header': (path: string) => overwrite(path, 0, 'not a database at all'),
    'with a broken page': (path: string) => overwrite(path, 4096, 'x'.repeat(4096)),
    'cut short': (path: string) => truncateSync(path, 8192 + 100),
    'that is text': (path: string) => writeFileSync(path, 'hello'),
    'that is a directory': (path: string) => {
      rmSync(path)
      mkdirSync(path)
    },
    'of another program': (path: string) => {
      rmSync(path)
      const other = new DatabaseSync(path)
      other.exec('CREATE TABLE person (id)')
      other.close()
    },
  })) {
    test(`${what} is refused and left as it is`, () => {
      const path = newPath()
      open(path).close()
      spoil(path)
      const before = what === 'that is a directory' ? '' : digestOf(path)
      refusesToOpen(path, 'storage.damaged')
      if (before !== '') assert.equal(digestOf(path), before)
    })
  }

  test('of a newer release is refused and left as it is', () => {
    const path = newPath()
    open(path).close()
    setVersion(path, 99)
    const before = digestOf(path)
    refusesToOpen(path, 'storage.from_the_future')
    assert.equal(digestOf(path), before)
  })

  test('of an older release is brought up to date, and a copy of it is kept', () => {
    const path = newPath()
    const old = new DatabaseSync(path)
    old.exec('PRAGMA application_id = 0x50474154; PRAGMA journal_mode = WAL')
    old.exec('CREATE TABLE kept (value TEXT) STRICT')
    old.exec(`INSERT INTO kept VALUES ('only in the write-ahead log')`)
    const database = open(path)
    assert.equal(loadClockFloor(database), 0)
    database.close()
    old.close()
    const kept = readdirSync(dirname(path)).filter((name) => name.includes('.before-schema-'))
    assert.equal(kept.length, 1)
    const copy = new DatabaseSync(join(dirname(path), kept[0] ?? ''))
    assert.equal(
      copy.prepare('SELECT value FROM kept').get()?.['value'],
      'only in the write-ahead log',
    )
    copy.close()
  })

  test('is one and the same for ten processes that all begin it', async () => {
    const path = newPath()
    const program = `
      import { Database } from ${JSON.stringify(import.meta.resolve('../../src/storage/index.ts'))}
      const database = Database.open(process.argv[1], { create: true, durability: 'full' })
      database.run('INSERT INTO revocation (kind, id, at) VALUES (?, ?, 1)', 'session', String(process.pid))
      database.close()`
    const codes = await Promise.all(
      Array.from(
        { length: 10 },
        () =>
          new Promise((resolve) => {
            const args = ['--no-warnings', '--input-type=module', '-e', program, path]
            spawn(process.execPath, args, { stdio: 'inherit' }).once('exit', resolve)
          }),
      ),
    )
    assert.deepEqual(
      codes,
      Array.from({ length: 10 }, () => 0),
    )
    const database = open(path, false)
    assert.equal(database.one<{ n: number }>('SELECT count(*) AS n FROM revocation')?.n, 10)
    database.close()
  })
})

describe('one connection', () => {
  test('takes back everything of a transaction that fails', () => {
    const database = open(newPath())
    assert.throws(() =>
      database.transaction(() => {
        saveClockFloor(database, 7)
        throw new Error('half way')
      }),
    )
    assert.equal(loadClockFloor(database), 0)
    saveClockFloor(database, 8)
    database.close()
  })

  test('says unavailable, and nothing else, once it is closed', () => {
    const database = open(newPath())
    database.close()
    for (const work of [
      () => database.one('SELECT 1'),
      () => database.all('SELECT 1'),
      () => database.run('DELETE FROM person'),
      () => database.transaction(() => 1),
      () => database.copyTo(newPath()),
      () => saveClockFloor(database, 1),
      () => loadClockFloor(database),
      () => sweepExpired(database, manualClock().now()),
    ]) {
      assert.throws(work, { code: 'storage.unavailable' })
    }
  })

  test('keeps the highest instant it was given', () => {
    const database = open(newPath())
    saveClockFloor(database, 100)
    saveClockFloor(database, 90)
    assert.equal(loadClockFloor(database), 100)
    database.close()
  })
})

test('a server whose database is gone or spoilt does not start, and invites nobody', async () => {
  const gateway = await startHouse({ url: 'http://127.0.0.1:9' })
  assert.equal((await administer(gateway, 'GET', '/v1/people')).status, 200)
  await gateway.stop()
  const { dataDirectory } = gateway
  const path = databaseOf(gateway)
  const whole = readFileSync(path)
  const again = (): Promise<unknown> => startGateway({ command: ['serve'], dataDirectory })
  for (const spoil of [
    () => rmSync(path),
    () => writeFileSync(path, ''),
    () => writeFileSync(path, 'nonsense'),
    () => setVersion(path, 99),
  ]) {
    writeFileSync(path, whole)
    for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
    spoil()
    await assert.rejects(again(), (error: Error) => {
      assert.match(error.message, /storage\.(damaged|from_the_future)/)
      assert.ok(!error.message.includes('/enrol/'))
      return true
    })
  }
})

function digestOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

function overwrite(path: string, at: number, text: string): void {
  const bytes = readFileSync(path)
  bytes.write(text, at, 'latin1')
  writeFileSync(path, bytes)
}

function setVersion(path: string, version: number): void {
  const database = new DatabaseSync(path)
  database.exec(`PRAGMA user_version = ${version}; PRAGMA journal_mode = DELETE`)
  database.close()
}
