import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { compilePolicies, evaluate, lintPolicies } from '../../src/policy/index.ts'
import type { Decision, LintRoute } from '../../src/policy/index.ts'
import {
  anyOne,
  anyRun,
  anySegment,
  Effort,
  includes,
  intersects,
  unitsOf,
} from '../../src/policy/lint/globs.ts'
import type { Place } from '../../src/policy/lint/globs.ts'
import { context, documentOf, requestFor } from './kit.ts'
import type { Facts } from './kit.ts'

const place = fc.constantFrom<Place>(...unitsOf('aab/'), anyRun, anyRun, anyOne, anySegment)
const places = fc.array(place, { maxLength: 5 })

/**
 * Everything that can be written with three signs, as far as two patterns of five places need it to meet: each
 * unit of a shortest text that both match is named by one of them, and a pattern names five, or four and a run.
 */
const texts = ((): readonly string[] => {
  const all = ['']
  for (let from = 0, length = 1; length <= 8; length++) {
    const to = all.length
    for (; from < to; from++) all.push(`${all[from]}a`, `${all[from]}b`, `${all[from]}/`)
  }
  return all
})()

function matcher(pattern: readonly Place[]): (text: string) => boolean {
  const source = pattern.map((one) => {
    if (one === anyRun) return '[^]*'
    if (one === anySegment) return '[^/]*'
    return one === anyOne ? '[^]' : String.fromCharCode(one)
  })
  const whole = new RegExp(`^${source.join('')}$`)
  return (text) => whole.test(text)
}

const plenty = (): Effort => new Effort(1e9)

test('two patterns meet when some text is matched by both, and only then', () => {
  fc.assert(
    fc.property(places, places, (one, other) => {
      const [first, second] = [matcher(one), matcher(other)]
      const expected = texts.some((text) => first(text) && second(text))
      assert.equal(intersects(one, other, plenty()), expected)
      assert.equal(intersects(other, one, plenty()), expected)
    }),
    {
      numRuns: 1500,
      examples: [
        [
          [...unitsOf('aaaa'), anySegment],
          [anyRun, ...unitsOf('baa')],
        ],
      ],
    },
  )
})

test('a pattern that is said to include another matches all that the other does', () => {
  let said = 0
  const plain = fc.array(
    place.filter((one) => one !== anySegment),
    { maxLength: 5 },
  )
  fc.assert(
    fc.property(plain, plain, (outer, inner) => {
      if (!includes(outer, inner, plenty())) return
      said++
      const [wide, narrow] = [matcher(outer), matcher(inner)]
      for (const text of texts) assert.ok(!narrow(text) || wide(text), text)
    }),
    { numRuns: 3000 },
  )
  assert.ok(said > 100)
})

const arn = 'arn:aws:execute-api:local:000000000000:orders/live'
const word = fc.constantFrom('a', 'b', '*', 'a*', '?', '${aws:username}', 'GET', 'a:b')
const resource = fc.oneof(
  fc.array(word, { maxLength: 3 }).map((words) => `${arn}/${words.join('/')}`),
  fc
    .array(fc.constantFrom('a', '*', 'a*'), { maxLength: 3 })
    .map((words) => `arn:aws:execute-api:*:0*:orders/${words.join('/')}`),
  fc.constantFrom('*', `${arn}/*`, 'arn:aws:execute-api:*', 'arn:aws:s3:*:orders/live/a'),
)
const condition = fc.constantFrom(
  {},
  {},
  { Bool: { 'aws:SecureTransport': 'true' } },
  { StringEquals: { 'aws:username': ['a', 'b'] } },
  { StringEquals: { 'AWS:username': ['b', 'a'] } },
  { StringNotEquals: { 'aws:username': 'a' } },
  { Bool: { 'aws:SecureTransport': 'true' }, StringEquals: { 'aws:username': ['a', 'b'] } },
)
const element = (name: string, value: fc.Arbitrary<unknown>) =>
  fc
    .tuple(fc.constantFrom(name, name, name, `Not${name}`), value)
    .map(([key, values]) => ({ [key]: values }))
