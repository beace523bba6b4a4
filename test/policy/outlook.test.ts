import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { authorityOf, compilePolicies, decide, outlook } from '../../src/policy/index.ts'
import { noPolicies, parsePolicyDocument, UnknownFactError } from '../../src/policy/index.ts'
import type {
  Authority,
  CompiledPolicies,
  ContextLookup,
  PartialRequest,
  PolicyKind,
  Template,
} from '../../src/policy/index.ts'
import { covers, overlaps } from '../../src/policy/analysis/overlap.ts'
import { steps, stepsOfTemplate, stepsOfText } from '../../src/policy/analysis/template.ts'
import type { Step } from '../../src/policy/analysis/template.ts'
import { compiled, context, orders, requestFor } from './kit.ts'
import type { Facts } from './kit.ts'

function stepsOfGlob(source: string): Step[] {
  return source.split('').flatMap((char) => {
    if (char === '*') return [steps.anyRun]
    return char === '?' ? [steps.any] : stepsOfText(char)
  })
}

const pairs: readonly (readonly [string, Template, overlaps: boolean, covers: boolean])[] = [
  ['a', [{ text: 'a' }], true, true],
  ['a', [{ text: 'b' }], false, false],
  ['', [], true, true],
  ['*', [], true, true],
  ['*', ['segment'], true, true],
  ['*', ['rest', { text: '/x' }], true, true],
  ['?', ['segment'], true, false],
  ['?*', ['segment'], true, true],
  ['??*', ['segment'], true, false],
  ['a*', ['segment'], true, false],
  ['/', ['segment'], false, false],
  ['/', ['rest'], true, false],
  ['a/*', ['segment', { text: '/b' }], true, false],
  ['*/b', ['segment', { text: '/b' }], true, true],
  ['*/c', ['segment', { text: '/b' }], false, false],
  ['x/y', ['segment'], false, false],
  ['orders/*', [{ text: 'orders/' }, 'segment'], true, true],
  ['orders/7', [{ text: 'orders/' }, 'segment'], true, false],
  ['orders', [{ text: 'orders/' }, 'segment'], false, false],
  ['*a*b*', ['rest', { text: 'a' }, 'segment', { text: 'b' }], true, true],
  ['*b*a*', ['rest', { text: 'a' }, 'segment', { text: 'b' }], true, false],
]

for (const [pattern, template, shares, includes] of pairs) {
  test(`"${pattern}" and ${JSON.stringify(template)}: share ${shares}, cover ${includes}`, () => {
    assert.equal(overlaps(stepsOfGlob(pattern), stepsOfTemplate(template)), shares)
    assert.equal(covers(stepsOfGlob(pattern), stepsOfTemplate(template)), includes)
  })
}

const path: Template = [{ text: `${orders}/GET/orders/` }, 'segment']

function partial(known: Facts, change: Partial<PartialRequest> = {}): PartialRequest {
  const lookup = context(known)
  const { principal, resourcePolicy, sameAccount, action } = requestFor()
  return {
    action,
    principal,
    resourcePolicy,
    sameAccount,
    resource: path,
    context: (key) => {
      const found = lookup(key)
      if (found === undefined) throw new UnknownFactError(key)
      return found.length === 0 ? undefined : found
    },
    ...change,
  }
}

const allow = { Effect: 'Allow', Action: '*', Resource: `${orders}/GET/*` }
const deny = { ...allow, Effect: 'Deny' }
const whenGroup = (group: string): object => ({
  Condition: { StringEquals: { 'proofgate:Group': group } },
})

