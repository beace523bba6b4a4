import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Simulator } from '../../src/simulation/index.ts'
import {
  account,
  alice,
  allowEverything,
  answerTo,
  bucket,
  decisionOf,
  entry,
  matchedBy,
  policy,
  requestOf,
  resultOf,
  resultsOf,
} from './kit.ts'

const denyEverything = { Effect: 'Deny', Action: '*', Resource: '*' }
const readReports = { Effect: 'Allow', Action: 's3:Get*', Resource: `${bucket}/*` }

function named(principal: unknown, effect = 'Allow'): object {
  return policy({ Effect: effect, Principal: principal, Action: '*', Resource: `${bucket}/*` })
}

test('one result comes for each action and resource, in that order', () => {
  const results = resultsOf({
    PolicyInputList: [policy(readReports)],
    ActionNames: ['s3:GetObject', 's3:PutObject'],
    ResourceArns: [`${bucket}/1`, 'arn:aws:s3:::other/1'],
  })
  const told = results.map(({ EvalActionName, EvalResourceName, EvalDecision }) =>
    [EvalActionName, EvalResourceName, EvalDecision].join(' '),
  )
  assert.deepEqual(told, [
    `s3:GetObject ${bucket}/1 allowed`,
    's3:GetObject arn:aws:s3:::other/1 implicitDeny',
    `s3:PutObject ${bucket}/1 implicitDeny`,
    's3:PutObject arn:aws:s3:::other/1 implicitDeny',
  ])
  assert.equal(JSON.parse(JSON.stringify(answerTo({}))).IsTruncated, false)
})

test('without resources the action is asked for on everything, which only * covers', () => {
  const request = { PolicyInputList: [policy(readReports)], ResourceArns: [] }
  assert.equal(resultOf(request).EvalResourceName, '*')
  assert.equal(decisionOf(request), 'implicitDeny')
  assert.equal(decisionOf({ ...request, PolicyInputList: [policy(allowEverything)] }), 'allowed')
})

test('policies are text or objects, and both say the same', () => {
  const document = policy(readReports)
  assert.equal(decisionOf({ PolicyInputList: [document] }), 'allowed')
  assert.equal(decisionOf({ PolicyInputList: [JSON.stringify(document)] }), 'allowed')
  assert.equal(decisionOf({ PolicyInputList: [] }), 'implicitDeny')
})

test('a Deny wins wherever it stands', () => {
  const allowing = { PolicyInputList: [policy(allowEverything)] }
  const denying = policy(denyEverything)
  const places = [
    { PolicyInputList: [policy(allowEverything), denying] },
    { PolicyInputList: [denying, policy(allowEverything)] },
    { ...allowing, PermissionsBoundaryPolicyInputList: [denying] },
    { ...allowing, SessionPolicyInputList: [denying] },
    { ...allowing, ResourcePolicy: named('*', 'Deny'), CallerArn: alice },
  ]
  for (const place of places) assert.equal(decisionOf(place), 'explicitDeny')
})

test('boundaries and session policies limit what the policies allow, and allow nothing', () => {
  const limits = [
    ['PermissionsBoundaryPolicyInputList', 'PermissionsBoundaryPolicyInputList.1'],
    ['SessionPolicyInputList', 'SessionPolicyInputList.1'],
  ] as const
  for (const [limit, name] of limits) {
    const all = { PolicyInputList: [policy(allowEverything)] }
    assert.deepEqual(matchedBy({ ...all, [limit]: [policy(readReports)] }), [
      'PolicyInputList.1',
      name,
    ])
    const other = policy({ ...readReports, Action: 's3:Put*' })
    assert.equal(decisionOf({ ...all, [limit]: [other] }), 'implicitDeny')
    assert.equal(decisionOf({ [limit]: [policy(allowEverything)] }), 'implicitDeny')
  }
})

