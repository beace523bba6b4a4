import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decide } from '../../src/policy/index.ts'
import { holdsEver, noMandate, roleArn, roleSessionArn } from '../../src/roles/index.ts'
import { requestFor } from '../policy/kit.ts'
import {
  account,
  allowed,
  ann,
  can,
  candidateOf,
  mandateOf,
  mandatesOf,
  policiesOf,
  roleOf,
  trusting,
} from './kit.ts'
import type { Somebody } from './kit.ts'

const inGroup = (group: string): object => ({ StringEquals: { 'k:group': group } })
const fresh = { NumericLessThan: { 'r:age': '300' } }
const everything = ['Own', 'One', 'Two']

describe('what a trust policy says for good', () => {
  const cases: readonly (readonly [
    string,
    readonly unknown[],
    Somebody,
    'yes' | 'no' | 'maybe',
  ])[] = [
    ['nobody is kept out', [trusting()], {}, 'yes'],
    ['a fact that is so', [trusting(inGroup('a'))], { known: { 'k:group': 'a' } }, 'yes'],
    ['a fact that is not so', [trusting(inGroup('a'))], { known: { 'k:group': 'b' } }, 'no'],
    ['a fact that is absent', [trusting(inGroup('a'))], {}, 'no'],
    ['a fact of the request', [trusting(fresh)], {}, 'maybe'],
    [
      'one of each, of which the lasting one is not so',
      [trusting({ ...fresh, ...inGroup('a') })],
      {},
      'no',
    ],
    [
      'one of each, of which the lasting one is so',
      [trusting({ ...fresh, ...inGroup('a') })],
      { known: { 'k:group': 'a' } },
      'maybe',
    ],
    [
      'a Deny that is so',
      [trusting(), trusting(inGroup('a'), 'Deny')],
      { known: { 'k:group': 'a' } },
      'no',
    ],
    ['a Deny on the request', [trusting(), trusting(fresh, 'Deny')], {}, 'maybe'],
    ['an Allow beside one on the request', [trusting(fresh), trusting()], {}, 'maybe'],
    ['another way to ask', [trusting()], { external: true }, 'no'],
    ['both ways', [trusting(undefined, 'Allow', ['sts:AssumeRole*'])], { external: true }, 'yes'],
    ['another action', [trusting(undefined, 'Allow', 'sts:TagSession')], {}, 'no'],
    ['somebody else', [{ ...trusting(), Principal: { AWS: `${ann.arn}e` } }], {}, 'no'],
    ['by name', [{ ...trusting(), Principal: { AWS: ann.arn } }], {}, 'yes'],
    ['by account', [{ ...trusting(), Principal: { AWS: ann.account } }], {}, 'yes'],
    [
      'a lasting fact of another type',
      [trusting({ NumericLessThan: { 'k:group': '1' } })],
      { known: { 'k:group': 'a' } },
      'maybe',
    ],
  ]
  for (const [about, trust, somebody, expected] of cases) {
    it(`${about}: ${expected}`, () => {
      assert.equal(holdsEver(roleOf('One', trust), candidateOf(somebody, false)), expected)
    })
  }
})

