import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  embeddedConfiguration,
  lintPolicyFiles,
  sampleConfiguration,
  upConfiguration,
} from '../../src/config/index.ts'
import { newKeyPair } from '../kit/soft-authenticator.ts'
import { problemsOf, small, warningsOf } from './given.ts'

const around = `version: 1
upstreams:
  orders: { url: http://127.0.0.1:9001 }
  orders-next: { url: http://127.0.0.1:9002 }
  orders-shadow: { url: http://127.0.0.1:9003 }
groups: { staff: {} }
`

test('every example of what routes do is a configuration', () => {
  const text = readFileSync(new URL('../../docs/routes.md', import.meta.url), 'utf8')
  const examples = [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, yaml = '']) => yaml)
  assert.equal(examples.length, 7)
  for (const example of examples) assert.deepEqual(problemsOf(around + example), [], example)
})

test('the example of rules for passkeys is a configuration', () => {
  const text = readFileSync(new URL('../../docs/authenticators.md', import.meta.url), 'utf8')
  const [, example = ''] = /^```yaml\n([\s\S]*?)^```/m.exec(text) ?? []
  const key = newKeyPair(-7).publicKey.export({ format: 'pem', type: 'spki' })
  assert.deepEqual(problemsOf(`version: 1\n${example}`, { readFile: () => key }), [])
})

test('every policy in the documents is one the linter has nothing against', () => {
  const root = new URL('../../', import.meta.url)
  let policies = 0
  for (const page of globSync(['README.md', 'docs/**/*.md'], { cwd: root })) {
    const text = readFileSync(new URL(page, root), 'utf8')
    for (const [, json = ''] of text.matchAll(/^```json\n([\s\S]*?)^```/gm)) {
      if (!json.startsWith('{') || !Object.hasOwn(JSON.parse(json), 'Statement')) continue
      const linted = lintPolicyFiles({
        files: [page],
        kind: 'identity',
        configuration: undefined,
        readFile: () => json,
      })
      assert.deepEqual([...linted.problems, ...linted.warnings], [], page)
      policies++
    }
  }
  assert.ok(policies >= 3)
})

test('the configurations that Proofgate carries and writes are ones the linter has nothing against', () => {
  for (const text of [
    embeddedConfiguration(),
    sampleConfiguration(),
    upConfiguration('http://127.0.0.1:3000'),
  ]) {
    const found = warningsOf(text).filter(({ code }) => code.startsWith('policy.'))
    assert.deepEqual(found, [])
  }
})

test('the example of how passkeys are kept fit is a configuration', () => {
  const text = readFileSync(new URL('../../docs/passkeys.md', import.meta.url), 'utf8')
  const examples = [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, yaml = '']) => yaml)
  assert.ok(examples.length > 0)
  for (const example of examples) {
    assert.deepEqual(
      problemsOf(
        `${small}${example.includes('groups:') ? '' : 'groups: { admins: {} }\n'}${example}`,
      ),
      [],
      example,
    )
  }
})