test('of several boundaries each has to allow, of several session policies one', () => {
  const request = { PolicyInputList: [policy(allowEverything)] }
  const two = [policy(readReports), policy({ ...readReports, Action: 's3:Put*' })]
  assert.equal(decisionOf({ ...request, SessionPolicyInputList: two }), 'allowed')
  const PermissionsBoundaryPolicyInputList = two
  assert.equal(decisionOf({ ...request, PermissionsBoundaryPolicyInputList }), 'implicitDeny')
  const reversed = two.toReversed()
  assert.equal(
    decisionOf({ ...request, PermissionsBoundaryPolicyInputList: reversed }),
    'implicitDeny',
  )
  const denying = {
    PermissionsBoundaryPolicyInputList: [policy(readReports), policy(denyEverything)],
  }
  assert.equal(decisionOf({ ...request, ...denying }), 'explicitDeny')
  const leavesOut = policy({ ...readReports, Action: 's3:Put*' })
  const both = { PermissionsBoundaryPolicyInputList: [leavesOut, policy(denyEverything)] }
  assert.equal(decisionOf({ ...request, ...both }), 'explicitDeny')
})

test('the boundary is told apart, whoever allows or denies', () => {
  const detail = (boundary: object | undefined, identity: object): unknown =>
    resultOf({
      PolicyInputList: [policy(identity)],
      ...(boundary === undefined ? {} : { PermissionsBoundaryPolicyInputList: [policy(boundary)] }),
    }).PermissionsBoundaryDecisionDetail
  assert.equal(detail(undefined, allowEverything), undefined)
  const allowed = { AllowedByPermissionsBoundary: true }
  const refused = { AllowedByPermissionsBoundary: false }
  assert.deepEqual(detail(allowEverything, allowEverything), allowed)
  assert.deepEqual(detail(allowEverything, denyEverything), allowed)
  assert.deepEqual(detail(denyEverything, allowEverything), refused)
  assert.deepEqual(detail({ ...readReports, Action: 's3:Put*' }, allowEverything), refused)
})

test('within an account either side is enough, between accounts both are needed', () => {
  const [none, allow] = [[], [policy(allowEverything)]]
  const other = { ResourceOwner: '222222222222' }
  const policies = [
    [named({ AWS: alice }), true],
    [named({ AWS: 'arn:aws:iam::111111111111:user/bob' }), false],
  ] as const
  for (const [ResourcePolicy, isNamed] of policies) {
    const request = { ResourcePolicy, CallerArn: alice }
    const told = [
      decisionOf({ ...request, PolicyInputList: none }),
      decisionOf({ ...request, PolicyInputList: allow }),
      decisionOf({ ...request, ...other, PolicyInputList: none }),
      decisionOf({ ...request, ...other, PolicyInputList: allow }),
    ]
    const both = isNamed ? 'allowed' : 'implicitDeny'
    assert.deepEqual(told, [both, 'allowed', 'implicitDeny', both])
  }
})

test('a resource of another account without a policy is nobody else’s', () => {
  const request = { PolicyInputList: [policy(allowEverything)], CallerArn: alice }
  const owner = { ResourceOwner: 'arn:aws:iam::222222222222:root' }
  assert.equal(decisionOf({ ...request, ...owner }), 'implicitDeny')
  const own = { ResourceOwner: `arn:aws:iam::${account}:root` }
  assert.equal(decisionOf({ ...request, ...own }), 'allowed')
})

test('between accounts the answer says what each side says', () => {
  const details = resultOf({
    PolicyInputList: [policy(allowEverything)],
    ResourcePolicy: named({ AWS: 'arn:aws:iam::111111111111:user/bob' }),
    CallerArn: alice,
    ResourceOwner: '222222222222',
  }).EvalDecisionDetails
  assert.deepEqual(details, { 'IAM Policy': 'allowed', 'Resource Policy': 'implicitDeny' })
  const within = { PolicyInputList: [policy(allowEverything)], CallerArn: alice }
  assert.deepEqual(resultOf(within).EvalDecisionDetails, {})
})

