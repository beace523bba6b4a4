import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { configurationOf, filesOf, placed, problemsOf, small, warningsOf } from './given.ts'

const anybody = "{ Effect: Allow, Principal: '*', Action: 'sts:AssumeRole' }"
const trust = (...statements: string[]): string =>
  `{ Version: '2012-10-17', Statement: [${statements.join(', ')}] }`
const role = (more: string): string => `${small}roles:\n  ops: { ${more} }\n`
const policies = (resource: string): string =>
  `policies:\n  p: { Version: '2012-10-17', Statement: [{ Effect: Allow, Action: 'execute-api:Invoke', Resource: '${resource}' }] }\n  q: { Version: '2012-10-17', Statement: [{ Effect: Allow, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:orders/default/GET/*' }] }\n`
const key = 'cmVzdHJpY3RlZC1jcmVkZW50aWFs'

describe('roles', () => {
  it('are read with what they need and the rest by default', () => {
    const [plain] = configurationOf(role(`trust: ${trust(anybody)}`)).roles
    assert.ok(plain)
    const { trust: read, ...rest } = plain
    assert.deepEqual(rest, {
      name: 'ops',
      description: '',
      policies: [],
      boundary: undefined,
      automatic: false,
      maxSession: 3_600_000,
      tags: {},
    })
    assert.deepEqual(
      [read.name, read.document.kind, read.places],
      ['roles.ops.trust', 'trust', ['/etc/pg/proofgate.yaml:9']],
    )
  })

  it('use policies as what they are', () => {
    const text = `${role(`trust: ${trust(anybody)}, policies: [p], boundary: q, automatic: true, maxSession: 30m, tags: { Team: x }`)}${policies('*')}`
    const { policies: identities, boundaries, roles } = configurationOf(text)
    assert.deepEqual(
      [identities, boundaries].map((read) => read.map(({ name }) => name)),
      [['p'], ['q']],
    )
    assert.deepEqual(
      [roles[0]?.policies, roles[0]?.boundary, roles[0]?.automatic, roles[0]?.maxSession],
      [['p'], 'q', true, 1_800_000],
    )
    assert.deepEqual(
      warningsOf(text).filter(({ code }) => code === 'config.warn-unused-policy'),
      [],
    )
  })

  it('take their trust policy from a file, which counts for the version', () => {
    const version = (sid: string): string =>
      configurationOf(role('trust: { file: t.json }'), {
        readFile: filesOf({
          '/etc/pg/t.json': `{ "Version": "2012-10-17", "Statement": { "Sid": "${sid}", "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole" } }`,
        }),
      }).version
    assert.notEqual(version('One'), version('Two'))
  })

  it('let trust policies compare with variables', () => {
    const condition = "Condition: { StringEquals: { 'aws:username': '${aws:PrincipalTag/x}' } }"
    const people = 'people: [{ username: a, tags: { x: a } }]\n'
    const text = `${role(`trust: ${trust(anybody.replace(' }', `, ${condition} }`))}`)}${people}`
    assert.deepEqual(problemsOf(text), [])
  })

  it('are refused where they are wrong', () => {
    for (const [text, ...expected] of [
      [role('automatic: true'), '9:3 config.missing'],
      [role('trust: x'), '9:17 config.value'],
      [role('trust: { file: nope.json }'), '9:25 config.policy-file'],
      [role(`trust: ${trust(anybody)}, trusts: x`), '9:118 config.unknown-key'],
      [
        role(`trust: ${trust("{ Effect: Allow, Action: 'sts:AssumeRole' }")}`),
        '9:54 policy.missing',
      ],
      [
        role(`trust: ${trust(anybody.replace(' }', ", Resource: '*' }"))}`),
        '9:123 policy.unsupported',
      ],
      [role(`trust: ${trust(anybody)}, policies: [p]`), '9:129 config.unknown-policy'],
      [role(`trust: ${trust(anybody)}, boundary: p`), '9:128 config.unknown-policy'],
      [role(`trust: ${trust(anybody)}, automatic: yes`), '9:129 config.value'],
      [role(`trust: ${trust(anybody)}, maxSession: 13h`), '9:130 config.duration'],
      [role(`trust: ${trust(anybody)}, tags: { a: x, A: y }`), '9:124 config.value'],
      [`${small}roles:\n  'a b': { trust: ${trust(anybody)} }\n`, '9:3 config.name'],
    ] as const) {
      assert.deepEqual(placed(problemsOf(text)), expected, text)
    }
  })

  it('warn of what nobody can have', () => {
    const warned = (...statements: string[]): string[] =>
      warningsOf(role(`trust: ${trust(...statements)}`))
        .map(({ code }) => code)
        .filter((code) => code.startsWith('config.'))
    const none = ['config.warn-role-trust']
    assert.deepEqual(warned(anybody), [])
    assert.deepEqual(warned(anybody, anybody.replace('Allow', 'Deny')), none)
    assert.deepEqual(warned(anybody.replace('sts:AssumeRole', 'sts:TagSession')), none)
    // There is no issuer whose callers could.
    assert.deepEqual(warned(anybody.replace('AssumeRole', 'AssumeRoleWithWebIdentity')), none)
    const naming = (principal: string): string => anybody.replace("'*'", `{ ${principal} }`)
    assert.deepEqual(warned(naming("AWS: '000000000000'")), [])
    assert.deepEqual(warned(naming("AWS: 'arn:aws:iam::000000000000:user/ann'")), [])
    assert.deepEqual(warned(naming("AWS: '111111111111'")), none)
    assert.deepEqual(warned(naming("AWS: 'arn:aws:iam::111111111111:user/ann'")), none)
    assert.deepEqual(warned(naming('Service: x')), none)
    const fresh = "Condition: { NumericLessThan: { 'proofgate:AuthAge': '1' } }"
    assert.deepEqual(warned(anybody.replace(' }', `, ${fresh} }`)), [])
  })

  it('know the callers of issuers', () => {
    const issuers =
      "issuers:\n  okta: { issuer: https://x.example, audiences: [a], account: '111111111111' }\n"
    const web = anybody.replace('AssumeRole', 'AssumeRoleWithWebIdentity')
    for (const [principal, count] of [
      ["'*'", 0],
      ["{ Federated: 'https://x.example' }", 0],
      ["{ Federated: 'https://y.example' }", 1],
      ["{ AWS: '111111111111' }", 0],
      ["{ AWS: '000000000000' }", 1],
      ["{ AWS: 'arn:aws:sts::111111111111:federated-user/x' }", 0],
    ] as const) {
      const text = `${role(`trust: ${trust(web.replace("'*'", principal))}`)}${issuers}`
      const found = warningsOf(text).filter(({ code }) => code === 'config.warn-role-trust')
      assert.equal(found.length, count, principal)
    }
  })

  it('warn of a boundary that leaves nothing', () => {
    const warned = (resource: string): string[] =>
      placed(
        warningsOf(
          `${role(`trust: ${trust(anybody)}, policies: [p], boundary: q`)}${policies(resource)}`,
        ).filter(({ code }) => code === 'config.warn-role-boundary'),
      )
    assert.deepEqual(warned('arn:aws:execute-api:*:*:orders/default/POST/*'), [
      '9:133 config.warn-role-boundary',
    ])
    for (const resource of [
      '*',
      'arn:aws:execute-api:*:*:orders/*',
      'arn:aws:execute-api:*:*:*/GET/orders',
      'arn:aws:execute-api:local:*:orders/default/GET/orders',
    ]) {
      assert.deepEqual(warned(resource), [], resource)
    }
  })
})