const statement = fc
  .record({
    effect: fc.constantFrom('Allow', 'Deny'),
    action: element('Action', fc.constantFrom('*', 'execute-api:*', 'execute-api:Invoke', 's3:*')),
    resource: element('Resource', fc.uniqueArray(resource, { minLength: 1, maxLength: 2 })),
    condition,
  })
  .map(({ effect, action, resource, condition }) => ({
    Effect: effect,
    ...action,
    ...resource,
    ...(Object.keys(condition).length === 0 ? {} : { Condition: condition }),
  }))
const facts: fc.Arbitrary<Facts> = fc.constantFrom<Facts>(
  {},
  { 'aws:SecureTransport': 'true' },
  { 'aws:SecureTransport': 'true', 'aws:username': 'a' },
  { 'aws:SecureTransport': 'false', 'aws:username': 'b' },
)
const asked = fc
  .array(fc.constantFrom('a', 'b', 'GET', 'ab', 'a:b', 'orders/live/a'), { maxLength: 3 })
  .map((words) => `${arn}/${words.join('/')}`)

function decide(statements: readonly unknown[], resource: string, known: Facts): Decision {
  if (statements.length === 0) return decide([nothing], resource, known)
  const policies = compilePolicies([{ name: 'p', document: documentOf(statements) }])
  return evaluate(policies, requestFor({ resource, context: context(known) }))
}

const nothing = { Effect: 'Deny', Action: 's3:No', Resource: 'arn:aws:s3:::no' }

function flagged(
  statements: readonly unknown[],
  codes: readonly string[],
  routes?: readonly LintRoute[],
): ReadonlySet<number> {
  const setting = { declared: undefined, routes }
  const findings = lintPolicies([{ name: 'p', document: documentOf(statements) }], setting)
  return new Set(
    findings
      .filter(({ code }) => codes.includes(code))
      .map(({ pointer }) => Number(pointer.split('/')[2])),
  )
}

test('what is reported as shadowed or a duplicate changes no answer when it is removed', () => {
  let removed = 0
  fc.assert(
    fc.property(
      fc.array(statement, { minLength: 2, maxLength: 5 }),
      fc.array(fc.tuple(asked, facts), { minLength: 5, maxLength: 10 }),
      (statements, requests) => {
        const gone = flagged(statements, ['policy.warn_shadowed', 'policy.warn_duplicate'])
        removed += gone.size
        const left = statements.filter((_, index) => !gone.has(index))
        assert.ok(left.length > 0)
        for (const [resource, known] of requests) {
          const before = decide(statements, resource, known)
          const after = decide(left, resource, known)
          assert.equal(after.effect, before.effect, `${resource} ${JSON.stringify(known)}`)
          assert.equal(after.reason, before.reason)
        }
      },
    ),
    { numRuns: 600 },
  )
  assert.ok(removed > 100)
})

test('what is reported as never applying applies to no request for one of the routes', () => {
  const segment = fc.constantFrom<LintRoute['path'][number]>(
    { text: 'a' },
    { text: 'b' },
    'segment',
    'rest',
  )
  const route = fc.record({
    arnPrefix: fc.constant(`${arn}/`),
    method: fc.constantFrom('GET', 'POST', undefined),
    path: fc.array(segment, { maxLength: 2 }),
  })
  const fill = fc.constantFrom('a', 'b', 'ab', 'a:b', 'x:orders')
  let never = 0
  fc.assert(
    fc.property(
      statement,
      fc.array(route, { minLength: 1, maxLength: 3 }),
      fc.array(fill, { minLength: 4, maxLength: 4 }),
      facts,
      (one, routes, fills, known) => {
        if (!flagged([one], ['policy.warn_never_applies'], routes).has(0)) return
        never++
        for (const { method, path } of routes) {
          const words = path.map((part, index) => {
            if (part === 'segment') return fills[index] ?? ''
            return part === 'rest' ? fills.join('/') : part.text
          })
          for (const verb of method === undefined ? ['GET', 'DELETE'] : [method]) {
            const decision = decide([one], `${arn}/${verb}/${words.join('/')}`, known)
            assert.equal(decision.statement, undefined, decision.reason)
          }
        }
      },
    ),
    { numRuns: 1500 },
  )
  assert.ok(never > 100)
})
