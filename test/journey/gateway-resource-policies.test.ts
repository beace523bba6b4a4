import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { FakeIssuer } from '../kit/fake-issuer.ts'
import { Gate } from '../kit/gate.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

type Says = 'allow' | 'deny' | 'neither'

/** API Gateway developer guide, authorization flow: principal's policy, API's policy, answer. */
const tableA: readonly (readonly [Says, Says, string])[] = [
  ['allow', 'allow', '200'],
  ['allow', 'neither', '200'],
  ['allow', 'deny', 'policy.explicit_deny'],
  ['neither', 'allow', '200'],
  ['neither', 'neither', 'policy.no_statement_allows'],
  ['neither', 'deny', 'policy.explicit_deny'],
  ['deny', 'allow', 'policy.explicit_deny'],
  ['deny', 'neither', 'policy.explicit_deny'],
  ['deny', 'deny', 'policy.explicit_deny'],
]
const tableB: typeof tableA = [
  ['allow', 'allow', '200'],
  ['allow', 'neither', 'policy.resource_policy_does_not_allow'],
  ['allow', 'deny', 'policy.explicit_deny'],
  ['neither', 'allow', 'policy.no_statement_allows'],
  ['neither', 'neither', 'policy.resource_policy_does_not_allow'],
  ['neither', 'deny', 'policy.explicit_deny'],
  ['deny', 'allow', 'policy.explicit_deny'],
  ['deny', 'neither', 'policy.explicit_deny'],
  ['deny', 'deny', 'policy.explicit_deny'],
]

function configuration(
  port: number,
  { near, twin, far }: Readonly<Record<'near' | 'twin' | 'far', FakeIssuer>>,
): string {
  const issuer = (at: FakeIssuer, more = ''): string =>
    `{ issuer: '${at.url}', audiences: ['api://orders'], algorithms: [ES256], ${more}dangerously_allowHttp: true }`
  return `version: 1
people:
  - { username: bob, groups: [readers] }
  - { username: carol, groups: [readers], boundary: fence }
groups: { readers: { policies: [reading] } }
policies:
  reading:
    Version: '2012-10-17'
    Statement:
      - { Effect: Allow, Action: 'execute-api:Invoke', Resource: ['arn:aws:execute-api:*:*:app/*/allow-*', 'arn:aws:execute-api:*:*:app/*/for-all'] }
      - { Effect: Deny, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/*/deny-*' }
  fence:
    Version: '2012-10-17'
    Statement:
      - { Effect: Allow, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/*/*-allow/x' }
      - { Effect: Deny, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/*/neither-allow/x' }
upstreams: { main: { url: 'http://127.0.0.1:${port}' } }
issuers:
  near: ${issuer(near, 'namespace: near, ')}
  twin: ${issuer(twin, 'namespace: twin, ')}
  far: ${issuer(far, "account: '111111111111', ")}
apis:
  app:
    upstream: main
    routes:
      - { method: ANY, path: '/app/{rest+}' }
      - { method: ANY, path: '/open/{rest+}', authorizer: open }
      - { method: ANY, path: '/near/{rest+}', authorizer: near }
      - { method: ANY, path: '/twin/{rest+}', authorizer: twin }
      - { method: ANY, path: '/far/{rest+}', authorizer: far }
    resourcePolicy:
      Version: '2012-10-17'
      Statement:
        - { Sid: Everybody, Effect: Allow, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/default/*-allow/x' }
        - { Sid: Nobody, Effect: Deny, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/default/*-deny/x' }
        - { Sid: Carol, Effect: Allow, Principal: { AWS: 'arn:aws:iam::000000000000:user/carol' }, Action: 'execute-api:Invoke', Resource: 'execute-api:/default/*/for-carol' }
        - { Sid: Dan, Effect: Allow, Principal: { AWS: 'arn:aws:sts::000000000000:federated-user/near/dan' }, Action: 'execute-api:Invoke', Resource: 'execute-api:/default/*/for-dan' }
        - { Sid: Account, Effect: Allow, Principal: { AWS: '000000000000' }, Action: 'execute-api:Invoke', Resource: 'execute-api:/default/*/for-account' }
        - { Sid: Near, Effect: Allow, Principal: { Federated: '${near.url}' }, Action: 'execute-api:Invoke', Resource: 'execute-api:/default/*/for-near' }
        - { Sid: Far, Effect: Allow, Principal: { AWS: '111111111111' }, Action: 'execute-api:Invoke', Resource: 'execute-api:/default/*/far/*/for-all' }
        - { Sid: Own, Effect: Allow, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/default/*/own/\${aws:username}' }
`
}