describe('credentials that are for some roles', () => {
  const some = (entry: string): string =>
    `${role(`trust: ${trust(anybody)}`)}credentialRoles: [${entry}]\n`

  it('name roles, and may have an end', () => {
    const read = (entry: string): unknown => configurationOf(some(entry)).credentialRoles
    assert.deepEqual(read(`{ credential: ${key}, roles: [ops] }`), [
      { credential: key, roles: ['ops'], until: undefined },
    ])
    assert.deepEqual(read(`{ credential: ${key}, roles: [], until: 2026-12-31 }`), [
      { credential: key, roles: [], until: Date.UTC(2026, 11, 31) },
    ])
    assert.deepEqual(read(`{ credential: ${key}, roles: [], until: '2026-12-31T18:00:00Z' }`), [
      { credential: key, roles: [], until: Date.UTC(2026, 11, 31, 18) },
    ])
  })

  it('are refused where they are wrong', () => {
    for (const [entry, expected] of [
      [`{ credential: ${key} }`, '10:19 config.missing'],
      [`{ credential: short, roles: [] }`, '10:33 config.value'],
      [`{ credential: '${key}=', roles: [] }`, '10:33 config.value'],
      [`{ credential: ${key}, roles: [nope] }`, '10:71 config.unknown-role'],
      [`{ credential: ${key}, roles: [constructor] }`, '10:71 config.unknown-role'],
      [
        `{ credential: ${key}, roles: [] }, { credential: ${key}, roles: [] }`,
        '10:90 config.credential-duplicate',
      ],
      [`{ credential: ${key}, roles: [], until: soon }`, '10:81 config.value'],
      [`{ credential: ${key}, roles: [], until: 2026-02-30 }`, '10:81 config.value'],
      [`{ credential: ${key}, roles: [], until: '2026-12-31T25:00:00Z' }`, '10:81 config.value'],
      [
        `{ credential: ${key}, roles: [], until: '2026-12-31T18:00:00+01:00' }`,
        '10:81 config.value',
      ],
    ] as const) {
      assert.deepEqual(placed(problemsOf(some(entry))), [expected], entry)
    }
  })
})
