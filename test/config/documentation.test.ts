import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { problemsOf } from './given.ts'

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
