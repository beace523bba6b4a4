import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { configurationOf, filesOf, placed, problemsOf, warningsOf } from './given.ts'
import { issuer, route } from './texts.ts'

const routed = (rest: string): string => route(`method: GET, path: /x, ${rest}`)
const person = (rest: string): string => `version: 1\npeople: [{ username: a, ${rest} }]\n`
const audience = 'issuer: https://okta.example, audiences: [a]'

describe('what conditions can see by configuration', () => {
  it('is the tags of people and routes, declared headers, parameters and claims', () => {
    const configuration = configurationOf(
      `${routed('tags: { Level: low }, conditionHeaders: [X-Tenant], conditionQuery: [status, x.y]')}
people: [{ username: a, tags: { team: payments, 'cost/centre': '7', 'coût par an': a } }]
issuers:
  okta: { ${audience}, conditionClaims: [department, 'https://okta.example/roles'] }
`,
    )
    const [, tagged] = configuration.apis[0]!.routes
    assert.deepEqual(tagged?.tags, { Level: 'low' })
    assert.deepEqual(tagged.conditionHeaders, ['X-Tenant'])
    assert.deepEqual(tagged.conditionQuery, ['status', 'x.y'])
    assert.deepEqual(configuration.people[0]?.tags, {
      team: 'payments',
      'cost/centre': '7',
      'coût par an': 'a',
    })
    assert.deepEqual(configuration.issuers[0]?.conditionClaims, [
      'department',
      'https://okta.example/roles',
    ])
  })

  it('is refused where it could not be told apart or asked for', () => {
    const names = (count: number): string => Array.from({ length: count }, (_, i) => `n${i}`).join()
    const many = Array.from({ length: 51 }, (_, i) => `n${i}: x`).join()
    for (const [text, words, code] of [
      [person('tags: [a]'), '[a]', 'config.value'],
      [person('tags: { team: 7 }'), '7', 'config.value'],
      [person("tags: { team: '' }"), "''", 'config.value'],
      [person("tags: { '': x }"), "''", 'config.name'],
      [person("tags: { 'a ': x }"), "'a '", 'config.name'],
      [person("tags: { 'a*': x }"), "'a*'", 'config.name'],
      [person('tags: { _a: x }'), '_a', 'config.name'],
      [person('tags: { team: x, Team: y }'), '{ team', 'config.value'],
      [person(`tags: { ${many} }`), '{ n0', 'config.value'],
      [routed('tags: { a: x, A: y }'), '{ a', 'config.value'],
      [routed('conditionHeaders: x'), 'x }', 'config.value'],
      [routed('conditionHeaders: [x_tenant]'), 'x_tenant', 'config.header-name'],
      [routed('conditionHeaders: [x, X]'), '[x', 'config.value'],
      [routed(`conditionHeaders: [${names(21)}]`), '[n0', 'config.value'],
      [routed('conditionHeaders: [Authorization]'), 'Authorization', 'config.header-name'],
      [routed('conditionHeaders: [x, cookie]'), 'cookie', 'config.header-name'],
      [routed('conditionHeaders: [DPoP]'), 'DPoP', 'config.header-name'],
      [routed("conditionQuery: ['a b']"), "'a b'", 'config.value'],
      [routed("conditionQuery: ['a[]']"), "'a[]'", 'config.value'],
      [routed('conditionQuery: [status, STATUS]'), '[status', 'config.value'],
      [issuer(`${audience}, conditionClaims: [_a]`), '_a', 'config.value'],
      [issuer(`${audience}, conditionClaims: [a, A]`), '[a, A', 'config.value'],
      [issuer(`${audience}, conditionClaims: ['a b']`), "'a b'", 'config.value'],
    ] as const) {
      assert.deepEqual(placed(problemsOf(text)), [`${spot(text, words)} ${code}`], text)
    }
  })

  it('lets no issuer write under a prefix of ours or of another issuer', () => {
    const issuers = (...names: readonly string[]): string =>
      `version: 1\nissuers:\n${names
        .map(
          (name, index) =>
            `  ${name}: { ${audience}, namespace: n${index}, conditionClaims: [department] }\n`,
        )
        .join('')}`
    assert.deepEqual(placed(problemsOf(issuers('aws'))), ['3:3 config.issuer-name'])
    assert.deepEqual(placed(problemsOf(issuers('AWS'))), ['3:3 config.issuer-name'])
    assert.deepEqual(placed(problemsOf(issuers('Proofgate'))), ['3:3 config.issuer-name'])
    assert.deepEqual(placed(problemsOf(issuers('1st'))), ['3:3 config.issuer-name'])
    assert.deepEqual(placed(problemsOf(issuers('okta', 'OKTA'))), [
      '3:3 config.issuer-name',
      '4:3 config.issuer-name',
    ])
    assert.deepEqual(problemsOf(issuers('okta', 'my_idp-2')), [])
    assert.deepEqual(problemsOf(issuer(audience).replace('okta', 'aws')), [])
  })
})

/** `line:column` of the last place where the words stand in the text. */
function spot(text: string, words: string): string {
  const at = text.lastIndexOf(words)
  assert.notEqual(at, -1, words)
  const lines = text.slice(0, at).split('\n')
  return `${lines.length}:${(lines.at(-1) ?? '').length + 1}`
}

