import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  authorityOf,
  compilePolicies,
  noAuthority,
  UnknownFactError,
} from '../../src/policy/index.ts'
import { ContextValueError, readContext } from '../../src/policy/context.ts'
import { compiled, everything } from './kit.ts'

test('a fact is text or a list; an empty list is no fact', () => {
  assert.equal(
    readContext(() => 'x', 'a:b'),
    'x',
  )
  assert.equal(
    readContext(() => '', 'a:b'),
    '',
  )
  assert.deepEqual(
    readContext(() => ['x'], 'a:b'),
    ['x'],
  )
  assert.equal(
    readContext(() => [], 'a:b'),
    undefined,
  )
})

for (const found of [7, true, null, {}, { length: 0 }, { length: 1, 0: 'x' }]) {
  test(`a fact that is ${JSON.stringify(found)} is an error, which names its key`, () => {
    assert.throws(
      () => readContext(() => found as never, 'a:b'),
      (error) => error instanceof ContextValueError && error.message.startsWith('a:b is not text'),
    )
  })
}

test('errors about facts have the names of their classes', () => {
  assert.equal(new ContextValueError('').name, 'ContextValueError')
  const { name, key, message } = new UnknownFactError('a:b')
  assert.deepEqual([name, key, message], ['UnknownFactError', 'a:b', 'a:b'])
})

test('the authority of somebody with one set of policies is these policies; of nobody none', () => {
  const identity = compiled(everything)
  const grant = { identity, boundary: undefined, session: undefined, ceiling: undefined }
  const free = { denies: [], grantsOnly: false, narrowing: undefined }
  assert.deepEqual(authorityOf(identity), { grants: [grant], ...free })
  assert.deepEqual(noAuthority, { grants: [], ...free })
})

test('Null has no tests, and answers by presence alone', () => {
  const { statements } = compiled({
    ...everything,
    Condition: { Null: { 'a:b': ['true', 'false'] } },
  })
  const [{ conditions } = assert.fail()] = statements
  const [{ tests, negated, whenAbsent, whenPresent } = assert.fail()] = conditions
  assert.deepEqual(
    { tests, negated, whenAbsent, whenPresent },
    { tests: [], negated: false, whenAbsent: true, whenPresent: true },
  )
})

test('a document that no parser has made does not compile', () => {
  const statement = {
    effect: 'Allow',
    action: { values: ['not an action'], inverted: false },
    resource: { values: ['*'], inverted: false },
    conditions: [],
  }
  const document = { kind: 'identity', version: '2012-10-17', statements: [statement] } as never
  assert.throws(() => compilePolicies([{ name: 'x', document }]), /does not compile/)
})
