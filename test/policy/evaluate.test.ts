import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { compilePolicies, evaluate } from '../../src/policy/index.ts'
import type { PolicyRequest } from '../../src/policy/index.ts'
import { compiled, context, decide, documentOf, everything, orders, requestFor } from './kit.ts'

const denyEverything = { ...everything, Effect: 'Deny' }
const denyOne = { Effect: 'Deny', Action: '*', Resource: `${orders}/GET/orders/1` }
const denyOther = { Effect: 'Deny', Action: '*', Resource: `${orders}/GET/orders/2` }

test('nothing is allowed by no policy and by policies that say nothing about the request', () => {
  const denied = {
    effect: 'deny',
    reason: 'policy.no_statement_allows',
    policy: undefined,
    kind: undefined,
    role: undefined,
    statement: undefined,
  }
  assert.deepEqual(evaluate(compilePolicies([]), requestFor()), denied)
  assert.deepEqual(decide([denyOther]), denied)
  assert.deepEqual(decide([{ ...everything, Action: 'other:*' }]), denied)
})

test('an Allow that applies allows and is named by its Sid', () => {
  assert.deepEqual(decide([denyOther, { ...everything, Sid: 'Open' }]), {
    effect: 'allow',
    reason: 'policy.allowed',
    policy: 'test',
    kind: 'identity',
    role: undefined,
    statement: 'Open',
  })
})

test('a statement without a Sid is named by its index in its own document', () => {
  const policies = compilePolicies([
    { name: 'first', document: documentOf([denyOther, denyOther]) },
    { name: 'second', document: documentOf([denyOther, everything]) },
  ])
  const { policy, statement } = evaluate(policies, requestFor())
  assert.deepEqual({ policy, statement }, { policy: 'second', statement: '#1' })
})

test('a Deny wins over an Allow in either order and from either policy', () => {
  const allow = { name: 'allow', document: documentOf(everything) }
  const deny = { name: 'deny', document: documentOf({ ...denyOne, Sid: 'No' }) }
  const expected = {
    effect: 'deny',
    reason: 'policy.explicit_deny',
    policy: 'deny',
    kind: 'identity',
    role: undefined,
    statement: 'No',
  }
  assert.deepEqual(evaluate(compilePolicies([allow, deny]), requestFor()), expected)
  assert.deepEqual(evaluate(compilePolicies([deny, allow]), requestFor()), expected)
  assert.equal(decide([everything, denyOne]).reason, 'policy.explicit_deny')
  assert.equal(decide([denyOne, everything]).reason, 'policy.explicit_deny')
  assert.equal(decide([denyEverything]).reason, 'policy.explicit_deny')
})

const actions: readonly (readonly [pattern: string, action: string, expected: boolean])[] = [
  ['execute-api:Invoke', 'execute-api:Invoke', true],
  ['EXECUTE-API:invoke', 'execute-api:Invoke', true],
  ['execute-api:Invoke', 'EXECUTE-API:INVOKE', true],
  ['execute-api:*', 'execute-api:ManageConnections', true],
  ['execute-api:In?oke', 'execute-api:Invoke', true],
  ['execute-api:Invoke?', 'execute-api:Invoke', false],
  ['execute-api:Invok', 'execute-api:Invoke', false],
  ['*:Invoke', 'execute-api:Invoke', true],
  ['*', 'anything:AtAll', true],
  ['execute-api:Invoke', 'execute-api:*', false],
  ['execute-api:Invoke', '*', false],
  ['execute-api:Invoke', '', false],
  ['execute-api:Inv.ke', 'execute-api:Invoke', false],
]

