import { parentPort, workerData } from 'node:worker_threads'
import { SharedBuckets } from '../../src/workers/index.ts'

/** What a thread of the tests takes, as fast as it can. */
export interface Taking {
  readonly memory: SharedArrayBuffer
  readonly thread: number
  readonly keys: readonly string[]
  readonly takes: number
  /** Epoch milliseconds of the first take; each later one is `step` later. */
  readonly from: number
  readonly step: number
  readonly limit: { readonly rate: number; readonly burst: number }
}

const { memory, thread, keys, takes, from, step, limit } = workerData as Taking
const buckets = new SharedBuckets(memory, thread)
const admitted = keys.map(() => 0)
parentPort?.once('message', () => {
  for (let at = 0; at < takes; at++) {
    for (const [position, key] of keys.entries()) {
      const wait = buckets.take(key, limit, from + at * step)
      if (wait === 0) admitted[position] = (admitted[position] ?? 0) + 1
    }
  }
  parentPort?.postMessage(admitted)
  parentPort?.close()
})
parentPort?.postMessage('ready')
