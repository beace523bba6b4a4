import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { compileGlob, matchesGlob } from '../../src/policy/value/glob.ts'
import { holds, orders, selects } from './kit.ts'

/** The definition, spelled out: slow, and obviously right. */
function matchesByDefinition(pattern: string, text: string): boolean {
  const [first] = pattern
  if (first === undefined) return text === ''
  const rest = pattern.slice(1)
  if (first === '*') {
    return (
      matchesByDefinition(rest, text) ||
      (text !== '' && matchesByDefinition(pattern, text.slice(1)))
    )
  }
  return (
    text !== '' && (first === '?' || first === text[0]) && matchesByDefinition(rest, text.slice(1))
  )
}

function matches(pattern: string, text: string): boolean {
  const parts = pattern
    .split('')
    .map((unit) => (unit === '*' ? 'any-run' : unit === '?' ? 'any-one' : { text: unit }))
  return matchesGlob(compileGlob(parts), text)
}

const rows: readonly (readonly [pattern: string, text: string, expected: boolean])[] = [
  ['', '', true],
  ['', 'a', false],
  ['*', '', true],
  ['**', 'a/b', true],
  ['a', 'a', true],
  ['a', 'A', false],
  ['a', 'ab', false],
  ['a', 'ba', false],
  ['?', '', false],
  ['?', 'a', true],
  ['?', 'ab', false],
  ['?', '/', true],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['a*', 'a', true],
  ['a*', 'ba', false],
  ['*a', 'ba', true],
  ['*a', 'ab', false],
  ['a*a', 'a', false],
  ['a*a', 'aa', true],
  ['ab*ba', 'aba', false],
  ['*ab*', 'xaabx', true],
  ['*ab*ab', 'ab', false],
  ['*ab*ab*', 'abab', true],
  ['*ab*ab*', 'aab', false],
  ['*a?b*', 'aab', true],
  ['*a?b*', 'ab', false],
  ['*?', '', false],
  ['*ab*b', 'xab', false],
  ['*ab*b', 'xabb', true],
  ['*a?*?a*', 'abax', false],
  ['*a?*?a*', 'abxa', true],
  ['*a?*b', 'xab', false],
  ['a\u0001', 'ab', false],
  ['*?', 'x', true],
  ['?*?', 'x', false],
  ['*b', 'bb', true],
  ['*aab*', 'aaab', true],
  ['*a?a?b*', 'aaaaaab', true],
  ['a*b', '*', false],
  ['a?b', 'a?b', true],
  ['a*b', 'a*b', true],
]

for (const [pattern, text, expected] of rows) {
  test(`${JSON.stringify(pattern)} ${expected ? 'matches' : 'does not match'} ${JSON.stringify(text)}`, () => {
    assert.equal(matches(pattern, text), expected)
    assert.equal(matchesByDefinition(pattern, text), expected)
  })
}

test('matching agrees with the definition on short alphabets', () => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 10 })
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 12 })
  fc.assert(
    fc.property(pattern, text, (pattern, text) => {
      assert.equal(matches(pattern, text), matchesByDefinition(pattern, text))
    }),
    { numRuns: 5000 },
  )
})

test('long segments, with and without ?, are found where they stand and nowhere else', () => {
  for (const length of [31, 32, 33, 63, 64, 65, 100]) {
    const literal = 'ab'.repeat(length).slice(0, length)
    const holed = `?${literal.slice(1, -1)}?`
    for (const segment of [literal, holed]) {
      assert.ok(matches(`*${segment}*`, `xyb${literal}z`), `${length} found`)
      assert.ok(matches(`x*${segment}*z`, `x${literal}z`), `${length} tight`)
      assert.ok(!matches(`*${segment}*`, literal.slice(1)), `${length} too short`)
      assert.ok(!matches(`*${segment}*z`, `${literal.slice(0, -2)}xxz`), `${length} other end`)
      assert.ok(!matches(`*${segment}*?`, `x${literal}`), `${length} no room behind`)
      assert.ok(
        !matches(`x*${segment}*${segment}`, `x${literal}${literal.slice(1)}`),
        `${length} overlap`,
      )
    }
  }
})

