import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePolicyDocument } from '../../src/policy/index.ts'
import { everything, holds, problemsOf, selects } from './kit.ts'
import {
  alice,
  allowEverything,
  decisionOf,
  entry,
  policy,
  refusalOf,
  resultOf,
} from '../simulation/kit.ts'

test('the partition of a resource may have wildcards, the service never', () => {
  for (const partition of ['*', 'aws*', 'aws-??', 'aws']) {
    const pattern = `arn:${partition}:s3:::reports/*`
    assert.equal(selects(pattern, 'arn:aws:s3:::reports/1'), partition !== 'aws-??', partition)
    assert.ok(!selects(pattern, 'arn:aws:s4:::reports/1'), partition)
    assert.ok(!selects(pattern, 'arn:aws:x:s3:::reports/1'), partition)
  }
  const refused = [
    'arn:aws:*:::r',
    'arn:aws:s*:::r',
    'arn:aws:s?:::r',
    'arn:aws::::r',
    'arn:*:s3:*',
  ]
  for (const Resource of [...refused, 'arn:*:execute-api:*', 'arn:aw?:execute-api:*', 'arn:*']) {
    const Statement = { ...everything, Resource }
    const [problem] = problemsOf({ Version: '2012-10-17', Statement })
    assert.equal(problem?.code, 'policy.bad_value', Resource)
  }
})

test('in ARNs of other services a wildcard at the end of a part reaches beyond its colon', () => {
  const queue = 'arn:aws:sqs:us-east-1:111111111111:jobs'
  for (const pattern of ['arn:aws:sqs:*:jobs', 'arn:aws:sqs:us-*:jobs', 'arn:aws:sqs:*']) {
    assert.ok(selects(pattern, queue), pattern)
    assert.ok(!selects(pattern, queue.replace('sqs', 'sns')), pattern)
  }
  const stream = 'arn:aws:logs:us-east-1:111111111111:log-group:web:log-stream:1'
  assert.ok(selects('arn:aws:logs:*:*:log-stream:1', stream))
  assert.ok(!selects('arn:aws:logs:*:*:log-stream:2', stream))
  for (const pattern of ['arn:aws:sqs:us-*1:jobs', 'arn:aws:sqs:us-east-1:jobs', 'arn:aws:sqs']) {
    const Statement = { ...everything, Resource: pattern }
    assert.equal(problemsOf({ Version: '2012-10-17', Statement }).length, 1, pattern)
  }
})

test('in ARNs of our own APIs it does not, whatever the path holds', () => {
  const pattern = 'arn:aws:execute-api:*:*:orders/live/GET/*'
  assert.ok(selects(pattern, 'arn:aws:execute-api:a:1:orders/live/GET/x'))
  assert.ok(!selects(pattern, 'arn:aws:execute-api:a:1:other/live/DELETE/x:orders/live/GET/y'))
  const partition = 'arn:*:execute-api:a:1:orders/live/GET/*'
  assert.ok(!selects(partition, 'arn:aws:execute-api:a:1:x:execute-api:a:1:orders/live/GET/y'))
})

test('keys may be those of tags, with spaces and letters of any language', () => {
  for (const key of ['aws:PrincipalTag/Cost Center', 'aws:PrincipalTag/Größe', 'x:a b.c_d+e=f@g']) {
    assert.ok(holds({ StringEquals: { [key]: 'x' } }, { [key]: 'x' }), key)
    const pattern = `arn:aws:s3:::b/\${${key} , 'none'}`
    assert.ok(selects(pattern, 'arn:aws:s3:::b/x', { [key]: 'x' }), key)
    assert.ok(selects(pattern, 'arn:aws:s3:::b/none'), key)
  }
  for (const key of ['aws:a ', 'aws: a', 'aws:', ':a', 'a b:c', 'aws:a\n', 'aws:a*', "aws:a'b"]) {
    const Condition = { StringEquals: { [key]: 'x' } }
    const Statement = { ...everything, Condition }
    const [problem] = problemsOf({ Version: '2012-10-17', Statement })
    assert.equal(problem?.code, 'policy.bad_value', JSON.stringify(key))
  }
})

