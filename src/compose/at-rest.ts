import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const lookEvery = 1000
/** The share of its time for which a thread may have worked since the last look and still be at rest. */
const mostWork = 0.02

/**
 * Gives back what the start took and does not need any more, as soon as this thread has nothing to do: a third of
 * its memory, which Node itself keeps until there is work again. That takes a tenth of a second, once.
 *
 * @param before - what else could wait until then.
 */
export function collectWhenAtRest(before?: () => void): void {
  let last = performance.eventLoopUtilization()
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, last)
    last = now
    if (utilization > mostWork) return
    clearInterval(timer)
    before?.()
    collect()
  }, lookEvery)
  timer.unref()
}

/** Also of the heap's own pages, which go back to the system. Only new contexts hear of the flag. */
function collect(): void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('typeof gc === "function" ? gc : undefined') as
    | NodeJS.GCFunction
    | undefined
  gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
