import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import {
  contextKeys,
  keyFamilies,
  lintCodes,
  lintPolicies,
  parsePolicyDocument,
} from '../../src/policy/index.ts'
import type { LintFinding, LintRoute, LintSetting, PolicyKind } from '../../src/policy/index.ts'

const arn = 'arn:aws:execute-api:local:000000000000:orders/default'
const arnPrefix = `${arn}/`
const orders = { text: 'orders' }
const routes: readonly LintRoute[] = [
  { arnPrefix, method: 'GET', path: [orders] },
  { arnPrefix, method: 'POST', path: [orders] },
  { arnPrefix, method: 'GET', path: [orders, 'segment'] },
  { arnPrefix, method: undefined, path: [{ text: 'files' }, 'rest'] },
]
const setting: LintSetting = {
  declared: {
    keys: new Set([
      'aws:principaltag/team',
      'proofgate:routetag/level',
      'proofgate:header/x-tenant',
      'proofgate:query/status',
      'okta:department',
      'my_idp:level',
    ]),
    issuers: new Set(['okta', 'my_idp']),
  },
  routes,
}

interface Options {
  readonly kind?: PolicyKind
  readonly version?: string
  readonly setting?: LintSetting
}

function lint(statements: unknown, options: Options = {}): readonly LintFinding[] {
  const { kind = 'identity', version = '2012-10-17' } = options
  const parsed = parsePolicyDocument({ Version: version, Statement: statements }, kind)
  assert.ok('document' in parsed, JSON.stringify(parsed))
  const source = { name: 'test', document: parsed.document, places: ['a.yaml:1', 'a.yaml:9'] }
  return lintPolicies([source], options.setting ?? setting)
}

/** Codes without `policy.`, each with what stands behind the statement in its pointer. */
function found(statements: unknown, options?: Options): readonly string[] {
  return lint(statements, options).map(
    ({ code, pointer }) =>
      `${code.slice('policy.'.length)} ${pointer.split('/').slice(3).join('/')}`,
  )
}

const base = { Action: 'execute-api:Invoke', Resource: `${arn}/GET/orders` }
const allow = { Effect: 'Allow', ...base }
const deny = { Effect: 'Deny', ...base }

function allowIf(Condition: unknown): readonly string[] {
  return found([{ ...allow, Condition }]).map((one) => one.split(' ')[0] ?? '')
}

function denyIf(Condition: unknown): readonly string[] {
  return found([{ ...deny, Condition }]).map((one) => one.split(' ')[0] ?? '')
}

describe('condition keys under the linter', () => {
  it('accepts the example of every key', () => {
    for (const { name, example } of [...contextKeys, ...keyFamilies]) {
      const declared = { declared: undefined, routes }
      const findings = lint([{ ...allow, Condition: example }], { setting: declared })
      assert.deepEqual(findings, [], name)
    }
  })

  it('accepts them in any case', () => {
    assert.deepEqual(allowIf({ IpAddress: { 'AWS:sourceIP': '203.0.113.0/24' } }), [])
    assert.deepEqual(allowIf({ StringEquals: { 'AWS:principalTAG/Team': 'a' } }), [])
    assert.deepEqual(allowIf({ StringEquals: { 'OKTA:Department': 'a' } }), [])
    assert.deepEqual(allowIf({ NumericEquals: { 'my_idp:level': '7' } }), [])
  })

  it('names the nearest key for one that does not exist', () => {
    for (const [key, guess] of [
      ['aws:SourceIpp', 'aws:SourceIp'],
      ['proofgate:UserVerifed', 'proofgate:UserVerified'],
      ['aws:Acr', 'proofgate:Acr'],
      ['aws:group', 'proofgate:Group'],
      ['proofgate:RouteTags/level', 'proofgate:RouteTag/level'],
      ['aws:PrincipalTags/Team', 'aws:PrincipalTag/Team'],
    ] as const) {
      const [finding, ...more] = lint([{ ...allow, Condition: { StringEquals: { [key]: 'x' } } }])
      assert.equal(finding?.code, 'policy.unknown_key', key)
      assert.equal(finding.severity, 'error')
      assert.equal(finding.hint, `did you mean ${guess}?`)
      assert.deepEqual(more, [], key)
    }
  })

  it('refuses keys that exist elsewhere only, and families without the rest of the name', () => {
    for (const key of [
      'aws:PrincipalOrgID',
      'aws:SourceVpce',
      's3:prefix',
      'aws:PrincipalTag',
      'proofgate:constructor',
      'other:department',
    ]) {
      assert.deepEqual(allowIf({ StringEquals: { [key]: 'x' } }), ['unknown_key'], key)
    }
  })

  it('says what would declare a header, a parameter or a claim that nothing declares', () => {
    for (const [key, by] of [
      ['proofgate:Header/x-other', 'conditionHeaders'],
      ['proofgate:Query/other', 'conditionQuery'],
      ['okta:other', 'conditionClaims'],
    ] as const) {
      const [finding] = lint([{ ...deny, Condition: { StringEquals: { [key]: 'x' } } }])
      assert.equal(finding?.code, 'policy.unknown_key', key)
      assert.match(finding.hint, new RegExp(by))
    }
  })

  it('only doubts a tag that nobody and nothing has', () => {
    assert.deepEqual(allowIf({ StringEquals: { 'aws:PrincipalTag/other': 'x' } }), [
      'warn_untagged',
    ])
    assert.deepEqual(allowIf({ StringEquals: { 'proofgate:RouteTag/other': 'x' } }), [
      'warn_untagged',
    ])
    assert.deepEqual(allowIf({ StringEquals: { 'proofgate:RouteTag/level': 'x' } }), [])
  })

  it('takes any key of a family for real when no configuration is known', () => {
    const unknown = { setting: { declared: undefined, routes: undefined } }
    for (const key of ['aws:PrincipalTag/x', 'proofgate:RouteTag/x', 'github:sub']) {
      const Condition = { StringEquals: { [key]: 'x' } }
      assert.deepEqual(found([{ ...allow, Condition }], unknown), [], key)
    }
    const Condition = { StringEquals: { 'aws:nothing': 'x' } }
    assert.match(found([{ ...allow, Condition }], unknown).join(), /^unknown_key/)
  })
})

