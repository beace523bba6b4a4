import assert from 'node:assert/strict'
import { test } from 'node:test'

import { kindRules, parsePolicyDocument } from '../../src/policy/index.ts'
import type { PolicyKind } from '../../src/policy/index.ts'

const about = { Effect: 'Allow', Action: 'execute-api:Invoke', Resource: '*' }
const trust = { Effect: 'Allow', Action: 'sts:AssumeRole' }

function read(statement: object, kind: PolicyKind, reading = {}): string {
  const value = { Version: '2012-10-17', Statement: [statement] }
  const result = parsePolicyDocument(value, kind, reading)
  if ('document' in result) return 'accepted'
  return result.problems.map(({ pointer, code }) => `${code} ${pointer}`).join(', ')
}

const statementAt = (code: string, at = ''): string => `policy.${code} /Statement/0${at}`

const principals: readonly (readonly [unknown, string])[] = [
  ['*', 'accepted'],
  [{ AWS: '*' }, 'accepted'],
  [{ AWS: '123456789012' }, 'accepted'],
  [{ AWS: 'arn:aws:iam::123456789012:root' }, 'accepted'],
  [{ AWS: ['arn:aws:iam::123456789012:user/ann', '123456789012'] }, 'accepted'],
  [{ AWS: 'arn:aws:iam::123456789012:role/teams/ops' }, 'accepted'],
  [{ AWS: 'arn:aws-cn:sts::123456789012:assumed-role/ops/ann' }, 'accepted'],
  [{ AWS: 'arn:aws:sts::123456789012:federated-user/ann' }, 'accepted'],
  [{ Federated: 'https://id.example', Service: 'lambda.amazonaws.com' }, 'accepted'],
  [{ CanonicalUser: 'f00d' }, 'accepted'],
  ['ann', statementAt('wrong_type', '/Principal')],
  ['', statementAt('wrong_type', '/Principal')],
  [[], statementAt('wrong_type', '/Principal')],
  [null, statementAt('wrong_type', '/Principal')],
  [{}, statementAt('empty', '/Principal')],
  [{ AWS: [] }, statementAt('empty', '/Principal/AWS')],
  [{ AWS: 7 }, statementAt('wrong_type', '/Principal/AWS')],
  [{ aws: '*' }, statementAt('unknown_element', '/Principal/aws')],
  [{ AWS: 'arn:aws:iam::123456789012:user/*' }, statementAt('bad_value', '/Principal/AWS')],
  [{ AWS: 'arn:aws:iam::*:root' }, statementAt('bad_value', '/Principal/AWS')],
  [{ AWS: 'arn:aws:iam::123456789012:group/ops' }, statementAt('bad_value', '/Principal/AWS')],
  [{ AWS: '12345' }, statementAt('bad_value', '/Principal/AWS')],
  [{ AWS: 'ann' }, statementAt('bad_value', '/Principal/AWS')],
  [{ Federated: '*' }, statementAt('bad_value', '/Principal/Federated')],
  [{ Service: '' }, statementAt('bad_value', '/Principal/Service')],
]

for (const [Principal, expected] of principals) {
  test(`the Principal ${JSON.stringify(Principal)}: ${expected}`, () => {
    assert.equal(read({ ...about, Principal }, 'resource'), expected)
    assert.equal(read({ ...trust, Principal }, 'trust'), expected)
  })
}

test('a Principal stands where a policy is not attached to one, and only there', () => {
  for (const kind of ['identity', 'boundary', 'session'] as const) {
    assert.equal(read(about, kind), 'accepted')
    const found = read({ ...about, Principal: '*' }, kind)
    assert.equal(found, statementAt('unsupported', '/Principal'))
  }
  assert.equal(read(about, 'resource'), statementAt('missing'))
  assert.equal(read(trust, 'trust'), statementAt('missing'))
})

test('a trust policy names no resource', () => {
  const found = read({ ...trust, Principal: '*', Resource: '*' }, 'trust')
  assert.equal(found, statementAt('unsupported', '/Resource'))
})

test('NotPrincipal is refused everywhere, with what to write instead', () => {
  for (const kind of Object.keys(kindRules) as PolicyKind[]) {
    const statement = { ...(kind === 'trust' ? trust : about), NotPrincipal: { AWS: '*' } }
    const result = parsePolicyDocument({ Version: '2012-10-17', Statement: statement }, kind)
    assert.ok('problems' in result)
    assert.deepEqual(
      result.problems.map(({ pointer }) => pointer),
      ['/Statement/NotPrincipal'],
    )
    assert.match(result.problems[0]?.hint ?? '', /aws:PrincipalArn/)
  }
})

test('each kind has its own size, which white space and nesting do not get around', () => {
  for (const [kind, { largest, hasPrincipal, hasResource }] of Object.entries(kindRules)) {
    const { Resource, ...bare } = { ...about, ...(hasPrincipal ? { Principal: '*' } : {}) }
    const statement = hasResource ? { ...bare, Resource } : bare
    const build = (Id: string): object => ({ Version: '2012-10-17', Id, Statement: statement })
    const room = largest - JSON.stringify(build('')).length
    const fits = parsePolicyDocument(build('x'.repeat(room)), kind as PolicyKind)
    assert.ok('document' in fits, kind)
    const over = parsePolicyDocument(build('x'.repeat(room + 1)), kind as PolicyKind)
    assert.ok('problems' in over, kind)
    assert.equal(over.problems[0]?.code, 'policy.too_large')
  }
})

test('the short form of a resource stands for the API it is attached to', () => {
  const apiArn = 'arn:aws:execute-api:local:000000000000:orders'
  const statement = { ...about, Principal: '*', Resource: 'execute-api:/live/GET/*' }
  const value = { Version: '2012-10-17', Statement: statement }
  const result = parsePolicyDocument(value, 'resource', { apiArn })
  assert.ok('document' in result)
  assert.deepEqual(result.document.statements[0]?.resource.values, [`${apiArn}/live/GET/*`])
  assert.equal(read(statement, 'resource'), statementAt('bad_value', '/Resource'))
  assert.equal(
    read({ ...about, Resource: 'execute-api:/live/GET/*' }, 'identity'),
    statementAt('bad_value', '/Resource'),
  )
})

test('a document without Version is one of 2008 only where that is asked for', () => {
  const value = { Statement: about }
  assert.ok('problems' in parsePolicyDocument(value, 'identity'))
  const result = parsePolicyDocument(value, 'identity', { asAws: true })
  assert.ok('document' in result)
  assert.equal(result.document.version, '2008-10-17')
})
