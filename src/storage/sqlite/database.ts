import { closeSync, existsSync, linkSync, openSync, readSync, rmSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import { ProofgateError } from '../../core/index.ts'
import { migrations } from './migrations.ts'

/** `PGAT`: tells our file from any other SQLite file. */
const applicationId = 0x50474154
const sqliteMagic = 'SQLite format 3\0'
const busyMillis = 5000

export type Row = Record<string, unknown>

/**
 * One connection to the embedded database. Statements are prepared once. Whatever SQLite reports comes out
 * as `storage.unavailable`, which every surface answers with no.
 */
export class Database {
  readonly #connection: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  private constructor(connection: DatabaseSync) {
    this.#connection = connection
  }

  /**
   * Opens the file, migrating it when it is older.
   *
   * Invariant: a damaged, foreign, empty or newer file is never replaced by a new one.
   *
   * @param durability - `full` survives a power cut after each write; `process` survives the end of the
   *   process, which is enough for what expires within minutes.
   */
  static open(
    path: string,
    options: { create: boolean; durability: 'full' | 'process' },
  ): Database {
    if (!existsSync(path)) {
      if (!options.create) throw damaged(path, 'the database file is missing')
      createAt(path)
    }
    checkFile(path)
    let database: Database | undefined
    try {
      database = new Database(connect(path))
      // Nothing is written before it is known to be ours: even the journal's mode is kept in the file.
      database.#check(path)
      database.#settle(options.durability)
      database.#migrate(path)
      return database
    } catch (cause) {
      database?.close()
      if (cause instanceof ProofgateError) throw cause
      throw damaged(path, 'the database cannot be read', cause)
    }
  }

  /**
   * Opens the file to be read alone, also while a server uses it; an older one stays as it is.
   *
   * @throws ProofgateError as `open` does.
   */
  static openToRead(path: string): Database {
    if (!existsSync(path)) throw damaged(path, 'the database file is missing')
    checkFile(path)
    let database: Database | undefined
    try {
      database = new Database(connect(path, true))
      database.#check(path)
      return database
    } catch (cause) {
      database?.close()
      if (cause instanceof ProofgateError) throw cause
      throw damaged(path, 'the database cannot be read', cause)
    }
  }

  all<Found extends Row>(sql: string, ...values: SQLInputValue[]): Found[] {
    return this.#try(() => this.#statement(sql).all(...values) as Found[])
  }

  one<Found extends Row>(sql: string, ...values: SQLInputValue[]): Found | undefined {
    return this.#try(() => this.#statement(sql).get(...values) as Found | undefined)
  }

  /** Answers how many rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return this.#try(() => Number(this.#statement(sql).run(...values).changes))
  }

  /** All or nothing; the write lock is taken at the start, so that what is read inside stays true. */
  transaction<Result>(work: () => Result): Result {
    return this.#try(() => {
      this.#statement('BEGIN IMMEDIATE').run()
      try {
        const result = work()
        this.#statement('COMMIT').run()
        return result
      } catch (cause) {
        if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK')
        throw cause
      }
    })
  }

  /** A consistent copy in a new file, while the database is in use. */
  copyTo(path: string): void {
    this.#try(() => this.#connection.prepare('VACUUM INTO ?').run(path))
  }

  close(): void {
    if (this.#connection.isOpen) this.#connection.close()
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#connection.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  #try<Result>(work: () => Result): Result {
    try {
      return work()
    } catch (cause) {
      if (cause instanceof ProofgateError) throw cause
      throw new ProofgateError('storage.unavailable', 'the database did not answer', {
        cause,
        hint: 'Check free space and permissions of the data directory, then `proofgate doctor`.',
      })
    }
  }

  #check(path: string): void {
    const found = this.#pragma('application_id')
    if (found !== applicationId) throw damaged(path, 'this is not a Proofgate database')
    const verdict = this.one<{ quick_check: string }>('PRAGMA quick_check(1)')?.quick_check
    if (verdict !== 'ok') throw damaged(path, `the database is damaged: ${verdict ?? 'no answer'}`)
    const version = this.#pragma('user_version')
    if (version > migrations.length) {
      throw new ProofgateError(
        'storage.from_the_future',
        `${path} has schema ${version}, this release knows ${migrations.length}`,
        { hint: 'Start the newer release that wrote it, or restore a backup of this release.' },
      )
    }
  }

  #settle(durability: 'full' | 'process'): void {
    this.#connection.exec('PRAGMA journal_mode = WAL')
    this.#connection.exec(`PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`)
  }

  #pragma(name: string): number {
    const row = this.#connection.prepare(`PRAGMA ${name}`).get() as Record<string, number>
    return row[name] ?? 0
  }

  #migrate(path: string): void {
    if (this.#pragma('user_version') === migrations.length) return
    const before = `${path}.before-schema-${migrations.length}`
    rmSync(before, { force: true })
    this.copyTo(before)
    applyMigrations(this.#connection)
  }
}

function connect(path: string, readOnly = false): DatabaseSync {
  const connection = new DatabaseSync(path, {
    readOnly,
    timeout: busyMillis,
    enableForeignKeyConstraints: true,
  })
  connection.exec('PRAGMA trusted_schema = OFF')
  return connection
}

/** Each step and its new version number in one transaction; safe when two processes start at once. */
function applyMigrations(connection: DatabaseSync): void {
  for (;;) {
    connection.exec('BEGIN IMMEDIATE')
    const row = connection.prepare('PRAGMA user_version').get() as { user_version: number }
    const next = migrations[row.user_version]
    if (next === undefined) {
      connection.exec('ROLLBACK')
      return
    }
    connection.exec(next)
    connection.exec(`PRAGMA user_version = ${row.user_version + 1}`)
    connection.exec('COMMIT')
  }
}

/** Builds a new database beside its place and moves it in whole: a crash leaves none or a complete one. */
function createAt(path: string): void {
  const draft = `${path}.new-${process.pid}`
  rmSync(draft, { force: true })
  const connection = new DatabaseSync(draft)
  connection.exec(`PRAGMA application_id = ${applicationId}`)
  applyMigrations(connection)
  connection.close()
  try {
    // Unlike a rename, a link never takes the place of what another process put there meanwhile.
    linkSync(draft, path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
  } finally {
    rmSync(draft)
  }
}

function checkFile(path: string): void {
  const stats = statSync(path)
  if (!stats.isFile()) throw damaged(path, 'this is not a file')
  if (stats.size === 0) throw damaged(path, 'the database file is empty')
  const head = Buffer.alloc(sqliteMagic.length)
  const file = openSync(path, 'r')
  try {
    readSync(file, head, 0, head.length, 0)
  } finally {
    closeSync(file)
  }
  if (head.toString('latin1') !== sqliteMagic) {
    throw damaged(path, 'the file does not begin like a database')
  }
}

function damaged(path: string, what: string, cause?: unknown): ProofgateError {
  return new ProofgateError('storage.damaged', `${path}: ${what}`, {
    cause,
    hint: 'Restore the data directory from a backup (`proofgate backup`). Nothing was changed.',
  })
}