describe('operators under the linter', () => {
  it('cannot compare what is of another type', () => {
    for (const [operator, key, value] of [
      ['NumericEquals', 'aws:SourceIp', '7'],
      ['NumericLessThan', 'proofgate:Acr', '7'],
      ['NumericLessThan', 'aws:CurrentTime', '7'],
      ['DateLessThan', 'proofgate:AuthAge', '2026-11-22'],
      ['DateLessThan', 'aws:username', '2026-11-22'],
      ['Bool', 'proofgate:Acr', 'true'],
      ['BoolIfExists', 'aws:SourceIp', 'true'],
      ['IpAddress', 'aws:username', '203.0.113.0/24'],
      ['NotIpAddress', 'proofgate:UserVerified', '203.0.113.0/24'],
      ['ArnLike', 'aws:username', 'arn:aws:iam::0:user/x'],
      ['ForAnyValue:ArnEquals', 'proofgate:Group', 'arn:aws:iam::0:user/x'],
      ['BinaryEquals', 'proofgate:CredentialId', 'AAAA'],
      ['ForAllValues:NumericEquals', 'proofgate:Header/x-tenant', '7'],
    ] as const) {
      assert.deepEqual(allowIf({ [operator]: { [key]: value } }), ['wrong_operator'], operator)
    }
  })

  it('can compare what is of its type, and of the second type of a key', () => {
    for (const [operator, key, value] of [
      ['NumericLessThan', 'proofgate:AuthAge', '7'],
      ['NumericLessThan', 'aws:EpochTime', '7'],
      ['DateLessThan', 'aws:EpochTime', '2026-11-22'],
      ['Bool', 'proofgate:UserVerified', 'true'],
      ['ArnLike', 'aws:PrincipalArn', 'arn:aws:iam::*:user/x'],
      ['StringLike', 'aws:PrincipalArn', 'arn:aws:iam::*:user/x'],
      ['Bool', 'okta:department', 'true'],
      ['BinaryEquals', 'okta:department', 'AAAA'],
    ] as const) {
      assert.deepEqual(allowIf({ [operator]: { [key]: value } }), [], operator)
    }
  })

  it('compare text letter by letter that is more than letters, which is doubtful', () => {
    for (const key of [
      'aws:SourceIp',
      'aws:CurrentTime',
      'proofgate:AuthAge',
      'proofgate:UserVerified',
    ]) {
      assert.deepEqual(allowIf({ StringLike: { [key]: '10.*' } }), ['warn_text_operator'], key)
    }
  })
})

