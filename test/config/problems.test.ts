import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configurationProblemCodes } from '../../src/config/index.ts'
import { badFeatures } from './bad-features.ts'
import { badReferences, warned } from './bad-references.ts'
import { badUpstreams } from './bad-upstreams.ts'
import { badValues } from './bad-values.ts'
import { configurationOf, filesOf, placed, problemsOf, small, warningsOf } from './given.ts'
import { apis, client, issuer, route, routes, secret, upstream } from './texts.ts'

const bad = [...badValues, ...badReferences, ...badUpstreams, ...badFeatures]

for (const [name, text, ...expected] of bad) {
  test(`${name} is refused with its place`, () => {
    const problems = problemsOf(text)
    assert.deepEqual(placed(problems), expected, JSON.stringify(problems, null, 2))
    for (const problem of problems) {
      assert.equal(problem.file, '/etc/pg/proofgate.yaml')
      assert.match(problem.message, /^found .+, expected .+|^[a-z]/)
      assert.notEqual(problem.hint, '')
    }
  })
}

for (const [name, text, expected] of warned) {
  test(`${name} is allowed with a warning`, () => {
    assert.deepEqual(placed(warningsOf(text)), [expected])
  })
}

test('a small configuration has neither problems nor warnings', () => {
  assert.deepEqual(warningsOf(small), [])
})

test('the counterparts of what is refused are accepted', () => {
  for (const text of [
    'version: 1\norigin: http://localhost:8080\n',
    'version: 1\norigin: https://intranet\n',
    'version: 1\norigin: http://a.example\ndangerously_allowInsecureOrigins: true\n',
    'version: 1\ndomain: a.example\nrelyingParty: { id: auth.a.example }\n',
    'version: 1\nproduction: true\n',
    `version: 1\ntokens: { accessLifetime: 10m }\nlisteners: { public: { port: 0 } }\n`,
    issuer('issuer: http://127.0.0.1:1, audiences: [a], dangerously_allowHttp: true'),
    client(
      `${secret}, redirectUris: ['http://127.0.0.1/cb', 'http://[::1]:99/cb', 'https://a.example/cb?x=1']`,
    ),
    client('public: true, redirectUris: [http://localhost:3000/cb]'),
    upstream('url: https://10.0.0.1, allowPrivateAddresses: true'),
    upstream('url: http://localhost:3000/'),
    upstream('url: unix:/run/app.sock, host: app.internal:8080, maxPending: 0'),
    upstream(
      'targets: [{ url: http://127.0.0.1:1, weight: 3 }, { url: unix:/a, backup: true }], balance: sticky, retries: none, ejection: none',
    ),
    upstream(
      'url: https://a.example, ejection: { maxEjected: 100% }, health: { path: /up?x=%20, expect: 204 }, timeouts: { total: 1m }, tls: { serverName: b.example, minVersion: "1.3" }',
    ),
    route("method: ANY, path: '/{proxy+}', websocket: true"),
    route('method: POST, path: /ok'),
    route('method: GET, path: /a%20b/~x;y=1/%C3%A4'),
    apis(
      `a: { ${routes}, host: a.localhost }`,
      `b: { ${routes}, host: b.localhost, authorizer: open }`,
    ),
  ]) {
    assert.deepEqual(problemsOf(text), [], text)
  }
})

test('all problems of a file come at once, whatever kind they are, in reading order', () => {
  const text = `version: 3
regoin: x
people:
  - { username: BAD }
  - { username: alice, groups: [nope] }
upstreams:
  good: { url: http://169.254.169.254 }
  broken: { url: 5 }
apis:
  a:
    upstream: missing
    routes:
      - { method: get, path: /x }
      - { method: GET, path: //x }
  b:
    host: b.localhost
    upstream: broken
    routes: [{ method: GET, path: /x }]
`
  assert.deepEqual(placed(problemsOf(text)), [
    '1:10 config.value',
    '2:1 config.unknown-key',
    '4:17 config.username',
    '5:33 config.unknown-group',
    '7:16 config.upstream-metadata',
    '8:18 config.value',
    '10:3 config.host-missing',
    '11:15 config.unknown-upstream',
    '13:19 config.value',
    '14:30 config.route-path',
  ])
})

test('paths name the place for people, also after faulty items of the same list', () => {
  const [first, second] = problemsOf(
    'version: 1\npeople: [{ username: A }, { username: b, groups: [x, y] }]\n',
  )
  assert.equal(first?.path, 'people[0].username')
  assert.equal(second?.path, 'people[1].groups[0]')
})

