import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'

import { suggest } from '../../src/analysis/index.ts'
import type { Draft, Suggestion } from '../../src/analysis/index.ts'
import type { StoredRecord } from '../../src/audit/index.ts'
import { draftingOf } from '../../src/compose/index.ts'
import type { DraftedFor } from '../../src/compose/index.ts'
import type { Configuration } from '../../src/config/index.ts'
import { compilePolicies, evaluate, nobody, parsePolicyDocument } from '../../src/policy/index.ts'
import type { CompiledPolicies } from '../../src/policy/index.ts'
import { base, configurationOf, people, recordOf, statement, streamOf } from './records.ts'

const readers: DraftedFor = { kind: 'group', name: 'readers' }

async function drafts(
  configuration: Configuration,
  records: readonly StoredRecord[],
  wanted: DraftedFor = readers,
): Promise<Suggestion> {
  const drafting = draftingOf(configuration, people, wanted)
  assert.ok(drafting)
  return suggest(streamOf(records), drafting)
}

async function draft(...given: Parameters<typeof drafts>): Promise<Draft> {
  const [first] = (await drafts(...given)).drafts
  assert.ok(first)
  return first
}

function read(statementName: string, path = '/orders/7', more = {}): StoredRecord {
  return recordOf({ by: ['read', statementName], path, ...more })
}

const wide = statement('Wide', '*')

test('an Allow is narrowed to the routes that were used, by the names of their paths', async () => {
  const found = await draft(configurationOf([wide]), [
    read('Wide'),
    read('Wide', '/orders/8'),
    read('Wide', '/orders', { method: 'POST' }),
  ])
  assert.deepEqual(found.document, {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'Wide',
        Effect: 'Allow',
        Action: 'execute-api:Invoke',
        Resource: [`${base}/GET/orders/*`, `${base}/POST/orders`],
      },
    ],
  })
  const [report] = found.statements
  assert.deepEqual([report?.count, report?.kept, report?.callers], [3, 'narrowed', ['ann']])
  assert.deepEqual(
    report?.routes.map(({ route, count }) => [route, count]),
    [
      ['GET /orders/{id}', 2],
      ['POST /orders', 1],
    ],
  )
})

test('what was allowed in part is not suggested as a whole', async () => {
  const few = [statement('Seven', 'GET/orders/7*')]
  const found = await draft(configurationOf(few), [
    read('Seven', '/orders/7'),
    read('Seven', '/orders/70'),
  ])
  assert.deepEqual(found.document?.Statement[0]?.['Resource'], [
    `${base}/GET/orders/7`,
    `${base}/GET/orders/70`,
  ])
  const many = Array.from({ length: 20 }, (_, index) => read('Seven', `/orders/7${index}`))
  const whole = await draft(configurationOf(few), many)
  assert.deepEqual(whole.document?.Statement[0]?.['Resource'], [`${base}/GET/orders/7*`])
  assert.equal(whole.statements[0]?.kept, 'whole')
})

test('a path with signs of patterns is written so that it stands for itself', async () => {
  const found = await draft(configurationOf([statement('Some', 'GET/orders/7*')]), [
    read('Some', '/orders/7*'),
  ])
  assert.deepEqual(found.document?.Statement[0]?.['Resource'], [`${base}/GET/orders/7\${*}`])
})

test('conditions and every Deny stay, and what was never used is left out and marked', async () => {
  const condition = '{ NumericLessThan: { "proofgate:AuthAge": "600" } }'
  const found = await draft(
    configurationOf([
      statement('Wide', '*', { condition }),
      statement('Idle', 'POST/orders'),
      statement('No', 'GET/orders/9', { effect: 'Deny' }),
    ]),
    [read('Wide'), read('No', '/orders/9', { outcome: 'deny', reason: 'policy.explicit_deny' })],
  )
  assert.deepEqual(found.document?.Statement, [
    {
      Sid: 'Wide',
      Effect: 'Allow',
      Action: 'execute-api:Invoke',
      Resource: [`${base}/GET/orders/*`],
      Condition: { NumericLessThan: { 'proofgate:AuthAge': ['600'] } },
    },
    {
      Sid: 'No',
      Effect: 'Deny',
      Action: ['execute-api:Invoke'],
      Resource: [`${base}/GET/orders/9`],
    },
  ])
  assert.deepEqual(
    found.statements.map(({ statement: name, count, kept }) => [name, count, kept]),
    [
      ['Wide', 1, 'narrowed'],
      ['Idle', 0, 'dropped'],
      ['No', 1, 'whole'],
    ],
  )
})

test('a statement with a variable stays as it is', async () => {
  const own = statement('Own', 'GET/orders/${aws:username}')
  const found = await draft(configurationOf([own]), [read('Own', '/orders/ann')])
  assert.deepEqual(found.document?.Statement[0]?.['Resource'], [
    `${base}/GET/orders/\${aws:username}`,
  ])
})

