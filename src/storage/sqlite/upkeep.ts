import type { Instant } from '../../core/index.ts'
import type { Database } from './database.ts'

/** One-time objects are kept this long after their end, so that a second use can be told from nonsense. */
const memoryOfTaken = 24 * 3_600_000

/** What the port of the issuer's objects says. */
const memoryOfObjects = 10 * 60_000

/** Deletes what has expired. Bounded work, called now and then. */
export function sweepExpired(database: Database, now: Instant): void {
  const forgotten = now - memoryOfTaken
  for (const table of [
    'ticket',
    'ceremony',
    'handoff',
    'grant_link',
    'request_proof',
    'recovery',
  ]) {
    database.run(`DELETE FROM ${table} WHERE expires_at < ?`, forgotten)
  }
  database.run('DELETE FROM proof_replay WHERE expires_at < ?', now)
  database.run('DELETE FROM provider_object WHERE expires_at < ?', now - memoryOfObjects)
  database.run('DELETE FROM step_up WHERE expires_at < ?', now - memoryOfObjects)
  database.run('DELETE FROM session WHERE expires_at < ?', forgotten)
  // A revocation outlives every token and session it can concern.
  database.run('DELETE FROM revocation WHERE at < ?', now - 32 * memoryOfTaken)
}

/** The highest instant any run on this database has seen; 0 for a new one. */
export function loadClockFloor(database: Database): Instant {
  const row = database.one<{ value: string }>(`SELECT value FROM meta WHERE name = 'clock_floor'`)
  return row === undefined ? 0 : Number(row.value)
}

export function saveClockFloor(database: Database, now: Instant): void {
  database.run(
    `INSERT INTO meta (name, value) VALUES ('clock_floor', ?)
     ON CONFLICT (name) DO UPDATE SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER))`,
    String(now),
  )
}

/** A text that is kept under a name; absent when none was. */
export function loadMark(database: Database, name: string): string | undefined {
  return database.one<{ value: string }>('SELECT value FROM meta WHERE name = ?', name)?.value
}

export function saveMark(database: Database, name: string, value: string): void {
  database.run(
    `INSERT INTO meta (name, value) VALUES (?, ?)
     ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    name,
    value,
  )
}
