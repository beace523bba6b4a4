import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { configurationOf, filesOf, placed, problemsOf, small, warningsOf } from './given.ts'

const allow = '{ Effect: Allow, Action: "*", Resource: "*" }'
const policies = (...names: string[]): string =>
  `policies:\n${names.map((name) => `  ${name}: { Version: '2012-10-17', Statement: [${allow}] }\n`).join('')}`
const anybody = "{ Effect: Allow, Principal: '*', Action: '*', Resource: 'execute-api:/live/*' }"
const resource = (text: string): string => `${small}    resourcePolicy: ${text}\n`

describe('policies of APIs', () => {
  it('are read as such: with principals, and a short form of the ARN of the API', () => {
    const text = resource(`{ Version: '2012-10-17', Statement: [${anybody}] }`)
    const { apis } = configurationOf(`${text}account: '123456789012'\nregion: here\n`)
    const policy = apis[0]?.resourcePolicy
    assert.equal(policy?.name, 'apis.orders.resourcePolicy')
    assert.equal(policy.document.kind, 'resource')
    assert.deepEqual(policy.places, ['/etc/pg/proofgate.yaml:8'])
    assert.deepEqual(policy.document.statements[0]?.resource.values, [
      'arn:aws:execute-api:here:123456789012:orders/live/*',
    ])
    assert.equal(configurationOf(small).apis[0]?.resourcePolicy, undefined)
  })

  it('come from a file, which is watched and counts for the version', () => {
    const read = (sid: string): ReturnType<typeof configurationOf> =>
      configurationOf(resource('{ file: r.json }'), {
        readFile: filesOf({
          '/etc/pg/r.json': `{ "Version": "2012-10-17",\n "Statement":\n  { "Sid": "${sid}", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*" } }`,
        }),
      })
    const configuration = read('One')
    assert.deepEqual(configuration.apis[0]?.resourcePolicy?.places, ['/etc/pg/r.json:3'])
    assert.deepEqual(configuration.files, ['/etc/pg/proofgate.yaml', '/etc/pg/r.json'])
    assert.notEqual(configuration.version, read('Two').version)
  })

  it('may hold policy variables, which are no references to the environment', () => {
    const text = resource(
      `{ Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: '*', Action: '*', Resource: 'execute-api:/live/GET/\${aws:username}/\${PLACE}' }] }`,
    )
    const { apis } = configurationOf(text, { environment: { PLACE: 'x' } })
    assert.match(
      apis[0]?.resourcePolicy?.document.statements[0]?.resource.values[0] ?? '',
      /\/\$\{aws:username\}\/x$/,
    )
  })

  it('are refused where they are written', () => {
    for (const [text, ...expected] of [
      [resource('x'), '8:21 config.value'],
      [resource('{ file: nope.json }'), '8:29 config.policy-file'],
      [resource("{ Version: '2012-10-17', Statement: [] }"), '8:57 policy.empty'],
      [resource(`{ Version: '2012-10-17', Statement: [${allow}] }`), '8:58 policy.missing'],
      [
        resource(
          `{ Version: '2012-10-17', Statement: [{ Effect: Allow, NotPrincipal: '*', Action: '*', Resource: '*' }] }`,
        ),
        '8:89 policy.unsupported',
      ],
      [
        resource(`{ Version: '2012-10-17', Statement: [${anybody}], Statements: [] }`),
        '8:152 policy.unknown_element',
      ],
    ] as const) {
      assert.deepEqual(placed(problemsOf(text)), expected, text)
    }
  })
})

