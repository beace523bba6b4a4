import assert from 'node:assert/strict'
import { test } from 'node:test'

import { kindRules, nobody, parsePolicyDocument } from '../../src/policy/index.ts'
import type { PolicyKind, Reading, Statement } from '../../src/policy/index.ts'
import { show, within } from '../../src/policy/document/problem.ts'
import { everything } from './kit.ts'

const account = '000000000000'
const user = `arn:aws:iam::${account}:user/ann`

function codes(value: unknown, reading: Reading = {}): readonly string[] {
  const result = parsePolicyDocument(value, 'identity', reading)
  return 'problems' in result ? result.problems.map(({ code }) => code.slice('policy.'.length)) : []
}

function statementOf(
  change: object,
  kind: PolicyKind = 'resource',
  reading: Reading = {},
): Statement {
  const statement = { ...everything, ...change }
  const result = parsePolicyDocument({ Version: '2012-10-17', Statement: statement }, kind, reading)
  if ('problems' in result) assert.fail(JSON.stringify(result.problems))
  return result.document.statements[0] ?? assert.fail()
}

const selections: readonly (readonly [Principal: unknown, object])[] = [
  ['*', { everybody: true, accounts: [], arns: [], federated: [], values: ['*'] }],
  [
    { AWS: [account, user, '*'] },
    {
      everybody: true,
      accounts: [account],
      arns: [user],
      federated: [],
      values: [account, user, '*'],
    },
  ],
  [
    { AWS: `arn:aws-cn:iam::${account}:root` },
    {
      everybody: false,
      accounts: [account],
      arns: [],
      federated: [],
      values: [`arn:aws-cn:iam::${account}:root`],
    },
  ],
  [
    { AWS: [`arn:aws-iso-b:iam::${account}:root`, `arn:aws-iso:iam::${account}:role/x`] },
    {
      everybody: false,
      accounts: [account],
      arns: [`arn:aws-iso:iam::${account}:role/x`],
      federated: [],
      values: [`arn:aws-iso-b:iam::${account}:root`, `arn:aws-iso:iam::${account}:role/x`],
    },
  ],
  [
    { AWS: [`arn:aws-iso:iam::${account}:root`, `arn:aws-iso-f:iam::${account}:role/x`] },
    {
      everybody: false,
      accounts: [account],
      arns: [`arn:aws-iso-f:iam::${account}:role/x`],
      federated: [],
      values: [`arn:aws-iso:iam::${account}:root`, `arn:aws-iso-f:iam::${account}:role/x`],
    },
  ],
  [
    { Federated: [account, user], Service: user, CanonicalUser: account },
    {
      everybody: false,
      accounts: [],
      arns: [],
      federated: [account, user],
      values: [account, user, user, account],
    },
  ],
]

for (const [Principal, expected] of selections) {
  test(`whom ${JSON.stringify(Principal)} names is known by kind`, () => {
    assert.deepEqual(statementOf({ Principal }).principal, expected)
  })
}

for (const name of [
  `${account}0`,
  `x${account}`,
  `xarn:aws:iam::${account}:root`,
  `arn:aws:iam::${account}:rooted`,
  `arn:aws1:iam::${account}:root`,
  `arn:aws-iso-1:iam::${account}:root`,
  `arn:aws-iso-1:iam::${account}:role/x`,
  `x${user}`,
  `${user}*`,
  `${user}?`,
  `arn:aws:iam::${account}:user/`,
  `arn:aws:sts::${account}:assumed-role/ops`,
  `arn:aws:sts::${account}:assumed-role/ops/`,
  `arn:aws:sts::${account}:assumed-role//ann`,
  `arn:aws:sts::${account}:federated-user/`,
  `arn:aws:sts::${account}:user/ann`,
  `arn:aws:iam::${account}:federated-user/ann`,
]) {
  test(`${name} is not the name of a principal`, () => {
    const Statement = { ...everything, Principal: { AWS: name } }
    const found = parsePolicyDocument({ Version: '2012-10-17', Statement }, 'resource')
    assert.ok('problems' in found)
    assert.deepEqual(
      found.problems.map(({ pointer, code }) => [pointer, code]),
      [['/Statement/Principal/AWS', 'policy.bad_value']],
    )
  })
}

test('nobody has no name, no role, no account and no provider', () => {
  const [arn, role, account, federated] = [undefined, undefined, undefined, undefined]
  assert.deepEqual(nobody, { arn, role, account, federated })
})

