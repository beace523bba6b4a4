import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answersTo, answerText, differs, isAsExpected } from '../../src/analysis/index.ts'
import { answerRequest, judgeRequest } from '../../src/analysis/explain/explain.ts'
import type { Expectation, Found } from '../../src/analysis/index.ts'
import { accessViewOf } from '../../src/compose/index.ts'
import type { Person } from '../../src/identity/index.ts'
import { configurationOf } from '../config/given.ts'

const base = 'arn:aws:execute-api:local:000000000000:orders/default'
const statement = (fields: string): string =>
  `{ Version: '2012-10-17', Statement: [{ Action: 'execute-api:Invoke', ${fields} }] }`

const view = accessViewOf(
  configurationOf(`version: 1
people: [{ username: ann, groups: [readers] }]
groups:
  readers: { policies: [read] }
  writers: { policies: [read, write, never] }
policies:
  read: ${statement(`Sid: Read, Effect: Allow, Resource: '${base}/GET/*'`)}
  write: ${statement(`Effect: Allow, Resource: '${base}/POST/orders', Condition: { NumericLessThan: { 'proofgate:AuthAge': '600' }, DateLessThan: { 'aws:CurrentTime': '2026-01-01T00:00:00Z' } }`)}
  clean: ${statement(`Sid: Clean, Effect: Allow, Resource: '${base}/DELETE/*'`)}
  never: ${statement(`Sid: Never, Effect: Deny, Resource: '${base}/*/orders/secret'`)}
roles:
  cleaner:
    trust: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: '*', Action: 'sts:AssumeRole', Condition: { Bool: { 'proofgate:UserVerified': 'true' } } }] }
    policies: [clean]
  janitor:
    automatic: true
    trust: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: '*', Action: 'sts:AssumeRole', Condition: { StringEquals: { 'proofgate:Transport': nfc } } }] }
    policies: [clean]
upstreams: { main: { url: 'http://127.0.0.1:9' } }
apis:
  orders:
    host: api.localhost
    upstream: main
    routes: [{ method: ANY, path: '/orders/{rest+}' }, { method: POST, path: /orders }]
  open:
    host: open.localhost
    upstream: main
    authorizer: open
    resourcePolicy: ${statement(`Sid: Ann, Effect: Allow, Principal: { AWS: 'arn:aws:iam::000000000000:user/ann' }, Resource: 'execute-api:/*'`)}
    routes: [{ method: GET, path: /a }]
`),
)
const now = Date.UTC(2025, 5, 1)

type Row = Partial<Expectation> & {
  readonly groups?: readonly string[]
  readonly role?: string
  readonly path?: string
}

function expectation({ groups = [], role, path = '/orders/1', ...row }: Row): Expectation {
  return {
    who: { username: 'ann', groups, role },
    request: { method: 'GET', api: 'orders', path },
    facts: {},
    at: undefined,
    expect: 'allow',
    by: undefined,
    ...row,
  }
}

async function answer(row: Row): Promise<Found> {
  const [found] = await answersTo(view, [expectation(row)], now)
  assert.ok(found !== undefined)
  return found
}

async function passes(row: Row): Promise<boolean> {
  return isAsExpected(await answer(row), expectation(row))
}

const post = { method: 'POST', api: 'orders', path: '/orders' }

test('answers are those of requests, with what decided', async () => {
  const read = await answer({})
  assert.deepEqual(
    [read.answer, read.decidedBy?.policy, read.route],
    ['allow', 'read', 'ANY /orders/{rest+}'],
  )
  assert.match(answerText(read), /^allow by read\/Read \(.*proofgate\.yaml:7\)$/)
  assert.equal(answerText(await answer({ request: post })), 'deny (policy.no_statement_allows)')
  assert.equal(answerText(await answer({ who: undefined })), 'deny (gateway.unauthenticated)')
})

