import assert from 'node:assert/strict'
import { test } from 'node:test'

import { authorityOf, compilePolicies, evaluate, explain } from '../../src/policy/index.ts'
import type { StatementExplanation } from '../../src/policy/index.ts'
import { compiled, context, documentOf, everything, orders, requestFor } from './kit.ts'
import type { Facts } from './kit.ts'

function explained(statement: unknown, facts: Facts = {}): StatementExplanation {
  const { statements } = explain(
    authorityOf(compiled(statement)),
    requestFor({ context: context(facts) }),
  )
  assert.equal(statements.length, 1)
  return statements[0] as StatementExplanation
}

function withCondition(condition: unknown): unknown {
  return { ...everything, Condition: condition }
}

test('every statement is explained, in the order it was written, with its place', () => {
  const policies = compilePolicies([
    {
      name: 'readers',
      document: documentOf([
        { ...everything, Sid: 'Read' },
        { ...everything, Action: 'x:y' },
      ]),
      places: ['proofgate.yaml:12', 'proofgate.yaml:18'],
    },
    { name: 'nobody', document: documentOf({ ...everything, Effect: 'Deny' }) },
  ])
  const { decision, statements } = explain(authorityOf(policies), requestFor())
  assert.deepEqual(decision, evaluate(policies, requestFor()))
  assert.deepEqual(
    statements.map((one) => ({ ...one, detail: '' })),
    [
      {
        policy: 'readers',
        kind: 'identity',
        role: undefined,
        statement: 'Read',
        place: 'proofgate.yaml:12',
        effect: 'Allow',
        result: 'hit',
        failedElement: undefined,
        detail: '',
        further: [],
      },
      {
        policy: 'readers',
        kind: 'identity',
        role: undefined,
        statement: '#1',
        place: 'proofgate.yaml:18',
        effect: 'Allow',
        result: 'miss',
        failedElement: 'Action',
        detail: '',
        further: [],
      },
      {
        policy: 'nobody',
        kind: 'identity',
        role: undefined,
        statement: '#0',
        place: undefined,
        effect: 'Deny',
        result: 'hit',
        failedElement: undefined,
        detail: '',
        further: [],
      },
    ],
  )
})

const misses: readonly (readonly [
  statement: unknown,
  facts: Facts,
  failed: string,
  detail: RegExp,
])[] = [
  [
    { ...everything, Action: ['x:y', 'x:z'] },
    {},
    'Action',
    /found "execute-api:Invoke", expected "x:y" or "x:z"/,
  ],
  [{ Effect: 'Deny', NotAction: '*', Resource: '*' }, {}, 'NotAction', /anything but "\*"/],
  [
    { ...everything, Resource: `${orders}/POST/*` },
    {},
    'Resource',
    /GET\/orders\/1", expected .*POST/,
  ],
  [{ Effect: 'Allow', Action: '*', NotResource: '*' }, {}, 'NotResource', /anything but "\*"/],
  [
    { ...everything, Resource: `${orders}/GET/\${aws:username}` },
    {},
    'Resource',
    /no value for a variable in /,
  ],
  [
    { Effect: 'Allow', Action: '*', NotResource: `${orders}/\${aws:username}` },
    {},
    'NotResource',
    /no value for a variable/,
  ],
  [
    withCondition({ StringEquals: { 'aws:UserName': 'bob' } }),
    {},
    'Condition/StringEquals/aws:UserName',
    /the request has no aws:username; expected "bob"/,
  ],
  [
    withCondition({ StringEquals: { 'aws:username': 'bob' } }),
    { 'aws:username': 'ann' },
    'Condition/StringEquals/aws:username',
    /found aws:username "ann", expected "bob"/,
  ],
  [
    withCondition({ StringNotEquals: { 'a:b': 'x' } }),
    { 'a:b': 'x' },
    'Condition/StringNotEquals/a:b',
    /anything but "x"/,
  ],
  [
    withCondition({ 'ForAnyValue:StringLike': { 'a:b': 'x' } }),
    { 'a:b': ['y', 'z'] },
    'Condition/ForAnyValue:StringLike/a:b',
    /found a:b "y" or "z", expected "x"/,
  ],
  [
    withCondition({ Null: { 'a:b': 'true' } }),
    { 'a:b': 'x' },
    'Condition/Null/a:b',
    /the request has a:b: "x"/,
  ],
  [withCondition({ Null: { 'a:b': 'false' } }), {}, 'Condition/Null/a:b', /the request has no a:b/],
]

for (const [statement, facts, failed, detail] of misses) {
  test(`a miss names ${failed} and says ${detail.source}`, () => {
    const explanation = explained(statement, facts)
    assert.equal(explanation.result, 'miss')
    assert.equal(explanation.failedElement, failed)
    assert.match(explanation.detail, detail)
  })
}

test('the first element that fails is the one that is named', () => {
  const statement = {
    ...everything,
    Resource: 'arn:a:b:c:d:e',
    Condition: { Bool: { 'a:b': true } },
  }
  assert.equal(explained(statement).failedElement, 'Resource')
})

test('a statement that cannot be evaluated says why the request was denied', () => {
  const statement = withCondition({ Bool: { 'a:one': 'true' }, NumericLessThan: { 'a:two': '5' } })
  const explanation = explained(statement, { 'a:one': 'true', 'a:two': 'soon' })
  assert.equal(explanation.result, 'miss')
  assert.equal(explanation.failedElement, 'Condition/NumericLessThan/a:two')
  assert.match(explanation.detail, /could not be evaluated.*"soon", which is not a number/)
  const home = { ...everything, Resource: `${orders}/GET/\${aws:username}` }
  assert.equal(explained(home, { 'aws:username': ['ann'] }).failedElement, 'Resource')
})

test('the conditions behind the first one that failed are told as well', () => {
  const condition = {
    StringEquals: { 'a:one': 'x', 'a:two': 'y' },
    Bool: { 'a:three': 'true', 'a:four': 'true' },
  }
  const facts = { 'a:one': 'no', 'a:two': 'y', 'a:three': 'false', 'a:four': 'neither' }
  const { detail, further } = explained(withCondition(condition), facts)
  assert.equal(detail, 'found a:one "no", expected "x"')
  assert.deepEqual(further, ['found a:three "false", expected "true"', 'fails'])
})

test('facts are shown escaped and cut off', () => {
  const long = `\u001b[31m\n${'x'.repeat(5000)}`
  const { detail } = explained(withCondition({ StringEquals: { 'a:b': ['y'] } }), { 'a:b': long })
  assert.ok(!detail.includes('\u001b') && !detail.includes('\n'))
  assert.ok(detail.length < 300)
  const many = explained(withCondition({ StringEquals: { 'a:b': 'y' } }), {
    'a:b': Array.from({ length: 500 }, (_, i) => `g${i}`),
  })
  assert.match(many.detail, /"g7" or 492 more/)
})
