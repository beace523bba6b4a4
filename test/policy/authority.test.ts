import assert from 'node:assert/strict'
import { test } from 'node:test'

import { compilePolicies, decide, parsePolicyDocument } from '../../src/policy/index.ts'
import type {
  Authority,
  CompiledPolicies,
  PolicyKind,
  PolicyPrincipal,
  PolicyRequest,
} from '../../src/policy/index.ts'
import { requestFor } from './kit.ts'

const account = '000000000000'
const ann: PolicyPrincipal = {
  arn: `arn:aws:iam::${account}:user/ann`,
  role: undefined,
  account,
  federated: undefined,
}
const inRole: PolicyPrincipal = {
  arn: `arn:aws:sts::${account}:assumed-role/ops/ann`,
  role: `arn:aws:iam::${account}:role/ops`,
  account,
  federated: undefined,
}

/** What a policy says: it allows, denies, does neither, or is not there. */
type Says = 'allow' | 'deny' | 'neither' | 'absent'

function policyOf(kind: PolicyKind, says: Says, Principal?: unknown): CompiledPolicies | undefined {
  if (says === 'absent') return undefined
  const statement = {
    Effect: says === 'deny' ? 'Deny' : 'Allow',
    Action: says === 'neither' ? 'x:Other' : '*',
    Resource: '*',
    ...(kind === 'resource' ? { Principal } : {}),
  }
  const parsed = parsePolicyDocument({ Version: '2012-10-17', Statement: statement }, kind)
  assert.ok('document' in parsed)
  return compilePolicies([{ name: kind, document: parsed.document }])
}

interface Case {
  readonly identity?: Says
  readonly boundary?: Says
  readonly session?: Says
  readonly resource?: Says
  /** Of the resource policy. */
  readonly Principal?: unknown
  readonly principal?: PolicyPrincipal
  readonly sameAccount?: boolean
  /** A policy of which only denies count. */
  readonly denies?: Says
  /** The boundary of the person in a role. */
  readonly ceiling?: Says
  readonly grantsOnly?: boolean
}

function answer(one: Case): string {
  const { identity = 'neither', boundary = 'absent', session = 'absent' } = one
  const { principal = ann, sameAccount = true, Principal = '*' } = one
  const found = policyOf('identity', identity)
  const authority: Authority = {
    grants:
      found === undefined
        ? []
        : [
            {
              identity: found,
              boundary: policyOf('boundary', boundary),
              session: policyOf('session', session),
              ceiling: policyOf('boundary', one.ceiling ?? 'absent'),
            },
          ],
    denies: [policyOf('identity', one.denies ?? 'absent')].filter((policy) => policy !== undefined),
    grantsOnly: one.grantsOnly ?? false,
    narrowing: undefined,
  }
  const request: PolicyRequest = requestFor({
    principal,
    sameAccount,
    resourcePolicy: policyOf('resource', one.resource ?? 'absent', Principal),
  })
  const { effect, reason, kind } = decide(authority, request)
  const short = reason.replace('policy.', '')
  return effect === 'allow'
    ? `allow by ${kind}`
    : kind === undefined
      ? short
      : `${short} by ${kind}`
}

const byIdentity = 'allow by identity'
const byResource = 'allow by resource'
const denied = (kind: PolicyKind): string => `explicit_deny by ${kind}`
const nothing = 'no_statement_allows'
const noResource = 'resource_policy_does_not_allow'