test('the caller is matched against Principal by every name it has, and by no other', () => {
  const role = `arn:aws:iam::${account}:role/reader`
  const session = `arn:aws:sts::${account}:assumed-role/reader/alice`
  const federated = `arn:aws:sts::${account}:federated-user/alice`
  const root = `arn:aws:iam::${account}:root`
  const other = '222222222222'
  const rows = [
    [alice, { AWS: alice }, 'allowed'],
    [alice, { AWS: [federated, alice] }, 'allowed'],
    [alice, '*', 'allowed'],
    [alice, { AWS: '*' }, 'allowed'],
    [alice, { AWS: role }, 'implicitDeny'],
    [alice, { Service: 'ec2.amazonaws.com' }, 'implicitDeny'],
    [alice, { AWS: other }, 'implicitDeny'],
    [role, { AWS: role }, 'allowed'],
    [role, { AWS: session }, 'implicitDeny'],
    [session, { AWS: session }, 'allowed'],
    [session, { AWS: role }, 'allowed'],
    [session, { AWS: `${session}2` }, 'implicitDeny'],
    [federated, { AWS: federated }, 'allowed'],
    [federated, { AWS: alice }, 'implicitDeny'],
    [root, '*', 'allowed'],
    [root, { AWS: alice }, 'implicitDeny'],
    [account, '*', 'allowed'],
  ] as const
  for (const [CallerArn, principal, expected] of rows) {
    const decision = decisionOf({ ResourcePolicy: named(principal), CallerArn })
    assert.equal(decision, expected, `${CallerArn} ${JSON.stringify(principal)}`)
  }
})

test('a policy that names the account leaves the answer to the account within it, and allows from outside', () => {
  for (const principal of [{ AWS: account }, { AWS: `arn:aws:iam::${account}:root` }]) {
    const request = { ResourcePolicy: named(principal), CallerArn: alice }
    assert.equal(decisionOf(request), 'implicitDeny')
    const allowed = { ...request, PolicyInputList: [policy(allowEverything)] }
    assert.deepEqual(matchedBy(allowed), ['PolicyInputList.1'])
    const outside = { ...allowed, ResourceOwner: '222222222222' }
    assert.deepEqual(matchedBy(outside), ['ResourcePolicy', 'PolicyInputList.1'])
  }
})

test('a policy that names a user or session is not limited by the boundary, one that names the role is', () => {
  const role = `arn:aws:iam::${account}:role/reader`
  const session = `arn:aws:sts::${account}:assumed-role/reader/alice`
  const limit = policy({ ...allowEverything, Action: 'ec2:*' })
  const rows = [
    [alice, alice, 'allowed'],
    [session, session, 'allowed'],
    [session, role, 'implicitDeny'],
    [role, role, 'implicitDeny'],
  ] as const
  for (const [CallerArn, principal, expected] of rows) {
    for (const limited of ['PermissionsBoundaryPolicyInputList', 'SessionPolicyInputList']) {
      const ResourcePolicy = named({ AWS: principal })
      const decision = decisionOf({ ResourcePolicy, CallerArn, [limited]: [limit] })
      assert.equal(decision, expected, `${CallerArn} ${principal} ${limited}`)
    }
  }
})

test('only given facts count: nothing is derived from the caller or the clock', () => {
  const facts = [
    'aws:PrincipalArn',
    'aws:username',
    'aws:CurrentTime',
    'aws:SourceIp',
    'aws:userid',
  ]
  for (const key of facts) {
    const Condition = { Null: { [key]: 'false' } }
    const request = {
      PolicyInputList: [policy({ ...allowEverything, Condition })],
      CallerArn: alice,
    }
    assert.equal(decisionOf(request), 'implicitDeny', key)
    const given = { ...request, ContextEntries: [entry(key, 'string', 'x')] }
    assert.equal(decisionOf(given), 'allowed', key)
  }
})

