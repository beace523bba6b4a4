import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  closeSync,
  fsyncSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ProofgateError } from '../core/index.ts'
import type { Configuration } from '../config/index.ts'

/** Where everything lives. */
export interface DataPaths {
  readonly root: string
  readonly database: string
  readonly keys: string
  /** The audit log's own key: of this directory, even where signing keys are shared with another process. */
  readonly auditKeys: string
  readonly audit: string
  /** Facts about the running process; gone when it ends in order. */
  readonly running: string
  readonly schema: string
  readonly marker: string
  /** FIDO metadata, once some was imported. */
  readonly metadata: string
}

const runningFolder = 'run'
const serverFile = 'server.json'

export function dataPaths(configuration: Configuration): DataPaths {
  const root = configuration.dataDirectory
  return {
    root,
    database: configuration.storage.database,
    keys: configuration.storage.keys,
    auditKeys: join(root, 'keys'),
    audit: join(root, 'audit'),
    running: join(root, runningFolder),
    schema: join(root, 'schema.json'),
    marker: join(root, 'installation.json'),
    metadata: join(root, 'metadata.json'),
  }
}

/**
 * Makes the directories, readable by their owner alone.
 *
 * Invariant: where an installation was, a missing part is damage and refused; only where nothing was is
 * something new begun, because a new store would let the next visitor enrol as first administrator.
 */
export function prepareDataDirectory(paths: DataPaths): { isNew: boolean } {
  const begun = existsSync(paths.marker)
  const hasDatabase = existsSync(paths.database)
  if (!hasDatabase && (begun || hasEvidence(paths))) {
    throw missing(`${paths.database}: the database file is missing`)
  }
  if (begun && !hasKeys(paths)) throw missing(`${paths.keys}: signing keys are missing`)
  const { root, database, keys, auditKeys, running } = paths
  for (const directory of [root, dirname(database), keys, auditKeys, running]) {
    makePrivate(directory)
  }
  return { isNew: !hasDatabase }
}

/**
 * For whoever works on an installation and is not meant to begin one.
 *
 * @throws ProofgateError `storage.not_installed`
 */
export function requireInstallation(paths: DataPaths): void {
  if (existsSync(paths.marker) || hasEvidence(paths)) return
  throw new ProofgateError(
    'storage.not_installed',
    `there is no installation in ${paths.root}; \`proofgate start\` makes one`,
    { hint: '`--data-dir` or `--config` names an installation elsewhere.' },
  )
}

function hasEvidence({ audit, auditKeys }: DataPaths): boolean {
  return isFilled(audit) || existsSync(join(auditKeys, 'audit.key'))
}

function missing(what: string): ProofgateError {
  return new ProofgateError('storage.damaged', what, {
    hint: 'Restore it from a backup, or move the whole data directory away to begin anew.',
  })
}

/** The key of the audit log and at least one of the issuer. */
function hasKeys({ keys, auditKeys }: DataPaths): boolean {
  if (!existsSync(join(auditKeys, 'audit.key')) || !existsSync(keys)) return false
  return readdirSync(keys).some((name) => name.startsWith('sig-'))
}

/** Written last, when every part of a new installation exists. */
export function markInstalled(paths: DataPaths, now: number): void {
  if (existsSync(paths.marker)) return
  const id = randomBytes(8).toString('hex')
  writeDurably(paths.marker, `${JSON.stringify({ id, createdAt: new Date(now).toISOString() })}\n`)
}

function makePrivate(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    if ((statSync(directory).mode & 0o077) !== 0) chmodSync(directory, 0o700)
  } catch (cause) {
    throw new ProofgateError('storage.unavailable', `cannot use the directory ${directory}`, {
      cause,
      hint: 'Check that it is a directory that this user may write to.',
    })
  }
}

function isFilled(directory: string): boolean {
  return existsSync(directory) && existsSync(join(directory, 'checkpoint'))
}