/** An API with a policy in lines of their own. */
const configured = (statement: string, more = ''): string => `version: 1
upstreams: { u: { url: https://u.example } }
apis:
  orders:
    upstream: u
    routes:
      - { method: GET, path: '/orders/{id}', conditionQuery: [status] }
      - { method: GET, path: /open, authorizer: open }
groups: { staff: { policies: [p] } }
people: [{ username: a, groups: [staff], tags: { team: x } }]
${more}policies:
  p:
    Version: '2012-10-17'
    Statement:
      ${statement}
`
const arn = 'arn:aws:execute-api:local:000000000000:orders/default/GET'
const about = `Effect: Allow, Action: 'execute-api:Invoke', Resource: '${arn}/orders/*'`

describe('the linter at load', () => {
  it('refuses what is wrong, at the key, and lists it with what else is wrong', () => {
    const bad = `- { ${about}, Condition: { Bool: { 'aws:Nothing': true } } }`
    const one = configured(bad)
    const key = "'aws:Nothing'"
    assert.deepEqual(placed(problemsOf(one)), [`${spot(one, key)} policy.unknown_key`])
    const two = configured(bad, 'region: EU\n')
    assert.deepEqual(placed(problemsOf(two)), [
      `${spot(two, 'EU')} config.value`,
      `${spot(two, key)} policy.unknown_key`,
    ])
  })

  it('does not doubt what the rest of a configuration with faults may declare', () => {
    const good = `- { ${about}, Condition: { StringEquals: { 'okta:department': x } } }`
    const faulty = `issuers: { okta: { issuer: 'x y', audiences: [a], conditionClaims: [department] } }\n`
    const text = configured(good, faulty)
    assert.deepEqual(placed(problemsOf(text)), [`${spot(text, "'x y'")} config.issuer-url`])
  })

  it('does not miss what stood on a route that cannot be read', () => {
    const good = `- { ${about}, Condition: { StringEquals: { 'proofgate:Query/other': x } } }`
    const text = configured(good).replace(
      '      - { method: GET, path: /open',
      '      - { method: FETCH, path: /x, conditionQuery: [other] }\n      - { method: GET, path: /open',
    )
    assert.deepEqual(placed(problemsOf(text)), [`${spot(text, 'FETCH')} config.value`])
  })

  it('warns of what is doubtful, and loads', () => {
    const text = configured(`- { ${about.replace('/orders/*', '/open')} }`)
    assert.deepEqual(placed(warningsOf(text)), [
      `${spot(text, 'Resource:')} policy.warn_never_applies`,
    ])
  })

  it('knows what the configuration declares', () => {
    for (const key of ['aws:PrincipalTag/TEAM', 'aws:username', 'proofgate:Acr']) {
      const text = `- { ${about}, Condition: { StringEquals: { '${key}': x } } }`
      assert.deepEqual(warningsOf(configured(text)), [], key)
    }
    const query = `- { ${about}, Condition: { 'ForAllValues:StringEquals': { 'proofgate:Query/status': x }, Null: { 'proofgate:Query/status': false } } }`
    assert.deepEqual(warningsOf(configured(query)), [])
    const undeclared = configured(query.replaceAll('status', 'other'))
    const first = undeclared.replace(/Null: .*/, '')
    assert.deepEqual(placed(problemsOf(undeclared)), [
      `${spot(first, "'proofgate:Query/other'")} policy.unknown_key`,
      `${spot(undeclared, "'proofgate:Query/other'")} policy.unknown_key`,
    ])
  })

  it('finds the place in a document with one statement and in a policy file', () => {
    const single = configured('').replace(
      /Statement:\n.*/,
      `Statement: { ${about}, Condition: { Bool: { 'aws:Nothing': true } } }`,
    )
    assert.deepEqual(placed(problemsOf(single)), [
      `${spot(single, "'aws:Nothing'")} policy.unknown_key`,
    ])
    const text = configured('').replace(/ p:\n[\s\S]*$/, ' p: { file: p.json }\n')
    const json = `{ "Version": "2012-10-17", "Statement": [\n  { "Effect": "Allow", "Action": "*", "Resource": "*" } ] }`
    const [finding, ...others] = warningsOf(text, { readFile: filesOf({ '/etc/pg/p.json': json }) })
    assert.deepEqual(others, [])
    assert.equal(finding?.file, '/etc/pg/p.json')
    assert.equal(`${finding.line} ${finding.code}`, '2 policy.warn_every_resource')
  })

  it('judges the policy of an API by its open routes too', () => {
    const open = `Effect: Allow, Principal: '*', Action: 'execute-api:Invoke', Resource: '${arn}/open'`
    const text = configured(`- { ${about} }`).replace(
      '    routes:',
      `    resourcePolicy: { Version: '2012-10-17', Statement: [{ ${open} }] }\n    routes:`,
    )
    assert.deepEqual(warningsOf(text), [])
    const unknown = text.replace("/open' }]", "/nothing' }]")
    const first = unknown.slice(0, unknown.indexOf('/nothing'))
    assert.deepEqual(placed(warningsOf(unknown)), [
      `${spot(first, 'Resource:')} policy.warn_never_applies`,
    ])
  })

  it('says once what is wrong with a policy that is a boundary as well', () => {
    const bad = `- { ${about}, Condition: { Bool: { 'aws:Nothing': true } } }`
    const text = configured(bad).replace('groups: [staff],', 'groups: [staff], boundary: p,')
    assert.deepEqual(placed(problemsOf(text)), [
      `${spot(text, "'aws:Nothing'")} policy.unknown_key`,
    ])
  })
})
