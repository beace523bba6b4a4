import { test } from 'node:test'
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './kit/gateway.ts'

const script = new URL('../scripts/ensure-installed.cjs', import.meta.url)

/** A checkout, another one whose modules it may link to, and an `npm` that only says that it was run. */
function checkout() {
  const root = temporaryDirectory()
  const elsewhere = join(temporaryDirectory(), 'node_modules')
  const bin = join(root, 'bin')
  for (const folder of ['scripts', 'bin']) mkdirSync(join(root, folder))
  mkdirSync(elsewhere)
  copyFileSync(script, join(root, 'scripts/ensure-installed.cjs'))
  writeFileSync(join(root, 'package-lock.json'), '{}')
  writeFileSync(join(bin, 'npm'), '#!/bin/sh\n: > ran\n: > node_modules/.package-lock.json\n', {
    mode: 0o755,
  })
  const modules = join(root, 'node_modules')
  const run = () =>
    new Promise<{ code: unknown; stderr: string; npm: boolean }>((resolve) => {
      execFile(
        process.execPath,
        [join(root, 'scripts/ensure-installed.cjs')],
        { env: { PATH: bin } },
        (error, _, stderr) =>
          resolve({ code: error?.code ?? 0, stderr, npm: existsSync(join(root, 'ran')) }),
      )
    })
  return { root, elsewhere, modules, run }
}

function age(file: string): void {
  writeFileSync(file, '{}')
  utimesSync(file, 1, 1)
}

test('modules that are a link are not installed anew, because that would empty where it leads', async () => {
  for (const state of ['old', 'empty', 'gone'] as const) {
    const { elsewhere, modules, run } = checkout()
    if (state === 'old') age(join(elsewhere, '.package-lock.json'))
    const target = state === 'gone' ? `${elsewhere}-gone` : elsewhere
    symlinkSync(target, modules)
    const { code, stderr, npm } = await run()
    assert.equal(code, 1, state)
    assert.equal(npm, false, state)
    assert.ok(stderr.includes(`is a link to ${target} and not up to date`), stderr)
    assert.match(stderr, /Run npm ci where it is, or remove the link/)
  }
})

test('modules that are a link and up to date are taken as they are', async () => {
  const { elsewhere, modules, run } = checkout()
  writeFileSync(join(elsewhere, '.package-lock.json'), '{}')
  symlinkSync(elsewhere, modules)
  assert.deepEqual(await run(), { code: 0, stderr: '', npm: false })
})

test('modules of the checkout itself are installed when they are missing or old', async () => {
  const missing = checkout()
  mkdirSync(missing.modules)
  assert.deepEqual(
    { ...(await missing.run()), stderr: '' },
    { code: 0, stderr: '', npm: true },
    'missing',
  )
  const old = checkout()
  mkdirSync(old.modules)
  age(join(old.modules, '.package-lock.json'))
  assert.equal((await old.run()).npm, true)
})
