import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { reportOf } from './report.ts'
import type { MutationReport } from './report.ts'

/*
 * Installs Stryker below `build/mutation`, tries mutants of the files that are named (`evaluate.ts value/glob.ts`), or
 * of all, and prints what survived. Nothing of it is part of what `npm ci` installs.
 */

process.chdir(fileURLToPath(new URL('../..', import.meta.url)))
const place = join('build', 'mutation')
const config = join('test', 'mutation', 'stryker.config.json')

function run(command: string, args: readonly string[], cwd = process.cwd()): number {
  return spawnSync(command, args, { cwd, stdio: 'inherit' }).status ?? 1
}

function install(): void {
  const lock = 'package-lock.json'
  const from = join('test', 'mutation', lock)
  const to = join(place, lock)
  const isThere = existsSync(join(place, 'node_modules')) && existsSync(to)
  if (isThere && readFileSync(from, 'utf8') === readFileSync(to, 'utf8')) return
  mkdirSync(place, { recursive: true })
  for (const name of ['package.json', lock]) {
    copyFileSync(join('test', 'mutation', name), join(place, name))
  }
  const failed = run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], place) !== 0
  if (!failed) return
  rmSync(to)
  process.exit(1)
}

install()
const named = process.argv.slice(2).map((file) => join('src', 'policy', file))
const stryker = join(place, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js')
const mutate = named.length === 0 ? [] : ['--mutate', named.join(',')]
const file = join(place, 'report.json')
rmSync(file, { force: true })
process.exitCode = run(process.execPath, [stryker, 'run', config, ...mutate])
if (existsSync(file)) {
  const report = JSON.parse(readFileSync(file, 'utf8')) as MutationReport
  const text = reportOf(report)
  writeFileSync(join(place, 'report.txt'), text)
  process.stdout.write(text)
}