const outlooks: readonly (readonly [string, readonly object[], Facts, string])[] = [
  ['an Allow that covers the route', [allow], {}, 'yes'],
  ['an Allow for one order', [{ ...allow, Resource: `${orders}/GET/orders/7` }], {}, 'maybe'],
  ['an Allow for another route', [{ ...allow, Resource: `${orders}/GET/x/*` }], {}, 'no'],
  ['an Allow for another API', [{ ...allow, Resource: `${orders}s/GET/*` }], {}, 'no'],
  ['an Allow for another action', [{ ...allow, Action: 'x:y' }], {}, 'no'],
  ['a condition nobody knows', [{ ...allow, ...whenGroup('a') }], {}, 'maybe'],
  ['a condition that is met', [{ ...allow, ...whenGroup('a') }], { 'proofgate:Group': 'a' }, 'yes'],
  ['one that is not met', [{ ...allow, ...whenGroup('a') }], { 'proofgate:Group': 'b' }, 'no'],
  ['a Deny', [allow, deny], {}, 'no'],
  ['a Deny of one order', [allow, { ...deny, Resource: `${orders}/GET/orders/7` }], {}, 'maybe'],
  ['a Deny on a condition nobody knows', [allow, { ...deny, ...whenGroup('a') }], {}, 'maybe'],
  ['a Deny elsewhere', [allow, { ...deny, Resource: `${orders}/POST/*` }], {}, 'yes'],
  [
    'NotResource elsewhere',
    [{ ...allow, Resource: undefined, NotResource: `${orders}/POST/*` }],
    {},
    'yes',
  ],
  ['NotResource here', [{ ...allow, Resource: undefined, NotResource: `${orders}/*` }], {}, 'no'],
  [
    'NotResource in part',
    [{ ...allow, Resource: undefined, NotResource: `${orders}/GET/orders/7` }],
    {},
    'maybe',
  ],
  [
    'a variable nobody knows',
    [{ ...allow, Resource: `${orders}/GET/orders/\${a:b}` }],
    {},
    'maybe',
  ],
  [
    'a variable that is known',
    [{ ...allow, Resource: `${orders}/GET/\${a:b}/*` }],
    { 'a:b': 'orders' },
    'yes',
  ],
  [
    'a variable with another value',
    [{ ...allow, Resource: `${orders}/GET/\${a:b}/*` }],
    { 'a:b': 'x' },
    'no',
  ],
  [
    'a variable without a value',
    [{ ...allow, Resource: `${orders}/GET/\${a:b}/*` }],
    { 'a:b': '' },
    'no',
  ],
  [
    'wildcards in the columns',
    [{ ...allow, Resource: 'arn:aws:execute-api:*:*:orders/live/GET/*' }],
    {},
    'yes',
  ],
  [
    'columns that do not fit',
    [{ ...allow, Resource: 'arn:aws:execute-api:*:1*:orders/live/GET/*' }],
    {},
    'no',
  ],
]

for (const [about, statements, known, expected] of outlooks) {
  test(`what may happen, with ${about}: ${expected}`, () => {
    const written = statements.map((one) => JSON.parse(JSON.stringify(one)) as unknown)
    assert.equal(outlook(authorityOf(compiled(...written)), partial(known)).allowed, expected)
  })
}

test('a boundary and a session policy limit what may happen', () => {
  const [all, none] = [compiled(allow), compiled({ ...allow, Action: 'x:y' })]
  const allowedWith = (boundary?: CompiledPolicies, session?: CompiledPolicies): string =>
    outlook(
      {
        grants: [{ identity: all, boundary, session, ceiling: undefined }],
        denies: [],
        grantsOnly: false,
        narrowing: undefined,
      },
      partial({}),
    ).allowed
  assert.equal(allowedWith(all, all), 'yes')
  assert.equal(allowedWith(none), 'no')
  assert.equal(allowedWith(all, none), 'no')
  const perhaps = compiled({ ...allow, ...whenGroup('a') })
  assert.equal(allowedWith(perhaps), 'maybe')
})

test('the conditions that the answer depends on are named', () => {
  const policies = compiled({ ...allow, ...whenGroup('a') }, { ...deny, ...whenGroup('b') })
  const { allows, denies } = outlook(authorityOf(policies), partial({}))
  const named = [...allows, ...denies].map(({ depends }) => depends.map(({ values }) => values))
  assert.deepEqual(named, [[['a']], [['b']]])
})

