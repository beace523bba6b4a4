/** The thread that sleeps for the generator in `open-loop.ts`. It is told an instant, and answers when it is over. */
import { parentPort } from 'node:worker_threads'

/** What is due within this goes out together, so that waking up does not cost more than sending. */
const LEAST_MILLIS = 0.1
const cell = new Int32Array(new SharedArrayBuffer(4))

parentPort?.on('message', (dueAt: number) => {
  const left = dueAt - (performance.timeOrigin + performance.now())
  Atomics.wait(cell, 0, 0, Math.max(LEAST_MILLIS, left))
  parentPort?.postMessage(0)
})