test('one variable may be a whole ARN, of which nothing is a wildcard', () => {
  const condition = { ArnEquals: { 'x:Owner': '${aws:PrincipalArn}' } }
  const owned = (owner: string, caller: string): boolean =>
    holds(condition, { 'x:owner': owner, 'aws:principalarn': caller })
  assert.ok(owned(alice, alice))
  assert.ok(!owned(alice, `${alice}2`))
  assert.ok(!owned(alice, 'arn:aws:iam::*:user/*'))
  assert.ok(!holds(condition, { 'x:owner': alice }))
  assert.ok(holds({ ArnNotLike: { 'x:Owner': '${aws:PrincipalArn}' } }, { 'x:owner': alice }))
  for (const value of ['${aws:PrincipalArn}*', 'x${aws:PrincipalArn}', '*']) {
    const Statement = { ...everything, Condition: { ArnLike: { 'x:Owner': value } } }
    assert.equal(problemsOf({ Version: '2012-10-17', Statement }).length, 1, value)
  }
})

test('a Sid of a resource policy may be a sentence, and no control character', () => {
  const sid = (text: string, kind: 'resource' | 'identity'): boolean => {
    const principal = kind === 'resource' ? { Principal: '*' } : {}
    const Statement = { ...everything, ...principal, Sid: text }
    return 'document' in parsePolicyDocument({ Version: '2012-10-17', Statement }, kind)
  }
  assert.ok(sid('Enable IAM User Permissions', 'resource'))
  assert.ok(!sid('Enable IAM User Permissions', 'identity'))
  for (const text of ['a\nb', 'a\u0000', 'ä', 'a'.repeat(101)]) assert.ok(!sid(text, 'resource'))
})

test('an empty Condition asks nothing in a simulation, and is a fault where a policy is used', () => {
  for (const Condition of [{}, { StringEquals: {} }]) {
    const document = policy({ ...allowEverything, Condition })
    assert.equal(decisionOf({ PolicyInputList: [document] }), 'allowed')
    assert.equal(problemsOf(document)[0]?.code, 'policy.empty')
  }
  const result = resultOf({ PolicyInputList: [policy({ ...allowEverything, Condition: {} })] })
  assert.deepEqual(result.MissingContextValues, [])
})

test('a condition key without a prefix is one in a simulation, and a fault where a policy is used', () => {
  const document = policy({ ...allowEverything, Condition: { StringEquals: { team: 'a' } } })
  const given = (value: string): object => ({
    PolicyInputList: [document],
    ContextEntries: [entry('Team', 'string', value)],
  })
  assert.equal(decisionOf(given('a')), 'allowed')
  assert.equal(decisionOf(given('b')), 'implicitDeny')
  assert.equal(problemsOf(document)[0]?.code, 'policy.bad_value')
  for (const key of ['', ' team', 'team*', 'team\n']) {
    const wrong = policy({ ...allowEverything, Condition: { StringEquals: { [key]: 'a' } } })
    assert.equal(refusalOf({ PolicyInputList: [wrong] }).Code, 'MalformedPolicyDocument', key)
  }
})

test('blanks before the comma of a default are read once', () => {
  const blanks = ' '.repeat(1900)
  assert.ok(selects(`arn:aws:s3:::b/\${a:b${blanks}, 'x'}`, 'arn:aws:s3:::b/x'))
  const inside = `a:b${blanks}c`
  assert.ok(selects(`arn:aws:s3:::b/\${${inside}}`, 'arn:aws:s3:::b/x', { [inside]: 'x' }))
  const Statement = { ...everything, Resource: 'arn:aws:s3:::b/${a:b\n}' }
  assert.equal(problemsOf({ Version: '2012-10-17', Statement })[0]?.code, 'policy.bad_variable')
})
