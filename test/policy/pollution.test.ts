import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  authorityOf,
  compilePolicies,
  explain,
  parsePolicyDocument,
} from '../../src/policy/index.ts'
import { context, everything, orders, requestFor } from './kit.ts'

const gadgets: Readonly<Record<string, unknown>> = {
  isAdmin: true,
  allow: true,
  shell: 'x',
  document: { version: '2012-10-17', id: undefined, statements: [] },
  problems: [],
  code: 'policy.x',
  Version: '2012-10-17',
  Id: 7,
  Statement: [everything],
  Effect: 'Allow',
  Action: '*',
  NotAction: 'x:y',
  Resource: '*',
  NotResource: '*',
  Condition: { Bool: { 'a:b': 'true' } },
  Principal: '*',
  Sid: 'Evil',
  sid: 'Evil',
  effect: 'allow',
  inverted: true,
  negated: true,
  ifExists: true,
  whenAbsent: true,
  whenPresent: true,
  quantifier: 'for-all',
  fixed: undefined,
  text: '*',
  key: 'aws:username',
  fallback: 'ann',
  literal: '',
  rest: undefined,
  tests: [],
  places: ['evil:1'],
  groups: { key: 'a:b' },
  StringEqual: {},
  'aws:username': 'ann',
  'proofgate:group': ['admins'],
  '0': '*',
  '1': '*',
  '4': '*',
  toLowerCase: () => '*',
}

const home = `${orders}/GET/home/\${aws:username}`
const documents: readonly unknown[] = [
  {},
  { Version: '2012-10-17' },
  { Version: '2012-10-17', Statement: [{}] },
  { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*' }] },
  { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Resource: '*' }] },
  { Version: '2012-10-17', Statement: [{ Action: '*', Resource: '*' }] },
  {
    Version: '2012-10-17',
    Statement: [{ ...everything, Condition: { StringEqual: { 'a:b': 'c' } } }],
  },
  { Version: '2012-10-17', Statement: [everything] },
  { Version: '2012-10-17', Statement: [{ ...everything, Resource: [home, `${orders}/G?T/*/1`] }] },
  { Version: '2012-10-17', Statement: [{ ...everything, Resource: `${orders}/POST/*` }] },
  { Version: '2012-10-17', Statement: [{ ...everything, Effect: 'Deny' }, everything] },
  {
    Version: '2012-10-17',
    Statement: [
      { ...everything, Condition: { StringEquals: { 'aws:username': 'ann' } } },
      { ...everything, Condition: { 'ForAnyValue:StringLike': { 'proofgate:Group': 'admin*' } } },
      { ...everything, Condition: { IpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '::1'] } } },
      { ...everything, Condition: { ArnLike: { 'a:b': 'arn:aws:iam:*:*:${aws:username}' } } },
    ],
  },
]

const requests = [
  requestFor(),
  requestFor({ resource: `${orders}/GET/home/ann` }),
  requestFor({
    context: context({ 'aws:username': 'bob', 'aws:sourceip': '11.0.0.1', 'a:b': '' }),
  }),
  requestFor({ context: context({ 'aws:sourceip': '::ffff:10.0.0.1' }) }),
  requestFor({ context: context({ 'a:b': 'arn:aws:iam:::ann', 'proofgate:group': [] }) }),
]

/** Everything the area says about the documents and requests, as text. */
function outcomes(): string {
  const answers = documents.map((value) => {
    const result = parsePolicyDocument(value, 'identity')
    if ('problems' in result) return result.problems.map(({ pointer, code }) => [pointer, code])
    const policies = compilePolicies([{ name: 'test', document: result.document }])
    return requests.map((request) => {
      const { decision, statements } = explain(authorityOf(policies), request)
      const { effect, reason, policy, statement } = decision
      const hits = statements.map((one) => [one.result, one.failedElement, one.place, one.detail])
      return [effect, reason, policy, statement, hits]
    })
  })
  return print(answers)
}

/** `JSON.stringify` would itself ask the prototype for `toJSON`. */
function print(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(print).join()}]` : String(value)
}

test('a polluted Object.prototype changes no decision', () => {
  const clean = outcomes()
  const prototype = Object.prototype as Record<string, unknown>
  for (const [name, value] of Object.entries(gadgets)) {
    Object.defineProperty(prototype, name, {
      value,
      configurable: true,
      writable: true,
      enumerable: true,
    })
    let polluted: string
    try {
      polluted = outcomes()
    } finally {
      delete prototype[name]
    }
    assert.equal(polluted, clean, `Object.prototype.${name}`)
  }
})

test('members named like parts of Object.prototype are unknown elements', () => {
  const text =
    '{"Version":"2012-10-17","__proto__":{"Statement":[]},"constructor":1,"Statement":[]}'
  const result = parsePolicyDocument(JSON.parse(text), 'identity')
  assert.ok('problems' in result)
  assert.deepEqual(
    result.problems.map(({ pointer }) => pointer),
    ['/__proto__', '/constructor', '/Statement'],
  )
})

test('operators and keys named like parts of Object.prototype are refused', () => {
  for (const condition of [
    '{"constructor":{"a:b":"c"}}',
    '{"__proto__":{"a:b":"c"}}',
    '{"Bool":{"__proto__":"true"}}',
  ]) {
    const statement = { ...everything, Condition: JSON.parse(condition) as unknown }
    assert.ok(
      'problems' in
        parsePolicyDocument({ Version: '2012-10-17', Statement: statement }, 'identity'),
    )
  }
})
