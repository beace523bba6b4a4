import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { checkCase, newTally } from './check.ts'
import { readOurs } from './ours.ts'
import { makeCase } from './responses.ts'
import { Random } from './random.ts'

const cases = 20_000
/** The same in each run of the suite; `npm run fuzz` tries others. */
const seed = 20_261_123

test('responses of every shape are read alike however they are cut, and never otherwise than by llhttp', () => {
  const tally = newTally()
  for (let index = 0; index < cases; index++) checkCase(seed, index, tally)
  // The cases are about something: every outcome occurs, and many are compared.
  for (const [result, count] of Object.entries(tally.results)) {
    assert.ok(count > cases / 1000, `${result}: ${count}`)
  }
  assert.ok(tally.compared > cases / 10, String(tally.compared))
})

test('a case follows from its seed and number alone', () => {
  const make = (seed: number, index: number): string => {
    const fuzz = makeCase(new Random(seed, index))
    return JSON.stringify([fuzz, readOurs(fuzz, [])])
  }
  assert.equal(make(7, 42), make(7, 42))
  assert.notEqual(make(7, 42), make(7, 43))
  assert.notEqual(make(7, 42), make(8, 42))
})

test('the long run says what it does and ends well', () => {
  const program = fileURLToPath(new URL('run.ts', import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, [program, '500', '1', '99'], {
    encoding: 'utf8',
  })
  assert.equal(status, 0)
  assert.match(stdout, /500 cases, seed 1\n(?:.*\n)*no failure/)
})
