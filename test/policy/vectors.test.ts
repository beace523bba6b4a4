import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Simulator } from '../../src/simulation/index.ts'
import { decisionsOf } from './reference/request.ts'

const directory = new URL('vectors/', import.meta.url)

interface Vector {
  readonly name: string
  /** Members of the request in place of those of the base. */
  readonly change: object
  /** `EvalDecision` of each result. */
  readonly expect?: readonly string[]
  /** `Code` of the error. */
  readonly error?: string
}

interface VectorFile {
  readonly about: string
  readonly base: object
  readonly vectors: readonly Vector[]
}

const files = readdirSync(directory).map((name) => ({
  name,
  ...(JSON.parse(readFileSync(new URL(name, directory), 'utf8')) as VectorFile),
}))
const simulator = new Simulator()

test('there are vectors for every part of the language', () => {
  const names = files.map(({ name }) => name.replace('.json', '')).sort()
  assert.deepEqual(names, [
    'accounts',
    'conditions',
    'evaluation',
    'grammar',
    'matching',
    'operators',
    'variables',
  ])
  const tables = files
    .flatMap(({ vectors }) => vectors)
    .filter(({ name }) => /^table [AB]/.test(name))
  assert.equal(tables.length, 18)
})

for (const { name: file, base, vectors } of files) {
  test(`vectors of ${file} are answered as they say, by the evaluator and by the reference`, () => {
    assert.equal(new Set(vectors.map(({ name }) => name)).size, vectors.length)
    for (const { name, change, expect, error } of vectors) {
      const request = { ...base, ...change }
      const answer = simulator.answer(JSON.stringify(request))
      if ('Error' in answer) {
        assert.equal(answer.Error.Code, error, `${name}: ${answer.Error.Message}`)
        continue
      }
      const decisions = answer.EvaluationResults.map(({ EvalDecision }) => EvalDecision)
      assert.deepEqual(decisions, expect, name)
      assert.deepEqual(decisionsOf(request), expect, `${name}, by the reference`)
    }
  })
}
