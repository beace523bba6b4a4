import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const program = new URL('../../src/', import.meta.url).href
const folder = mkdtempSync(join(tmpdir(), 'proofgate-modules-'))
after(() => rmSync(folder, { recursive: true }))

/**
 * What a module prints in a process of its own. There `asked` holds what the runtime was asked to find after
 * `findOwnModules` was called.
 */
function printed(code: string): unknown {
  const file = join(folder, 'entry.mjs')
  const before = `import { registerHooks } from 'node:module'
    const asked = []
    registerHooks({ resolve: (specifier, context, next) => (asked.push(specifier), next(specifier, context)) })
    const { findOwnModules } = await import('${program}core/own-modules.ts')
    findOwnModules()
    asked.length = 0\n`
  writeFileSync(file, before + code)
  const options = ['--disable-warning=ExperimentalWarning', file]
  return JSON.parse(execFileSync(process.execPath, options, { encoding: 'utf8' }))
}

test('the runtime is asked for nothing that our own modules import of each other', () => {
  const asked = printed(`await import('${program}throttle/index.ts')
    console.log(JSON.stringify(asked.filter((name) => !name.startsWith('node:'))))`)
  assert.deepEqual(asked, [`${program}throttle/index.ts`])
})

test('a module is the same one, whoever found it', () => {
  const same = printed(`const index = await import('${program}core/index.ts')
    const whole = await import('${program}core/secret.ts')
    console.log(index.Secret === whole.Secret)`)
  assert.equal(same, true)
})

test('packages and modules of the runtime are found as ever', () => {
  const asked = printed(`await import('${program}config/print.ts')
    await import('${program}config/schema.ts')
    console.log(JSON.stringify([asked.includes('zod'), asked.some((name) => name.startsWith('node:'))]))`)
  assert.deepEqual(asked, [true, true])
})

test('what lies elsewhere is found as ever, whatever it is called', () => {
  writeFileSync(join(folder, 'plain.cjs'), `exports.kind = 'plain'`)
  writeFileSync(join(folder, 'plain.js'), `module.exports = { kind: typeof require }`)
  const found =
    printed(`const [one, other] = [await import('./plain.cjs'), await import('./plain.js')]
    console.log(JSON.stringify([one.default.kind, other.default.kind, asked]))`)
  assert.deepEqual(found, ['plain', 'function', ['./plain.cjs', './plain.js']])
})