describe('automatic roles', () => {
  const mandates = mandatesOf([
    roleOf('One', [trusting(inGroup('a'))]),
    roleOf('Two', [trusting({ ...fresh, ...inGroup('b') })]),
    roleOf('Three', [trusting()], { automatic: false }),
  ])
  const of = (one: Somebody): string => allowed(mandates, one, [...everything, 'Three'])

  it('add what they allow for as long as their facts are so', () => {
    assert.equal(of({}), 'Own')
    assert.equal(of({ known: { 'k:group': 'a' } }), 'Own One')
    assert.equal(of({ known: { 'k:group': 'b' }, facts: { 'r:age': '299' } }), 'Own Two')
    assert.equal(of({ known: { 'k:group': 'b' }, facts: { 'r:age': '300' } }), 'Own')
  })

  it('are not held where a fact is absent, or cannot be compared', () => {
    assert.equal(of({ known: { 'k:group': 'b' } }), 'Own')
    assert.equal(of({ known: { 'k:group': 'b' }, facts: { 'r:age': 'x' } }), 'Own')
    const broken = mandatesOf([
      roleOf('One', [trusting({ NumericLessThan: { 'k:group': '1' } }), trusting()]),
    ])
    assert.equal(allowed(broken, { known: { 'k:group': 'a' } }, everything), 'Own')
  })

  it('cost nothing where nothing depends on the request, and share what is the same', () => {
    const [first, second] = [mandateOf(mandates), mandateOf(mandates)]
    assert.equal(first.pending, undefined)
    assert.equal(first, second)
    assert.notEqual(first, mandateOf(mandates, { known: { 'k:group': 'a' } }))
    const pending = mandateOf(mandates, { known: { 'k:group': 'b' } })
    const asked = candidateOf({ known: { 'k:group': 'b' }, facts: { 'r:age': '1' } }, true)
    assert.ok(pending.pending)
    assert.equal(pending.pending.authorityFor(asked, 0), pending.pending.authorityFor(asked, 0))
  })

  it('deny what their policies deny', () => {
    const denying = roleOf('One', [trusting()], {
      identity: policiesOf('identity', 'p', can('Own', 'Deny'), can('One')),
    })
    assert.equal(allowed(mandatesOf([denying]), {}, everything), 'One')
  })

  it('are bounded by their boundary and by that of the person', () => {
    const both = [can('One'), can('Two')]
    const role = roleOf('One', [trusting()], {
      identity: policiesOf('identity', 'p', ...both),
      boundary: policiesOf('boundary', 'b', can('One'), can('Own')),
    })
    assert.equal(allowed(mandatesOf([role]), {}, everything), 'Own One')
    const boundary = policiesOf('boundary', 'c', can('Two'))
    assert.equal(allowed(mandatesOf([role]), { attached: { boundary } }, everything), '')
    const wide = roleOf('One', [trusting()], { identity: policiesOf('identity', 'p', ...both) })
    assert.equal(allowed(mandatesOf([wide]), { attached: { boundary } }, everything), 'Two')
  })
})

describe('a role that was taken', () => {
  const mandates = mandatesOf([
    roleOf('One', [trusting(inGroup('a'))], { automatic: false }),
    roleOf('Two', [trusting(fresh)]),
  ])
  const held = { known: { 'k:group': 'a' }, role: 'One' }

  it('is all that counts, but for what denies the person', () => {
    assert.equal(allowed(mandates, held, everything), 'One')
    const identity = policiesOf('identity', 'own', can('Own'), can('One', 'Deny'))
    assert.equal(allowed(mandates, { ...held, attached: { identity } }, everything), '')
    const boundary = policiesOf('boundary', 'b', can('Own'))
    assert.equal(allowed(mandates, { ...held, attached: { boundary } }, everything), '')
  })

  it('is lost with its facts, and when it is gone', () => {
    assert.equal(allowed(mandates, { role: 'One' }, everything), 'lost')
    assert.equal(allowed(mandates, { role: 'Two', facts: { 'r:age': '1' } }, everything), 'Two')
    assert.equal(allowed(mandates, { role: 'Two', facts: { 'r:age': '301' } }, everything), 'lost')
    assert.equal(allowed(mandates, { role: 'Two' }, everything), 'lost')
    for (const role of ['Nope', '', 'constructor', '__proto__', 'one']) {
      assert.equal(allowed(mandates, { ...held, role }, everything), 'lost', role)
    }
  })

  it('is narrowed by a session policy, which adds nothing', () => {
    const narrowed = (Statement: unknown): string =>
      allowed(
        mandates,
        { ...held, sessionPolicy: JSON.stringify({ Version: '2012-10-17', Statement }) },
        everything,
      )
    assert.equal(narrowed([can('One'), can('Own')]), 'One')
    assert.equal(narrowed([can('Own')]), '')
    assert.equal(narrowed([can('*'), can('One', 'Deny')]), '')
  })

  it('allows nothing under a session policy that cannot be read', () => {
    for (const sessionPolicy of [
      '',
      '{',
      '[]',
      '{"Version":"2012-10-17"}',
      '{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}',
      JSON.stringify({
        Version: '2012-10-17',
        Statement: { ...can('*'), Resource: `arn:aws:x:::${'y'.repeat(2100)}` },
      }),
    ]) {
      const mandate = mandateOf(mandates, { ...held, sessionPolicy })
      assert.equal(mandate.pending, undefined)
      const { reason, policy } = decide(mandate.authority, requestFor({ action: 'x:One' }))
      assert.deepEqual([reason, policy], ['policy.explicit_deny', 'session_policy'], sessionPolicy)
    }
  })

  it('narrows without a role as well', () => {
    const sessionPolicy = JSON.stringify({ Version: '2012-10-17', Statement: can('Two') })
    assert.equal(allowed(mandates, { sessionPolicy }, everything), '')
    const facts = { 'r:age': '1' }
    assert.equal(allowed(mandates, { sessionPolicy, facts }, everything), 'Two')
  })

  it('is narrowed in what an API gives to its owner, or to its session, by name', () => {
    const session = roleSessionArn(account, 'One', 'ann')
    const inOne = { ...ann, arn: session, role: roleArn(account, 'One') }
    const resourcePolicy = policiesOf('resource', 'api', {
      Effect: 'Allow',
      Principal: { AWS: [ann.arn, session] },
      Action: 'x:*',
      Resource: '*',
    })
    const sessionPolicy = JSON.stringify({ Version: '2012-10-17', Statement: can('Two') })
    for (const [one, principal] of [
      [{ sessionPolicy }, ann],
      [{ ...held, sessionPolicy }, inOne],
    ] as const) {
      const { authority } = mandateOf(mandates, one)
      const asked = (name: string): string =>
        decide(authority, requestFor({ action: `x:${name}`, principal, resourcePolicy })).reason
      assert.equal(asked('Two'), 'policy.allowed')
      assert.equal(asked('Own'), 'policy.session_policy_does_not_allow')
      assert.equal(asked('Other'), 'policy.session_policy_does_not_allow')
    }
  })
})