test('groups that are given count besides those of the configuration', async () => {
  assert.equal((await answer({ request: post, groups: ['writers'] })).answer, 'allow')
  assert.equal((await answer({ path: '/orders/secret', groups: ['writers'] })).answer, 'deny')
  assert.equal(
    (await answer({ who: { username: 'bob', groups: ['writers'], role: undefined } })).answer,
    'allow',
  )
  assert.equal(
    (await answer({ who: { username: 'bob', groups: [], role: undefined } })).answer,
    'deny',
  )
})

test('facts and the time that are given count in place of those of a sign-in just now', async () => {
  const row = { request: post, groups: ['writers'] }
  assert.equal((await answer({ ...row, facts: { 'PROOFGATE:AuthAge': '601' } })).answer, 'deny')
  assert.equal((await answer({ ...row, facts: { 'proofgate:AuthAge': [] } })).answer, 'deny')
  assert.equal((await answer({ ...row, facts: { 'proofgate:AuthAge': '1' } })).answer, 'allow')
  assert.equal((await answer({ ...row, at: Date.UTC(2026, 5, 1) })).answer, 'deny')
})

test('a role that is taken counts in place of the rest, if it can be taken', async () => {
  const clean = { request: { method: 'DELETE', api: 'orders', path: '/orders/1' } }
  assert.equal((await answer(clean)).answer, 'deny')
  const taken = await answer({ ...clean, role: 'cleaner' })
  assert.match(answerText(taken), /^allow by cleaner\/clean\/Clean /)
  assert.equal((await answer({ role: 'cleaner' })).answer, 'deny')
  assert.equal(await passes({ ...clean, role: 'cleaner', by: 'cleaner/clean' }), true)
  assert.equal(await passes({ ...clean, role: 'cleaner', by: 'janitor/clean' }), false)
  const facts = { 'proofgate:UserVerified': 'false' }
  assert.equal((await answer({ ...clean, role: 'cleaner', facts })).reason, 'policy.role_not_held')
})

test('automatic roles count where the facts that are given earn them', async () => {
  const clean = { request: { method: 'DELETE', api: 'orders', path: '/orders/1' } }
  const earned = await answer({ ...clean, facts: { 'proofgate:Transport': ['usb', 'nfc'] } })
  assert.match(answerText(earned), /^allow by janitor\/clean\/Clean /)
  assert.equal((await answer({ ...clean, facts: { 'proofgate:Transport': 'usb' } })).answer, 'deny')
})

test('a request can be named by its URL as well', async () => {
  const url = 'http://api.localhost:8080/orders/1'
  assert.equal((await answer({ request: { method: 'GET', url } })).answer, 'allow')
  assert.equal((await answer({ request: { method: 'POST', url } })).answer, 'deny')
})

test('nobody is known where the route is open, whoever is named', async () => {
  const found = await answer({ request: { method: 'GET', api: 'open', path: '/a' } })
  assert.equal(found.answer, 'deny')
})

test('what decides may be named by policy, by statement or by reason, and has to be that', async () => {
  assert.equal(await passes({}), true)
  for (const by of ['read', 'read/Read', 'policy.allowed']) {
    assert.equal(await passes({ by }), true, by)
  }
  for (const by of ['Read', 'read/', 'read/read', 'write', 'policy.explicit_deny', '']) {
    assert.equal(await passes({ by }), false, by)
  }
  const denied: Row = { path: '/orders/secret', groups: ['writers'], expect: 'deny' }
  assert.equal(await passes(denied), true)
  assert.equal(await passes({ ...denied, by: 'never/Never' }), true)
  assert.equal(await passes({ ...denied, by: 'policy.no_statement_allows' }), false)
  assert.equal(await passes({ ...denied, expect: 'allow' }), false)
})

