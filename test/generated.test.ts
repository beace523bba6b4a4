import { test } from 'node:test'
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { catalogues, generatedPages } from '../scripts/generate.ts'

const root = new URL('../', import.meta.url)

for (const [path, text] of Object.entries(await generatedPages())) {
  test(`${path} is what \`npm run generate\` writes`, () => {
    assert.equal(readFileSync(new URL(path, root), 'utf8'), text)
  })
}

test('the error reference holds the catalogue of every area that has one', () => {
  const files = globSync('src/**/*.ts', { cwd: root })
  const declared = files.flatMap((file) =>
    [...readFileSync(new URL(file, root), 'utf8').matchAll(/= defineErrors\('([a-z]+)'/g)].map(
      ([, area]) => area,
    ),
  )
  assert.deepEqual(
    new Set(declared),
    new Set<string | undefined>(catalogues.map(({ area }) => area)),
  )
  assert.equal(declared.length, catalogues.length)
})

test('every error says what to do, and a fault of ours is never blamed on the caller by its status', () => {
  for (const { area, specs } of catalogues) {
    for (const [reason, { status, title, fault, doc }] of Object.entries(specs)) {
      const code = `${area}.${reason}`
      assert.ok(doc.length > 20, `${code} has no advice`)
      assert.ok(title.length > 5, `${code} has no title`)
      if (status >= 500) assert.notEqual(fault, 'caller', `${code} blames the caller`)
    }
  }
})
