import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  authorityOf,
  compilePolicies,
  decide,
  explain,
  noPolicies,
  parsePolicyDocument,
  remediesOf,
  UnknownFactError,
} from '../../src/policy/index.ts'
import type { Authority, CompiledPolicies, PolicyKind } from '../../src/policy/index.ts'
import { compiled, context, documentOf, everything, orders, requestFor } from './kit.ts'

const withGroup = { ...everything, Condition: { StringEquals: { 'a:group': 'ops' } } }

function policy(kind: PolicyKind, Statement: object): CompiledPolicies {
  const parsed = parsePolicyDocument({ Version: '2012-10-17', Statement }, kind)
  assert.ok('document' in parsed)
  return compilePolicies([{ name: kind, document: parsed.document }])
}

function idlePolicy(kind: PolicyKind): CompiledPolicies {
  const idle = { ...everything, Action: 'x:y' }
  return policy(kind, kind === 'resource' ? { ...idle, Principal: '*' } : idle)
}

function remedies(
  identity: CompiledPolicies,
  facts: Record<string, string> = {},
  boundary?: CompiledPolicies,
): readonly string[] {
  const authority: Authority = {
    grants: [{ identity, boundary, session: undefined, ceiling: undefined }],
    denies: [],
    grantsOnly: false,
    narrowing: undefined,
  }
  return remediesOf(explain(authority, requestFor({ context: context(facts) })))
}

test('what is allowed needs no remedy', () => {
  assert.deepEqual(remedies(compiled(everything)), [])
})

test('each Deny that applies is named', () => {
  const deny = { ...everything, Effect: 'Deny', Sid: 'Closed' }
  assert.deepEqual(remedies(compiled(everything, deny, { ...deny, Sid: 'Shut' })), [
    'the Deny of test/Closed has to be removed, or not to apply',
    'the Deny of test/Shut has to be removed, or not to apply',
  ])
})

test('an Allow that fails by its conditions alone is named with all of them', () => {
  const statement = {
    ...everything,
    Condition: { StringEquals: { 'a:group': 'ops', 'a:team': 'red' } },
  }
  assert.deepEqual(remedies(compiled(statement), { 'a:group': 'dev' }), [
    'test/#0 would allow it if this were different: found a:group "dev", expected "ops"; and the request has no a:team; expected "red"',
  ])
})

test('where no Allow is near, the place for one is named', () => {
  const elsewhere = { ...everything, Resource: `${orders}/POST/*` }
  for (const policies of [noPolicies, compiled(elsewhere)]) {
    assert.deepEqual(remedies(policies), [
      'no Allow names this action and resource: one is needed in a policy of the person, of a group or of a role',
    ])
  }
})

test('a Deny that does not apply has nothing to do with a Deny that does', () => {
  const deny = { ...everything, Effect: 'Deny' }
  assert.deepEqual(remedies(compiled(everything, { ...deny, Action: 'x:y' }, deny)), [
    'the Deny of test/#2 has to be removed, or not to apply',
  ])
})

test('no more than five statements are named', () => {
  const near = Array.from({ length: 7 }, () => withGroup)
  assert.deepEqual(
    remedies(compiled(...near)).map((remedy) => remedy.slice(0, 7)),
    ['test/#0', 'test/#1', 'test/#2', 'test/#3', 'test/#4'],
  )
})

const idle = compiled({ ...everything, Action: 'x:y' })
const near = (policy: string): string =>
  `${policy}/#0 would allow it if this were different: the request has no a:group; expected "ops"`
const place = (name: string): string =>
  `no Allow names this action and resource: one is needed in ${name}`

test('a boundary is what has to allow when it alone does not', () => {
  assert.deepEqual(remedies(compiled(withGroup, everything), {}, policy('boundary', withGroup)), [
    near('boundary'),
  ])
  assert.deepEqual(remedies(compiled(everything), {}, idlePolicy('boundary')), [
    place('the permission boundary'),
  ])
})

