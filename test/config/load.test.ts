import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import {
  effectiveValues,
  embeddedConfiguration,
  loadConfiguration,
  sampleConfiguration,
  upConfiguration,
} from '../../src/config/index.ts'
import type { Configuration } from '../../src/config/index.ts'
import { configurationOf, filesOf, placed, problemsOf, small, warningsOf } from './given.ts'

const none = filesOf({})

function builtIn(
  overrides: Parameters<typeof loadConfiguration>[0]['overrides'] = {},
): Configuration {
  const result = loadConfiguration({ environment: {}, overrides, readFile: none })
  if ('problems' in result) throw new Error(JSON.stringify(result.problems))
  assert.deepEqual(result.warnings, [])
  return result.configuration
}

test('without a file there is the sample API with its routes, groups and first person', () => {
  const configuration = builtIn({ upstreamUrl: 'http://127.0.0.1:41234' })
  assert.equal(configuration.file, undefined)
  assert.deepEqual(configuration.files, [])
  assert.equal(configuration.identity.origin, 'http://auth.proofgate.localhost:8080')
  assert.equal(configuration.identity.issuer, 'http://auth.proofgate.localhost:8080')
  assert.equal(configuration.console.origin, 'http://console.proofgate.localhost:8080')
  assert.equal(configuration.relyingParty.id, 'proofgate.localhost')
  const [api] = configuration.apis
  assert.equal(api?.origin, 'http://api.proofgate.localhost:8080')
  assert.equal(api.authority, 'api.proofgate.localhost:8080')
  assert.equal(api.audience, api.origin)
  assert.deepEqual(
    api.routes.map((route) => `${route.method} ${route.path}`),
    [
      'GET /',
      'GET /orders',
      'POST /orders',
      'GET /orders/{id}',
      'DELETE /orders/{id}',
      'GET /whoami',
      'GET /events',
      'GET /slow',
    ],
  )
  assert.equal(configuration.upstreams[0]?.targets[0]?.port, 41234)
  assert.deepEqual(configuration.people, [
    {
      username: 'admin',
      name: 'Administrator',
      groups: ['administrators'],
      boundary: undefined,
      tags: {},
    },
  ])
  assert.deepEqual(
    configuration.groups.map((group) => [group.name, group.policies]),
    [
      ['administrators', ['administrator']],
      ['readers', ['orders-reader']],
    ],
  )
  assert.deepEqual(problemsOf(embeddedConfiguration()), [])
})