/** A private file that is either the old one or the whole new one. */
export function writeDurably(path: string, text: string): void {
  const draft = `${path}.${process.pid}.new`
  const file = openSync(draft, 'w', 0o600)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(draft, path)
}

/** A random secret in a private file, made once, the same for every process on the directory. */
export function sharedSecret(path: string): string {
  if (!existsSync(path)) {
    try {
      writeFileSync(path, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' })
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    }
  }
  const secret = readFileSync(path, 'utf8').trim()
  if (/^[A-Za-z0-9_-]{43}$/.test(secret)) return secret
  throw new ProofgateError('storage.damaged', `${path}: the file is damaged`, {
    hint: 'Restore it from a backup. Without one, delete it: everybody has to sign in again.',
  })
}

/** How the command line reaches a running server. */
export interface RunningServer {
  readonly pid: number
  /** `http://127.0.0.1:8081` */
  readonly admin: string
  /** Bearer secret of the admin API; new at each start. */
  readonly secret: string
  /** Of the public listener. */
  readonly port?: number
  /** How long it takes at most to finish what is under way, in milliseconds. */
  readonly drain?: number
}

/**
 * Held by the one server of a data directory. The lock is the operating system's on a file, so that it ends
 * with the process however that ends.
 */
export class DirectoryLock {
  readonly #connection: DatabaseSync
  readonly #file: string

  private constructor(connection: DatabaseSync, file: string) {
    this.#connection = connection
    this.#file = file
  }

  /** One process at a time takes over from another. It ends with `close`. */
  static takeTurn(paths: DataPaths): { close(): void } {
    return lockFile(join(paths.running, 'take-over'), (cause) => {
      throw new ProofgateError('storage.in_use', `${paths.root} is being taken over already`, {
        cause,
        hint: 'Wait for the process that does it.',
      })
    })
  }

  /**
   * What a server that crashed said of itself is gone with the lock taken: its process id may be another's by
   * now, and whoever takes over signals the one it finds.
   *
   * @throws ProofgateError `storage.in_use`
   */
  static take(paths: DataPaths): DirectoryLock {
    const connection = lockFile(join(paths.running, 'lock'), (cause) => {
      const other = readRunning(paths.running)
      const who = other === undefined ? 'another process' : `process ${other.pid}`
      throw new ProofgateError('storage.in_use', `${paths.root} is in use by ${who}`, {
        cause,
        hint: 'Stop it first, or use another data directory (`--data-dir`).',
      })
    })
    const file = join(paths.running, serverFile)
    forget(file)
    return new DirectoryLock(connection, file)
  }

  announce(server: RunningServer): void {
    writeDurably(this.#file, JSON.stringify(server))
  }

  release(): void {
    forget(this.#file)
    this.#connection.close()
  }
}

function forget(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // Whatever stands there that is no file: `announce` fails on it, with its reason.
  }
}

function lockFile(path: string, onHeld: (cause: unknown) => never): DatabaseSync {
  const connection = new DatabaseSync(path)
  try {
    connection.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    return connection
  } catch (cause) {
    connection.close()
    return onHeld(cause)
  }
}

/** Who holds the data directory, if anybody does. */
export function findRunning(root: string): RunningServer | undefined {
  const found = readRunning(join(root, runningFolder))
  return found !== undefined && isAlive(found.pid) ? found : undefined
}

function readRunning(folder: string): RunningServer | undefined {
  try {
    const found = JSON.parse(readFileSync(join(folder, serverFile), 'utf8')) as unknown
    return isRunningServer(found) ? found : undefined
  } catch {
    return undefined
  }
}

function isRunningServer(value: unknown): value is RunningServer {
  if (typeof value !== 'object' || value === null) return false
  const { pid, admin, secret, port, drain } = value as Partial<Record<keyof RunningServer, unknown>>
  const isNumber = (one: unknown): boolean => one === undefined || Number.isSafeInteger(one)
  const isNamed = typeof admin === 'string' && typeof secret === 'string'
  return Number.isSafeInteger(pid) && isNamed && isNumber(port) && isNumber(drain)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM'
  }
}
