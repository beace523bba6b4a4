import assert from 'node:assert/strict'
import { test } from 'node:test'

import { holds } from './kit.ts'

interface Row {
  /** What the policy asks for; one value. */
  readonly asked: string
  /** A second value of the policy that neither found value fits. */
  readonly other: string
  readonly fits: string
  readonly fails: string
}

const text: Row = { asked: 'red', other: 'blue', fits: 'red', fails: 'Red' }
const caseless: Row = { asked: 'Red', other: 'blue', fits: 'rED', fails: 'rod' }
const like: Row = { asked: 'r*d?', other: 'b*', fits: 'r/dx', fails: 'rd' }
const equal: Row = { asked: '10', other: '77', fits: '10.0', fails: '11' }
const less: Row = { asked: '10', other: '-5', fits: '9.5', fails: '10' }
const lessOrEqual: Row = { asked: '10', other: '-5', fits: '10', fails: '10.5' }
const greater: Row = { asked: '10', other: '99', fits: '11', fails: '10' }
const greaterOrEqual: Row = { asked: '10', other: '99', fits: '10', fails: '9' }
const noon = '2026-11-22T12:00:00Z'
const sameNoon = '2026-11-22T13:00:00+01:00'
const before = '2026-11-22T11:59:59.999Z'
const after = '1795348801'
const farPast = '2001-01-01'
const farFuture = '2050-01-01'
const address: Row = {
  asked: '10.0.0.0/8',
  other: '::1',
  fits: '::ffff:10.1.2.3',
  fails: '11.0.0.1',
}
const arn: Row = {
  asked: 'arn:aws:iam::*:role/a?m*',
  other: 'arn:aws:iam::1:user/x',
  fits: 'arn:aws:iam::1:role/adm/x:y',
  fails: 'arn:aws:iam:::1:role/adm',
}

const positive: Readonly<Record<string, Row>> = {
  StringEquals: text,
  StringEqualsIgnoreCase: caseless,
  StringLike: like,
  NumericEquals: equal,
  NumericLessThan: less,
  NumericLessThanEquals: lessOrEqual,
  NumericGreaterThan: greater,
  NumericGreaterThanEquals: greaterOrEqual,
  DateEquals: { asked: noon, other: farPast, fits: sameNoon, fails: before },
  DateLessThan: { asked: noon, other: farPast, fits: before, fails: noon },
  DateLessThanEquals: { asked: noon, other: farPast, fits: sameNoon, fails: after },
  DateGreaterThan: { asked: noon, other: farFuture, fits: after, fails: sameNoon },
  DateGreaterThanEquals: { asked: noon, other: farFuture, fits: sameNoon, fails: before },
  Bool: { asked: 'true', other: 'true', fits: 'True', fails: 'false' },
  IpAddress: address,
  ArnEquals: arn,
  ArnLike: arn,
}

const complements: Readonly<Record<string, Row>> = {
  StringNotEquals: text,
  StringNotEqualsIgnoreCase: caseless,
  StringNotLike: like,
  NumericNotEquals: equal,
  DateNotEquals: { asked: noon, other: farPast, fits: sameNoon, fails: before },
  NotIpAddress: address,
  ArnNotEquals: arn,
  ArnNotLike: arn,
}

const all = [
  ...Object.entries(positive).map(([name, row]) => ({ name, row, negated: false })),
  ...Object.entries(complements).map(([name, row]) => ({ name, row, negated: true })),
]

test('the tables hold all 25 operators that compare values', () => {
  assert.equal(all.length, 25)
})

for (const { name, row, negated } of all) {
  const { asked, other, fits, fails } = row
  const ask = (operator: string, found: string | readonly string[] | undefined, values: unknown) =>
    holds({ [operator]: { 'test:Key': values } }, found === undefined ? {} : { 'test:key': found })

  test(`${name} compares one found value with one asked value`, () => {
    assert.equal(ask(name, fits, asked), !negated)
    assert.equal(ask(name, fails, asked), negated)
  })

  test(`${name} takes several asked values as alternatives`, () => {
    assert.equal(ask(name, fits, [other, asked]), !negated)
    assert.equal(ask(name, fits, [asked, other]), !negated)
    assert.equal(ask(name, fails, [other, asked]), negated)
  })

  test(`${name} ${negated ? 'holds' : 'does not hold'} when the key is absent`, () => {
    assert.equal(ask(name, undefined, asked), negated)
    assert.equal(ask(name, [], asked), negated)
  })

  test(`${name}IfExists holds when the key is absent and else compares`, () => {
    assert.equal(ask(`${name}IfExists`, undefined, asked), true)
    assert.equal(ask(`${name}IfExists`, [], asked), true)
    assert.equal(ask(`${name}IfExists`, fits, asked), !negated)
    assert.equal(ask(`${name}IfExists`, fails, asked), negated)
  })

  test(`${name} without a quantifier asks a list for ${negated ? 'no' : 'one'} value that fits`, () => {
    assert.equal(ask(name, [fails, fits], asked), !negated)
    assert.equal(ask(name, [fits], asked), !negated)
    assert.equal(ask(name, [fails, fails], asked), negated)
  })

  test(`ForAllValues:${name} asks every found value and holds when there is none`, () => {
    const operator = `ForAllValues:${name}`
    assert.equal(ask(operator, [fits, fits], asked), !negated)
    assert.equal(ask(operator, [fails, fails], asked), negated)
    assert.equal(ask(operator, [fits, fails], asked), false)
    assert.equal(ask(operator, [fails, fits], [other, asked]), false)
    assert.equal(ask(operator, fits, asked), !negated)
    assert.equal(ask(operator, [], asked), true)
    assert.equal(ask(operator, undefined, asked), true)
    assert.equal(ask(`${operator}IfExists`, undefined, asked), true)
    assert.equal(ask(`${operator}IfExists`, [fits, fails], asked), false)
  })

  test(`ForAnyValue:${name} asks for one found value and does not hold when there is none`, () => {
    const operator = `ForAnyValue:${name}`
    assert.equal(ask(operator, [fits, fits], asked), !negated)
    assert.equal(ask(operator, [fails, fails], asked), negated)
    assert.equal(ask(operator, [fits, fails], asked), true)
    assert.equal(ask(operator, [fails, fits], [other, asked]), true)
    assert.equal(ask(operator, fits, asked), !negated)
    assert.equal(ask(operator, [], asked), false)
    assert.equal(ask(operator, undefined, asked), false)
    assert.equal(ask(`${operator}IfExists`, undefined, asked), true)
    assert.equal(ask(`${operator}IfExists`, [fails], asked), negated)
  })
}