test('nothing is suggested for who did nothing', async () => {
  const found = await draft(configurationOf([wide]), [])
  assert.equal(found.document, undefined)
  assert.deepEqual(
    found.statements.map(({ kept }) => kept),
    ['dropped'],
  )
})

test('who acts by something else is left out, and counted', async () => {
  const configuration = configurationOf([wide])
  const found = await drafts(configuration, [
    read('Wide'),
    read('Wide', '/orders/7', { who: { subject: 'id-gone', username: 'gone' } }),
    read('Wide', '/nowhere'),
    read('Wide', '/orders/7', { by: ['elsewhere', 'Wide'] }),
    read('Wide', '/orders/7', { outcome: 'deny', reason: 'gateway.unauthenticated' }),
  ])
  assert.deepEqual([found.requests, found.allowed], [5, 4])
  assert.deepEqual(found.leftOut, { noRoute: 1, otherwise: 2 })
  assert.equal(found.drafts[0]?.statements[0]?.count, 1)
})

test('roles have drafts of their own, and people one of everything they have without a role', async () => {
  const trust = `{ Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: '*', Action: 'sts:AssumeRole' }] }`
  const configuration = configurationOf([wide], {
    more: `roles: { ops: { automatic: true, policies: [read], trust: ${trust} } }`,
  })
  const inRole = read('Wide', '/orders', { method: 'POST' })
  const records = [read('Wide'), { ...inRole, what: { ...inRole.what, role: 'ops' } }]
  const role = await draft(configuration, records, { kind: 'role', name: 'ops' })
  assert.deepEqual(role.document?.Statement[0]?.['Resource'], [`${base}/POST/orders`])
  for (const wanted of [readers, { kind: 'person', name: 'ann' } as const]) {
    const found = await draft(configuration, records, wanted)
    assert.deepEqual(found.document?.Statement[0]?.['Resource'], [`${base}/GET/orders/*`])
  }
  assert.deepEqual(
    draftingOf(configuration, people, undefined)?.subjects.map(({ name }) => name),
    ['readers', 'ops'],
  )
  for (const kind of ['group', 'role', 'person'] as const) {
    assert.equal(draftingOf(configuration, people, { kind, name: 'nobody' }), undefined)
  }
})

const paths = ['/orders/7', '/orders/8', '/orders/77', '/public', '/orders']
const patterns = ['*', 'GET/*', 'GET/orders/*', 'GET/orders/7', '*/orders/7*', 'GET/orders/?']
const asked = { resourcePolicy: undefined, sameAccount: true, principal: nobody } as const

function allows(policies: CompiledPolicies, path: string, age: string): boolean {
  const resource = `${base}/GET${path}`
  const context = (key: string): string | undefined =>
    key === 'proofgate:authage' ? age : undefined
  const { effect } = evaluate(policies, {
    ...asked,
    action: 'execute-api:Invoke',
    resource,
    context,
  })
  return effect === 'allow'
}

test('a draft is a sound document that allows what was done and nothing that was not allowed', async () => {
  const one = fc.record({
    resource: fc.constantFrom(...patterns),
    effect: fc.constantFrom('Allow', 'Allow', 'Allow', 'Deny'),
    condition: fc.constantFrom('', '{ NumericLessThan: { "proofgate:AuthAge": "60" } }'),
  })
  const call = fc.record({ path: fc.constantFrom(...paths), age: fc.constantFrom('30', '90') })
  await fc.assert(
    fc.asyncProperty(
      fc.array(one, { minLength: 1, maxLength: 4 }),
      fc.array(call, { maxLength: 6 }),
      async (statements, calls) => {
        const configuration = configurationOf(
          statements.map((each, at) => statement(`S${at}`, each.resource, each)),
        )
        const present = compilePolicies(configuration.policies)
        const done = calls.filter(({ path, age }) => allows(present, path, age))
        const records = done.map(({ path, age }) => {
          const context = (key: string): string | undefined =>
            key === 'proofgate:authage' ? age : undefined
          const resource = `${base}/GET${path}`
          const decision = evaluate(present, {
            ...asked,
            action: 'execute-api:Invoke',
            resource,
            context,
          })
          return read(decision.statement ?? '', path)
        })
        const { document } = await draft(configuration, records)
        const isServed = ({ path }: { path: string }): boolean => path !== '/orders'
        if (document === undefined) return assert.deepEqual(done.filter(isServed), [])
        const parsed = parsePolicyDocument(document, 'identity')
        if ('problems' in parsed) assert.fail(JSON.stringify(parsed.problems))
        const drafted = compilePolicies([{ name: 'draft', document: parsed.document }])
        for (const { path, age } of done.filter(isServed))
          assert.ok(allows(drafted, path, age), path)
        for (const path of paths) {
          for (const age of ['30', '90']) {
            if (allows(drafted, path, age)) assert.ok(allows(present, path, age), path)
          }
        }
      },
    ),
    { numRuns: 100 },
  )
})
