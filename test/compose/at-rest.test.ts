import assert from 'node:assert/strict'
import { constants, PerformanceObserver } from 'node:perf_hooks'
import type { PerformanceNodeEntry } from 'node:perf_hooks'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { collectWhenAtRest } from '../../src/compose/index.ts'

let collections = 0
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries() as PerformanceNodeEntry[]) {
    const { flags = 0 } = entry.detail as { flags?: number }
    if ((flags & constants.NODE_PERFORMANCE_GC_FLAGS_ALL_AVAILABLE_GARBAGE) !== 0) collections += 1
  }
})
observer.observe({ entryTypes: ['gc'] })
after(() => observer.disconnect())

function work(millis: number): void {
  const end = performance.now() + millis
  while (performance.now() < end);
}

async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 300 && !holds(); turn++) await delay(100)
  assert.ok(holds())
}

test('a thread that works is left alone, and one at rest collects once', async () => {
  collectWhenAtRest()
  for (let turn = 0; turn < 15; turn++) {
    work(50)
    await delay(50)
  }
  assert.equal(collections, 0)
  await until(() => collections > 0)
  await delay(500)
  const seen = collections
  await delay(1500)
  assert.equal(collections, seen)
})

test('a serving thread gives back its own memory', async () => {
  const index = new URL('../../src/compose/index.ts', import.meta.url).href
  const worker = new Worker(
    `const { getHeapStatistics } = require('node:v8')
     const { parentPort } = require('node:worker_threads')
     import('${index}').then(({ collectWhenAtRest }) => {
       globalThis.left = Array.from({ length: 1e6 }, (_, index) => ({ index }))
       const before = getHeapStatistics().total_heap_size
       globalThis.left = undefined
       collectWhenAtRest()
       setInterval(() => {
         if (getHeapStatistics().total_heap_size < before / 2) parentPort.postMessage('smaller')
       }, 100)
     })`,
    { eval: true },
  )
  let smaller = false
  worker.on('message', () => (smaller = true))
  try {
    await until(() => smaller)
  } finally {
    await worker.terminate()
  }
})