describe('boundaries', () => {
  const person = (more: string): string => `version: 1\npeople: [{ username: a, ${more} }]\n`

  it('are policies that are read by what they are used as', () => {
    const text = `${person('boundary: both')}${policies('both', 'plain')}attachments: { a: [both, plain] }\n`
    const configuration = configurationOf(text)
    assert.deepEqual(
      [configuration.policies, configuration.boundaries].map((read) =>
        read.map(({ name, document }) => [name, document.kind]),
      ),
      [
        [
          ['both', 'identity'],
          ['plain', 'identity'],
        ],
        [['both', 'boundary']],
      ],
    )
    assert.equal(configuration.people[0]?.boundary, 'both')
    const unused = warningsOf(text).filter(({ code }) => code === 'config.warn-unused-policy')
    assert.deepEqual(unused, [])
  })

  it('count as used, and are no policy of anybody', () => {
    const configuration = configurationOf(`${person('boundary: fence')}${policies('fence')}`)
    assert.deepEqual(configuration.policies, [])
    assert.equal(configuration.boundaries.length, 1)
  })

  it('are refused when unknown, unsound or too long for a boundary', () => {
    assert.deepEqual(placed(problemsOf(person('boundary: fence'))), ['2:35 config.unknown-policy'])
    assert.deepEqual(placed(problemsOf(person('boundary: constructor'))), [
      '2:35 config.unknown-policy',
    ])
    const unsound = `${person('boundary: p')}policies: { p: { Version: '2012-10-17' } }\nattachments: { a: [p] }\n`
    assert.deepEqual(placed(problemsOf(unsound)), ['3:16 policy.missing'])
    const statement = `{ Effect: Allow, Action: '*', Resource: ['arn:aws:execute-api:*:*:${'x'.repeat(2000)}*'] }`
    const long = `policies:\n  p: { Version: '2012-10-17', Statement: [${[statement, statement, statement].join(', ')}] }\nattachments: { a: [p] }\n`
    assert.deepEqual(problemsOf(`${person('groups: []')}${long}`), [])
    assert.deepEqual(placed(problemsOf(`${person('boundary: p')}${long}`)), [
      '4:6 policy.too_large',
    ])
  })
})

describe('accounts of issuers', () => {
  const issuer = (more: string): string =>
    `version: 1\naccount: '123456789012'\nissuers:\n  okta: { issuer: https://x.example, audiences: [a]${more} }\n`

  it('are the one of the gateway unless they say another', () => {
    assert.equal(configurationOf(issuer('')).issuers[0]?.account, '123456789012')
    assert.equal(
      configurationOf(issuer(", account: '111111111111'")).issuers[0]?.account,
      '111111111111',
    )
  })

  const two = (one: string, other: string): string =>
    `version: 1
issuers:
  okta: { issuer: https://x.example, audiences: [a]${one} }
  partner: { issuer: https://y.example, audiences: [a]${other} }
`

  it('are shared only where names are told apart', () => {
    const codes = (one: string, other: string): readonly string[] =>
      placed(problemsOf(two(one, other)))
    const clash = ['3:3 config.issuer-namespace', '4:3 config.issuer-namespace']
    assert.deepEqual(codes('', ''), clash)
    assert.deepEqual(codes('', ", account: '000000000000'"), clash)
    assert.deepEqual(codes(", account: '111111111111'", ''), [])
    assert.deepEqual(codes(', namespace: okta', ', namespace: partner'), [])
    const same = codes(', namespace: same', ', namespace: same')
    assert.deepEqual(
      same.map((line) => line.split(' ')[1]),
      ['config.issuer-namespace', 'config.issuer-namespace'],
    )
    // One without could call somebody what another calls its own.
    assert.deepEqual(codes('', ', namespace: partner'), ['3:3 config.issuer-namespace'])
    assert.deepEqual(codes(", account: '111111111111', namespace: same", ', namespace: same'), [])
    for (const bad of ['A', 'a/b', "''", '-a', 'a_b', 'a:b']) {
      assert.match(codes(`, namespace: ${bad}`, '')[0] ?? '', /config\.value/, bad)
    }
  })

  it('are twelve digits', () => {
    for (const account of ['1', "'12345678901'", 'x', "'1234567890123'"]) {
      assert.deepEqual(placed(problemsOf(issuer(`, account: ${account}`))), ['4:63 config.value'])
    }
  })
})
