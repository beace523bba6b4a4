import { join } from 'node:path'
import type { StoredRecord } from '../../../audit/index.ts'
import type { Configuration } from '../../../config/index.ts'
import type { Instant } from '../../../core/index.ts'
import { say } from '../../output.ts'

/** A part of the log. */
export interface Period {
  readonly since: Instant
  readonly until?: Instant | undefined
}

/** Decisions of a time, straight from the files of the log, one after the other. */
export async function* recordedRequests(
  { dataDirectory }: Pick<Configuration, 'dataDirectory'>,
  { since, until = Infinity }: Period,
): AsyncGenerator<StoredRecord> {
  const { readRecords } = await import('../../../audit/index.ts')
  const folder = join(dataDirectory, 'audit')
  for await (const record of readRecords(folder, { kind: 'decision', since })) {
    const at = Date.parse(record.at)
    if (at > until) return
    if (at >= since) yield record
  }
}

const sayEvery = 100_000

/** For whoever waits for a long log. */
export function sayProgress(count: number): void {
  if (count % sayEvery === 0) say(`${count} requests read ...`)
}
