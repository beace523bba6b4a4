import { appendFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread } from 'node:worker_threads'

/*
 * Loaded into the gateway by `NODE_OPTIONS=--import`: at SIGUSR2 it collects garbage and writes a line on what
 * is left. The gateway itself has no such thing.
 */

const path = process.env['SOAK_PROBE']
if (isMainThread && path !== undefined) {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  process.on('SIGUSR2', () => {
    collect()
    // What a first collection finds of buffers is given back beside this thread, and counted until then.
    collect()
    const { heapUsed, external, rss } = process.memoryUsage()
    const timers = process
      .getActiveResourcesInfo()
      .filter((name) => /^(?:Timeout|Immediate)$/.test(name))
    appendFileSync(
      path,
      `${JSON.stringify({ heap: heapUsed + external, rss, timers: timers.length })}\n`,
    )
  })
}