test('a misspelt key is answered with the key that was meant', () => {
  assert.match(problemsOf('version: 1\nregoin: a\n')[0]!.hint, /Write region\./)
  assert.match(problemsOf('version: 1\ndata_dir: a\n')[0]!.hint, /Write dataDir\./)
})

test('an environment reference between braces gets the advice to quote it', () => {
  const [problem] = problemsOf('version: 1\nclients: [{ id: a, secret: ${S} }]\n', {
    environment: { S: 'x' },
  })
  assert.equal(problem?.code, 'config.syntax')
  assert.match(problem.hint, /must be quoted/)
})

test('a file that cannot be read is a problem, not an exception', () => {
  const result = problemsOf('', { text: undefined })
  assert.deepEqual(placed(result), ['1:1 config.file'])
})

test('problems in a policy file are placed in that file', () => {
  const readFile = filesOf({
    '/etc/pg/p/a.json':
      '{\n  "Version": "2012-10-17",\n  "Statement": [{\n    "Effect": "Allow",\n    "Action": 7,\n    "Resource": "*" }]\n}',
    '/etc/pg/p/b.json':
      '{\n  "Version": "2012-10-17",\n  "Version": "2012-10-17", "Statement": [] }',
    '/etc/pg/p/c.json': '{ "Version": "2012-10-17", "Statement": [ }',
    '/etc/pg/p/d.json': '{ "Version": 2012-10-17 }',
  })
  const text =
    'version: 1\npolicies:\n  a: { file: p/a.json }\n  b: { file: p/b.json }\n  c: { file: p/c.json }\n  d: { file: p/d.json }\n'
  const problems = problemsOf(text, { readFile })
  const first = (name: string) =>
    problems.find((problem) => problem.file === `/etc/pg/p/${name}.json`)
  assert.equal(
    `${first('a')?.line}:${first('a')?.column} ${first('a')?.code}`,
    '5:15 policy.wrong_type',
  )
  assert.equal(
    `${first('b')?.line}:${first('b')?.column} ${first('b')?.code}`,
    '3:3 config.duplicate-key',
  )
  assert.equal(first('c')?.code, 'config.syntax')
  assert.equal(first('d')?.code, 'config.syntax')
})

test('every code that can be found in a text is in a table here', () => {
  const shown = new Set(
    [...bad, ...warned].flatMap(([, , ...expected]) => expected.map((line) => line.split(' ')[1])),
  )
  const elsewhere = [
    'config.file',
    'config.flag',
    'config.too-large',
    'config.too-deep',
    'config.too-many',
    // Those of files beside the text are in tls.test.ts.
    'config.tls-file',
    'config.tls-certificate',
    'config.tls-key',
    'config.tls-pair',
    'config.tls-authority',
    'config.tls-origin',
    'config.tls-ciphers',
    'config.h2c-tls',
    'config.warn-certificate-expiry',
    'config.warn-certificate-host',
    'config.warn-key-exposed',
    // Those of authenticators are in authenticators.test.ts.
    'config.authenticators',
    'config.trust-anchor',
    'config.revocation-list',
    // Those of issuers that share an account are in access.test.ts.
    'config.issuer-namespace',
    // Those of levels are in preset.test.ts.
    'config.preset',
    // Those of the age of passkeys are in passkeys.test.ts.
    'config.passkeys',
    // Those of who is told of events are in signals.test.ts.
    'config.secret-file',
    'config.signal-url',
    'config.signal-name',
    'config.signal-delivery',
    'config.signal-authorization',
    'config.webhook-secret',
    // Those of roles are in roles.test.ts.
    'config.unknown-role',
    'config.credential-duplicate',
    'config.warn-role-trust',
    'config.warn-role-boundary',
    // Those of policy tests are in policy-tests.test.ts, and of those that fail in test/cli.
    'config.policy-test',
    'config.policy-test-context',
    'config.policy-test-duplicate',
    'config.policy-test-file',
    'config.unknown-api',
    // In apart.test.ts: it takes a process that hangs.
    'config.not-read',
  ]
  for (const code of Object.keys(configurationProblemCodes)) {
    assert.ok(shown.has(code) || elsewhere.includes(code), code)
  }
})

test('a warning stops nothing', () => {
  assert.equal(configurationOf('version: 1\ngroups: { g: {} }\n').groups.length, 1)
})
