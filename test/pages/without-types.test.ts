import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

const tested = new URL('../../src/pages/without-types.ts', import.meta.url).href
const source = 'const one: number = 1'

/** The source without types, made by a process of its own, and whether that had to be worked out. */
function strip(cache?: string): { text: string; worked: boolean } {
  const code = `import * as nodeModule from 'node:module'
    import { syncBuiltinESMExports } from 'node:module'
    const { withoutTypes } = await import('${tested}')
    let worked = false
    const original = nodeModule.stripTypeScriptTypes
    nodeModule.default.stripTypeScriptTypes = (text) => { worked = true; return original(text) }
    syncBuiltinESMExports()
    console.log(JSON.stringify({ text: withoutTypes('${source}'), worked }))`
  const options = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', code]
  const { NODE_COMPILE_CACHE: _inherited, ...environment } = process.env
  const env = cache === undefined ? environment : { ...environment, NODE_COMPILE_CACHE: cache }
  return JSON.parse(execFileSync(process.execPath, options, { env, encoding: 'utf8' }))
}

function cacheFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'proofgate-types-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function keptFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('browser-'))
    .map((name) => join(folder, name))
}

test('types are taken out once, and the outcome is read after that', (t) => {
  const folder = cacheFolder(t)
  const first = strip(folder)
  assert.equal(first.worked, true)
  assert.match(first.text, /^const one {9}= 1$/)
  assert.deepEqual(strip(folder), { text: first.text, worked: false })
})

test('without a place to keep it the work is done each time', () => {
  assert.equal(strip().worked, true)
  assert.equal(strip().worked, true)
})

test('what was kept counts only while it is whole', (t) => {
  const folder = cacheFolder(t)
  const first = strip(folder)
  const [file = ''] = keptFiles(folder)
  for (const damaged of ['', readFileSync(file, 'utf8').slice(0, -1), `x\n${first.text}`]) {
    writeFileSync(file, damaged)
    assert.deepEqual(strip(folder), first)
  }
  assert.equal(keptFiles(folder).length, 1)
})

test('nothing is read from a folder in which others can write', (t) => {
  const folder = cacheFolder(t)
  const first = strip(folder)
  const [file = ''] = keptFiles(folder)
  const planted = 'planted()'
  const digest = createHash('sha256').update(planted).digest('hex')
  writeFileSync(file, `${digest}\n${planted}`)
  assert.deepEqual(strip(folder), { text: planted, worked: false })
  for (const mode of [0o720, 0o702, 0o777]) {
    chmodSync(dirname(file), mode)
    assert.deepEqual(strip(folder), first, mode.toString(8))
  }
})

test('nothing is read from a folder of somebody else', { skip: process.getuid?.() !== 0 }, (t) => {
  const folder = cacheFolder(t)
  const first = strip(folder)
  chownSync(dirname(keptFiles(folder)[0] ?? ''), 12_345, 12_345)
  assert.deepEqual(strip(folder), first)
})