describe('a credential that is for some roles', () => {
  const roles = [
    roleOf('One', [trusting()]),
    roleOf('Two', [trusting()]),
    roleOf('Three', [trusting(inGroup('a'))], { automatic: false }),
  ]
  const mandates = mandatesOf(roles, {
    key: { roles: new Set(['One', 'Three']), until: undefined },
    short: { roles: new Set(['One']), until: 1000 },
    none: { roles: new Set(), until: undefined },
    endless: { roles: new Set(['One']), until: undefined },
    past: { roles: new Set(['One']), until: 0 },
  })
  const all = [...everything, 'Three']

  it('holds and takes these only, without what its owner may do', () => {
    assert.equal(allowed(mandates, { credential: 'other' }, all), 'Own One Two')
    assert.equal(allowed(mandates, { credential: 'key' }, all), 'One')
    assert.equal(allowed(mandates, { credential: 'none' }, all), '')
    assert.equal(allowed(mandates, { credential: 'key', role: 'Two' }, all), 'lost')
    const known = { 'k:group': 'a' }
    assert.equal(allowed(mandates, { credential: 'key', role: 'Three', known }, all), 'Three')
    assert.equal(allowed(mandates, { credential: 'key', role: 'Three' }, all), 'lost')
  })

  it('keeps what denies its owner', () => {
    const identity = policiesOf('identity', 'own', can('One', 'Deny'))
    assert.equal(allowed(mandates, { credential: 'key', attached: { identity } }, all), '')
  })

  it('can do nothing any more from its last moment on', () => {
    const at = (now: number, more: Somebody = {}): string =>
      allowed(mandates, { credential: 'short', ...more }, all, now)
    assert.equal(at(999), 'One')
    assert.equal(at(1000), '')
    assert.equal(at(999, { role: 'One' }), 'One')
    assert.equal(at(1000, { role: 'One' }), '')
    assert.equal(mandateOf(mandates, { credential: 'short' }).until, 1000)
    const { pending } = mandateOf(mandates, { credential: 'short' })
    const authority = pending?.authorityFor(candidateOf({}, true), 1000)
    assert.ok(authority)
    const { policy, statement } = decide(authority, requestFor({ action: 'x:One' }))
    assert.deepEqual([policy, statement], ['credentialRoles', 'Expired'])
  })

  it('that could do things until 1970 is not one without an end', () => {
    assert.equal(allowed(mandates, { credential: 'endless' }, all), 'One')
    assert.equal(allowed(mandates, { credential: 'past' }, all), '')
    assert.equal(allowed(mandates, { credential: 'endless' }, all), 'One')
  })

  it('is not helped by what an API gives to its owner by name', () => {
    const resourcePolicy = policiesOf('resource', 'api', {
      Effect: 'Allow',
      Principal: { AWS: ann.arn },
      Action: 'x:Two',
      Resource: '*',
    })
    const asked = requestFor({ action: 'x:Two', principal: ann, resourcePolicy })
    assert.equal(decide(mandateOf(mandates, { credential: 'key' }).authority, asked).effect, 'deny')
    assert.equal(decide(mandateOf(mandates).authority, asked).effect, 'allow')
  })
})

it('nobody does anything by no mandate', () => {
  assert.equal(decide(noMandate.authority, requestFor()).effect, 'deny')
})