describe('absent keys under the linter', () => {
  const not = { StringNotEquals: { 'aws:username': 'bob' } }

  it('doubts an operator with Not on a key that may be absent, whatever the effect', () => {
    assert.deepEqual(allowIf(not), ['warn_absent_key'])
    assert.deepEqual(denyIf(not), ['warn_absent_key'])
    assert.deepEqual(allowIf({ StringNotLike: { 'okta:department': 'x' } }), ['warn_absent_key'])
    assert.deepEqual(allowIf({ ArnNotLike: { 'aws:PrincipalArn': 'arn:a:b:c:d:e' } }), [
      'warn_absent_key',
    ])
  })

  it('does not when every request has the key, or the statement asks for it', () => {
    assert.deepEqual(allowIf({ NotIpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }), [])
    assert.deepEqual(allowIf({ StringNotEquals: { 'proofgate:Aaguid': 'none' } }), [])
    assert.deepEqual(allowIf({ ...not, Null: { 'aws:USERNAME': 'false' } }), [])
    assert.deepEqual(allowIf({ ...not, StringLike: { 'aws:username': '*' } }), [])
    assert.deepEqual(allowIf({ StringNotEqualsIfExists: { 'aws:username': 'bob' } }), [])
  })

  it('does when what the statement asks is whether the key is absent, or about another key', () => {
    assert.deepEqual(allowIf({ ...not, Null: { 'aws:username': 'true' } }), ['warn_absent_key'])
    assert.deepEqual(allowIf({ ...not, Null: { 'aws:Referer': 'false' } }), ['warn_absent_key'])
    assert.deepEqual(allowIf({ ...not, StringLikeIfExists: { 'aws:username': '*' } }), [
      'warn_absent_key',
    ])
  })

  it('doubts ForAllValues: in an Allow without Null', () => {
    const all = { 'ForAllValues:StringEquals': { 'proofgate:Scope': ['a', 'b'] } }
    assert.deepEqual(allowIf(all), ['warn_for_all_values'])
    assert.deepEqual(allowIf({ ...all, Null: { 'proofgate:Scope': 'false' } }), [])
    assert.deepEqual(allowIf({ ...all, Null: { 'proofgate:Scope': 'true' } }), [
      'warn_for_all_values',
    ])
    assert.deepEqual(denyIf(all), [])
  })

  it('doubts ForAnyValue: in a Deny', () => {
    const any = { 'ForAnyValue:StringEquals': { 'proofgate:Group': 'guests' } }
    assert.deepEqual(denyIf(any), ['warn_for_any_value'])
    assert.deepEqual(allowIf(any), [])
    const orAbsent = { 'ForAnyValue:StringEqualsIfExists': { 'proofgate:Group': 'guests' } }
    assert.deepEqual(denyIf(orAbsent), [])
  })

  it('doubts Null on a key that every request has, and says what it comes to', () => {
    const ask = (value: string) =>
      lint([{ ...allow, Condition: { Null: { 'proofgate:UserVerified': value } } }])[0]
    assert.match(ask('true')?.message ?? '', /so this never holds$/)
    assert.match(ask('false')?.message ?? '', /so this always holds$/)
    assert.equal(ask('false')?.code, 'policy.warn_null')
    assert.deepEqual(allowIf({ Null: { 'aws:Referer': 'true' } }), [])
  })

  it('doubts an Allow that is content with one of several values the caller writes', () => {
    for (const key of ['proofgate:Header/x-tenant', 'proofgate:Query/status']) {
      assert.deepEqual(allowIf({ StringEquals: { [key]: 'x' } }), ['warn_repeated_value'], key)
      assert.deepEqual(allowIf({ 'ForAnyValue:StringLike': { [key]: 'x' } }), [
        'warn_repeated_value',
      ])
      assert.deepEqual(denyIf({ StringEquals: { [key]: 'x' } }), [], key)
      const all = { 'ForAllValues:StringEquals': { [key]: 'x' }, Null: { [key]: 'false' } }
      assert.deepEqual(allowIf(all), [], key)
    }
  })
})