test('variables come from the given facts, and keys have no case', () => {
  const PolicyInputList = [policy({ ...readReports, Resource: `${bucket}/\${aws:username}` })]
  const request = { PolicyInputList, ResourceArns: [`${bucket}/alice`], CallerArn: alice }
  assert.equal(decisionOf(request), 'implicitDeny')
  const given = (...values: string[]): object[] => [entry('AWS:UserName', 'string', ...values)]
  assert.equal(decisionOf({ ...request, ContextEntries: given('alice') }), 'allowed')
  assert.equal(decisionOf({ ...request, ContextEntries: given('*') }), 'implicitDeny')
  assert.equal(decisionOf({ ...request, ContextEntries: given('alice', 'bob') }), 'implicitDeny')
})

test('a document without a version is of 2008-10-17, where variables are text', () => {
  const Statement = { ...readReports, Resource: `${bucket}/\${aws:username}` }
  const request = { ContextEntries: [entry('aws:username', 'string', 'alice')] }
  const asked = (name: string): object => ({ ...request, ResourceArns: [`${bucket}/${name}`] })
  for (const document of [{ Statement }, { Version: '2008-10-17', Statement }]) {
    assert.equal(decisionOf({ ...asked('alice'), PolicyInputList: [document] }), 'implicitDeny')
    assert.equal(
      decisionOf({ ...asked('${aws:username}'), PolicyInputList: [document] }),
      'allowed',
    )
  }
})

test('a fact of the wrong type allows nothing and denies nothing by itself', () => {
  const wrong = { NumericLessThan: { 'x:Age': '300' } }
  const ContextEntries = [entry('x:Age', 'numeric', 'young')]
  const allowing = policy({ ...allowEverything, Condition: wrong })
  const denying = policy(allowEverything, { ...denyEverything, Condition: wrong })
  const both = policy({ ...denyEverything, Condition: wrong }, denyEverything)
  for (const document of [allowing, denying, both]) {
    const result = resultOf({ PolicyInputList: [document], ContextEntries })
    assert.equal(result.EvalDecision, 'implicitDeny')
    assert.deepEqual(result.MatchedStatements, [])
  }
})

test('missing facts are named once, as written, by statements about the action and resource only', () => {
  const keys = (...names: string[]): object => Object.fromEntries(names.map((name) => [name, 'x']))
  const Condition = {
    StringEquals: keys('x:Given', 'x:Team'),
    StringLike: keys('X:TEAM', 'x:Site'),
  }
  const PolicyInputList = [
    policy(
      { ...readReports, Condition },
      { ...readReports, Action: 's3:Put*', Condition: { Bool: { 'x:Unasked': 'true' } } },
      {
        ...readReports,
        Resource: 'arn:aws:s3:::other',
        Condition: { Bool: { 'x:Other': 'true' } },
      },
      {
        ...readReports,
        Resource: `${bucket}/\${x:Folder}`,
        Condition: { Null: { 'x:Late': 'true' } },
      },
      { ...readReports, Condition: { StringEquals: { 'x:Given': "${x:Variable, 'y'}${*}" } } },
    ),
  ]
  const ContextEntries = [entry('X:given', 'string', 'x')]
  assert.deepEqual(resultOf({ PolicyInputList, ContextEntries }).MissingContextValues, [
    'x:Team',
    'x:Site',
    'x:Folder',
    'x:Late',
    'x:Variable',
  ])
})

test('matched statements are the denying ones, or the allowing ones, with their places', () => {
  const first = '{"Statement": [\n  {"Effect":"Allow","Action":"*","Resource":"*"},\n'
  const text = `${first}  {"Effect":"Deny", "Action":"s3:Put*", "Resource":"*"}]}`
  const request = { PolicyInputList: [policy({ ...readReports, Action: 'ec2:*' }), text] }
  const matched = (action: string): unknown =>
    resultOf({ ...request, ActionNames: [action] }).MatchedStatements
  assert.deepEqual(matched('s3:GetObject'), [
    {
      SourcePolicyId: 'PolicyInputList.2',
      SourcePolicyType: 'IAM Policy',
      StartPosition: { Line: 2, Column: 3 },
      EndPosition: { Line: 2, Column: 49 },
    },
  ])
  assert.deepEqual(matched('s3:PutObject'), [
    {
      SourcePolicyId: 'PolicyInputList.2',
      SourcePolicyType: 'IAM Policy',
      StartPosition: { Line: 3, Column: 3 },
      EndPosition: { Line: 3, Column: 56 },
    },
  ])
})