test('the file that init writes loads without problems and without warnings', () => {
  assert.deepEqual(warningsOf(sampleConfiguration()), [])
  assert.match(sampleConfiguration(), /^# yaml-language-server: \$schema=/)
})

test('one command for one service forwards everything below its root', () => {
  const configuration = configurationOf(upConfiguration('http://localhost:3000'))
  const [api] = configuration.apis
  assert.deepEqual(
    api?.routes.map((route) => [route.method, route.path, route.websocket?.maxAge]),
    [
      ['ANY', '/', 43_200_000],
      ['ANY', '/{proxy+}', 43_200_000],
    ],
  )
  assert.deepEqual(api.routes[0]?.segments, [])
  assert.deepEqual(api.routes[1]?.segments, [{ kind: 'rest', name: 'proxy' }])
  assert.equal(configuration.upstreams[0]?.targets[0]?.hostname, 'localhost')
  assert.deepEqual(warningsOf(upConfiguration('http://localhost:3000')), [])
})

test('a URL given to up cannot write configuration of its own', () => {
  const problems = problemsOf(upConfiguration('http://a.example" }\nproduction: true\nx: { "y'))
  assert.deepEqual(
    problems.map((problem) => problem.code),
    ['config.upstream-url'],
  )
})

test('defaults are those of the reference', () => {
  const configuration = configurationOf('version: 1\n')
  assert.deepEqual(
    { ...configuration.tokens },
    {
      accessLifetime: 300_000,
      idLifetime: 300_000,
      refreshLifetime: 43_200_000,
      algorithm: 'ES256',
    },
  )
  assert.deepEqual(
    { ...configuration.sessions },
    { idle: 3_600_000, absolute: 43_200_000, proofFreshness: 300_000 },
  )
  assert.deepEqual(
    { ...configuration.limits },
    {
      headerBytes: 16_384,
      headerCount: 100,
      connections: 10_000,
      requestHeaderTimeout: 10_000,
      requestIdle: 30_000,
      keepAlive: 60_000,
      drain: 30_000,
      inFlight: 10_000,
      reauthorizeEvery: 60_000,
      shedding: { eventLoopDelay: 200, memory: 0.8 },
    },
  )
  assert.deepEqual(configuration.trustedProxies, [])
  assert.deepEqual(configuration.listeners.admin, { address: '127.0.0.1', port: 8081 })
  assert.equal(configuration.production, false)
  assert.deepEqual(configuration.dangerousSwitches, [])
  assert.equal(configuration.dataDirectory, '/etc/pg/.proofgate')
  assert.equal(configuration.storage.database, '/etc/pg/.proofgate/proofgate.db')
  assert.equal(configuration.storage.keys, '/etc/pg/.proofgate/keys')
})

test('a route inherits authorizer, throttle, body limit and timeout, and may override each', () => {
  const { apis } = configurationOf(`version: 1
upstreams: { u: { url: https://u.example, timeouts: { headers: 7s } } }
issuers: { okta: { issuer: https://okta.example, audiences: [a] } }
tokens: { algorithm: RS256 }
apis:
  a:
    upstream: u
    authorizer: okta
    throttle: { principal: { rate: 3, burst: 4 } }
    routes:
      - { method: GET, path: /inherits }
      - method: GET
        path: /overrides/{id}
        authorizer: open
        throttle: { principal: { rate: 0.5, burst: 1 }, route: { rate: 9, burst: 9 } }
        maxBody: 2KiB
        timeout: 250ms
        timeouts: { total: 9s }
        websocket: { idle: 30s, maxMessage: 1MiB }
        streams: { maxAge: 1h, outlivesToken: true }
        priority: low
`)
  const [inherits, overrides] = apis[0]!.routes
  assert.deepEqual(inherits, {
    method: 'GET',
    path: '/inherits',
    segments: [{ kind: 'literal', text: 'inherits' }],
    authorizer: { kind: 'issuer', issuer: 'okta' },
    proof: undefined,
    throttle: { route: undefined, principal: { rate: 3, burst: 4 } },
    websocket: undefined,
    streams: { maxAge: 43_200_000, idle: 1_800_000, outlivesToken: false },
    priority: 'normal',
    maxBody: 1_048_576,
    timeout: 7000,
    totalTimeout: undefined,
    tags: {},
    conditionHeaders: [],
    conditionQuery: [],
    features: {
      rewrite: undefined,
      query: undefined,
      headers: { request: [], response: [] },
      cors: undefined,
      answer: undefined,
      maintenance: undefined,
      split: undefined,
      mirror: undefined,
    },
  })
  assert.deepEqual(overrides?.authorizer, { kind: 'open' })
  assert.deepEqual(overrides.throttle, {
    route: { rate: 9, burst: 9 },
    principal: { rate: 0.5, burst: 1 },
  })
  assert.equal(overrides.maxBody, 2048)
  assert.equal(overrides.timeout, 250)
  assert.equal(overrides.totalTimeout, 9000)
  assert.deepEqual(overrides.websocket, {
    maxAge: 43_200_000,
    idle: 30_000,
    maxMessage: 1_048_576,
    outlivesToken: false,
  })
  assert.deepEqual(overrides.streams, {
    maxAge: 3_600_000,
    idle: 1_800_000,
    outlivesToken: true,
  })
  assert.equal(overrides.priority, 'low')
  assert.equal(apis[0]?.signingAlgorithm, 'RS256')
})

test('one origin for everything moves the pages below /.proofgate', () => {
  const configuration = configurationOf(`${small}origin: http://localhost:8080\n`)
  assert.equal(configuration.singleOrigin, true)
  assert.deepEqual(
    { ...configuration.identity },
    {
      origin: 'http://localhost:8080',
      hostname: 'localhost',
      basePath: '/.proofgate',
      issuer: 'http://localhost:8080/.proofgate',
      hsts: undefined,
    },
  )
  assert.equal(configuration.console.basePath, '/.proofgate/console')
  assert.equal(configuration.relyingParty.id, 'localhost')
  assert.equal(configuration.apis[0]?.origin, 'http://localhost:8080')
})

test('a domain elsewhere is reached over https on the usual port', () => {
  const configuration = configurationOf(
    `${small}domain: gate.example\nlisteners: { public: { port: 9000 } }\n`,
  )
  assert.equal(configuration.identity.origin, 'https://auth.gate.example')
  assert.equal(configuration.apis[0]?.origin, 'https://api.gate.example')
  assert.equal(configuration.relyingParty.id, 'gate.example')
})

test('an identity origin outside the default domain is its own RP ID', () => {
  const configuration = configurationOf('version: 1\nidentity: { origin: https://sso.example }\n')
  assert.equal(configuration.relyingParty.id, 'sso.example')
})

test('loopback may be connected to without being asked, other private addresses may not', () => {
  const allowed = (url: string): boolean | undefined =>
    configurationOf(`version: 1\nupstreams: { a: { url: '${url}' } }\n`).upstreams[0]
      ?.allowPrivateAddresses
  assert.equal(allowed('http://127.0.0.2:1'), true)
  assert.equal(allowed('http://[::1]:1'), true)
  assert.equal(allowed('http://localhost:1'), true)
  assert.equal(allowed('https://a.example'), false)
  assert.equal(allowed('https://localhost.example'), false)
})

test('flags win over the file and pass the same checks', () => {
  const text = `${small}domain: a.localhost\n`
  const configuration = configurationOf(text, {
    overrides: { origin: 'http://localhost:1', port: 1, dataDirectory: '/data' },
  })
  assert.equal(configuration.identity.origin, 'http://localhost:1')
  assert.equal(configuration.listeners.public.port, 1)
  assert.equal(configuration.dataDirectory, '/data')
  const [problem] = problemsOf(text, { overrides: { port: 70_000 } })
  assert.equal(problem?.file, '--port')
  assert.equal(problem.code, 'config.port')
  assert.deepEqual(
    problemsOf(text, { overrides: { upstreamUrl: 'http://169.254.169.254' } }).map(
      ({ file, code }) => [file, code],
    ),
    [['--upstream', 'config.upstream-metadata']],
  )
  assert.deepEqual(
    problemsOf('version: 1\n', { overrides: { upstreamUrl: 'http://127.0.0.1:1' } }).map(
      ({ code }) => code,
    ),
    ['config.flag'],
  )
  assert.equal(
    configurationOf(`${small}origin: http://localhost:1\n`, {
      overrides: { domain: 'b.localhost' },
    }).relyingParty.id,
    'b.localhost',
  )
})

test('a listener on any free port is published under the port that was found', () => {
  const configuration = builtIn({ port: 0, adminPort: 0, publishedPort: 40_404 })
  assert.equal(configuration.listeners.public.port, 0)
  assert.equal(configuration.identity.origin, 'http://auth.proofgate.localhost:40404')
  assert.equal(configuration.apis[0]?.authority, 'api.proofgate.localhost:40404')
})

test('environment references are replaced in texts, numbers and switches', () => {
  const text = `${small}region: \${REGION}-1
account: '\${ACCOUNT:-111111111111}'
production: \${PRODUCTION:-true}
listeners: { public: { port: '\${PORT}' } }
limits: { drain: '\${DRAIN:-}5s' }
`
  const environment = { REGION: 'eu', PORT: '9090' }
  const configuration = configurationOf(text, { environment })
  assert.equal(configuration.region, 'eu-1')
  assert.equal(configuration.account, '111111111111')
  assert.equal(configuration.production, true)
  assert.equal(configuration.listeners.public.port, 9090)
  assert.equal(configuration.limits.drain, 5000)
  assert.deepEqual(placed(problemsOf(text, { environment: { ...environment, PORT: '0x10' } })), [
    '11:30 config.port',
  ])
  assert.deepEqual(placed(problemsOf(text, { environment: { ...environment, PORT: '' } })), [
    '11:30 config.port',
  ])
})

test('what comes out of the environment is not looked at for references again', () => {
  const configuration = configurationOf('version: 1\nrelyingParty: { name: "${A}" }\n', {
    environment: { A: '${B}', B: 'x' },
  })
  assert.equal(configuration.relyingParty.name, '${B}')
})

test('policy variables in an inline policy are not environment references', () => {
  const text = `version: 1
policies:
  p:
    Version: '2012-10-17'
    Statement:
      - { Effect: Allow, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:\${REGION}:000000000000:a/default/GET/\${aws:username}' }
`
  const { policies } = configurationOf(text, { environment: { REGION: 'local' } })
  assert.equal(policies.length, 1)
  assert.deepEqual(placed(problemsOf(text)), ['6:87 config.environment-unset'])
})

const withSecret = `${small}clients:
  - id: portal
    secret: \${PORTAL_SECRET}
    redirectUris: [https://portal.example/cb]
`
const secretValue = 'correct-horse-battery-staple'

test('a secret is never printed, whatever prints it', () => {
  const configuration = configurationOf(withSecret, { environment: { PORTAL_SECRET: secretValue } })
  assert.equal(configuration.clients[0]?.secret?.reveal(), secretValue)
  const printed = [
    JSON.stringify(configuration),
    inspect(configuration, { depth: 20 }),
    JSON.stringify(effectiveValues(configuration)),
  ]
  for (const text of printed) assert.ok(!text.includes(secretValue))
  assert.equal(
    effectiveValues(configuration).find(({ path }) => path === 'clients[0].secret')?.value,
    '[secret]',
  )
})

test('problems show neither a short secret nor the password in a URL', () => {
  const problems = problemsOf(
    `${small}clients: [{ id: a, secret: hunter2 }, { id: b, secret: [hunter2] }]\ntrustedProxies: ['http://u:hunter2@x']\n`,
  )
  assert.equal(problems.length, 3)
  assert.ok(!JSON.stringify(problems).includes('hunter2'))
})

test('each effective value says where it came from', () => {
  const configuration = configurationOf(withSecret, {
    environment: { PORTAL_SECRET: secretValue },
    overrides: { port: 8088 },
  })
  const values = new Map(effectiveValues(configuration).map((value) => [value.path, value]))
  const origin = (path: string): string => {
    const { value, source, place } = values.get(path)!
    return `${value} ${source} ${place ?? ''}`.trim()
  }
  assert.equal(
    origin('upstreams.orders.url'),
    'http://127.0.0.1:8090 file /etc/pg/proofgate.yaml:3:18',
  )
  assert.equal(origin('clients[0].secret'), '[secret] environment /etc/pg/proofgate.yaml:10:13')
  assert.equal(origin('listeners.public.port'), '8088 flag')
  assert.equal(origin('tokens.accessLifetime'), '5m default')
  assert.equal(origin('domain'), 'proofgate.localhost default')
  assert.equal(origin('identity.origin'), 'http://auth.proofgate.localhost:8088 derived')
  assert.equal(origin('apis.orders.audience'), 'http://api.proofgate.localhost:8088 derived')
  assert.equal(origin('apis.orders.routes[0].throttle.principal.rate'), '50 derived')
  assert.equal(origin('apis.orders.routes[0].path'), '/orders file /etc/pg/proofgate.yaml:7:35')
})

test('the version names the content: not the file, not the order of keys, not the secret', () => {
  const version = (text: string, more = {}): string => configurationOf(text, more).version
  const base = version('version: 1\nregion: a\n')
  assert.match(base, /^[0-9a-f]{16}$/)
  assert.equal(
    version('# comment\n{ "region": "a", "version": 1 }\n', { file: '/etc/pg/other.yaml' }),
    base,
  )
  assert.equal(version('version: 1\nregion: ${R}\n', { environment: { R: 'a' } }), base)
  assert.notEqual(version('version: 1\nregion: b\n'), base)
  const secret = (value: string): string =>
    version(withSecret, { environment: { PORTAL_SECRET: value } })
  assert.equal(secret('a'.repeat(20)), secret('b'.repeat(20)))
})

const statement = '{ "Effect": "Deny", "Action": "*", "Resource": "*" }'

test('the version of the rules is that of what decides', () => {
  const rulesOf = (more: string): string => {
    const sites =
      'identity: { origin: https://a.example }\nconsole: { origin: https://c.example }\n'
    return configurationOf(`version: 1\n${sites}${more}`).rulesVersion
  }
  const rules = rulesOf('')
  for (const own of [
    'dataDir: elsewhere\n',
    'storage: { database: other.db }\n',
    'workers: 3\n',
    'log: { level: debug }\n',
    'listeners: { public: { address: 127.0.0.2 }, admin: { port: 9 } }\n',
  ]) {
    assert.equal(rulesOf(own), rules, own)
  }
  for (const deciding of [
    'region: eu-west-1\n',
    'people: [{ username: eve }]\n',
    'limits: { headerCount: 33 }\n',
    'trustedProxies: [10.0.0.0/8]\n',
    'listeners: { public: { h2c: true } }\n',
  ]) {
    assert.notEqual(rulesOf(deciding), rules, deciding)
  }
})

test('the version changes with the content of a policy file', () => {
  const text = 'version: 1\npolicies: { p: { file: p.json } }\n'
  const version = (sid: string): string =>
    configurationOf(text, {
      readFile: filesOf({
        '/etc/pg/p.json': `{ "Version": "2012-10-17", "Statement": [${statement.replace('{', `{ "Sid": "${sid}",`)}] }`,
      }),
    }).version
  assert.notEqual(version('One'), version('Two'))
})

test('policies carry the place of each statement, and files are named for watching', () => {
  const text = `version: 1
policies:
  inline:
    Version: '2012-10-17'
    Statement:
      - ${statement}
      - { Sid: Second, Effect: Deny, Action: '*', Resource: '*' }
  single:
    Version: '2012-10-17'
    Statement: ${statement}
  filed: { file: policies/p.json }
`
  const configuration = configurationOf(text, {
    readFile: filesOf({
      '/etc/pg/policies/p.json': `{ "Version": "2012-10-17",\n\n "Statement": [\n${statement} ] }`,
    }),
  })
  const places = Object.fromEntries(
    configuration.policies.map((policy) => [policy.name, policy.places]),
  )
  assert.deepEqual(places, {
    inline: ['/etc/pg/proofgate.yaml:6', '/etc/pg/proofgate.yaml:7'],
    single: ['/etc/pg/proofgate.yaml:10'],
    filed: ['/etc/pg/policies/p.json:4'],
  })
  assert.deepEqual(configuration.files, ['/etc/pg/proofgate.yaml', '/etc/pg/policies/p.json'])
})

test('a configuration cannot be changed, however deep', () => {
  const configuration = configurationOf(withSecret, { environment: { PORTAL_SECRET: secretValue } })
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    assert.ok(
      Object.isFrozen(value) || Object.getPrototypeOf(value)?.constructor?.name === 'Secret',
    )
    Object.values(value).forEach(visit)
  }
  assert.ok(Object.isFrozen(configuration))
  for (const value of Object.values(configuration)) visit(value)
  assert.throws(() => {
    ;(configuration.apis as unknown[]).push(1)
  }, TypeError)
})

test('a polluted prototype changes no setting', () => {
  const polluted: Record<string, unknown> = {
    production: false,
    origin: 'http://evil.localhost',
    domain: 'evil.example',
    authorizer: 'open',
    host: 'evil.localhost',
    dangerously_allowInsecureOrigins: true,
    allowPrivateAddresses: true,
    secret: 'polluted-polluted',
    audience: 'evil',
    file: '/etc/evil.json',
  }
  const everything: object = Object.prototype
  const before = configurationOf(small)
  const insecure = problemsOf('version: 1\nconsole: { origin: http://a.example }\n')
  try {
    for (const [key, value] of Object.entries(polluted)) {
      Object.defineProperty(everything, key, {
        value,
        configurable: true,
        writable: true,
        enumerable: false,
      })
    }
    assert.equal(configurationOf(small).version, before.version)
    assert.deepEqual(
      placed(problemsOf('version: 1\nconsole: { origin: http://a.example }\n')),
      placed(insecure),
    )
    assert.deepEqual(configurationOf(small).apis[0]?.routes[0]?.authorizer, { kind: 'proofgate' })
  } finally {
    for (const key of Object.keys(polluted)) Reflect.deleteProperty(everything, key)
  }
})
