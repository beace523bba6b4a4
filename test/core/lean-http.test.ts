import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

const lean = new URL('../../src/core/lean-http.ts', import.meta.url).href

/** What a process of its own prints, which has loaded nothing yet. */
function printed(code: string): string {
  const options = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', code]
  return execFileSync(process.execPath, options, { encoding: 'utf8' }).trim()
}

const loaded = `console.log(process.moduleLoadList.some((name) => name.includes('undici/undici')))`

test('an import of node:http loads no second client', () => {
  const code = `import { keepHttpLean } from '${lean}'; keepHttpLean(); await import('node:http'); ${loaded}`
  assert.equal(printed(code), 'false')
})

test('what it leaves out is still there for whoever asks for it', () => {
  const code = `import { keepHttpLean } from '${lean}'; keepHttpLean()
    console.log(typeof process.getBuiltinModule('node:http').WebSocket)`
  assert.equal(printed(code), 'function')
})
