import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

const apart = new URL('../../src/config/apart/', import.meta.url).href

/** What a module prints in a process of its own, which tells apart what was loaded. */
function printed(code: string): unknown {
  const before = `import { registerHooks } from 'node:module'
    const found = []
    registerHooks({ load: (url, context, next) => (found.push(url), next(url, context)) })
    const { keepSchemasLean } = await import('${apart}lean-schemas.ts')\n`
  const options = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval']
  const text = execFileSync(process.execPath, [...options, before + code], { encoding: 'utf8' })
  return JSON.parse(text)
}

const count = `found.filter((url) => /\\/zod\\/.*\\/locales\\//.test(url)).length`

test('the schema library comes with its messages in one language', () => {
  const counts = printed(`keepSchemasLean()
    await import('${apart}answering.ts')
    console.log(JSON.stringify(${count}))`)
  assert.equal(counts, 1)
})

test('its messages are the same', () => {
  const ask = `const { z } = await import('${apart}../schema.ts').then(() => import('${import.meta.resolve('zod')}'))
    console.log(JSON.stringify(z.strictObject({ a: z.number() }).safeParse({ a: 'x', b: 1 }).error.issues))`
  const issues = printed(`keepSchemasLean()\n${ask}`)
  assert.deepEqual(issues, printed(ask))
  assert.match(JSON.stringify(issues), /expected number, received string/)
})