describe('policies of APIs, and boundaries', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  const near = new FakeIssuer('near')
  const twin = new FakeIssuer('twin')
  const far = new FakeIssuer('far')
  let gate: Gate

  before(async () => {
    await Promise.all([near.listen(), twin.listen(), far.listen()])
    gate = await Gate.start(configuration(await upstream.listen(), { near, twin, far }))
  })
  after(async () => {
    near.close()
    twin.close()
    far.close()
    await gate.stop().finally(() => upstream.close())
  })

  for (const [table, rows] of [
    ['A, for people and issuers of the account', tableA],
    ['B, for issuers of another account', tableB],
  ] as const) {
    it(`decides by table ${table}`, async () => {
      const callers =
        rows === tableA
          ? [['app', () => gate.token('bob')] as const, ['near', () => near.token()] as const]
          : [['far', () => far.token()] as const]
      for (const [below, token] of callers) {
        for (const [identity, resource, expected] of rows) {
          const path = `/${below}/${identity}-${resource}/x`
          assert.equal(await gate.ask(path, token()), expected, path)
          assert.equal(upstream.take().length, expected === '200' ? 1 : 0, path)
        }
      }
    })
  }

  it('asks it on open routes too, where it has to allow', async () => {
    assert.equal(await gate.ask('/open/neither-allow/x'), '200')
    assert.equal(upstream.take().length, 1)
    assert.equal(await gate.ask('/open/neither-neither/x'), 'policy.no_statement_allows')
    assert.equal(await gate.ask('/open/neither-deny/x'), 'policy.explicit_deny')
    assert.equal(await gate.ask('/open/x/for-account'), 'policy.no_statement_allows')
    assert.equal(await gate.ask('/open/x/for-carol'), 'policy.no_statement_allows')
    // Whoever calls an open route stays unknown, whatever they show.
    assert.equal(await gate.ask('/open/own/bob', gate.token('bob')), 'policy.no_statement_allows')
    assert.deepEqual(upstream.take(), [])
  })

  it('names people, providers and accounts as they are meant', async () => {
    const nothing = 'policy.no_statement_allows'
    for (const [path, token, expected] of [
      ['/app/x/for-carol', gate.token('carol'), '200'],
      ['/app/x/for-carol', gate.token('bob'), nothing],
      ['/app/x/for-account', gate.token('bob'), nothing],
      ['/near/x/for-near', near.token(), '200'],
      ['/app/x/for-near', gate.token('bob'), nothing],
      ['/far/x/for-near', far.token(), 'policy.resource_policy_does_not_allow'],
      ['/far/x/for-account', far.token(), 'policy.resource_policy_does_not_allow'],
      ['/near/far/x/for-all', near.token({ groups: [] }), nothing],
      ['/app/own/bob', gate.token('bob'), '200'],
      ['/app/own/carol', gate.token('bob'), nothing],
      ['/app/own/*', gate.token('bob'), nothing],
    ] as const) {
      assert.equal(await gate.ask(path, token), expected, path)
      assert.equal(upstream.take().length, expected === '200' ? 1 : 0, path)
    }
  })

  it('means one person by an ARN where issuers share the account, whatever the others call theirs', async () => {
    const nothing = 'policy.no_statement_allows'
    for (const [path, token, expected] of [
      ['/near/x/for-dan', near.token({ sub: 'dan' }), '200'],
      ['/near/x/for-dan', near.token({ sub: 'near/dan' }), nothing],
      ['/twin/x/for-dan', twin.token({ sub: 'dan' }), nothing],
      ['/twin/x/for-dan', twin.token({ sub: 'near/dan' }), nothing],
      ['/twin/x/for-dan', twin.token({ sub: '../near/dan' }), nothing],
      ['/far/x/for-dan', far.token({ sub: 'near/dan' }), 'policy.resource_policy_does_not_allow'],
    ] as const) {
      assert.equal(await gate.ask(path, token), expected, path)
      assert.equal(upstream.take().length, expected === '200' ? 1 : 0, path)
    }
  })

  it('limits whoever has a boundary to it, and only what names them goes beyond it', async () => {
    const carol = (path: string): Promise<string> => gate.ask(path, gate.token('carol'))
    assert.equal(await carol('/app/allow-allow/x'), '200')
    assert.equal(await carol('/app/allow-neither/x'), 'policy.boundary_does_not_allow')
    assert.equal(await carol('/app/neither-allow/x'), 'policy.explicit_deny')
    assert.equal(await carol('/app/x/for-carol'), '200')
    // The variable is in the boundary's way too: the API allows her as everybody, not by name.
    assert.equal(await carol('/app/own/carol'), 'policy.boundary_does_not_allow')
    const { what } = await gate.lastDecision('/app/x/for-carol')
    assert.equal(what?.['policy'], 'apis.app.resourcePolicy')
    assert.equal(what?.['statement'], 'Carol')
  })
})
