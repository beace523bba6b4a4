import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { adminErrors } from '../admin/index.ts'
import type { Refusal } from '../core/index.ts'
import type { OwnAreas } from './areas.ts'

/**
 * Copies the data directory while it is in use: first the database and the keys, then, after `record`, the
 * audit log, so that nothing in the copy is newer than its evidence. The copy can be started as it is.
 */
export async function backUp(
  areas: OwnAreas,
  directory: string,
  record: () => Promise<unknown>,
): Promise<Readonly<Record<string, unknown>> | Refusal> {
  const refusal = makeEmpty(directory)
  if (refusal !== undefined) return refusal
  const { paths, database, audit } = areas
  const copy = join(directory, basename(paths.database))
  rmSync(copy, { force: true })
  database.copyTo(copy)
  chmodSync(copy, 0o600)
  const keys = join(directory, 'keys')
  for (const folder of new Set([paths.keys, paths.auditKeys])) {
    copyFolder(folder, keys)
  }
  // Appends are kept in order: with this one durable, so is everything the database copy rests on.
  await record()
  const checkpoint = await audit.whenSigned((signed) => {
    copyFolder(paths.audit, join(directory, 'audit'))
    return signed
  })
  if (existsSync(paths.metadata)) {
    cpSync(paths.metadata, join(directory, basename(paths.metadata)))
  }
  cpSync(paths.marker, join(directory, basename(paths.marker)))
  return { directory, records: audit.size, checkpoint }
}

/** Only the last part of the path is made: a mistyped one is said, not built. */
function makeEmpty(directory: string): Refusal | undefined {
  if (!existsSync(dirname(directory))) {
    return adminErrors.refuse('backup_impossible', `${dirname(directory)} does not exist`)
  }
  try {
    if (!existsSync(directory)) mkdirSync(directory, { mode: 0o700 })
    if (readdirSync(directory).length > 0) return adminErrors.refuse('backup_not_empty')
    chmodSync(directory, 0o700)
    return undefined
  } catch (cause) {
    return adminErrors.refuse('backup_impossible', String(cause))
  }
}

/** Without what is about to replace a file: it may be half written, and gone before it is copied. */
function copyFolder(from: string, to: string): void {
  const filter = (source: string): boolean => source === from || !source.endsWith('.new')
  cpSync(from, to, { recursive: true, filter })
}
