/** What the disk costs whoever waits for it: one append and its sync. */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { median } from './report.ts'

const APPENDS = 200
const BYTES = 1024

/** Microseconds of wall clock, median, in a file that grows; nothing else is done meanwhile. */
export function syncedAppendMicros(directory: string): number {
  const file = openSync(join(directory, 'synced-append'), 'a')
  try {
    const piece = Buffer.alloc(BYTES, 'x')
    const micros: number[] = []
    for (let count = 0; count < APPENDS; count += 1) {
      const startedAt = performance.now()
      writeSync(file, piece)
      fdatasyncSync(file)
      micros.push((performance.now() - startedAt) * 1000)
    }
    return median(micros)
  } finally {
    closeSync(file)
  }
}