const id = fc.constantFrom('1', '7', 'a', 'ab')
const resource = fc.constantFrom(
  '*',
  `${orders}/GET/*`,
  `${orders}/GET/orders/7`,
  `${orders}/GET/orders/?`,
  `${orders}/*/orders/a*`,
  `${orders}/POST/*`,
  `${orders}/GET/orders/\${k:1}`,
  'arn:aws:execute-api:*:*:orders/live/GET/orders/*',
)
const condition = fc.oneof(
  fc.constant(undefined),
  fc.record({
    operator: fc.constantFrom(
      'StringEquals',
      'StringNotEquals',
      'StringLikeIfExists',
      'ForAllValues:StringEquals',
      'ForAnyValue:StringNotEquals',
    ),
    key: fc.constantFrom('k:1', 'k:2'),
    value: fc.constantFrom('1', '7', 'a*', '${k:2}'),
  }),
)
const statement = fc
  .record({
    Effect: fc.constantFrom('Allow', 'Allow', 'Deny'),
    element: fc.constantFrom('Resource', 'Resource', 'Resource', 'NotResource'),
    resource,
    condition,
  })
  .map(({ Effect, element, resource, condition }) => ({
    Effect,
    Action: 'execute-api:Invoke',
    [element]: resource,
    ...(condition === undefined
      ? {}
      : { Condition: { [condition.operator]: { [condition.key]: condition.value } } }),
  }))
const statements = fc.array(statement, { minLength: 1, maxLength: 3 })
const facts = fc.record(
  { 'k:1': fc.constantFrom('1', '7', 'a'), 'k:2': fc.constantFrom('1', 'a*', '') },
  { requiredKeys: [] },
)

function policiesOf(kind: PolicyKind, written: readonly object[]): CompiledPolicies {
  const parsed = parsePolicyDocument({ Version: '2012-10-17', Statement: written }, kind)
  assert.ok('document' in parsed)
  return compilePolicies([{ name: kind, document: parsed.document }])
}

test('no request is allowed that cannot be, and none denied that always is allowed', () => {
  const seen = { yes: 0, no: 0, maybe: 0 }
  fc.assert(
    fc.property(
      statements,
      fc.option(statements, { nil: undefined, freq: 3 }),
      fc.option(statements, { nil: undefined, freq: 3 }),
      fc.record({
        ceiling: fc.option(statements, { nil: undefined, freq: 1 }),
        grantsOnly: fc.boolean(),
        sameAccount: fc.boolean(),
      }),
      facts,
      fc.subarray(['k:1', 'k:2']),
      id,
      (identity, boundary, attached, { ceiling, grantsOnly, sameAccount }, facts, known, id) => {
        const grant = {
          identity: identity.length === 3 ? noPolicies : policiesOf('identity', identity),
          boundary: boundary === undefined ? undefined : policiesOf('boundary', boundary),
          session: undefined,
          ceiling: ceiling === undefined ? undefined : policiesOf('boundary', ceiling),
        }
        const authority: Authority = {
          grants: [grant],
          denies: [],
          grantsOnly,
          narrowing: undefined,
        }
        const lookup: ContextLookup = context(facts)
        const resourcePolicy =
          attached === undefined
            ? undefined
            : policiesOf(
                'resource',
                attached.map((one) => ({ ...one, Principal: '*' })),
              )
        const { effect } = decide(
          authority,
          requestFor({
            resource: `${orders}/GET/orders/${id}`,
            context: lookup,
            resourcePolicy,
            sameAccount,
          }),
        )
        const { allowed } = outlook(authority, {
          ...partial({}, { resourcePolicy, sameAccount }),
          context: (key) => {
            if (!known.includes(key)) throw new UnknownFactError(key)
            return lookup(key)
          },
        })
        seen[allowed] += 1
        if (effect === 'allow') assert.notEqual(allowed, 'no')
        else assert.notEqual(allowed, 'yes')
      },
    ),
    { numRuns: 3000 },
  )
  const hundredth = (seen.yes + seen.no + seen.maybe) / 100
  for (const count of Object.values(seen)) assert.ok(count > hundredth, JSON.stringify(seen))
})