test('each kind of policy has its name and its size', () => {
  assert.deepEqual(
    Object.entries(kindRules).map(([kind, { name, largest }]) => `${kind}: ${name}, ${largest}`),
    [
      'identity: a policy of people, groups or roles, 10240',
      'boundary: a permission boundary, 6144',
      'session: a session policy, 2048',
      "resource: an API's resource policy, 8192",
      'trust: a trust policy, 4096',
    ],
  )
})

test('a trust policy is about every resource there is', () => {
  const { Resource: _, ...trust } = everything
  const value = { Version: '2012-10-17', Statement: { ...trust, Principal: '*' } }
  const result = parsePolicyDocument(value, 'trust')
  assert.ok('document' in result)
  assert.deepEqual(result.document.statements[0]?.resource, { values: ['*'], inverted: false })
})

test('only the short form of a resource is written out', () => {
  const apiArn = `arn:aws:execute-api:local:${account}:orders`
  const Resource = ['execute-api:/live/*', `${apiArn}/test/*`, '*', 'arn:aws:s3:::execute-api:/x']
  const { resource } = statementOf({ Principal: '*', Resource }, 'resource', { apiArn })
  assert.deepEqual(resource.values, [`${apiArn}/live/*`, ...Resource.slice(1)])
})

const fillers: readonly (readonly [what: string, make: (n: number) => unknown])[] = [
  ['texts', (n) => Array.from({ length: n }, () => 'abc')],
  ['long numbers', (n) => Array.from({ length: n }, (_, at) => 100_000_000 + at)],
  ['booleans', (n) => Array.from({ length: n }, () => true)],
  ['nulls', (n) => Array.from({ length: n }, () => null)],
  ['objects', (n) => Array.from({ length: n }, () => ({ a: [{}] }))],
  ['members', (n) => Object.fromEntries(Array.from({ length: n }, (_, at) => [`k${at}`, 'v']))],
]

for (const [what, make] of fillers) {
  test(`a document is as long as its compact JSON, whatever it holds: ${what}`, () => {
    for (const count of [1, 2, 50]) {
      const value = { Version: '2012-10-17', Statement: everything, Extra: make(count) }
      const { length } = JSON.stringify(value)
      assert.deepEqual(codes(value, { largest: length }), ['unknown_element'], `${count}`)
      assert.deepEqual(codes(value, { largest: length - 1 }), ['too_large'], `${count}`)
    }
  })
}

test('a document of eight levels is read for its faults, a deeper one not at all', () => {
  const nested = (value: unknown): unknown => ({
    Version: '2012-10-17',
    Statement: [{ ...everything, Condition: { Bool: { 'a:b': value } } }],
  })
  assert.deepEqual(codes(nested(['true'])), [])
  assert.deepEqual(codes(nested([[['true']]])), ['wrong_type'])
  assert.deepEqual(codes(nested([[[['true']]]])), ['too_large'])
})

const sids: readonly (readonly [unknown, string | undefined])[] = [
  ['A'.repeat(100), undefined],
  ['A'.repeat(101), 'bad_value'],
  ['Read7', undefined],
  ['', undefined],
  ['Read-7', 'bad_value'],
  [['Read'], 'wrong_type'],
  [{ length: 1 }, 'wrong_type'],
  [null, 'wrong_type'],
]

for (const [Sid, expected] of sids) {
  test(`the Sid ${show(Sid).slice(0, 20)} is ${expected ?? 'accepted'}`, () => {
    const value = { Version: '2012-10-17', Statement: { ...everything, Sid } }
    assert.deepEqual(codes(value), expected === undefined ? [] : [expected])
  })
}

test('pointers and values are shown so that they can be read back, and never longer than a line', () => {
  assert.equal(within('/a', 'b/c~d~1'), '/a/b~1c~0d~01')
  assert.equal(within('', 7), '/7')
  assert.equal(show('x'.repeat(120)), `"${'x'.repeat(120)}"`)
  assert.equal(show('x'.repeat(121)), `"${'x'.repeat(120)}…"`)
  assert.equal(show('"\n'), String.raw`"\"\n"`)
  assert.deepEqual([[], {}, null, undefined, 7, true].map(show), [
    'a list',
    'an object',
    'null',
    'undefined',
    '7',
    'true',
  ])
})
