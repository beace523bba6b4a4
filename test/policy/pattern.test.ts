import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  cutAtColons,
  matchesPattern,
  parsePattern,
  splitAtColons,
} from '../../src/policy/value/pattern.ts'
import type { Pattern, PatternSyntax } from '../../src/policy/value/pattern.ts'
import { isValueProblem } from '../../src/policy/document/problem.ts'
import { context } from './kit.ts'

const wild: PatternSyntax = { wildcards: true, variables: true, ignoreCase: false }

function patternOf(source: string, syntax = wild): Pattern {
  const pattern = parsePattern(source, syntax)
  assert.ok(!isValueProblem(pattern), source)
  return pattern
}

const caseless: readonly (readonly [pattern: string, text: string, expected: boolean])[] = [
  ['A*B?', 'aXXbY', true],
  ['A*B?', 'aXXcY', false],
  ['a-${a:b}', 'A-ANN', true],
  ["a-${a:c, 'Bob'}", 'A-bOB', true],
  ["a-${a:c, 'Bob'}", 'A-ann', false],
]

for (const [pattern, text, expected] of caseless) {
  test(`without regard to case ${pattern} ${expected ? 'matches' : 'does not match'} ${text}`, () => {
    const read = patternOf(pattern, { ...wild, ignoreCase: true })
    assert.equal(matchesPattern(read, text, context({ 'a:b': 'Ann' })), expected)
  })
}

const cuts: readonly (readonly [text: string, count: number, pieces: readonly string[]])[] = [
  ['', 1, ['']],
  ['a:b:c', 1, ['a:b:c']],
  ['a:b:c', 2, ['a', 'b:c']],
  ['a:b:c', 3, ['a', 'b', 'c']],
  ['a:b:c', 4, ['a', 'b', 'c']],
  ['::', 3, ['', '', '']],
]

for (const [text, count, pieces] of cuts) {
  test(`${JSON.stringify(text)} cut at colons into at most ${count} is ${pieces.join(' | ')}`, () => {
    assert.deepEqual(cutAtColons(text, count), pieces)
  })
}

const splits: readonly (readonly [pattern: string, count: number, string[] | undefined])[] = [
  ['a:b', 2, ['a', 'b']],
  ['a:b:c', 2, ['a', 'b:c']],
  ['a:b', 3, undefined],
  ['*:?:${a:b}x', 3, ['*', '?', '${a:b}x']],
  ['a*b:c?:d:e', 3, ['a*b', 'c?', 'd:e']],
  ['${a:b}:c', 2, ['${a:b}', 'c']],
  ['a${*}:b', 2, ['a*', 'b']],
]

for (const [source, count, expected] of splits) {
  test(`the pattern ${source} split into ${count} is ${String(expected)}`, () => {
    const pieces = splitAtColons(patternOf(source), count)
    assert.deepEqual(
      pieces?.map((piece) => piece.source),
      expected,
    )
  })
}

test('the parts of a split pattern match as they would alone', () => {
  const [first = assert.fail(), second = assert.fail()] =
    splitAtColons(patternOf('a*:${a:b}?'), 2) ?? []
  assert.ok(matchesPattern(first, 'axx', context()))
  assert.ok(!matchesPattern(first, 'bxx', context()))
  assert.ok(matchesPattern(second, 'yes!', context({ 'a:b': 'yes' })))
  assert.ok(!matchesPattern(second, 'yes', context({ 'a:b': 'yes' })))
  assert.ok(!matchesPattern(second, 'yes!', context()))
})

test('the text that a pattern begins with is known where no variable or wildcard stands before it', () => {
  const prefixes = ['abc', 'ab*c', '*ab', '${a:b}c', 'ab${a:b}', '', '${*}a'].map(
    (source) => patternOf(source).prefix,
  )
  assert.deepEqual(prefixes, ['abc', 'ab', '', '', 'ab', '', '*'])
})

const malformed = [
  '${',
  '${}',
  '${a}',
  '${a:b',
  '${a:b,}',
  "${a:b, '}",
  "${a:b, ''}",
  '${**}',
  '${ a:b}',
  "${a:b,'x'y}",
  '${:b}',
  '${a: b}',
  "${*, 'x'}",
  '${a:b*}',
  "${a:b\n,'x'}",
]

for (const source of malformed) {
  test(`${JSON.stringify(source)} is malformed, where variables count, and plain text elsewhere`, () => {
    const found = parsePattern(`x${source}`, wild)
    assert.ok(isValueProblem(found))
    assert.equal(found.code, 'policy.bad_variable')
    assert.equal(found.message, `malformed policy variable in ${JSON.stringify(`x${source}`)}`)
    const plain = patternOf(source, { ...wild, variables: false, wildcards: false })
    assert.ok(matchesPattern(plain, source, context()))
  })
}

test('blanks may stand before the comma of a default, and between it and the default', () => {
  for (const source of ["${a:b,'x'}", "${a:b , 'x'}", "${a:b\t,\t 'x'}", '${a:b }', '${a:b}']) {
    const { parts } = patternOf(source)
    const fallback = source.includes('x') ? 'x' : undefined
    assert.deepEqual(parts, [{ key: 'a:b', fallback }], source)
  }
})