/** API Gateway developer guide, authorization flow: principal's policy, API's policy, answer. */
const tableA: readonly (readonly [Says, Says, string])[] = [
  ['allow', 'allow', byIdentity],
  ['allow', 'neither', byIdentity],
  ['allow', 'deny', denied('resource')],
  ['neither', 'allow', byResource],
  ['neither', 'neither', nothing],
  ['neither', 'deny', denied('resource')],
  ['deny', 'allow', denied('identity')],
  ['deny', 'neither', denied('identity')],
  ['deny', 'deny', denied('resource')],
]
const tableB: readonly (readonly [Says, Says, string])[] = [
  ['allow', 'allow', byIdentity],
  ['allow', 'neither', noResource],
  ['allow', 'deny', denied('resource')],
  ['neither', 'allow', nothing],
  ['neither', 'neither', noResource],
  ['neither', 'deny', denied('resource')],
  ['deny', 'allow', denied('identity')],
  ['deny', 'neither', denied('identity')],
  ['deny', 'deny', denied('resource')],
]

for (const [table, rows, sameAccount] of [
  ['A', tableA, true],
  ['B', tableB, false],
] as const) {
  for (const [identity, resource, expected] of rows) {
    test(`table ${table}: principal's policy ${identity}, API's policy ${resource}: ${expected}`, () => {
      assert.equal(answer({ identity, resource, sameAccount }), expected)
    })
  }
}

const cases: readonly (readonly [about: string, Case, expected: string])[] = [
  ['nothing is allowed by no policy', { identity: 'absent' }, nothing],
  ['a boundary allows nothing by itself', { boundary: 'allow' }, nothing],
  ['a session policy allows nothing by itself', { session: 'allow' }, nothing],
  [
    'both limits have to allow',
    { identity: 'allow', boundary: 'allow', session: 'allow' },
    byIdentity,
  ],
  ['a boundary limits', { identity: 'allow', boundary: 'neither' }, 'boundary_does_not_allow'],
  [
    'a session policy limits',
    { identity: 'allow', session: 'neither' },
    'session_policy_does_not_allow',
  ],
  ['a Deny in a boundary denies', { identity: 'allow', boundary: 'deny' }, denied('boundary')],
  ['a Deny in a session policy denies', { identity: 'allow', session: 'deny' }, denied('session')],
  [
    'a second boundary limits',
    { identity: 'allow', boundary: 'allow', ceiling: 'neither' },
    'boundary_does_not_allow',
  ],
  [
    'both boundaries have to allow',
    { identity: 'allow', boundary: 'allow', ceiling: 'allow' },
    byIdentity,
  ],
  [
    'a second boundary does not stand in for the first',
    { identity: 'allow', boundary: 'neither', ceiling: 'allow' },
    'boundary_does_not_allow',
  ],
  [
    'a Deny in a second boundary denies',
    { identity: 'allow', ceiling: 'deny' },
    denied('boundary'),
  ],
  [
    'where only grants count, the policy of the API gives nothing to everybody',
    { resource: 'allow', grantsOnly: true },
    nothing,
  ],
  [
    'nor to whom it names',
    { identity: 'absent', resource: 'allow', grantsOnly: true, Principal: { AWS: ann.arn } },
    nothing,
  ],
  [
    'but it may deny',
    { identity: 'allow', resource: 'deny', grantsOnly: true },
    denied('resource'),
  ],
  ['and a grant allows', { identity: 'allow', resource: 'neither', grantsOnly: true }, byIdentity],
  [
    'and across accounts it has to allow',
    { identity: 'allow', resource: 'neither', grantsOnly: true, sameAccount: false },
    noResource,
  ],
  ['a Deny kept from elsewhere denies', { identity: 'allow', denies: 'deny' }, denied('identity')],
  ['an Allow kept from elsewhere does not allow', { denies: 'allow' }, nothing],
  [
    "a boundary limits what the API's policy gives to everybody",
    { resource: 'allow', boundary: 'neither' },
    'boundary_does_not_allow',
  ],
  [
    "a session policy limits what the API's policy gives to everybody",
    { resource: 'allow', session: 'neither' },
    'session_policy_does_not_allow',
  ],
  [
    "what the API's policy gives to a user by name is not limited by their boundary",
    { resource: 'allow', boundary: 'neither', Principal: { AWS: ann.arn } },
    byResource,
  ],
  [
    'but a Deny in the boundary holds',
    { resource: 'allow', boundary: 'deny', Principal: { AWS: ann.arn } },
    denied('boundary'),
  ],
  [
    'what it gives to a role is limited by the boundary',
    { resource: 'allow', boundary: 'neither', Principal: { AWS: inRole.role }, principal: inRole },
    'boundary_does_not_allow',
  ],
  [
    'what it gives to a role session is not',
    { resource: 'allow', session: 'neither', Principal: { AWS: inRole.arn }, principal: inRole },
    byResource,
  ],
  [
    'the closest name counts',
    { resource: 'allow', boundary: 'neither', Principal: { AWS: ['*', account, ann.arn] } },
    byResource,
  ],
  [
    'what it gives to the account is for the policies of the account to give',
    { resource: 'allow', Principal: { AWS: `arn:aws:iam::${account}:root` } },
    nothing,
  ],
  [
    'a Deny for the account is one for everybody in it',
    { identity: 'allow', resource: 'deny', Principal: { AWS: account } },
    denied('resource'),
  ],
  [
    'across accounts, naming the account is enough on the side of the API',
    { identity: 'allow', resource: 'allow', Principal: { AWS: account }, sameAccount: false },
    byIdentity,
  ],
  [
    'across accounts, naming the user is not enough alone',
    { resource: 'allow', Principal: { AWS: ann.arn }, sameAccount: false },
    nothing,
  ],
  [
    'somebody else is not named',
    { resource: 'allow', Principal: { AWS: `arn:aws:iam::${account}:user/annie` } },
    nothing,
  ],
  ['a user is not their role', { resource: 'allow', Principal: { AWS: inRole.role } }, nothing],
  [
    'nobody known is allowed what everybody is',
    {
      identity: 'absent',
      resource: 'allow',
      principal: { ...ann, arn: undefined, account: undefined },
    },
    byResource,
  ],
  [
    'nobody known is not everybody of an account',
    {
      identity: 'absent',
      resource: 'allow',
      Principal: { AWS: account },
      principal: { ...ann, arn: undefined, account: undefined },
    },
    nothing,
  ],
  [
    'an identity provider is named by Federated',
    {
      resource: 'allow',
      Principal: { Federated: 'https://id.example' },
      principal: { ...ann, federated: 'https://id.example' },
    },
    byResource,
  ],
  [
    'a service is nobody who calls',
    { resource: 'allow', Principal: { Service: 'lambda.amazonaws.com' } },
    nothing,
  ],
]