test('Null "true" asks that the key is absent, "false" that it is present', () => {
  const asks = (value: unknown, facts: Record<string, string | string[]>) =>
    holds({ Null: { 'test:Key': value } }, facts)
  assert.equal(asks('true', {}), true)
  assert.equal(asks(true, { 'test:key': [] }), true)
  assert.equal(asks('true', { 'test:key': '' }), false)
  assert.equal(asks('true', { 'test:key': 'x' }), false)
  assert.equal(asks('false', {}), false)
  assert.equal(asks(false, { 'test:key': 'x' }), true)
  assert.equal(asks('False', { 'test:key': ['x', 'y'] }), true)
  assert.equal(asks(['true', 'false'], {}), true)
  assert.equal(asks(['true', 'false'], { 'test:key': 'x' }), true)
})

test('several operators and several keys must all hold', () => {
  const condition = {
    StringEquals: { 'a:One': 'x', 'a:Two': 'y' },
    Bool: { 'a:Three': 'true' },
  }
  const facts = { 'a:one': 'x', 'a:two': 'y', 'a:three': 'true' }
  assert.equal(holds(condition, facts), true)
  assert.equal(holds(condition, { ...facts, 'a:one': 'z' }), false)
  assert.equal(holds(condition, { ...facts, 'a:two': 'z' }), false)
  assert.equal(holds(condition, { ...facts, 'a:three': 'false' }), false)
})

test('keys are looked up in lower case, values keep theirs', () => {
  assert.equal(holds({ StringEquals: { 'AWS:UserName': 'Ann' } }, { 'aws:username': 'Ann' }), true)
  assert.equal(holds({ StringEquals: { 'aws:username': 'ann' } }, { 'aws:username': 'Ann' }), false)
})

test('an empty text is a value like any other', () => {
  assert.equal(holds({ StringEquals: { 'a:b': '' } }, { 'a:b': '' }), true)
  assert.equal(holds({ StringEquals: { 'a:b': '' } }, { 'a:b': 'x' }), false)
  assert.equal(holds({ StringEquals: { 'a:b': '' } }, {}), false)
  assert.equal(holds({ 'ForAllValues:StringEquals': { 'a:b': 'x' } }, { 'a:b': '' }), false)
})

test('StringEquals knows no wildcards', () => {
  assert.equal(holds({ StringEquals: { 'a:b': 'a*' } }, { 'a:b': 'ab' }), false)
  assert.equal(holds({ StringEquals: { 'a:b': 'a*' } }, { 'a:b': 'a*' }), true)
  assert.equal(holds({ StringEqualsIgnoreCase: { 'a:b': 'A?' } }, { 'a:b': 'ab' }), false)
})

test('StringLike and ArnLike have regard to case', () => {
  assert.equal(holds({ StringLike: { 'a:b': 'R*' } }, { 'a:b': 'red' }), false)
  const arn = 'arn:aws:iam::1:user/Ann'
  assert.equal(holds({ ArnLike: { 'a:b': arn } }, { 'a:b': arn.toLowerCase() }), false)
})

test('StringLike crosses colons where ArnLike does not', () => {
  const pattern = 'arn:aws:iam::*:user/ann'
  const found = { 'a:b': 'arn:aws:iam::1:role/x:user/ann' }
  assert.equal(holds({ StringLike: { 'a:b': pattern } }, found), true)
  assert.equal(holds({ ArnLike: { 'a:b': pattern } }, found), false)
  assert.equal(holds({ ArnEquals: { 'a:b': pattern } }, found), false)
})

test('what is no ARN matches no ARN pattern', () => {
  for (const found of ['', 'arn', 'arn:aws:iam::1', '*', 'ann']) {
    assert.equal(holds({ ArnLike: { 'a:b': 'arn:*:*:*:*:*' } }, { 'a:b': found }), false)
    assert.equal(holds({ ArnNotLike: { 'a:b': 'arn:*:*:*:*:*' } }, { 'a:b': found }), true)
  }
})
