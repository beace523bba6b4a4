import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { corpus } from './corpus.ts'
import { judgements, judgementsOn } from './judgements.ts'
import { dissenters, readOutcomes, short } from './outcomes.ts'
import { printReport, reportFile } from './report.ts'

const recorded = readOutcomes()
const disputed = [...recorded.outcomes]
  .filter(([, compared]) => dissenters(compared).length > 0)
  .map(([id]) => id)

test('every case was played against the other proxies, and no other', () => {
  assert.deepEqual(
    [...recorded.outcomes.keys()],
    corpus.map(({ id }) => id),
    'run `node test/conformance/differential.ts`',
  )
  for (const [id, compared] of recorded.outcomes) {
    assert.deepEqual(Object.keys(compared), ['Proofgate', 'nginx', 'HAProxy', 'Caddy'], id)
  }
})

test('every case that they do not agree on is judged once', () => {
  assert.deepEqual(
    disputed.filter((id) => judgementsOn(id).length !== 1),
    [],
  )
})

test('every judgement is on something', () => {
  const idle = judgements.filter(
    (judgement) => !disputed.some((id) => judgementsOn(id).includes(judgement)),
  )
  assert.deepEqual(idle, [])
})

test('what is on record of ours is what the corpus expects', () => {
  for (const { id, expect } of corpus.filter(({ expect }) => expect.mayBeCut !== true)) {
    const ours = recorded.outcomes.get(id)?.['Proofgate']
    assert.deepEqual(ours?.seen.toSorted(), expect.seen.map(short).sort(), id)
    assert.deepEqual(ours?.odd, [], id)
  }
})

test('the report is what the outcomes and judgements say', () => {
  const hint = 'run `node test/conformance/differential.ts --ours`'
  assert.ok(readFileSync(reportFile, 'utf8') === printReport(recorded), hint)
})
