import assert from 'node:assert/strict'
import { test } from 'node:test'

import { kindRules, parsePolicyDocument, problemCodes } from '../../src/policy/index.ts'
import { documentOf, everything, orders, problemsOf } from './kit.ts'

const good = { Version: '2012-10-17', Statement: [everything] }

function withStatement(change: Record<string, unknown>): unknown {
  return { Version: '2012-10-17', Statement: [{ ...everything, ...change }] }
}

function without(name: string): unknown {
  const statement: Record<string, unknown> = { ...everything }
  delete statement[name]
  return { Version: '2012-10-17', Statement: [statement] }
}

function withCondition(condition: unknown): unknown {
  return withStatement({ Condition: condition })
}

const refused: readonly (readonly [what: string, value: unknown, pointer: string, code: string])[] =
  [
    ['null', null, '', 'policy.wrong_type'],
    ['a list', [good], '', 'policy.wrong_type'],
    ['text', 'Allow', '', 'policy.wrong_type'],
    ['nothing', undefined, '', 'policy.wrong_type'],
    ['no Version', { Statement: [everything] }, '', 'policy.missing'],
    ['an unknown Version', { ...good, Version: '2099' }, '/Version', 'policy.bad_version'],
    ['a Version that is a number', { ...good, Version: 2012 }, '/Version', 'policy.wrong_type'],
    ['an Id that is a number', { ...good, Id: 7 }, '/Id', 'policy.wrong_type'],
    ['no Statement', { Version: '2012-10-17' }, '', 'policy.missing'],
    ['an empty Statement list', { ...good, Statement: [] }, '/Statement', 'policy.empty'],
    ['a Statement that is text', { ...good, Statement: 'x' }, '/Statement', 'policy.wrong_type'],
    [
      'a statement that is null',
      { ...good, Statement: [null] },
      '/Statement/0',
      'policy.wrong_type',
    ],
    [
      'a statement in a list in a list',
      { ...good, Statement: [[everything]] },
      '/Statement/0',
      'policy.wrong_type',
    ],
    ['an unknown element', { ...good, Statment: [] }, '/Statment', 'policy.unknown_element'],
    ['no Effect', without('Effect'), '/Statement/0', 'policy.missing'],
    [
      'a misspelt Effect',
      withStatement({ Efect: 'Deny' }),
      '/Statement/0/Efect',
      'policy.unknown_element',
    ],
    [
      'an effect in lower case',
      withStatement({ Effect: 'allow' }),
      '/Statement/0/Effect',
      'policy.bad_value',
    ],
    [
      'a list of effects',
      withStatement({ Effect: ['Allow'] }),
      '/Statement/0/Effect',
      'policy.wrong_type',
    ],
    ['no Action', without('Action'), '/Statement/0', 'policy.missing'],
    ['an empty Action list', withStatement({ Action: [] }), '/Statement/0/Action', 'policy.empty'],
    [
      'an Action that is a number',
      withStatement({ Action: 7 }),
      '/Statement/0/Action',
      'policy.wrong_type',
    ],
    [
      'an Action that is true',
      withStatement({ Action: true }),
      '/Statement/0/Action',
      'policy.wrong_type',
    ],
    [
      'an Action without a service',
      withStatement({ Action: 'Invoke' }),
      '/Statement/0/Action',
      'policy.bad_value',
    ],
    ['an empty Action', withStatement({ Action: '' }), '/Statement/0/Action', 'policy.bad_value'],
    [
      'a variable in Action',
      withStatement({ Action: 'a:${aws:username}' }),
      '/Statement/0/Action',
      'policy.bad_value',
    ],
    [
      'one bad Action of two',
      withStatement({ Action: ['a:B', 'C'] }),
      '/Statement/0/Action/1',
      'policy.bad_value',
    ],
    [
      'Action and NotAction',
      withStatement({ NotAction: 'a:B' }),
      '/Statement/0/NotAction',
      'policy.conflict',
    ],
    ['no Resource', without('Resource'), '/Statement/0', 'policy.missing'],
    [
      'an empty Resource list',
      withStatement({ Resource: [] }),
      '/Statement/0/Resource',
      'policy.empty',
    ],
    [
      'an empty Resource',
      withStatement({ Resource: '' }),
      '/Statement/0/Resource',
      'policy.bad_value',
    ],
    [
      'a Resource that is a path',
      withStatement({ Resource: '/orders/*' }),
      '/Statement/0/Resource',
      'policy.bad_value',
    ],
    [
      'a Resource with a short ARN',
      withStatement({ Resource: 'arn:aws:execute-api:x' }),
      '/Statement/0/Resource',
      'policy.bad_value',
    ],
    [
      'a Resource whose colons are those of its path',
      withStatement({ Resource: 'arn:aws:execute-api:*:orders/live/GET/a:b' }),
      '/Statement/0/Resource',
      'policy.bad_value',
    ],
    [
      'a wildcard in the service',
      withStatement({ Resource: 'arn:aws:*:a:b:c' }),
      '/Statement/0/Resource',
      'policy.bad_value',
    ],
    [
      'Resource and NotResource',
      withStatement({ NotResource: '*' }),
      '/Statement/0/NotResource',
      'policy.conflict',
    ],
    [
      'Principal',
      withStatement({ Principal: '*' }),
      '/Statement/0/Principal',
      'policy.unsupported',
    ],
    [
      'NotPrincipal',
      withStatement({ NotPrincipal: '*' }),
      '/Statement/0/NotPrincipal',
      'policy.unsupported',
    ],
    ['a Sid with a space', withStatement({ Sid: 'a b' }), '/Statement/0/Sid', 'policy.bad_value'],
    ['a Sid that is a number', withStatement({ Sid: 1 }), '/Statement/0/Sid', 'policy.wrong_type'],
    [
      'a Sid that is too long',
      withStatement({ Sid: 'a'.repeat(101) }),
      '/Statement/0/Sid',
      'policy.bad_value',
    ],
    [
      'a Condition that is a list',
      withCondition([]),
      '/Statement/0/Condition',
      'policy.wrong_type',
    ],
    ['an empty Condition', withCondition({}), '/Statement/0/Condition', 'policy.empty'],
    [
      'a Condition that is null',
      withCondition(null),
      '/Statement/0/Condition',
      'policy.wrong_type',
    ],
    [
      'an unknown operator',
      withCondition({ StringEqual: { 'a:b': 'c' } }),
      '/Statement/0/Condition/StringEqual',
      'policy.unknown_element',
    ],
    [
      'an operator in lower case',
      withCondition({ bool: { 'a:b': 'true' } }),
      '/Statement/0/Condition/bool',
      'policy.unknown_element',
    ],
    [
      'an unknown quantifier',
      withCondition({ 'ForSome:Bool': { 'a:b': 'true' } }),
      '/Statement/0/Condition/ForSome:Bool',
      'policy.unknown_element',
    ],
    [
      'IfExists twice',
      withCondition({ BoolIfExistsIfExists: { 'a:b': 'true' } }),
      '/Statement/0/Condition/BoolIfExistsIfExists',
      'policy.unknown_element',
    ],
    [
      'NullIfExists',
      withCondition({ NullIfExists: { 'a:b': 'true' } }),
      '/Statement/0/Condition/NullIfExists',
      'policy.unsupported',
    ],
    [
      'ForAllValues:Null',
      withCondition({ 'ForAllValues:Null': { 'a:b': 'true' } }),
      '/Statement/0/Condition/ForAllValues:Null',
      'policy.unsupported',
    ],
    [
      'bytes that are not base64',
      withCondition({ BinaryEquals: { 'a:b': 'YQ=' } }),
      '/Statement/0/Condition/BinaryEquals/a:b',
      'policy.bad_value',
    ],
    [
      'an operator without keys',
      withCondition({ Bool: {} }),
      '/Statement/0/Condition/Bool',
      'policy.empty',
    ],
    [
      'an operator that holds text',
      withCondition({ Bool: 'true' }),
      '/Statement/0/Condition/Bool',
      'policy.wrong_type',
    ],
    [
      'a key without a prefix',
      withCondition({ Bool: { mfa: 'true' } }),
      '/Statement/0/Condition/Bool/mfa',
      'policy.bad_value',
    ],
    [
      'a key written twice',
      withCondition({ Bool: { 'a:B': 'true', 'a:b': 'true' } }),
      '/Statement/0/Condition/Bool/a:b',
      'policy.duplicate',
    ],
    [
      'a key with a slash',
      withCondition({ Bool: { 'a:b/~c': 'x' } }),
      '/Statement/0/Condition/Bool/a:b~1~0c',
      'policy.bad_value',
    ],
    [
      'no values',
      withCondition({ Bool: { 'a:b': [] } }),
      '/Statement/0/Condition/Bool/a:b',
      'policy.empty',
    ],
    [
      'a value that is null',
      withCondition({ Bool: { 'a:b': null } }),
      '/Statement/0/Condition/Bool/a:b',
      'policy.wrong_type',
    ],
    [
      'a value that is an object',
      withCondition({ Bool: { 'a:b': {} } }),
      '/Statement/0/Condition/Bool/a:b',
      'policy.wrong_type',
    ],
    [
      'a list in a list',
      withCondition({ Bool: { 'a:b': [['true']] } }),
      '/Statement/0/Condition/Bool/a:b/0',
      'policy.wrong_type',
    ],
    [
      'a value that is infinite',
      withCondition({ NumericEquals: { 'a:b': Infinity } }),
      '/Statement/0/Condition/NumericEquals/a:b',
      'policy.wrong_type',
    ],
    [
      'a boolean that is neither',
      withCondition({ Bool: { 'a:b': 'yes' } }),
      '/Statement/0/Condition/Bool/a:b',
      'policy.bad_value',
    ],
    [
      'a Null that is neither',
      withCondition({ Null: { 'a:b': 'maybe' } }),
      '/Statement/0/Condition/Null/a:b',
      'policy.bad_value',
    ],
    [
      'a number that is text',
      withCondition({ NumericLessThan: { 'a:b': ['1', 'one'] } }),
      '/Statement/0/Condition/NumericLessThan/a:b/1',
      'policy.bad_value',
    ],
    [
      'a number beyond 2^53',
      withCondition({ NumericEquals: { 'a:b': '9007199254740993' } }),
      '/Statement/0/Condition/NumericEquals/a:b',
      'policy.bad_value',
    ],
    [
      'a variable in a number',
      withCondition({ NumericEquals: { 'a:b': '${a:c}' } }),
      '/Statement/0/Condition/NumericEquals/a:b',
      'policy.bad_value',
    ],
    [
      'a day that does not exist',
      withCondition({ DateLessThan: { 'a:b': '2026-02-30' } }),
      '/Statement/0/Condition/DateLessThan/a:b',
      'policy.bad_value',
    ],
    [
      'a time without a zone',
      withCondition({ DateLessThan: { 'a:b': '2026-02-03T10:00:00' } }),
      '/Statement/0/Condition/DateLessThan/a:b',
      'policy.bad_value',
    ],
    [
      'an address with a leading zero',
      withCondition({ IpAddress: { 'a:b': '010.0.0.1' } }),
      '/Statement/0/Condition/IpAddress/a:b',
      'policy.bad_value',
    ],
    [
      'a prefix that is too long',
      withCondition({ NotIpAddress: { 'a:b': '10.0.0.0/33' } }),
      '/Statement/0/Condition/NotIpAddress/a:b',
      'policy.bad_value',
    ],
    [
      'an ARN with five parts',
      withCondition({ ArnLike: { 'a:b': 'arn:aws:iam::1' } }),
      '/Statement/0/Condition/ArnLike/a:b',
      'policy.bad_value',
    ],
    [
      'an ARN value that is no ARN',
      withCondition({ ArnLike: { 'a:b': '*' } }),
      '/Statement/0/Condition/ArnLike/a:b',
      'policy.bad_value',
    ],
    [
      'an open variable',
      withStatement({ Resource: `${orders}/GET/\${aws:username` }),
      '/Statement/0/Resource',
      'policy.bad_variable',
    ],
    [
      'a variable without a key',
      withCondition({ StringLike: { 'a:b': '${}' } }),
      '/Statement/0/Condition/StringLike/a:b',
      'policy.bad_variable',
    ],
    [
      'a variable with an empty default',
      withCondition({ StringLike: { 'a:b': "${a:c, ''}" } }),
      '/Statement/0/Condition/StringLike/a:b',
      'policy.bad_variable',
    ],
    [
      'a variable that is a list',
      withCondition({ ArnLike: { 'a:b': 'arn:a:b:c:d:${proofgate:Group}' } }),
      '/Statement/0/Condition/ArnLike/a:b',
      'policy.bad_variable',
    ],
    [
      'a variable before the fifth colon',
      withStatement({ Resource: 'arn:aws:execute-api:${aws:userid}:1:api' }),
      '/Statement/0/Resource',
      'policy.bad_variable',
    ],
    [
      'a variable in a shortened ARN',
      withStatement({ Resource: 'arn:aws:execute-api:${aws:userid}*' }),
      '/Statement/0/Resource',
      'policy.bad_variable',
    ],
    [
      'a lone surrogate',
      withCondition({ StringLike: { 'a:b': '\ud800' } }),
      '/Statement/0/Condition/StringLike/a:b',
      'policy.bad_value',
    ],
    [
      'a value that is too long',
      withCondition({ StringLike: { 'a:b': 'a'.repeat(2049) } }),
      '/Statement/0/Condition/StringLike/a:b',
      'policy.too_large',
    ],
    [
      'a document that is too long',
      { ...good, Id: 'a'.repeat(kindRules.identity.largest) },
      '',
      'policy.too_large',
    ],
    [
      'a document with too many keys',
      withCondition(Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`k${i}`, 1]))),
      '',
      'policy.too_large',
    ],
    [
      'a document nested too deeply',
      withCondition({ Bool: { 'a:b': [[[[['true']]]]] } }),
      '',
      'policy.too_large',
    ],
  ]