for (const [pattern, action, expected] of actions) {
  test(`Action ${pattern} ${expected ? 'selects' : 'does not select'} ${JSON.stringify(action)}, NotAction the opposite`, () => {
    const request = requestFor({ action })
    const outcome = expected ? 'allow' : 'deny'
    const opposite = expected ? 'deny' : 'allow'
    assert.equal(decide([{ ...everything, Action: ['x:Y', pattern] }], request).effect, outcome)
    const { Action: _, ...rest } = everything
    assert.equal(decide([{ ...rest, NotAction: ['x:Y', pattern] }], request).effect, opposite)
  })
}

test('NotResource selects everything but its patterns', () => {
  const statement = {
    Effect: 'Allow',
    Action: '*',
    NotResource: [`${orders}/DELETE/*`, `${orders}/PUT/*`],
  }
  const effectOn = (path: string) =>
    decide([statement], requestFor({ resource: `${orders}${path}` })).effect
  assert.equal(effectOn('/GET/orders'), 'allow')
  assert.equal(effectOn('/DELETE/orders'), 'deny')
  assert.equal(effectOn('/PUT/orders'), 'deny')
})

test('a condition can take a Deny away and keep an Allow from applying', () => {
  const condition = { Bool: { 'aws:MultiFactorAuthPresent': 'true' } }
  const withFactor = requestFor({ context: context({ 'aws:MultiFactorAuthPresent': 'true' }) })
  assert.equal(decide([{ ...everything, Condition: condition }], withFactor).effect, 'allow')
  assert.equal(decide([{ ...everything, Condition: condition }]).effect, 'deny')
  assert.equal(
    decide([everything, { ...denyEverything, Condition: condition }], withFactor).effect,
    'deny',
  )
  assert.equal(decide([everything, { ...denyEverything, Condition: condition }]).effect, 'allow')
})

test('a Deny on BoolIfExists "false" also stops a caller about whom the fact is unknown', () => {
  const deny = {
    ...denyEverything,
    Condition: { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } },
  }
  assert.equal(decide([everything, deny]).effect, 'deny')
})

test('ForAnyValue in a Deny does not apply to a caller without the key', () => {
  const deny = {
    ...denyEverything,
    Condition: { 'ForAnyValue:StringEquals': { 'proofgate:Group': 'out' } },
  }
  const decideFor = (groups: string[]) =>
    decide([everything, deny], requestFor({ context: context({ 'proofgate:Group': groups }) }))
      .effect
  assert.equal(decide([everything, deny]).effect, 'allow')
  assert.equal(decideFor(['in', 'out']), 'deny')
  assert.equal(decideFor(['in']), 'allow')
})

const failing: readonly (readonly [what: string, context: PolicyRequest['context']])[] = [
  [
    'throws',
    () => {
      throw new Error('the store is away')
    },
  ],
  [
    'throws no error',
    () => {
      throw undefined
    },
  ],
  ['answers null', () => null as never],
  ['answers a number', () => 5 as never],
  ['answers a boolean', () => true as never],
  ['answers an object', () => ({}) as never],
  ['answers a promise', () => Promise.resolve('x') as never],
  ['answers a list of numbers', () => [5] as never],
  ['answers a list with a hole', () => ['y', undefined] as never],
]

for (const [what, context] of failing) {
  test(`a context lookup that ${what} denies, whichever statement asked`, () => {
    const condition = { StringEquals: { 'a:b': 'x' } }
    for (const effect of ['Allow', 'Deny']) {
      const asking = { ...everything, Sid: 'Asks', Effect: effect, Condition: condition }
      assert.deepEqual(decide([asking, everything], requestFor({ context })), {
        effect: 'deny',
        reason: 'policy.evaluation_failed',
        policy: 'test',
        kind: 'identity',
        role: undefined,
        statement: 'Asks',
      })
    }
  })
}

test('a request that is not one is denied, never thrown at', () => {
  for (const request of [undefined, {}, { action: 'a:b' }, { action: 5, resource: 5 }]) {
    assert.equal(
      evaluate(compiled({ ...denyOne, Effect: 'Allow' }), request as never).effect,
      'deny',
    )
  }
  assert.equal(evaluate(undefined as never, requestFor()).reason, 'policy.evaluation_failed')
})