for (const [about, one, expected] of cases) {
  test(`${about}: ${expected}`, () => assert.equal(answer(one), expected))
}

test('one of several grants is enough, and each has limits of its own', () => {
  const [allow, neither] = [policyOf('identity', 'allow'), policyOf('identity', 'neither')]
  assert.ok(allow !== undefined && neither !== undefined)
  const limited = {
    identity: allow,
    boundary: policyOf('boundary', 'neither'),
    session: undefined,
    ceiling: undefined,
  }
  const free = { identity: allow, boundary: undefined, session: undefined, ceiling: undefined }
  const idle = { identity: neither, boundary: undefined, session: undefined, ceiling: undefined }
  const reasonOf = (...grants: Authority['grants']): string =>
    decide(
      { grants, denies: [], grantsOnly: false, narrowing: undefined },
      requestFor({ principal: ann }),
    ).reason
  assert.equal(reasonOf(limited, free), 'policy.allowed')
  assert.equal(reasonOf(idle, free), 'policy.allowed')
  assert.equal(reasonOf(limited, idle), 'policy.boundary_does_not_allow')
  // What one grant lacks, the boundary of another does not lend.
  const open = {
    ...idle,
    boundary: policyOf('boundary', 'allow'),
  }
  assert.equal(reasonOf(limited, open), 'policy.boundary_does_not_allow')
})
