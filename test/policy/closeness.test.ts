import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  authorityOf,
  compilePolicies,
  decide,
  noAuthority,
  parsePolicyDocument,
  roleNotHeld,
} from '../../src/policy/index.ts'
import type { Authority, CompiledPolicies, Decision, PolicyKind } from '../../src/policy/index.ts'
import { compiled, everything, requestFor } from './kit.ts'

const account = '000000000000'
const caller = {
  arn: `arn:aws:sts::${account}:assumed-role/ops/ann`,
  role: `arn:aws:iam::${account}:role/ops`,
  account,
  federated: 'https://id.example',
}
/** The closest first. */
const named: readonly (readonly [Sid: string, Principal: unknown])[] = [
  ['self', { AWS: caller.arn }],
  ['role', { AWS: caller.role }],
  ['provider', { Federated: caller.federated }],
  ['everybody', '*'],
  ['account', { AWS: account }],
]
const idle = compiled({ ...everything, Action: 'x:Other' })

function policies(kind: PolicyKind, ...statements: readonly object[]): CompiledPolicies {
  const parsed = parsePolicyDocument({ Version: '2012-10-17', Statement: statements }, kind)
  assert.ok('document' in parsed)
  return compilePolicies([{ name: kind, document: parsed.document }])
}

function decideBy(authority: Authority, resourcePolicy: CompiledPolicies): Decision {
  return decide(authority, requestFor({ principal: caller, resourcePolicy }))
}

for (const [at, [closer, Principal]] of named.entries()) {
  for (const [farther, other] of named.slice(at + 1)) {
    test(`an Allow for ${closer} decides before one for ${farther}, in either order`, () => {
      const first = { ...everything, Sid: closer, Principal }
      const second = { ...everything, Sid: farther, Principal: other }
      for (const attached of [
        policies('resource', first, second),
        policies('resource', second, first),
      ]) {
        const { effect, statement, kind } = decideBy(authorityOf(idle), attached)
        assert.deepEqual([effect, kind, statement], ['allow', 'resource', closer])
      }
    })
  }
}

for (const [Sid, Principal] of named.slice(0, -1)) {
  test(`of two Allows for ${Sid} the first decides`, () => {
    const one = { ...everything, Sid, Principal }
    const attached = policies('resource', one, { ...one, Sid: 'later' })
    assert.equal(decideBy(authorityOf(idle), attached).statement, Sid)
  })
}

test('an Allow that names nobody allows nothing where it stands in for the policy of an API', () => {
  const { effect, reason } = decideBy(authorityOf(idle), compiled(everything))
  assert.deepEqual([effect, reason], ['deny', 'policy.no_statement_allows'])
  assert.equal(decideBy(noAuthority, compiled(everything)).effect, 'deny')
})

test('every Deny counts: of each grant, and of each policy that is kept from elsewhere', () => {
  const deny = compiled({ ...everything, Effect: 'Deny' })
  const open = {
    identity: compiled(everything),
    boundary: undefined,
    session: undefined,
    ceiling: undefined,
  }
  const closed = { ...open, identity: deny }
  for (const authority of [
    { grants: [open, closed], denies: [] },
    { grants: [open], denies: [idle, deny] },
    { grants: [open, open, closed], denies: [idle] },
  ].map((part) => ({ ...part, grantsOnly: false, narrowing: undefined }))) {
    assert.equal(decide(authority, requestFor()).reason, 'policy.explicit_deny')
  }
})

test('what is not a request is denied by every authority, and names no statement', () => {
  for (const request of [undefined, null, {}, { action: 7 }]) {
    const { effect, reason, statement } = decide(
      authorityOf(compiled(everything)),
      request as never,
    )
    assert.deepEqual([effect, reason, statement], ['deny', 'policy.evaluation_failed', undefined])
  }
})

test('a role that is not held denies by its trust policy, and no statement is named', () => {
  assert.deepEqual(roleNotHeld('ops'), {
    effect: 'deny',
    reason: 'policy.role_not_held',
    policy: undefined,
    statement: undefined,
    kind: 'trust',
    role: 'ops',
  })
})

test('what names a caller allows no more than a policy that narrows their token', () => {
  const toSelf = policies('resource', { ...everything, Principal: { AWS: caller.arn } })
  const reasonWith = (narrowing: CompiledPolicies | undefined): string =>
    decideBy({ ...authorityOf(idle), narrowing }, toSelf).reason
  assert.equal(reasonWith(undefined), 'policy.allowed')
  assert.equal(reasonWith(compiled(everything)), 'policy.allowed')
  assert.equal(reasonWith(idle), 'policy.session_policy_does_not_allow')
})