test('200 x *a against 10,000 a, and worse, does a bounded number of steps', () => {
  const text = 'a'.repeat(10_000)
  assert.ok(matches('*a'.repeat(200), text))
  assert.ok(!matches(`${'*a'.repeat(200)}b`, text))
  assert.ok(!matches(`${'*a'.repeat(200)}*b*`, text))
  assert.ok(!matches(`*${'a'.repeat(1000)}b*`, text))
  assert.ok(!matches(`*${'a?'.repeat(500)}b*`, text))
  assert.ok(!matches(`${'*?a'.repeat(300)}*b*`, text))
})

test('characters that mean something in a regular expression stand for themselves', () => {
  const odd = 'app.(x)+[a-z]$^|\\{1}'
  assert.ok(holds({ StringLike: { 'a:b': `${odd}*` } }, { 'a:b': `${odd}!` }))
  assert.ok(!holds({ StringLike: { 'a:b': 'app.x' } }, { 'a:b': 'appsx' }))
  assert.ok(!holds({ StringLike: { 'a:b': '[a-z]' } }, { 'a:b': 'b' }))
  assert.ok(!holds({ StringLike: { 'a:b': 'a|b' } }, { 'a:b': 'b' }))
  assert.ok(!holds({ StringLike: { 'a:b': '^a$' } }, { 'a:b': 'a' }))
  assert.ok(selects(`${orders}/GET/a.(b)+[c]`, `${orders}/GET/a.(b)+[c]`))
  assert.ok(!selects(`${orders}/GET/a.b`, `${orders}/GET/axb`))
})

const resources: readonly (readonly [pattern: string, path: string, expected: boolean])[] = [
  ['/GET/admin*', '/GET/administrator', true],
  ['/GET/admin*', '/GET/admin/x', true],
  ['/GET/admin*', '/GET/Admin/x', false],
  ['/GET/admin*', '/GET/adm', false],
  ['/GET/admin/?', '/GET/admin/', false],
  ['/GET/admin/?', '/GET/admin/x', true],
  ['/GET/admin/?', '/GET/admin/xy', false],
  ['/*/orders', '/GET/a/b/orders', true],
  ['/GET/app/x', '/GET/app/*', false],
  ['/GET/app/x', '/GET/app/?', false],
  ['/GET/app/x', '*', false],
  ['/GET/app/*', '/GET/app/*', true],
  ['/GET/orders', '/get/orders', false],
  ['/GET/orders', '/GET/orders/', false],
]

for (const [pattern, path, expected] of resources) {
  test(`the resource pattern ${pattern} ${expected ? 'selects' : 'does not select'} ${path}`, () => {
    assert.equal(selects(`${orders}${pattern}`, `${orders}${path}`), expected)
  })
}

test('a wildcard that the request brings is a character', () => {
  for (const resource of ['*', '**', `${orders}/*`, `${orders}/GET/?`, 'arn:aws:execute-api:*']) {
    assert.equal(selects(`${orders}/GET/secret`, resource), false)
  }
})

test('in the last part of a resource, and behind a shortened ARN, a wildcard crosses colons', () => {
  assert.ok(selects('arn:aws:execute-api:*', `${orders}/GET/a`))
  assert.ok(selects('arn:aws:execute-api:local:*', `${orders}/GET/a`))
  assert.ok(selects(`${orders}/GET/*`, `${orders}/GET/a:b/c:d`))
})

test('in region and account a wildcard stays in its part', () => {
  const pattern = 'arn:aws:execute-api:*:0000*:orders/live/GET/*'
  const other = orders.replace('orders', 'files')
  assert.ok(selects(pattern, `${orders}/GET/a`))
  assert.ok(selects(pattern, `${orders}/GET/a:b`))
  assert.ok(!selects(pattern, `${other}/DELETE/x:orders/live/GET/a`))
  assert.ok(!selects(pattern, `${other}/DELETE/x:0000:orders/live/GET/a`))
  assert.ok(!selects(pattern, 'arn:aws:execute-api:local:orders/live/GET/a'))
  assert.ok(!selects('arn:aws:execute-api:?:*:*', `${orders}/GET/a`))
})