test('a denial that no policy gave counts only where its reason is named', async () => {
  const nowhere: Row = { path: '/elsewhere', expect: 'deny' }
  const unknown: Row = { request: { ...post, api: 'order' }, expect: 'deny' }
  const host: Row = { request: { method: 'GET', url: 'http://x/orders/1' }, expect: 'deny' }
  const method: Row = { request: { ...post, method: 'PSOT' }, expect: 'deny' }
  const fact: Row = {
    request: post,
    groups: ['writers'],
    facts: { 'proofgate:AuthAge': 'old' },
    expect: 'deny',
  }
  for (const [row, reason] of [
    [nowhere, 'gateway.no_route'],
    [unknown, 'gateway.unknown_host'],
    [host, 'gateway.unknown_host'],
    [method, 'gateway.method_not_supported'],
    [fact, 'policy.evaluation_failed'],
  ] as const) {
    assert.equal((await answer(row)).reason, reason)
    assert.equal(await passes(row), false, reason)
    assert.equal(await passes({ ...row, by: reason }), true, reason)
  }
})

test('answers are those that explanations give', () => {
  const person: Person = {
    id: 'p' as Person['id'],
    username: 'ann',
    name: 'Ann',
    groups: ['writers'],
    userHandle: '',
    disabled: false,
    createdAt: now,
  }
  const callers = [undefined, person, { ...person, groups: [] }, { ...person, disabled: true }]
  const roles = [undefined, 'cleaner', 'janitor', 'nobody']
  const everyFacts = [
    {},
    { 'proofgate:AuthAge': '900' },
    { 'proofgate:AuthAge': 'old' },
    { 'proofgate:Transport': 'nfc', 'proofgate:UserVerified': 'false' },
  ]
  const suppositions = callers.flatMap((caller) =>
    roles.flatMap((role) =>
      everyFacts.map((facts) => ({ person: caller, signIn: { role }, supposition: { facts } })),
    ),
  )
  const seen = new Set<string>()
  for (const [method, host, path] of [
    ['GET', 'api', '/orders/1'],
    ['GET', 'api', '/orders/secret'],
    ['POST', 'api', '/orders'],
    ['DELETE', 'api', '/orders/1'],
    ['GET', 'api', '/nowhere'],
    ['GET', 'open', '/a'],
    ['PSOT', 'api', '/orders'],
  ] as const) {
    const url = `http://${host}.localhost:8080${path}`
    for (const supposition of suppositions) {
      const supposed = { method, url, address: '127.0.0.1', now, ...supposition }
      const { answer, reason, decidedBy, route } = judgeRequest(view, supposed)
      assert.deepEqual(answerRequest(view, supposed), { answer, reason, decidedBy, route })
      seen.add(`${reason} ${decidedBy?.statement}`)
    }
  }
  assert.deepEqual([...seen].sort(), [
    'gateway.method_not_supported undefined',
    'gateway.no_route undefined',
    'gateway.session_ended undefined',
    'gateway.unauthenticated undefined',
    'policy.allowed #0',
    'policy.allowed Clean',
    'policy.allowed Read',
    'policy.evaluation_failed #0',
    'policy.explicit_deny Never',
    'policy.no_statement_allows undefined',
    'policy.role_not_held undefined',
  ])
})

test('answers differ when what decides does, not when only its place does', async () => {
  const read = await answer({})
  const moved = { ...read, decidedBy: { ...read.decidedBy!, place: 'elsewhere:1' } }
  assert.equal(differs(read, moved), false)
  assert.equal(differs(read, await answer({ groups: ['writers'] })), false)
  const other = { ...read, decidedBy: { ...read.decidedBy!, statement: 'Other' } }
  assert.equal(differs(read, other), true)
  assert.equal(differs(read, await answer({ request: post })), true)
  const denied = await answer({ request: post })
  assert.equal(differs(denied, { ...denied, reason: 'policy.explicit_deny' }), true)
})

test('the process can do other work between many tests', async () => {
  const many = Array.from({ length: 5000 }, () => expectation({}))
  let turns = 0
  const counting = setInterval(() => turns++, 0)
  assert.equal((await answersTo(view, many, now)).length, 5000)
  clearInterval(counting)
  assert.ok(turns > 3, String(turns))
})