describe('variables under the linter', () => {
  const at = (variable: string) => [{ ...allow, Resource: `${arn}/GET/orders/\${${variable}}` }]

  it('have to name keys that exist', () => {
    assert.deepEqual(found(at('aws:usrname')), ['unknown_variable Resource'])
    assert.deepEqual(found(at("proofgate:Nothing, 'x'")), ['unknown_variable Resource'])
    assert.deepEqual(found(at('okta:other')), ['unknown_variable Resource'])
    assert.deepEqual(found(at('aws:username')), [])
    assert.deepEqual(found(at('aws:PrincipalTag/team')), [])
    assert.deepEqual(found(at('aws:PrincipalTag/other')), ['warn_untagged Resource'])
    assert.deepEqual(found(at('okta:department')), [])
  })

  it('have to in the values of conditions too', () => {
    const Condition = { StringEquals: { 'aws:username': ['a', '${aws:usrname}'] } }
    assert.deepEqual(found([{ ...allow, Condition }]), [
      'unknown_variable Condition/StringEquals/aws:username',
    ])
  })

  it('have to be asked for where an operator with Not compares with them', () => {
    const not = { StringNotEquals: { 'aws:userid': '${aws:username}' } }
    assert.deepEqual(allowIf(not), ['warn_absent_key'])
    assert.deepEqual(denyIf(not), ['warn_absent_key'])
    assert.deepEqual(allowIf({ ...not, Null: { 'aws:username': 'false' } }), [])
    assert.deepEqual(allowIf({ StringEquals: { 'aws:userid': '${aws:username}' } }), [])
    assert.deepEqual(allowIf({ StringNotEquals: { 'aws:userid': "${aws:username, 'x'}" } }), [])
    assert.deepEqual(allowIf({ StringNotEquals: { 'aws:userid': '${proofgate:Acr}' } }), [])
  })

  it('are plain text under 2008-10-17, which is doubtful', () => {
    const version = '2008-10-17'
    assert.deepEqual(found(at('aws:usrname'), { version }), ['warn_plain_variable Resource'])
    const Condition = { StringEquals: { 'aws:username': ['a', '${aws:usrname}'] } }
    assert.deepEqual(found([{ ...allow, Condition }], { version }), [
      'warn_plain_variable Condition/StringEquals/aws:username',
    ])
    assert.deepEqual(found([{ ...allow, Resource: `${arn}/GET/orders/$*` }], { version }), [])
  })

  it('are refused with the document when they name what is always a list', () => {
    for (const key of ['proofgate:Group', 'proofgate:Header/x-tenant', 'proofgate:Query/status']) {
      const document = { Version: '2012-10-17', Statement: at(key) }
      const parsed = parsePolicyDocument(document, 'identity')
      assert.ok('problems' in parsed, key)
      assert.deepEqual(
        parsed.problems.map(({ code }) => code),
        ['policy.bad_variable'],
      )
    }
  })
})

describe('actions and resources under the linter', () => {
  it('doubts an Allow with NotAction, and no Deny', () => {
    const about = { NotAction: 's3:*', Resource: `${arn}/GET/orders` }
    assert.deepEqual(found([{ Effect: 'Allow', ...about }]), ['warn_not_action NotAction'])
    assert.deepEqual(found([{ Effect: 'Deny', ...about }]), [])
  })

  it('doubts an Allow on everything, and no Deny', () => {
    for (const Resource of [
      '*',
      ['x', '*'],
      'arn:aws:execute-api:*',
      'arn:aws:execute-api:*:*:*',
    ]) {
      if (Array.isArray(Resource)) Resource[0] = `${arn}/GET/orders`
      assert.deepEqual(found([{ ...allow, Resource }]), ['warn_every_resource Resource'])
      assert.deepEqual(found([{ ...deny, Resource }]), [])
    }
    for (const Resource of [`${arn}/*`, 'arn:aws:execute-api:local:*']) {
      assert.deepEqual(found([{ ...allow, Resource }]), [], Resource)
    }
  })

  it('lets a boundary, a resource policy and a trust policy be about everything', () => {
    const Resource = '*'
    assert.deepEqual(found([{ ...allow, Resource }], { kind: 'boundary' }), [])
    assert.deepEqual(found([{ ...allow, Resource, Principal: '*' }], { kind: 'resource' }), [])
    const trust = { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: '*' }
    assert.deepEqual(found([trust], { kind: 'trust' }), [])
  })

  it('finds what no route that asks policies can be', () => {
    for (const Resource of [
      'arn:aws:execute-api:eu-west-1:000000000000:orders/default/GET/orders',
      'arn:aws:execute-api:local:111111111111:orders/*',
      'arn:aws:execute-api:local:000000000000:order/*',
      'arn:aws:execute-api:*:*:paymets/default/*',
      'arn:aws:execute-api:*:111111111111:orders/*',
      'arn:aws:s3:::bucket/*',
      `${arn}/DELETE/orders`,
      `${arn}/GET/Orders`,
      `${arn}/GET/orders/1/lines`,
      `${arn}/GET/orders/*/lines`,
      `${arn}/GET/customers*`,
      `${arn}/POST/orders/*`,
      'arn:aws:execute-api:local:000000000000:orders/live/GET/orders',
    ]) {
      assert.deepEqual(found([{ ...deny, Resource }]), ['warn_never_applies Resource'], Resource)
    }
    const findings = lint([{ ...deny, Resource: `${arn}/DELETE/orders` }])
    assert.match(findings[0]?.message ?? '', /^the Deny can never fire: no route/)
  })

  it('leaves alone what some request may be for', () => {
    for (const Resource of [
      `${arn}/GET/orders/*`,
      `${arn}/GET/orders/?`,
      `${arn}/*/orders`,
      `${arn}/DELETE/files/a/b`,
      `${arn}/*/files/*/deep`,
      `${arn}/GET/orders/\${aws:username}`,
      'arn:aws:execute-api:*:*:*/default/P*',
      'arn:aws:execute-api:local:*',
    ]) {
      assert.deepEqual(found([{ ...deny, Resource }]), [], Resource)
    }
    const some = [`${arn}/DELETE/orders`, `${arn}/GET/orders`]
    assert.deepEqual(found([{ ...allow, Resource: some }]), [])
    const { Resource, ...rest } = deny
    assert.deepEqual(found([{ ...rest, NotResource: Resource }]), [])
  })

  it('compares with no routes when none are known', () => {
    const unknown = { setting: { ...setting, routes: undefined } }
    assert.deepEqual(found([{ ...deny, Resource: `${arn}/DELETE/nothing` }], unknown), [])
  })

  it('finds actions that no request has', () => {
    for (const Action of ['s3:GetObject', ['s3:*', 'execute-apis:Invoke']]) {
      assert.deepEqual(found([{ ...deny, Action }]), ['warn_never_applies Action'])
    }
    for (const Action of ['*', 'execute-api:*', 'EXECUTE-API:invoke', ['s3:*', 'execute-api:I*']]) {
      assert.deepEqual(found([{ ...deny, Action }]), [], String(Action))
    }
  })
})