for (const [what, value, pointer, code] of refused) {
  test(`a document with ${what} is refused at ${pointer === '' ? 'its root' : pointer}`, () => {
    const [problem, ...others] = problemsOf(value)
    assert.ok(problem, 'it was accepted')
    assert.equal(problem.pointer, pointer)
    assert.equal(problem.code, code)
    assert.notEqual(problem.message, '')
    assert.notEqual(problem.hint, '')
    assert.deepEqual(others, [])
  })
}

test('every problem code is reached by a refused document', () => {
  const reached = new Set(refused.map(([, , , code]) => code))
  assert.deepEqual([...reached].sort(), Object.keys(problemCodes).sort())
})

test('all problems of a document come at once', () => {
  const found = problemsOf({
    Version: '1',
    Statement: [
      { Effect: 'Maybe', Action: [] },
      { ...everything, Condition: { Boole: {} } },
    ],
  })
  assert.deepEqual(
    found.map(({ pointer }) => pointer),
    [
      '/Version',
      '/Statement/0/Effect',
      '/Statement/0/Action',
      '/Statement/0',
      '/Statement/1/Condition/Boole',
    ],
  )
})

test('a misspelt element or operator is told the word it is near to', () => {
  const hints = problemsOf(
    withStatement({ Efect: 'Deny', Condition: { StringEqual: { 'a:b': 'c' } } }),
  )
  assert.deepEqual(
    hints.map(({ hint }) => hint),
    ['did you mean Effect?', 'did you mean StringEquals?'],
  )
})