test('facts are looked up only when action and resource match', () => {
  const asked: string[] = []
  const lookup = (key: string) => {
    asked.push(key)
    return 'x'
  }
  const condition = { StringEquals: { 'a:B': 'y' }, StringLike: { 'a:C': 'x' } }
  decide(
    [
      { ...everything, Action: 'other:*', Condition: condition },
      { ...denyOther, Condition: condition },
      { ...everything, Condition: condition },
    ],
    requestFor({ context: lookup }),
  )
  assert.deepEqual(asked, ['a:b'])
})

const operatorNames = fc.constantFrom(
  'StringEquals',
  'StringNotLike',
  'ForAllValues:StringLike',
  'NumericLessThanIfExists',
  'Null',
)
const statements = fc
  .record({
    Effect: fc.constantFrom('Allow', 'Deny'),
    Action: fc.constantFrom('*', 'execute-api:*', 'execute-api:Invoke', 'other:*'),
    Resource: fc.constantFrom('*', `${orders}/GET/*`, `${orders}/POST/*`),
    conditioned: fc.option(fc.tuple(operatorNames, fc.constantFrom('a:one', 'a:two')), {
      nil: undefined,
    }),
  })
  .map(({ conditioned, ...statement }) => {
    if (conditioned === undefined) return statement
    const [operator, key] = conditioned
    return {
      ...statement,
      Condition: { [operator]: { [key]: operator === 'Null' ? 'true' : '5' } },
    }
  })
const facts = fc.dictionary(fc.constantFrom('a:one', 'a:two'), fc.constantFrom('5', '6', 'six'))
const paths = fc.constantFrom('/GET/a', '/POST/a')

function requestWith(path: string, known: Record<string, string>): PolicyRequest {
  return requestFor({ resource: `${orders}${path}`, context: context(known) })
}

test('no order of statements turns a deny by a Deny statement into an allow', () => {
  fc.assert(
    fc.property(
      fc
        .array(statements, { minLength: 1, maxLength: 6 })
        .chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
        ),
      paths,
      facts,
      ([list, shuffled], path, known) => {
        const [one, other] = [list, shuffled].map((some) => decide(some, requestWith(path, known)))
        assert.ok(one && other)
        const failed = [one, other].some(({ reason }) => reason === 'policy.evaluation_failed')
        if (!failed) assert.deepEqual([one.effect, one.reason], [other.effect, other.reason])
        if (one.reason === 'policy.explicit_deny') assert.equal(other.effect, 'deny')
      },
    ),
    { numRuns: 2000 },
  )
})

test('one more Deny never turns a deny into an allow, wherever it is put', () => {
  fc.assert(
    fc.property(
      fc.array(statements, { maxLength: 5 }),
      statements,
      fc.nat(),
      paths,
      facts,
      (list, added, place, path, known) => {
        const deny = { ...added, Effect: 'Deny' }
        const request = requestWith(path, known)
        const before =
          list.length === 0 ? evaluate(compilePolicies([]), request) : decide(list, request)
        const at = place % (list.length + 1)
        const after = decide([...list.slice(0, at), deny, ...list.slice(at)], request)
        if (before.effect === 'deny') assert.equal(after.effect, 'deny')
      },
    ),
    { numRuns: 2000 },
  )
})

test('a statement alone decides as its elements say', () => {
  fc.assert(
    fc.property(statements, paths, (statement, path) => {
      const plain = {
        Effect: statement.Effect,
        Action: statement.Action,
        Resource: statement.Resource,
      }
      const matches =
        plain.Action !== 'other:*' &&
        (plain.Resource === '*' || plain.Resource.includes(path.slice(0, 4)))
      const expected = matches && plain.Effect === 'Allow' ? 'allow' : 'deny'
      assert.equal(decide([plain], requestWith(path, {})).effect, expected)
    }),
  )
})
