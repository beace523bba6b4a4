import assert from 'node:assert/strict'
import { test } from 'node:test'

import { compilePolicies } from '../../src/policy/index.ts'
import { anchorsOf, wordsOf } from '../../src/policy/lookup/anchor.ts'
import { ResourceTable } from '../../src/policy/lookup/resource-table.ts'
import { StatementList } from '../../src/policy/lookup/statement-list.ts'
import { parsePattern } from '../../src/policy/value/pattern.ts'
import { isValueProblem } from '../../src/policy/document/problem.ts'
import { compiled, documentOf, everything, orders } from './kit.ts'

const x40 = 'x'.repeat(40)
const x32 = 'x'.repeat(32)

/** Words as they are, beginnings with `...` behind them. */
const anchors: readonly (readonly [pattern: string, anchors: string])[] = [
  ['', ''],
  ['*', ''],
  ['?', ''],
  ['a', 'a'],
  ['a*', 'a...'],
  ['*a', ''],
  ['a:b/c', 'a b c'],
  ['arn:aws:s3:::a/b', 'arn aws s3 a b'],
  ['a/bc*', 'a bc...'],
  ['a/bc?', 'a bc...'],
  ['a/*bc', 'a'],
  ['a/*b/c', 'a c'],
  ['a/*b/c*', 'a c...'],
  ['a*b/c/d*e/f', 'a... c d... f'],
  ['a/*/b', 'a b'],
  ['arn:aws:execute-api:*:*:orders/live/GET/*', 'arn aws execute-api orders live GET'],
  ['a/b/${x:y}/c', 'a b'],
  ['a/b${x:y}/c', 'a b...'],
  ['a/b*/c/${x:y}', 'a b...'],
  ['${x:y}/a', ''],
  ['*/a/${x:y}', ''],
  [x40, x40],
  [`${x40}*`, `${x32}...`],
]

for (const [source, expected] of anchors) {
  test(`what ${source.slice(0, 50)} matches holds ${expected === '' ? 'nothing for sure' : expected}`, () => {
    const pattern = parsePattern(source, { wildcards: true, variables: true, ignoreCase: false })
    assert.ok(!isValueProblem(pattern))
    const found = anchorsOf(pattern).map(({ kind, text }) =>
      kind === 'word' ? text : `${text}...`,
    )
    assert.equal(found.join(' '), expected)
  })
}

test('words are what stands between colons and slashes', () => {
  assert.deepEqual(wordsOf(''), [''])
  assert.deepEqual(wordsOf('a:b/c'), ['a', 'b', 'c'])
  assert.deepEqual(wordsOf('/a::b.c-d/'), ['', 'a', '', 'b.c-d', ''])
})

const written: readonly (readonly [label: string, element: object])[] = [
  ['one', { Resource: `${orders}/GET/orders/1` }],
  ['two', { Resource: `${orders}/GET/orders/2` }],
  ['some', { Resource: `${orders}/GET/orders/1*` }],
  ['all', { Resource: '*' }],
  ['not', { NotResource: `${orders}/GET/orders/2` }],
  ['both', { Resource: [`${orders}/GET/orders/2`, `${orders}/GET/orders/1`] }],
  ['own', { Resource: `${orders}/GET/home/\${aws:username}` }],
  ['long', { Resource: `${orders}/GET/orders/longer` }],
  ['twice', { Resource: [`${orders}/GET/p1`, `${orders}/GET/p2`, `${orders}/GET/p3`] }],
  ['last', { Resource: `${orders}/GET/p1/p2/p3` }],
]

const tried: readonly (readonly [path: string, labels: string])[] = [
  ['GET/orders/1', 'one some all not both'],
  ['GET/orders/12', 'some all not'],
  ['GET/orders/2', 'two all not both'],
  ['GET/orders/longer', 'all not long'],
  ['GET/home/ann', 'all not own'],
  ['PUT/x', 'all not'],
  ['GET/p1/p2/p3', 'all not twice last'],
  ['', 'all not'],
]

function statements(elements: readonly (readonly [string, object])[]) {
  const { Resource: _, ...rest } = everything
  return compiled(...elements.map(([Sid, element]) => ({ ...rest, Sid, ...element }))).statements
}

for (const [path, labels] of tried) {
  test(`for ${path === '' ? 'no path' : path} these are tried, each once and in their order: ${labels}`, () => {
    const table = new ResourceTable(statements(written))
    const found = table.candidates(`${orders}/${path}`).map(({ label }) => label)
    assert.equal(found.join(' '), labels)
  })
}

test('a statement is found by its rarest word, and by the longest of equally rare ones', () => {
  const table = new ResourceTable(
    statements([
      ['first', { Resource: `${orders}/GET/shared/a` }],
      ['second', { Resource: `${orders}/GET/shared/b` }],
      ['third', { Resource: `${orders}/PUT/much-longer/c` }],
    ]),
  )
  const labels = (resource: string): string =>
    table
      .candidates(resource)
      .map(({ label }) => label)
      .join(' ')
  assert.equal(labels(`${orders}/GET/shared/x`), '')
  assert.equal(labels('a'), 'first')
  assert.equal(labels('b:a'), 'first second')
  assert.equal(labels('much-longer'), 'third')
  assert.equal(labels('PUT/c'), '')
})

test('beginnings of several lengths are asked for, none longer than the word', () => {
  const table = new ResourceTable(
    statements([
      ['three', { Resource: `${orders}/GET/abc*` }],
      ['five', { Resource: `${orders}/GET/abcde*` }],
      ['four', { Resource: `${orders}/GET/abxy*` }],
    ]),
  )
  const labels = (word: string): string =>
    table
      .candidates(word)
      .map(({ label }) => label)
      .join(' ')
  assert.deepEqual(['ab', 'abc', 'abcd', 'abcde', 'abcdef', 'abxy', 'xabc'].map(labels), [
    '',
    'three',
    'three',
    'three five',
    'three five',
    'four',
    '',
  ])
})

/** Each in a policy of its own: a document is bounded. */
function listOf(count: number, action: (n: number) => string): StatementList {
  const sources = Array.from({ length: count }, (_, n) => ({
    name: `p${n}`,
    document: documentOf([{ ...everything, Action: action(n) }]),
  }))
  return new StatementList(compilePolicies(sources).statements)
}

test('sixteen statements are walked, of seventeen only those about the action', () => {
  const resource = `${orders}/GET/a`
  const other = (n: number): string => (n === 0 ? 'execute-api:Invoke' : 'other:Do')
  const short = listOf(16, other)
  assert.equal(short.candidates('execute-api:invoke', resource), short.all)
  const long = listOf(17, other)
  assert.deepEqual(long.candidates('execute-api:invoke', resource), [long.all[0]])
  assert.equal(long.candidates('other:do', resource).length, 16)
  assert.equal(long.candidates('third:do', resource).length, 0)
})

test('64 actions have tables of their own, further ones share one, which misses nothing', () => {
  const resource = `${orders}/GET/a`
  const list = listOf(80, (n) => `other:Do${n}`)
  for (let n = 0; n < 80; n++) {
    const found = list.candidates(`other:do${n}`, resource)
    assert.ok(found.includes(list.all[n] ?? assert.fail()))
    assert.equal(found.length, n < 64 ? 1 : 80, `${n}`)
  }
  assert.equal(list.candidates('other:do0', resource).length, 1)
})