test('a Sid stands for one statement', () => {
  const statement = { ...everything, Sid: 'Same' }
  const [problem] = problemsOf({ ...good, Statement: [statement, statement] })
  assert.equal(problem?.pointer, '/Statement/1/Sid')
  assert.equal(problem?.code, 'policy.duplicate')
})

test('a result is told apart by its own key and has no prototype', () => {
  assert.deepEqual(Object.keys(parsePolicyDocument(good, 'identity')), ['document'])
  assert.deepEqual(Object.keys(parsePolicyDocument(null, 'identity')), ['problems'])
  assert.equal(Object.getPrototypeOf(parsePolicyDocument(good, 'identity')), null)
  assert.equal(Object.getPrototypeOf(parsePolicyDocument(null, 'identity')), null)
})

test('a single statement, single values, both versions, numbers and booleans are accepted', () => {
  const document = documentOf(
    { ...everything, Sid: '', Condition: { NumericLessThan: { 'a:b': 5 }, Bool: { 'a:c': true } } },
    '2008-10-17',
  )
  assert.equal(document.statements.length, 1)
  assert.equal(document.statements[0]?.sid, undefined)
  assert.deepEqual(
    document.statements[0]?.conditions.map(({ values }) => values),
    [['5'], ['true']],
  )
})

test('shortened ARNs that end in a wildcard are accepted', () => {
  for (const resource of [
    '*',
    'arn:aws:execute-api:*',
    'arn:aws:s3:::*',
    'arn:aws:execute-api:*:*:*',
  ]) {
    assert.deepEqual(problemsOf(withStatement({ Resource: resource })), [])
  }
})

test('a document of the largest size is accepted, and one character more is not', () => {
  const rest = JSON.stringify({ ...good, Id: '' }).length
  assert.deepEqual(problemsOf({ ...good, Id: 'a'.repeat(kindRules.identity.largest - rest) }), [])
  assert.equal(
    problemsOf({ ...good, Id: 'a'.repeat(kindRules.identity.largest - rest + 1) }).length,
    1,
  )
})

test('the document does not change when what it was read from does', () => {
  const actions = ['a:b']
  const result = parsePolicyDocument(withStatement({ Action: actions }), 'identity')
  actions.push('*')
  assert.ok('document' in result)
  assert.deepEqual(result.document.statements[0]?.action.values, ['a:b'])
})
