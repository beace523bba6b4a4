import { test } from 'node:test'
import assert from 'node:assert/strict'
import { assert as check, property, string, tuple } from 'fast-check'
import type { Json } from '../../src/core/index.ts'
import { asksForBody, parseSentence, visible, writeSentence } from '../../src/proof/index.ts'
import type { Sentence } from '../../src/proof/index.ts'

function sentence(text: string, pathNames: readonly string[] = ['id']): Sentence {
  const parsed = parseSentence(text, pathNames)
  assert.ok(typeof parsed !== 'string')
  return parsed
}

function written(text: string, body?: Json, id = '7'): string | undefined {
  return writeSentence(sentence(text), { path: new Map([['id', id]]), body })
}

test('values of the path and of the body stand in quotation marks', () => {
  const body = { customer: { name: 'Ada' }, amount: 12.5, express: true }
  const text = 'Order {id}: {body.amount} to {body.customer.name}, express {body.express}'
  assert.equal(written(text, body), 'Order “7”: “12.5” to “Ada”, express “true”')
  assert.equal(written('Delete everything'), 'Delete everything')
  assert.equal(asksForBody(sentence('Delete {id}')), false)
  assert.equal(asksForBody(sentence('Pay {body.amount}')), true)
})

const templates: readonly [string, string][] = [
  ['nothing', ''],
  ['blanks', '   '],
  ['more than 300 characters', 'x'.repeat(301)],
  ['a name the path does not have', 'Delete {other}'],
  ['an empty place', 'Delete {}'],
  ['the whole body', 'Pay {body}'],
  ['an empty name', 'Pay {body.}'],
  ['an index', 'Pay {body.items[0]}'],
  ['a place in a place', 'Pay {body.{id}}'],
  ['a brace that is not closed', 'Delete {id'],
  ['a brace that is not opened', 'Delete id}'],
  ['blanks in a place', 'Delete { id }'],
  ['the prototype', 'Delete {__proto__}'],
]
for (const [what, text] of templates) {
  test(`a sentence with ${what} is refused`, () => {
    assert.equal(typeof parseSentence(text, ['id']), 'string')
  })
}

const unwritten: readonly [string, Json | undefined][] = [
  ['there is no body', undefined],
  ['the body is a text', 'customer'],
  ['the body is a list', [{ customer: 'Ada' }]],
  ['the member is missing', { amount: 1 }],
  ['the member is null', { customer: null }],
  ['the member is an object', { customer: { name: 'Ada' } }],
  ['the member is a list', { customer: ['Ada'] }],
  ['another reader could take another member', { customer: 'Ada', Customer: 'Eve' }],
  ['another reader folds more than letters', { customer: 'Ada', 'cu\u017ftomer': 'Eve' }],
  ['the member has another case', { Customer: 'Ada' }],
  ['the number is not exact', { customer: 2 ** 60 }],
  ['the number has no end', { customer: Number.POSITIVE_INFINITY }],
]
for (const [what, body] of unwritten) {
  test(`nobody is shown a sentence when ${what}`, () => {
    assert.equal(written('Pay {body.customer}', body), undefined)
  })
}

test('what every object has is no member of a body', () => {
  const inherited = parseSentence('Pay {body.constructor.name}', [])
  assert.ok(typeof inherited !== 'string')
  assert.equal(writeSentence(inherited, { path: new Map(), body: {} }), undefined)
})

const shown: readonly [string, string, string][] = [
  ['a mark of direction', 'a\u202eb', 'a\\u{202e}b'],
  ['an isolate', 'a\u2066b\u2069', 'a\\u{2066}b\\u{2069}'],
  ['a blank without width', 'a\u200bb', 'a\\u{200b}b'],
  ['a joiner', 'a\u200db', 'a\\u{200d}b'],
  ['a byte order mark', '\ufeffa', '\\u{feff}a'],
  ['a variation selector', 'a\ufe0f', 'a\\u{fe0f}'],
  ['a hidden letter of a tag', 'a\u{e0041}', 'a\\u{e0041}'],
  ['a filler', 'a\u3164', 'a\\u{3164}'],
  ['a line break', 'a\r\nb', 'a\\u{d}\\u{a}b'],
  ['a line separator', 'a\u2028b', 'a\\u{2028}b'],
  ['an escape sequence', '\x1b[2Ja', '\\u{1b}[2Ja'],
  ['a private character', 'a\ue000', 'a\\u{e000}'],
  ['half a pair', 'a\ud800', 'a\ufffd'],
  ['two blanks', 'a  b', 'a \\u{20}b'],
  ['blanks at the ends', ' a ', '\\u{20}a\\u{20}'],
  ['a blank of another width', 'a\u3000b\u00a0c', 'a\\u{3000}b\\u{a0}c'],
  ['the end of the quotation', 'a” of “b', 'a\\u{201d} of \\u{201c}b'],
  ['what passes for its end', 'a" of ″b＂', 'a\\u{22} of \\u{2033}b\\u{ff02}'],
  ['two single marks', 'a’’b', 'a’\\u{2019}b'],
  ['an accent on nothing', '\u0301a', '\\u{301}a'],
  ['a pile of accents', 'a\u0301\u0301\u0301\u0301', 'a\u0301\u0301\u0301\\u{301}'],
  ['an escape of ours', 'a\\u{20}b', 'a\\u{5c}u{20}b'],
  ['words as they are', "O’Brien & Sons' <b> \\ 日本 é", "O’Brien & Sons' <b> \\ 日本 é"],
]
for (const [what, value, expected] of shown) {
  test(`everybody sees ${what}`, () => {
    assert.equal(visible(value), expected)
  })
}

test('a value that is read from right to left does not move its neighbours', () => {
  const body = { to: 'אבג', amount: 100 }
  assert.equal(written('{body.to} gets {body.amount}', body), '“\u2068אבג\u2069” gets “100”')
})

test('of a long value both ends are seen, and how long it is', () => {
  for (const length of [121, 2001, 1_000_000]) {
    const text = visible(`<${'x'.repeat(length - 2)}>`)
    assert.match(text, /^<x{47} … \(\d+ characters\) … x{47}>$/)
    assert.ok(text.includes(`(${length} characters)`))
  }
  assert.equal(visible('y'.repeat(120)), 'y'.repeat(120))
  assert.ok(visible('\u{1f600}'.repeat(200)).isWellFormed())
})

test('no value leaves its quotation marks, whatever it is', () => {
  const anything = string({ unit: 'binary', maxLength: 300 })
  check(
    property(tuple(anything, anything), ([id, customer]) => {
      const text = written('Delete {id} of {body.customer}', { customer }, id) ?? ''
      assert.match(text, /^Delete “[^“”"\n\r]*” of “[^“”"\n\r]*”$/)
      // Marks of direction come in pairs of ours, if at all.
      assert.equal(text.split('\u2068').length, text.split('\u2069').length)
      assert.doesNotMatch(text, /[\u202a-\u202e\u2066\u2067\u200b-\u200f]/)
      assert.ok(text.length < 3000)
    }),
  )
})
