import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { configurationFile, proofgate, startGateway } from '../kit/gateway.ts'
import { callAdmin } from '../kit/operations.ts'

const base = 'arn:aws:execute-api:local:000000000000:orders/default'
const file = configurationFile(`version: 1
people:
  - { username: ann, groups: [readers] }
  - { username: bob, groups: [writers] }
  - { username: cleo }
groups: { readers: { policies: [read] }, writers: { policies: [read, write] } }
policies:
  read:
    Version: '2012-10-17'
    Statement: [{ Sid: Read, Effect: Allow, Action: 'execute-api:Invoke', Resource: '${base}/GET/*' }]
  write:
    Version: '2012-10-17'
    Statement:
      - { Sid: Write, Effect: Allow, Action: 'execute-api:Invoke', Resource: '${base}/POST/orders', Condition: { NumericLessThan: { 'proofgate:AuthAge': '600' } } }
      - { Sid: Office, Effect: Deny, Action: 'execute-api:Invoke', Resource: '${base}/POST/*', Condition: { NotIpAddress: { 'aws:SourceIp': 10.0.0.0/8 } } }
upstreams: { main: { url: 'http://127.0.0.1:9' } }
apis:
  orders:
    upstream: main
    routes:
      - { method: GET, path: '/orders/{id}' }
      - { method: POST, path: /orders }
      - { method: GET, path: /health, authorizer: open }
`)
const gateway = await startGateway({ command: ['serve', '--config', file] })
after(() => gateway.kill())

function run(...args: readonly string[]): ReturnType<typeof proofgate> {
  return proofgate([...args, '--config', file, '--data-dir', gateway.dataDirectory])
}

function whoCan(method: string, path: string, ...more: readonly string[]) {
  return run('policy', 'who-can', method, `${gateway.api}${path}`, ...more)
}

function whatCan(...args: readonly string[]): ReturnType<typeof proofgate> {
  return run('policy', 'what-can', ...args)
}

test('who can make a request is listed with what it depends on, and nobody else', async () => {
  const { code, stdout } = await whoCan('post', '/orders')
  assert.equal(code, 0)
  assert.match(stdout, /route +POST \/orders\n/)
  assert.match(
    stdout,
    /\nbob +writers +maybe +write\/Write if NumericLessThan proofgate:AuthAge 600, unless write\/Office if NotIpAddress aws:SourceIp 10\.0\.0\.0\/8\n/,
  )
  assert.match(stdout, /whoever is not listed cannot/)
  assert.doesNotMatch(stdout, /\nann|\ncleo/)
  const read = await whoCan('GET', '/orders/7', '--json')
  assert.deepEqual(
    JSON.parse(read.stdout).callers.map((one: { caller: string; answer: string }) => [
      one.caller,
      one.answer,
    ]),
    [
      ['ann', 'yes'],
      ['bob', 'yes'],
    ],
  )
})

test('where nobody can, that is said and ends with 2', async () => {
  for (const [method, path, reason] of [
    ['DELETE', '/orders/7', 'gateway.no_route'],
    ['GET', '/nowhere', 'gateway.no_route'],
    ['TRACE', '/orders/7', 'gateway.method_not_supported'],
  ] as const) {
    const { code, stdout } = await whoCan(method, path)
    assert.equal(code, 2, stdout)
    assert.ok(stdout.includes(reason), stdout)
    assert.match(stdout, /nobody we know can make this request\n$/)
  }
})

test('what somebody can call is listed by route, nobody having to be known on open ones', async () => {
  const bob = await whatCan('bob')
  assert.equal(bob.code, 0)
  assert.match(bob.stdout, /^bob can call\n/)
  assert.match(bob.stdout, /\norders +POST +\/orders +maybe +write\/Write if /)
  assert.match(bob.stdout, /\norders +GET +\/health +yes +the route is open\n/)
  const nobody = await whatCan('--json')
  assert.deepEqual(
    JSON.parse(nobody.stdout).routes.map(({ route }: { route: string }) => route),
    ['GET /health'],
  )
})

test('people of the command line count, and those who are disabled do not', async () => {
  assert.equal((await run('people', 'add', 'dora', '--group', 'readers')).code, 0)
  assert.match((await whoCan('GET', '/orders/7')).stdout, /\ndora +readers +yes/)
  assert.equal((await run('people', 'disable', 'dora')).code, 0)
  assert.doesNotMatch((await whoCan('GET', '/orders/7')).stdout, /\ndora/)
  assert.match((await whatCan('dora')).stdout, /^dora \(disabled, and so cannot sign in\) can call/)
})

test('an unknown person and a URL that is none are refused', async () => {
  const person = await whatCan('nobody')
  assert.equal(person.code, 1)
  assert.equal(person.stdout, '')
  assert.match(person.stderr, /^error: /)
  const url = await run('policy', 'who-can', 'GET', '/orders')
  assert.equal(url.code, 1)
  assert.match(url.stderr, /^error: /)
})

test('answers to tests are given to well-formed calls only', async () => {
  const ask = (body: unknown) =>
    callAdmin(gateway, '/v1/policy/answers', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const request = { method: 'GET', api: 'orders', path: '/orders/7' }
  const who = { username: 'ann', groups: [] }
  const facts = { 'aws:SourceIp': ['10.0.0.1'], 'proofgate:AuthAge': '1' }
  const good = await ask({ calls: [{ request }, { who, request, facts, at: 0 }] })
  assert.deepEqual(
    good.json().answers.map(({ reason }: { reason: string }) => reason),
    ['gateway.unauthenticated', 'policy.allowed'],
  )
  for (const calls of [
    undefined,
    {},
    Array.from({ length: 101 }, () => ({ request })),
    [null],
    [{}],
    [{ request: { method: 'GET' } }],
    [{ request: { ...request, method: 1 } }],
    [{ request: { ...request, path: 1 } }],
    [{ request, who: 'ann' }],
    [{ request, who: { username: 'ann' } }],
    [{ request, who: { ...who, role: 1 } }],
    [{ request, who: { ...who, groups: Array.from({ length: 101 }, () => 'a') } }],
    [{ request, facts: [] }],
    [{ request, facts: { a: 1 } }],
    [{ request, facts: { a: [1] } }],
    [{ request, at: 'now' }],
    [{ request }, { request, at: 1.5 }],
  ]) {
    const refused = await ask({ calls })
    assert.equal(refused.status, 400, JSON.stringify(calls)?.slice(0, 200))
    assert.equal(refused.json().code, 'admin.input_malformed')
  }
})

test('completion offers the commands that work with policies', async () => {
  const { code, stdout } = await proofgate(['completion', 'bash'])
  assert.equal(code, 0)
  for (const command of ['lint', 'test', 'who-can', 'what-can', 'simulate']) {
    assert.match(stdout, new RegExp(`'policy'\\) words='[^']*\\b${command}\\b`))
    assert.ok(stdout.includes(`'policy ${command}') words='`), command)
  }
})

test('without a server the same is answered from the files it left', async () => {
  const before = [await whoCan('POST', '/orders', '--json'), await whatCan('bob', '--json')]
  assert.equal(await gateway.stop(), 0)
  const later = [await whoCan('POST', '/orders', '--json'), await whatCan('bob', '--json')]
  assert.deepEqual(later, before)
})
