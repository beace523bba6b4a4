import { workerData } from 'node:worker_threads'
import { EntryRing } from '../../src/workers/entry-ring.ts'

/* Writes numbered entries of many lengths, as fast as there is room for them, until it is ended. */
const ring = new EntryRing(workerData as SharedArrayBuffer)
for (let number = 0; ; number++) {
  const digit = String(number % 10)
  const entry = [`${number},`, digit.repeat(number % 97), 'z'.repeat(number % 511)] as const
  while (!ring.write(entry));
}
