import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { AuditLog } from '../../src/audit/index.ts'
import { appendEach, entry, openMarking, places } from './kit.ts'
import type { Places } from './kit.ts'

const first = 'log-000000.ndjson'

/** Runs `use` and leaves the folder as a process that was killed then would. */
export async function killed(
  where: Places,
  use: (log: AuditLog) => Promise<unknown>,
): Promise<void> {
  const log = await openMarking(where)
  await use(log)
  const bytes = await readFile(join(where.directory, first))
  const copy = await readFile(join(where.directory, 'checkpoint'))
  await log.close()
  await writeFile(join(where.directory, first), bytes)
  await writeFile(join(where.directory, 'checkpoint'), copy)
}

/** Two signed records, then batches of 1, 2 and 1 that are not signed yet. */
export async function unsigned(t: TestContext): Promise<Places> {
  const where = await places(t)
  const log = await openMarking(where)
  await appendEach(log, 0, 2)
  await log.close()
  await killed(where, async (again) => {
    await again.append(entry(2))
    await Promise.all([again.append(entry(3)), again.append(entry(4))])
    await again.append(entry(5))
  })
  return where
}

export async function linesOf(where: Places): Promise<string[]> {
  return (await readFile(join(where.directory, first), 'latin1')).split('\n').slice(0, -1)
}

export function write(where: Places, lines: readonly string[]): Promise<void> {
  return writeFile(
    join(where.directory, first),
    lines.map((line) => `${line}\n`).join(''),
    'latin1',
  )
}
