import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lintPolicies, parsePolicyDocument } from '../../src/policy/index.ts'
import type { LintRoute } from '../../src/policy/index.ts'
import { documentOf } from './kit.ts'

const arn = 'arn:aws:execute-api:local:000000000000:orders/default'
const routes: readonly LintRoute[] = [
  { arnPrefix: `${arn}/`, method: 'GET', path: [{ text: 'orders' }] },
]
const real = `${arn}/GET/orders`

function warned(statement: object, known: readonly LintRoute[] | undefined): string {
  const document = documentOf([{ Action: 'execute-api:Invoke', ...statement }])
  const setting = { declared: undefined, routes: known }
  return lintPolicies([{ name: 'p', document }], setting)
    .filter(({ code }) => /warn_no_such|warn_never/.test(code))
    .map(({ code, pointer, message }) => `${code.slice(12)} ${pointer.split('/')[3]} ${message}`)
    .join('; ')
}

for (const [name, statement, expected] of [
  [
    'a Deny with a partition that does not exist',
    { Effect: 'Deny', Resource: 'arn:awss:execute-api:*:*:orders/*' },
    /^no_such_resource Resource the Deny denies nothing by arn:awss:/,
  ],
  [
    'a Deny with one among others',
    { Effect: 'Deny', Resource: [real, 'arn:aws-cn:execute-api:*:*:orders/*'] },
    /^no_such_resource Resource the Deny denies nothing by arn:aws-cn:/,
  ],
  [
    'a Deny of another service, with one',
    { Effect: 'Deny', Resource: ['*', 'arn:awss:s3:::x'] },
    /^no_such_resource/,
  ],
  [
    'an Allow that leaves one out',
    { Effect: 'Allow', NotResource: ['arn:aws-us-gov:execute-api:*:*:orders/*'] },
    /^no_such_resource NotResource the Allow leaves out nothing by/,
  ],
  ['a Deny without a fault', { Effect: 'Deny', Resource: [real, 'arn:aws:s3:::x'] }, /^$/],
  ['a Deny for any partition', { Effect: 'Deny', Resource: `arn:aws*${real.slice(7)}` }, /^$/],
  ['a Deny for a bucket in China', { Effect: 'Deny', Resource: [real, 'arn:aws-cn:s3:::x'] }, /^$/],
  [
    'an Allow of something more',
    { Effect: 'Allow', Resource: [real, 'arn:awss:execute-api:*:*:orders/*'] },
    /^$/,
  ],
  [
    'a Deny that leaves something out',
    { Effect: 'Deny', NotResource: 'arn:awss:execute-api:*:*:orders/*' },
    /^$/,
  ],
] as const) {
  test(`${name} is ${expected.source === '^$' ? 'left alone' : 'reported'}`, () => {
    assert.match(warned(statement, undefined), expected)
  })
}

test('a value that no route has is reported beside one that a route has', () => {
  const lost = `${arn}/GET/order`
  for (const statement of [
    { Effect: 'Deny', Resource: [real, lost] },
    { Effect: 'Allow', NotResource: [real, lost] },
  ]) {
    assert.match(warned(statement, routes), /^no_such_resource .* nothing by .*\/GET\/order:/)
    assert.equal(warned(statement, undefined), '')
  }
  assert.equal(warned({ Effect: 'Allow', Resource: [real, lost] }, routes), '')
  assert.match(warned({ Effect: 'Deny', Resource: lost }, routes), /^never_applies/)
})

test('a principal of a partition that does not exist is refused', () => {
  const problems = (AWS: string): unknown =>
    parsePolicyDocument(
      {
        Version: '2012-10-17',
        Statement: { Effect: 'Deny', Principal: { AWS }, Action: '*', Resource: '*' },
      },
      'resource',
    )
  for (const who of ['root', 'user/ann', 'role/ops']) {
    assert.ok('problems' in (problems(`arn:awss:iam::000000000000:${who}`) as object), who)
    assert.ok('document' in (problems(`arn:aws:iam::000000000000:${who}`) as object), who)
    assert.ok('document' in (problems(`arn:aws-us-gov:iam::000000000000:${who}`) as object), who)
  }
})