test('a single statement has its place too, whatever its texts hold', () => {
  const text = '{"Id": "a\\"}{[\\\\", "Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
  const [matched] = resultOf({ PolicyInputList: [text] }).MatchedStatements
  assert.deepEqual(matched?.StartPosition, { Line: 1, Column: text.indexOf('{"Effect') + 1 })
  assert.deepEqual(matched?.EndPosition, { Line: 1, Column: text.length })
})

test('every policy that matches is named, resource, boundary and session policies among them', () => {
  assert.deepEqual(
    matchedBy({
      PolicyInputList: [policy(allowEverything), policy(readReports)],
      PermissionsBoundaryPolicyInputList: [policy(allowEverything)],
      SessionPolicyInputList: [policy(readReports)],
      ResourcePolicy: named({ AWS: alice }),
      CallerArn: alice,
    }),
    [
      'ResourcePolicy',
      'PolicyInputList.1',
      'PolicyInputList.2',
      'PermissionsBoundaryPolicyInputList.1',
      'SessionPolicyInputList.1',
    ],
  )
})

test('lists of facts, single facts and facts without values are told apart', () => {
  const every = policy({
    ...allowEverything,
    Condition: { 'ForAllValues:StringEquals': { 'x:Team': ['a', 'b'] } },
  })
  const decided = (...entries: object[]): string =>
    decisionOf({ PolicyInputList: [every], ContextEntries: entries })
  assert.equal(decided(entry('x:Team', 'stringList', 'a', 'b')), 'allowed')
  assert.equal(decided(entry('x:Team', 'stringList', 'a', 'c')), 'implicitDeny')
  assert.equal(decided(entry('x:Team', 'stringList')), 'allowed')
  assert.equal(decided(entry('x:Team', 'string', 'c')), 'implicitDeny')
  const list = requestOf({
    PolicyInputList: [policy({ ...readReports, Resource: `${bucket}/\${x:Team}` })],
    ResourceArns: [`${bucket}/a`],
  })
  const single = { ...list, ContextEntries: [entry('x:Team', 'string', 'a')] }
  assert.equal(decisionOf(single), 'allowed')
  const several = { ...list, ContextEntries: [entry('x:Team', 'stringList', 'a')] }
  assert.equal(decisionOf(several), 'implicitDeny')
})

test('the same text is answered the same, again and again, and after many others', () => {
  const simulator = new Simulator()
  const request = (text: string): string =>
    JSON.stringify(
      requestOf({ PolicyInputList: [`${text}${JSON.stringify(policy(readReports))}`] }),
    )
  const first = JSON.stringify(simulator.answer(request('')))
  for (let turn = 0; turn < 3; turn++) {
    assert.equal(JSON.stringify(simulator.answer(request(''))), first)
    for (let spaces = 1; spaces < 100; spaces++) simulator.answer(request(' '.repeat(spaces * 100)))
  }
})

test('lists of policies are the same only where each policy is', () => {
  const simulator = new Simulator()
  const [before, after] = ['ec2:*', 's3:*'].map((Action) =>
    JSON.stringify(policy({ ...allowEverything, Action })),
  )
  const columnIn = (texts: readonly string[]): number | undefined => {
    const answer = simulator.answer(JSON.stringify(requestOf({ PolicyInputList: texts })))
    assert.ok('EvaluationResults' in answer)
    return answer.EvaluationResults[0]?.MatchedStatements[0]?.StartPosition.Column
  }
  for (let turn = 0; turn < 3; turn++) {
    const column = columnIn([`${before} `, `${after}`])
    assert.equal(columnIn([`${before}`, ` ${after}`]), (column ?? 0) + 1)
  }
})
