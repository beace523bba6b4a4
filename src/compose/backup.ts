import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ProofgateError } from '../core/index.ts'
import type { Areas } from './areas.ts'

/**
 * Copies the data directory while it is in use: first the audit log, then the database and the keys, so that
 * nothing in the copy is newer than its evidence. The copy can be started as it is.
 */
export async function backUp(areas: Areas, directory: string): Promise<unknown> {
  if (existsSync(directory) && readdirSync(directory).length > 0) {
    throw new ProofgateError('backup.not_empty', `${directory} is not empty`, {
      hint: 'Name a directory that does not exist yet.',
    })
  }
  const { paths, database, audit } = areas
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  chmodSync(directory, 0o700)
  const checkpoint = audit.checkpoint()
  cpSync(paths.audit, join(directory, 'audit'), { recursive: true })
  const copy = join(directory, basename(paths.database))
  rmSync(copy, { force: true })
  database.copyTo(copy)
  chmodSync(copy, 0o600)
  cpSync(paths.keys, join(directory, 'keys'), { recursive: true })
  cpSync(paths.marker, join(directory, basename(paths.marker)))
  return { directory, records: audit.size, checkpoint }
}
