import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { compilePolicies, evaluate } from '../../src/policy/index.ts'
import type { CompiledPolicies, Decision, PolicyRequest } from '../../src/policy/index.ts'
import { evaluationFailed, undecided } from '../../src/policy/decision.ts'
import { StatementList } from '../../src/policy/lookup/statement-list.ts'
import { firstMiss } from '../../src/policy/match.ts'
import { documentOf, orders, requestFor } from './kit.ts'

/** Each statement in a policy of its own, `p0`, `p1`, ...: one document is bounded. */
function compiled(...statements: readonly unknown[]): CompiledPolicies {
  return compilePolicies(
    statements.map((one, n) => ({ name: `p${n}`, document: documentOf([one]) })),
  )
}

/** The definition: every statement in turn. */
function walk(policies: CompiledPolicies, request: PolicyRequest): Decision {
  let current
  try {
    for (current of [...policies.denies.all, ...policies.allows.all]) {
      const miss = firstMiss(current, request, request.action.toLowerCase())
      if (miss === undefined) return current.decision
    }
    return undecided('policy.no_statement_allows')
  } catch {
    return evaluationFailed(current)
  }
}

const base = 'arn:aws:execute-api:local:000000000000:orders/live'
/** Few words, so that what is asked for is often nearly what is written. */
const piece = fc.constantFrom('a', 'b', 'ab', 'abc', 'a-1', 'a-12', 'GET', ':', 'a:b', '')
const wild = fc.constantFrom(
  '*',
  '?',
  'a*',
  '*b',
  'a?c',
  '${aws:username}',
  "a${x:list, 'b'}",
  'a${*}b',
  '${x:list}',
)
const path = (part: fc.Arbitrary<string>) => fc.array(part, { maxLength: 5 })
const pattern = fc.oneof(
  path(fc.oneof(piece, wild)).map((parts) => `${base}/${parts.join('/')}`),
  path(fc.oneof(piece, fc.constantFrom('*', 'a*'))).map(
    (parts) => `arn:aws:execute-api:*:*:orders/*/${parts.join('/')}`,
  ),
  fc.constantFrom('*', 'arn:aws:execute-api:*', `${base}/*`, 'arn:aws:s3:::a/b'),
)
const element = (name: string, value: fc.Arbitrary<unknown>) =>
  fc.tuple(fc.constantFrom(name, name, name, `Not${name}`), value).map(([key, v]) => ({ [key]: v }))
const statement = fc
  .record({
    effect: fc.constantFrom('Allow', 'Allow', 'Allow', 'Deny'),
    action: element(
      'Action',
      fc.constantFrom('execute-api:Invoke', 'execute-api:*', '*', 'other:*', 'EXECUTE-API:invoke'),
    ),
    resource: element('Resource', fc.array(pattern, { minLength: 1, maxLength: 3 })),
    condition: fc.option(fc.constantFrom('alice', 'bob', '${x:list}'), { freq: 3 }),
  })
  .map(({ effect, action, resource, condition }) => ({
    Effect: effect,
    ...action,
    ...resource,
    ...(condition === null ? {} : { Condition: { StringLike: { 'aws:username': condition } } }),
  }))

const facts = fc.constantFrom<Record<string, string | string[]>>(
  {},
  { 'aws:username': 'alice' },
  { 'aws:username': 'a/b', 'x:list': ['a'] },
  { 'aws:username': 'b', 'x:list': 'ab' },
)

test('a decision over many statements is the one that trying every statement gives', () => {
  const count = { asked: 0, looked: 0 }
  fc.assert(
    fc.property(
      fc.array(statement, { minLength: 34, maxLength: 80 }),
      fc.array(fc.tuple(path(piece), facts), { minLength: 8, maxLength: 8 }),
      fc.constantFrom('execute-api:Invoke', 'Execute-API:invoke', 'other:Thing'),
      (statements, asked, action) => {
        const policies = compiled(...statements)
        for (const [parts, known] of asked) {
          const request = requestFor({
            action,
            resource: `${base}/${parts.join('/')}`,
            context: (key) => known[key],
          })
          const tried = policies.allows.candidates(action.toLowerCase(), request.resource)
          if (tried.length < policies.allows.all.length) count.looked++
          count.asked++
          assert.deepEqual(evaluate(policies, request), walk(policies, request))
        }
      },
    ),
    { numRuns: 400 },
  )
  assert.ok(count.looked * 4 > count.asked, 'the property is about lists that are not walked')
})

