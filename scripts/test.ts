import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/*
 * Runs every test file, or those named as arguments, with Node's own runner. Journeys start processes and
 * browsers, so as many files run at once as there are cores and no more. What was compiled once is kept,
 * because most of the time of a short process goes into that.
 */
const compiled = fileURLToPath(new URL('../build/compile-cache', import.meta.url))
const named = process.argv.slice(2)
const files = named.length > 0 ? named : globSync('test/**/*.test.ts').sort()
const child = spawn(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--test',
    `--test-concurrency=${availableParallelism()}`,
    '--test-timeout=600000',
    '--test-reporter=spec',
    ...files,
  ],
  {
    stdio: 'inherit',
    env: { ...process.env, NODE_NO_WARNINGS: '1', NODE_COMPILE_CACHE: compiled },
  },
)
child.once('exit', (code) => {
  process.exitCode = code ?? 1
})
