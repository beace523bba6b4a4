import { test } from 'node:test'
import assert from 'node:assert/strict'
import { killLoop } from './kill-loop.ts'

test('ten kills at random moments under load lose nothing that was acknowledged', async (context) => {
  const seed = Date.now() % 1_000_000
  context.diagnostic(`seed ${seed}`)
  const report = await killLoop({ rounds: 10, seed })
  context.diagnostic(JSON.stringify(report))
  assert.ok(report.credentials > 3)
  assert.ok(report.endedSessions > 3)
  assert.ok(report.records > 20)
})