describe('statements beside each other under the linter', () => {
  const everywhere = `${arn}/*`
  const mfa = { Bool: { 'aws:MultiFactorAuthPresent': 'true' } }

  it('finds the later of two that say the same', () => {
    const twice = [
      { Sid: 'A', ...allow },
      { Sid: 'B', ...allow, Resource: [allow.Resource] },
    ]
    const findings = lint(twice)
    assert.deepEqual(
      findings.map(({ code, statement, pointer, place, severity }) => ({
        code,
        statement,
        pointer,
        place,
        severity,
      })),
      [
        {
          code: 'policy.warn_duplicate',
          statement: 'B',
          pointer: '/Statement/1',
          place: 'a.yaml:9',
          severity: 'warning',
        },
      ],
    )
    assert.equal(findings[0]?.message, 'the statement says what A says')
  })

  it('finds an Allow behind an unconditional Deny of as much', () => {
    for (const Resource of ['*', everywhere, `${arn}/?ET/*`, allow.Resource]) {
      assert.deepEqual(found([allow, { ...deny, Action: '*', Resource }]), ['warn_shadowed '])
    }
    assert.deepEqual(found([{ ...allow, Condition: mfa }, deny]), ['warn_shadowed '])
  })

  it('finds a condition that another statement of the same effect makes pointless', () => {
    assert.deepEqual(
      found([
        { ...allow, Condition: mfa },
        { ...allow, Resource: everywhere },
      ]),
      ['warn_shadowed '],
    )
    assert.deepEqual(found([{ ...deny, Condition: mfa }, deny]), ['warn_shadowed '])
  })

  it('leaves alone what another statement does not surely cover', () => {
    const recent = { NumericLessThan: { 'aws:MultiFactorAuthAge': '60' } }
    for (const [name, other] of Object.entries({
      'a conditional Deny': { ...deny, Resource: everywhere, Condition: mfa },
      'a Deny of less': { ...deny, Resource: `${arn}/GET/orders/1` },
      'a Deny of another action': { ...deny, Action: 'execute-api:ManageConnections' },
      'a Deny with a variable': { ...deny, Resource: `${arn}/GET/\${aws:username}` },
      'a Deny that leaves it out': {
        Effect: 'Deny',
        Action: '*',
        NotResource: `${arn}/GET/orders*`,
      },
      'a Deny of another region': { ...deny, Resource: 'arn:aws:execute-api:*:1*:orders/*' },
    })) {
      const beside = found([allow, other]).filter((one) => one.startsWith('warn_shadowed'))
      assert.deepEqual(beside, [], name)
    }
    assert.deepEqual(found([{ ...deny, Condition: mfa }, allow]), [], 'a Deny with an Allow of it')
    const both = [
      { ...allow, Condition: mfa },
      { ...allow, Condition: recent },
    ]
    assert.deepEqual(found(both), [], 'two conditions')
    for (const [one, other] of [
      [['a'], ['a', 'b']],
      [
        ['a', 'a'],
        ['a', 'b'],
      ],
    ]) {
      const lists = [one, other].map((names) => ({
        ...allow,
        Condition: { StringNotEquals: { 'aws:userid': names } },
      }))
      assert.deepEqual(found(lists), [], 'other values')
      assert.deepEqual(found(lists.toReversed()), [], 'other values')
    }
  })

  it('understands what is left out', () => {
    const leave = (effect: string, NotResource: unknown) => ({
      Effect: effect,
      Action: 'execute-api:Invoke',
      NotResource,
    })
    assert.deepEqual(found([allow, leave('Deny', `${arn}/POST/*`)]), ['warn_shadowed '])
    assert.deepEqual(found([leave('Allow', `${arn}/*`), leave('Deny', `${arn}/POST/*`)]), [
      'warn_shadowed ',
    ])
    assert.deepEqual(found([leave('Allow', `${arn}/POST/*`), leave('Deny', `${arn}/*`)]), [])
    assert.deepEqual(found([allow, leave('Allow', `${arn}/POST/\${aws:username}`)]), [])
    assert.deepEqual(found([leave('Allow', `${arn}/POST/*`), { ...deny, Resource: '*' }]), [
      'warn_shadowed ',
    ])
  })

  it('does not let a wildcard of one part cover a colon of another', () => {
    const wide = { ...deny, Resource: 'arn:aws:execute-api:*:000000000000:orders/default/GET/x' }
    const odd = {
      ...allow,
      Resource: 'arn:aws:execute-api:local:1:orders/*:000000000000:orders/default/GET/x',
    }
    const findings = found([odd, wide]).filter((one) => one.startsWith('warn_shadowed'))
    assert.deepEqual(findings, [])
  })

  it('knows that wildcards of other services cross colons', () => {
    const odd = 'arn:aws:s3:*:orders'
    const pair = [
      { Effect: 'Allow', Action: '*', Resource: [odd, `${arn}/GET/orders`] },
      { Effect: 'Deny', Action: '*', Resource: ['arn:aws:s3:a:b:c:*', `${arn}/*`] },
    ]
    assert.deepEqual(found(pair), [])
    const crossing = [
      { Effect: 'Allow', Action: '*', Resource: ['arn:aws:s3:a*:q:b', `${arn}/GET/orders`] },
      { Effect: 'Deny', Action: '*', Resource: ['arn:aws*:s3:a*:*:b*', `${arn}/*`] },
    ]
    assert.deepEqual(found(crossing), [])
    const wide = { Effect: 'Deny', Action: '*', Resource: 'arn:*:execute-api:*:*:*' }
    assert.deepEqual(found([allow, wide]), ['warn_shadowed '])
  })

  it('tells principals of a resource policy apart', () => {
    const alice = { Principal: { AWS: 'arn:aws:iam::000000000000:user/alice' } }
    const of = (other: object) => [
      { ...allow, ...alice },
      { ...allow, ...other },
    ]
    assert.deepEqual(found(of(alice), { kind: 'resource' }), ['warn_duplicate '])
    assert.deepEqual(found(of({ Principal: '*' }), { kind: 'resource' }), [])
  })
})

test('a document made to be slow is judged in bounded time, and the linter says what it left out', () => {
  const stars = '*a'.repeat(700)
  const many = Array.from({ length: 2000 }, (_, index) => ({
    arnPrefix,
    method: undefined,
    path: [{ text: `${'a'.repeat(1000)}${index}` }],
  }))
  const statements = [1, 2, 3, 4, 5].map((tag) => ({
    ...deny,
    Resource: `${arn}/${stars}${tag}*x`,
  }))
  const codes = lint(statements, { setting: { ...setting, routes: many } }).map(({ code }) => code)
  assert.ok(codes.includes('policy.warn_unchecked'))
})

test('every finding has a severity by its name and a line of the documentation', () => {
  for (const [code, meaning] of Object.entries(lintCodes)) {
    assert.match(code, /^policy\.(?:warn_)?[a-z_]+$/)
    assert.ok(meaning.length > 20, code)
  }
})
