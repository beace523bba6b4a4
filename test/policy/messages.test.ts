import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { parsePolicyDocument } from '../../src/policy/index.ts'
import type { PolicyKind } from '../../src/policy/index.ts'

/*
 * What authors of policies are told, word for word. A case of messages.txt is a line with the kind of
 * policy and a document, or a statement as the only one of a document, and below it each problem: its
 * place and code, what was found, and what to write instead.
 */

const cases = readFileSync(new URL('messages.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n\n')

for (const one of cases) {
  const [written = '', ...expected] = one.split('\n')
  test(`problems are told word for word of ${written}`, () => {
    const [kind, what] = written.split(' ', 2)
    const value: unknown = JSON.parse(written.slice(`${kind} ${what} `.length))
    const document = what === 'document' ? value : { Version: '2012-10-17', Statement: value }
    const found = parsePolicyDocument(document, kind as PolicyKind)
    assert.ok('problems' in found)
    const told = found.problems.flatMap(({ pointer, code, message, hint }) => [
      `  at ${pointer === '' ? 'the root' : pointer}, ${code}`,
      `  ${message}`,
      `  ${hint}`,
    ])
    assert.deepEqual(told, expected)
  })
}
