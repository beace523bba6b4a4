import type { FakeIssuer } from './fake-issuer.ts'

/** A passkey that is for the roles `writer` and `reader`, and one that was for `writer` until 2026-01-01. */
export const restrictedKey = 'cmVzdHJpY3RlZC1jcmVkZW50aWFs'
export const expiredKey = 'ZXhwaXJlZC1jcmVkZW50aWFsLWlk'
/** The model of security key that earns the role `writer`. */
export const trustedModel = '2fc0579f-8113-47ea-b116-bb5a8db9202a'

export interface RolesSetting {
  /** Port of the service. */
  readonly upstream: number
  /** Whose callers in the group `partners` hold the role `guest`. */
  readonly issuer: FakeIssuer
  /** Who holds `writer`. */
  readonly writers?: string
  readonly withoutReader?: boolean
}

/**
 * People with little of their own, and roles: `writer` by group and model, `recent` by group and a fresh
 * sign-in, `guest` for callers of the issuer; `reader`, `teller` and `manager` (by name, tag and a
 * fresh sign-in) are to be taken.
 */
export function rolesConfiguration(setting: RolesSetting): string {
  const { upstream, issuer, writers = 'engineers', withoutReader = false } = setting
  const reader = `  reader:
    trust: ${trusting("{ StringEquals: { 'proofgate:Group': ['engineers', 'support'] } }")}
    policies: [read, ops]
    boundary: no-ops
    tags: { team: readers }
`
  return `version: 1
people:
  - { username: ann, groups: [engineers], tags: { team: core, site: north } }
  - { username: bob, groups: [engineers], boundary: only-get }
  - { username: eve, groups: [guests] }
groups:
  engineers: { policies: [own, no-secrets] }
  guests: { policies: [own] }
  support: {}
policies:
  own: ${allowing('GET/own/*')}
  no-secrets: { Version: '2012-10-17', Statement: [{ Sid: NoSecrets, Effect: Deny, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/*/secrets/*' }] }
  write: ${allowing('POST/*')}
  read: ${allowing('GET/*')}
  ops: ${allowing('*/ops/*')}
  partner: ${allowing('GET/partner/*')}
  by-tag: { Version: '2012-10-17', Statement: [{ Effect: Allow, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/*/GET/tag/\${aws:PrincipalTag/site}/\${aws:PrincipalTag/team}' }] }
  no-ops: { Version: '2012-10-17', Statement: [{ Effect: Allow, Action: 'execute-api:Invoke', NotResource: 'arn:aws:execute-api:*:*:app/*/ops/*' }] }
  only-get: ${allowing('GET/*')}
roles:
  writer:
    automatic: true
    trust: ${trusting(`{ StringEquals: { 'proofgate:Group': '${writers}', 'proofgate:Aaguid': '${trustedModel}' } }`)}
    policies: [write]
  recent:
    automatic: true
    trust: ${trusting("{ NumericLessThan: { 'proofgate:AuthAge': '60' }, StringEquals: { 'proofgate:Group': 'engineers' } }")}
    policies: [ops]
  teller:
    trust: ${trusting("{ StringEquals: { 'aws:PrincipalTag/team': 'core' } }")}
    policies: [by-tag]
    tags: { Team: tellers }
  manager:
    trust: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: { AWS: 'arn:aws:iam::000000000000:user/ann' }, Action: 'sts:AssumeRole', Condition: { StringEquals: { 'aws:PrincipalTag/team': core }, NumericLessThan: { 'proofgate:AuthAge': '60' } } }] }
    policies: [by-tag]
    tags: { team: managers }
  guest:
    automatic: true
    trust: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: { Federated: '${issuer.url}' }, Action: 'sts:AssumeRoleWithWebIdentity', Condition: { StringEquals: { 'proofgate:Group': 'partners' } } }] }
    policies: [partner]
${withoutReader ? '' : reader}credentialRoles:
  - { credential: ${restrictedKey}, roles: [writer${withoutReader ? '' : ', reader'}] }
  - { credential: ${expiredKey}, roles: [writer], until: 2026-01-01 }
upstreams: { main: { url: 'http://127.0.0.1:${upstream}' } }
issuers:
  partner: { issuer: '${issuer.url}', audiences: ['api://orders'], algorithms: [ES256], dangerously_allowHttp: true }
apis:
  app:
    upstream: main
    routes:
      - { method: ANY, path: '/{rest+}' }
      - { method: GET, path: '/ws/{rest+}', websocket: true }
      - { method: GET, path: '/partner/{rest+}', authorizer: partner }
limits: { reauthorizeEvery: 1s, drain: 1s, shedding: { eventLoopDelay: 1m } }
`
}

function allowing(what: string): string {
  return `{ Version: '2012-10-17', Statement: [{ Effect: Allow, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/default/${what}' }] }`
}

function trusting(condition: string): string {
  return `{ Version: '2012-10-17', Statement: [{ Sid: Who, Effect: Allow, Principal: '*', Action: 'sts:AssumeRole', Condition: ${condition} }] }`
}
