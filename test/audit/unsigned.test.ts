import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { verifyAuditLog } from '../../src/audit/index.ts'
import { linesOf, unsigned, write } from './unsigned.ts'

test('who holds the signing key proves records that are not signed yet by their marks', async (t) => {
  const where = await unsigned(t)
  const verify = (signingKeys: string) => verifyAuditLog(where.directory, { signingKeys })
  const report = await verify(where.keyDirectory)
  assert.deepEqual([report.ok, report.size, report.unsigned], [true, 2, 4])
  const other = await unsigned(t)
  assert.equal((await verify(other.keyDirectory)).ok, false)
  assert.equal((await verify(where.directory)).ok, false)
  const lines = await linesOf(where)
  for (const [index, line] of lines.entries()) {
    if (index < 8) continue
    const changed = line.replace(/[a-y]/, (letter) => String.fromCharCode(letter.charCodeAt(0) + 1))
    await write(where, lines.with(index, changed))
    assert.equal((await verify(where.keyDirectory)).ok, false, changed)
  }
  await write(where, [...lines.slice(0, -2), lines.at(-1) ?? ''])
  assert.equal((await verify(where.keyDirectory)).ok, false)
  await writeFile(
    join(where.directory, 'log-000000.ndjson'),
    `${lines.join('\n')}\n{"action":"torn`,
    'latin1',
  )
  assert.equal((await verify(where.keyDirectory)).ok, false)
})
