import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { ownProperty } from '../core/index.ts'
import { errorCode } from './private-file.ts'
import { failure } from './errors.ts'

const sqliteBusy = 5
const longestWait = 90_000
const shortestPause = 15

/**
 * Runs `work` while no other process runs under the same lock file. The lock is an exclusive SQLite
 * transaction on an empty database: the operating system drops it with the process that held it, so
 * there is no stale lock to guess about.
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await createEmpty(path)
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    await begin(database)
    return await work()
  } finally {
    database.close()
  }
}

async function begin(database: { exec(sql: string): void }): Promise<void> {
  const giveUpAt = performance.now() + longestWait
  while (!tryBegin(database)) {
    if (performance.now() > giveUpAt) {
      throw failure('store_busy', 'another command is using these credentials for too long')
    }
    // Uneven pauses keep waiting processes out of step.
    await sleep(shortestPause + Math.random() * shortestPause)
  }
}

function tryBegin(database: { exec(sql: string): void }): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    const code = error instanceof Error ? ownProperty(error, 'errcode') : undefined
    if (code === sqliteBusy) return false
    throw failure('store_unavailable', 'the lock of the credentials cannot be taken', {
      cause: error,
    })
  }
}

/** SQLite would make the file with the umask's mode. */
async function createEmpty(path: string): Promise<void> {
  try {
    await (await open(path, 'wx', 0o600)).close()
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return
    throw failure('store_unavailable', `${path} cannot be made`, { cause: error })
  }
}