test('a session policy is what has to allow when it alone does not', () => {
  const through = (session: CompiledPolicies): readonly string[] =>
    remediesOf(
      explain(
        {
          grants: [
            { identity: compiled(everything), boundary: undefined, session, ceiling: undefined },
          ],
          denies: [],
          grantsOnly: false,
          narrowing: undefined,
        },
        requestFor(),
      ),
    )
  assert.deepEqual(through(policy('session', withGroup)), [near('session')])
  assert.deepEqual(through(idlePolicy('session')), [place('the session policy of the token')])
})

test('the policy of the API is what has to allow when it alone does not', () => {
  const through = (resourcePolicy: CompiledPolicies): readonly string[] =>
    remediesOf(
      explain(
        authorityOf(compiled(withGroup, everything)),
        requestFor({ resourcePolicy, sameAccount: false }),
      ),
    )
  assert.deepEqual(through(policy('resource', { ...withGroup, Principal: '*' })), [
    near('resource'),
  ])
  assert.deepEqual(through(idlePolicy('resource')), [place('the policy of the API')])
})

test('what a limit nearly allows is no way to an Allow', () => {
  const limits = { boundary: policy('boundary', withGroup), session: policy('session', withGroup) }
  const explained = explain(
    {
      grants: [{ identity: idle, ...limits, ceiling: undefined }],
      denies: [],
      grantsOnly: false,
      narrowing: undefined,
    },
    requestFor(),
  )
  assert.deepEqual(remediesOf(explained), [
    place('a policy of the person, of a group or of a role'),
  ])
})

test('a remedy says where the statement stands, where that is known', () => {
  const document = documentOf([withGroup])
  const policies = compilePolicies([{ name: 'ops', document, places: ['proofgate.yaml:7'] }])
  assert.match(remedies(policies)[0] ?? '', /^ops\/#0 \(proofgate\.yaml:7\) would allow it/)
})

test('what is not a request has no statement to mend', () => {
  const { statements } = explain(authorityOf(idle), requestFor())
  const decision = decide(authorityOf(idle), undefined as never)
  assert.equal(decision.reason, 'policy.evaluation_failed')
  assert.deepEqual(remediesOf({ decision, statements }), [
    place('a policy of the person, of a group or of a role'),
  ])
})

test('a statement that cannot be evaluated is named', () => {
  const broken = { ...everything, Condition: { NumericLessThan: { 'a:age': '5' } } }
  const found = remedies(compiled({ ...everything, Action: 'x:y' }, broken), { 'a:age': 'old' })
  assert.equal(found.length, 1)
  assert.match(found[0] ?? '', /^test\/#1 has to be mended: it could not be evaluated/)
})

test('an Allow that depends on what nobody knows may allow', () => {
  const authority: Authority = {
    grants: [
      {
        identity: compiled(withGroup),
        boundary: undefined,
        session: undefined,
        ceiling: undefined,
      },
    ],
    denies: [],
    grantsOnly: false,
    narrowing: undefined,
  }
  const explained = explain(
    authority,
    requestFor({
      context: (key) => {
        throw new UnknownFactError(key)
      },
    }),
  )
  assert.deepEqual(
    explained.statements.map(({ result, detail }) => [result, detail]),
    [['may', 'depends on a:group']],
  )
  const decision = { ...explained.decision, reason: 'policy.no_statement_allows' } as const
  assert.deepEqual(remediesOf({ ...explained, decision }), [
    'test/#0 may allow it: depends on a:group',
  ])
})

test('an Allow whose resource depends on what nobody knows may allow, a Deny never does', () => {
  const allow = { ...everything, Resource: `${orders}/GET/\${a:b}/1` }
  const deny = { ...withGroup, Effect: 'Deny' }
  const explained = explain(
    authorityOf(compiled(allow, deny)),
    requestFor({
      context: (key) => {
        if (key === 'a:b') throw new UnknownFactError(key)
        return undefined
      },
    }),
  )
  const decision = { ...explained.decision, reason: 'policy.no_statement_allows' } as const
  assert.deepEqual(remediesOf({ ...explained, decision }), ['test/#0 may allow it: depends on a:b'])
})
