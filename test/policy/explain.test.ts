import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  authorityOf,
  compilePolicies,
  evaluate,
  explain,
  nobody,
  parsePolicyDocument,
  UnknownFactError,
} from '../../src/policy/index.ts'
import type { CompiledPolicies, StatementExplanation } from '../../src/policy/index.ts'
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
  const list = explained(withCondition({ StringEquals: { 'a:b': 'x' } }), { 'a:b': [7 as never] })
  assert.match(list.detail, /could not be evaluated.*: a:b lists what is no text$/)
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

test('of a resource and a condition that both fail, the resource is named', () => {
  const statement = {
    ...everything,
    Resource: `${orders}/GET/\${aws:username}`,
    Condition: { Bool: { 'a:b': 'true' } },
  }
  const { failedElement } = explained(statement, { 'aws:username': ['ann'], 'a:b': 'soon' })
  assert.equal(failedElement, 'Resource')
})

test('a NotAction that misses shows the action, a NotResource the resource', () => {
  const rest = { Effect: 'Allow' }
  const byAction = explained({ ...rest, NotAction: 'execute-api:*', Resource: '*' })
  assert.equal(byAction.detail, 'found "execute-api:Invoke", expected anything but "execute-api:*"')
  const byResource = explained({ ...rest, Action: '*', NotResource: `${orders}/*` })
  assert.equal(
    byResource.detail,
    `found "${orders}/GET/orders/1", expected anything but "${orders}/*"`,
  )
})

test('of the conditions behind the first that failed, what nobody knows is named', () => {
  const StringEquals = { 'a:one': 'x', 'a:two': 'y', 'a:three': 'z', 'a:four': 'w' }
  const { statements } = explain(
    authorityOf(compiled(withCondition({ StringEquals }))),
    requestFor({
      context: (key) => {
        if (key === 'a:three') throw new UnknownFactError(key)
        return key === 'a:one' ? 'x' : undefined
      },
    }),
  )
  assert.deepEqual(
    statements.map(({ failedElement, further }) => ({ failedElement, further })),
    [
      {
        failedElement: 'Condition/StringEquals/a:two',
        further: ['depends on a:three', 'the request has no a:four; expected "w"'],
      },
    ],
  )
})

test('a statement that applies says so, whatever the case of its action', () => {
  const { result, detail } = explained({ ...everything, Action: 'Execute-API:invoke' })
  assert.deepEqual([result, detail], ['hit', 'every element of the statement matches'])
})

test('what is thrown without being an error has no known cause', () => {
  const { statements } = explain(
    authorityOf(compiled(withCondition({ Bool: { 'a:b': 'true' } }))),
    requestFor({
      context: () => {
        // oxlint-disable-next-line typescript/only-throw-error, no-throw-literal
        throw 'something'
      },
    }),
  )
  assert.match(statements[0]?.detail ?? '', /: unknown cause$/)
})

test('a list as a variable of NotResource is told as what fails', () => {
  const statement = {
    ...everything,
    Resource: undefined,
    NotResource: `${orders}/GET/home/\${aws:username}`,
  }
  const written: unknown = JSON.parse(JSON.stringify(statement))
  const { result, failedElement, detail } = explained(written, { 'aws:username': ['ann'] })
  assert.deepEqual([result, failedElement], ['miss', 'NotResource'])
  assert.match(detail, /could not be evaluated.*aws:username has several values/)
})

test('the policy of the API is explained first, then every Deny from elsewhere, then grants', () => {
  const parsed = parsePolicyDocument(
    {
      Version: '2012-10-17',
      Statement: [
        { ...everything, Principal: { AWS: ['000000000000', 'arn:aws:iam::000000000000:role/x'] } },
        { ...everything, Principal: '*' },
      ],
    },
    'resource',
  )
  assert.ok('document' in parsed)
  const resourcePolicy = compilePolicies([{ name: 'api', document: parsed.document }])
  const one = (name: string, ...statements: readonly unknown[]): CompiledPolicies =>
    compilePolicies([{ name, document: documentOf(statements) }])
  const grant = {
    identity: one('own', everything),
    boundary: one('limit', everything),
    session: one('session', everything),
    ceiling: one('ceiling', everything),
  }
  const kept = one('kept', everything, { ...everything, Effect: 'Deny' })
  const authority = {
    grants: [grant, grant],
    denies: [kept],
    grantsOnly: false,
    narrowing: undefined,
  }
  const { statements } = explain(authority, requestFor({ resourcePolicy }))
  assert.deepEqual(
    statements.map(({ policy, statement, result }) => `${policy}/${statement} ${result}`),
    [
      'api/#0 miss',
      'api/#1 hit',
      'kept/#1 hit',
      'own/#0 hit',
      'limit/#0 hit',
      'session/#0 hit',
      'ceiling/#0 hit',
    ],
  )
  const [{ failedElement, detail } = assert.fail()] = statements
  assert.equal(failedElement, 'Principal')
  assert.equal(
    detail,
    'found nobody known, expected "000000000000" or "arn:aws:iam::000000000000:role/x"',
  )
  const arn = 'arn:aws:iam::111111111111:user/ann'
  const asked = requestFor({ resourcePolicy, principal: { ...nobody, arn } })
  assert.match(explain(authority, asked).statements[0]?.detail ?? '', new RegExp(`^found ${arn}, `))
})

test('facts are shown escaped and cut off', () => {
  const long = `\u001b[31m\n${'x'.repeat(5000)}`
  const { detail } = explained(withCondition({ StringEquals: { 'a:b': ['y'] } }), { 'a:b': long })
  assert.ok(!detail.includes('\u001b') && !detail.includes('\n'))
  assert.ok(detail.length < 300)
  const many = explained(withCondition({ StringEquals: { 'a:b': 'y' } }), {
    'a:b': Array.from({ length: 500 }, (_, i) => `g${i}`),
  })
  assert.match(many.detail, /^found a:b "g0" or "g1" or .* or "g7" or 492 more, expected "y"$/)
})
