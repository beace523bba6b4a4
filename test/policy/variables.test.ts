import assert from 'node:assert/strict'
import { test } from 'node:test'

import { evaluate, compilePolicies } from '../../src/policy/index.ts'
import {
  context,
  decide,
  documentOf,
  everything,
  holds,
  orders,
  requestFor,
  selects,
} from './kit.ts'
import type { Facts } from './kit.ts'

const home = `${orders}/GET/home/\${aws:username}/*`
const ann = { 'aws:username': 'ann' }

test('a variable in Resource stands for the value of the request', () => {
  assert.ok(selects(home, `${orders}/GET/home/ann/x`, ann))
  assert.ok(!selects(home, `${orders}/GET/home/bob/x`, ann))
  assert.ok(!selects(home, `${orders}/GET/home/ANN/x`, ann))
  assert.ok(selects(home.replace('aws:username', 'AWS:UserName'), `${orders}/GET/home/ann/x`, ann))
})

test('a value that holds wildcards or a variable is only text', () => {
  for (const name of ['*', '?', '???', '${aws:userid}', 'a*', '$']) {
    const facts = { 'aws:username': name, 'aws:userid': 'ann' }
    assert.ok(!selects(home, `${orders}/GET/home/ann/x`, facts), name)
    assert.ok(selects(home, `${orders}/GET/home/${name}/x`, facts), name)
    assert.ok(
      !holds({ StringLike: { 'a:b': '${aws:username}' } }, { ...facts, 'a:b': 'ann' }),
      name,
    )
    assert.ok(holds({ StringLike: { 'a:b': '${aws:username}' } }, { ...facts, 'a:b': name }), name)
  }
})

test('a variable without a value, or with an empty one, makes Resource select nothing', () => {
  for (const facts of [{}, { 'aws:username': '' }, { 'aws:username': [] }]) {
    for (const resource of [`${orders}/GET/home//x`, `${orders}/GET/home/undefined/x`, home]) {
      assert.ok(!selects(home, resource, facts))
    }
    assert.ok(!selects(`${orders}/GET/home/\${aws:username}*`, `${orders}/GET/home/ann`, facts))
  }
})

test('NotResource with a variable without a value: an Allow does not apply, a Deny does', () => {
  const effectOf = (effect: string, facts: Facts) =>
    decide(
      [
        { Effect: effect, Action: '*', NotResource: home },
        ...(effect === 'Deny' ? [everything] : []),
      ],
      requestFor({ context: context(facts) }),
    ).effect
  assert.equal(effectOf('Allow', ann), 'allow')
  assert.equal(effectOf('Allow', {}), 'deny')
  assert.equal(effectOf('Deny', {}), 'deny')
})

test('one variable without a value is enough to keep an Allow with NotResource from applying', () => {
  for (const NotResource of [
    [`${orders}/GET/home/\${aws:username}`, `${orders}/GET/x`],
    [`${orders}/GET/x`, `${orders}/GET/home/\${aws:username}`],
  ]) {
    const allow = { Effect: 'Allow', Action: '*', NotResource }
    assert.equal(decide([allow]).effect, 'deny')
    const known = requestFor({ context: context({ 'aws:username': 'ann' }) })
    assert.equal(decide([allow], known).effect, 'allow')
  }
})

test('a variable without a value takes nothing from what other values of Resource allow', () => {
  const Resource = [`${orders}/GET/home/\${aws:username}`, `${orders}/GET/*`]
  assert.equal(decide([{ Effect: 'Allow', Action: '*', Resource }]).effect, 'allow')
})

test('a default stands in for an absent or empty value and is only text', () => {
  const pattern = `${orders}/GET/\${aws:PrincipalTag/team, 'a*'}`
  assert.ok(selects(pattern, `${orders}/GET/a*`))
  assert.ok(selects(pattern, `${orders}/GET/a*`, { 'aws:principaltag/team': '' }))
  assert.ok(!selects(pattern, `${orders}/GET/ab`))
  assert.ok(selects(pattern, `${orders}/GET/red`, { 'aws:PrincipalTag/team': 'red' }))
  assert.ok(!selects(pattern, `${orders}/GET/a*`, { 'aws:PrincipalTag/team': 'red' }))
})

