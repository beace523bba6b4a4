import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { globSync } from 'node:fs'

/*
 * Runs every test file, or those named as arguments, with Node's own runner. Journeys start processes and
 * browsers, so as many files run at once as there are cores and no more.
 */
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
  { stdio: 'inherit', env: { ...process.env, NODE_NO_WARNINGS: '1' } },
)
child.once('exit', (code) => {
  process.exitCode = code ?? 1
})