/** Fewer where the same is asked of hundreds of mutants. */
const many = Number(process.env['PROOFGATE_TEST_STATEMENTS'] ?? 10_000)

test('ten thousand statements about single things cost as many tries as ten do', () => {
  const about = (count: number, write: (n: number) => string) =>
    compiled(
      ...Array.from({ length: count }, (_, n) => ({
        Effect: 'Allow',
        Action: n % 2 === 0 ? 'execute-api:Invoke' : '*',
        Resource: write(n),
      })),
    )
  for (const write of [
    (n: number) => `${orders}/GET/orders/${n}`,
    (n: number) => `${orders}/*/orders/${n}/*`,
    (n: number) => `arn:aws:execute-api:*:*:orders/*/*/${n}/orders/*`,
    (n: number) => `${orders}/GET/orders/x-${String(n).padStart(5, '0')}*`,
    (n: number) => `arn:aws:execute-api:*:*:api-${n}/*`,
  ]) {
    const policies = about(many, write)
    const resource = write(many - 1)
      .replaceAll('*:*:', 'local:000000000000:')
      .replaceAll('*', 'POST')
    const tried = policies.allows.candidates('execute-api:invoke', resource)
    assert.ok(tried.length <= 10, `${write(many - 1)}: ${tried.length}`)
    assert.equal(evaluate(policies, requestFor({ resource })).policy, `p${many - 1}`)
  }
})

test('statements about other actions are not tried', () => {
  const others = Array.from({ length: 1000 }, (_, n) => ({
    Effect: 'Deny',
    Action: `other:Do${n}`,
    Resource: '*',
  }))
  const policies = compiled(...others)
  assert.equal(policies.denies.candidates('execute-api:invoke', `${orders}/GET/a`).length, 0)
  assert.equal(policies.denies.candidates('other:do7', `${orders}/GET/a`).length, 1)
  for (let n = 0; n < 200; n++) {
    const decision = evaluate(policies, requestFor({ action: `other:Do${n}` }))
    assert.equal(decision.policy, `p${n}`)
  }
})

test('a variable with several values fails the evaluation in a long list as in a short one', () => {
  const filler = Array.from({ length: 40 }, (_, n) => ({
    Effect: 'Allow',
    Action: '*',
    Resource: `${orders}/GET/other/${n}`,
  }))
  const failing = { Effect: 'Deny', Action: '*', Resource: `${orders}/GET/\${x:list}/none` }
  const allow = { Effect: 'Allow', Action: '*', Resource: '*' }
  const request = requestFor({ context: (key) => (key === 'x:list' ? ['a', 'b'] : undefined) })
  const deniers = filler.map((one) => ({ ...one, Effect: 'Deny' }))
  for (const statements of [
    [failing, allow],
    [...deniers, failing, allow, ...filler],
  ]) {
    assert.equal(evaluate(compiled(...statements), request).reason, 'policy.evaluation_failed')
  }
})

test('a list that was prepared looks at no action again when it is asked', () => {
  let read = 0
  const all = compiled(
    ...Array.from({ length: 40 }, (_, n) => ({
      Effect: 'Allow',
      Action: 'execute-api:Invoke',
      Resource: `${base}/GET/x${n}`,
    })),
  ).allows.all.map((one) =>
    Object.defineProperty({ ...one }, 'action', {
      get: () => {
        read += 1
        return one.action
      },
    }),
  )
  const list = new StatementList(all)
  list.prepare('execute-api:invoke')
  assert.ok(read >= 40, String(read))
  const before = read
  assert.equal(list.candidates('execute-api:invoke', `${base}/GET/x7`).length, 1)
  assert.equal(read, before)
  assert.equal(list.candidates('execute-api:other', `${base}/GET/x7`).length, 0)
  assert.ok(read > before)
})

test('of a short list nothing is prepared', () => {
  const list = compiled({ Effect: 'Allow', Action: '*', Resource: '*' }).allows
  list.prepare('execute-api:invoke')
  assert.equal(list.candidates('execute-api:invoke', 'x'), list.all)
})