test('${*}, ${?} and ${$} are the characters themselves', () => {
  assert.ok(selects(`${orders}/GET/\${*}\${?}\${$}{*`, `${orders}/GET/*?\${aws:username}`, ann))
  assert.ok(!selects(`${orders}/GET/\${*}`, `${orders}/GET/x`))
  assert.ok(!selects(`${orders}/GET/\${?}`, `${orders}/GET/x`))
  assert.ok(holds({ StringEquals: { 'a:b': '${*}' } }, { 'a:b': '*' }))
  assert.ok(!holds({ StringEquals: { 'a:b': '${*}' } }, { 'a:b': '${*}' }))
})

test('conditions on an unknown variable: a comparison fails, its complement holds', () => {
  const facts = { 'a:b': '' }
  assert.equal(holds({ StringEquals: { 'a:b': '${aws:username}' } }, facts), false)
  assert.equal(holds({ StringNotEquals: { 'a:b': '${aws:username}' } }, facts), true)
  assert.equal(holds({ StringLike: { 'a:b': '${aws:username}*' } }, { 'a:b': 'ann' }), false)
  assert.equal(
    holds({ ArnLike: { 'a:b': 'arn:aws:iam::1:${aws:username}' } }, { 'a:b': 'arn:aws:iam::1:' }),
    false,
  )
})

test('without regard to case, value and default are compared without it too', () => {
  const condition = { StringEqualsIgnoreCase: { 'a:b': "X-${aws:username, 'Nobody'}" } }
  assert.ok(holds(condition, { 'a:b': 'x-ANN', ...ann }))
  assert.ok(holds(condition, { 'a:b': 'x-ann', 'aws:username': 'ANN' }))
  assert.ok(holds(condition, { 'a:b': 'X-NOBODY' }))
  assert.ok(!holds(condition, { 'a:b': 'x-bob', ...ann }))
})

test('a value with colons cannot move the parts of an ARN pattern', () => {
  const pattern = 'arn:aws:iam:${a:region}:1:user/${aws:username}'
  const facts = { 'a:region': 'x:1:user/root', 'aws:username': 'ann' }
  assert.ok(
    !holds({ ArnLike: { 'a:b': pattern } }, { ...facts, 'a:b': 'arn:aws:iam:x:1:user/root' }),
  )
  assert.ok(
    !holds(
      { ArnLike: { 'a:b': pattern } },
      { ...facts, 'a:b': 'arn:aws:iam:x:1:user/root:1:user/ann' },
    ),
  )
  assert.ok(
    holds(
      { ArnLike: { 'a:b': pattern } },
      { 'a:region': 'eu', 'aws:username': 'a:b', 'a:b': 'arn:aws:iam:eu:1:user/a:b' },
    ),
  )
})

test('a list as a variable denies the request', () => {
  const allow = { Effect: 'Allow', Action: '*', Resource: [home, '*'] }
  const request = requestFor({
    resource: `${orders}/GET/home/ann/x`,
    context: context({ 'aws:username': ['ann'] }),
  })
  assert.equal(decide([allow], request).reason, 'policy.evaluation_failed')
})

test('in version 2008-10-17 a variable is plain text', () => {
  const statement = { Effect: 'Allow', Action: '*', Resource: `${orders}/GET/\${aws:username}` }
  const policies = compilePolicies([{ name: 'old', document: documentOf(statement, '2008-10-17') }])
  const effectOn = (resource: string) =>
    evaluate(policies, requestFor({ resource, context: context(ann) })).effect
  assert.equal(effectOn(`${orders}/GET/ann`), 'deny')
  assert.equal(effectOn(`${orders}/GET/\${aws:username}`), 'allow')
  const broken = { ...statement, Resource: `${orders}/GET/\${` }
  assert.equal(documentOf(broken, '2008-10-17').statements.length, 1)
})
