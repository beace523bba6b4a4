import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { makePackage } from './package.ts'

/*
 * Makes the package twice, installs it into an empty directory as a user would, without any install script,
 * and runs it: version, init, check, and a start that answers. Needs the package registry.
 */

const most = 85
const first = digest(makePackage())
const tarball = makePackage()
assert.equal(digest(tarball), first, 'the same sources made two different packages')

const directory = mkdtempSync(join(tmpdir(), 'proofgate-package-'))
try {
  writeFileSync(join(directory, 'package.json'), '{ "private": true }\n')
  const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball]
  execFileSync('npm', install, { cwd: directory, stdio: 'inherit' })
  checkInstalled()
  await checkRuns()
} finally {
  rmSync(directory, { recursive: true, force: true })
}

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

function checkInstalled(): void {
  const manifests = globSync('node_modules/{*,@*/*}/package.json', { cwd: directory }).map(
    (path) => JSON.parse(readFileSync(join(directory, path), 'utf8')) as Record<string, any>,
  )
  console.log(`${manifests.length} packages installed, ${most} are the most`)
  assert.ok(manifests.length <= most)
  for (const { name, scripts = {} } of manifests) {
    const wanting = ['preinstall', 'install', 'postinstall'].filter((one) => one in scripts)
    assert.deepEqual(wanting, [], `${name} has an install script`)
  }
  const own = join(directory, 'node_modules', 'proofgate')
  const sources = globSync('**/*.ts', { cwd: own }).filter((path) => !path.endsWith('.d.ts'))
  assert.deepEqual(sources, [], 'the package holds TypeScript')
  const importing =
    "import('proofgate/verify-proof').then((one) => console.log(typeof one.verifyProof))"
  const imported = execFileSync(process.execPath, ['--eval', importing], { cwd: directory })
  assert.equal(imported.toString().trim(), 'function')
  assert.ok(!existsSync(join(own, 'src')))
}

function run(...args: readonly string[]): string {
  const program = join(directory, 'node_modules', '.bin', 'proofgate')
  return execFileSync(program, args, { cwd: directory, encoding: 'utf8' })
}

async function checkRuns(): Promise<void> {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  assert.equal(run('--version').trim(), version)
  run('init')
  assert.equal((JSON.parse(run('check', '--json')) as { ok: boolean }).ok, true)
  const program = join(directory, 'node_modules', '.bin', 'proofgate')
  const child = spawn(program, ['start', '--json', '--port', '0', '--admin-port', '0'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', resolve)
  })
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const { admin } = JSON.parse(line) as { admin: string }
      const ready = await fetch(`${admin}/readyz`)
      assert.equal(ready.status, 200)
      break
    }
  } finally {
    child.kill('SIGTERM')
  }
  assert.equal(await ended, 0)
  console.log('version, init, check and start work')
}
