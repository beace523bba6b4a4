import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  authorityOf,
  compilePolicies,
  nobody,
  outlook,
  parsePolicyDocument,
  UnknownFactError,
} from '../../src/policy/index.ts'
import type {
  Authority,
  CompiledPolicies,
  Outlook,
  PartialRequest,
} from '../../src/policy/index.ts'
import { compiled, everything, orders } from './kit.ts'

const account = '000000000000'
const ann = { ...nobody, arn: `arn:aws:iam::${account}:user/ann`, account }
const open = compiled({ ...everything, Sid: 'own' })
const idle = compiled({ ...everything, Action: 'x:Other' })
const perhaps = compiled({ ...everything, Condition: { Bool: { 'a:b': 'true' } } })
const closed = compiled({ ...everything, Effect: 'Deny' })

function attached(Principal: unknown, change: object = {}): CompiledPolicies {
  const Statement = { ...everything, Sid: 'attached', Principal, ...change }
  const parsed = parsePolicyDocument({ Version: '2012-10-17', Statement }, 'resource')
  assert.ok('document' in parsed)
  return compilePolicies([{ name: 'api', document: parsed.document }])
}

function look(authority: Authority, change: Partial<PartialRequest> = {}): Outlook {
  return outlook(authority, {
    action: 'Execute-API:invoke',
    resource: [{ text: `${orders}/GET/orders/` }, 'segment'],
    resourcePolicy: undefined,
    sameAccount: true,
    principal: ann,
    context: (key) => {
      throw new UnknownFactError(key)
    },
    ...change,
  })
}

/** What may be allowed, and by which statements. */
function answer(authority: Authority, change?: Partial<PartialRequest>): string {
  const { allowed, allows } = look(authority, change)
  return [allowed, ...allows.map(({ statement }) => statement.label)].join(' ')
}

const none: Authority = { grants: [], denies: [], grantsOnly: false, narrowing: undefined }
const stranger = { AWS: `arn:aws:iam::${account}:user/bob` }
const limited: Authority = {
  grants: [{ identity: idle, boundary: idle, session: undefined, ceiling: undefined }],
  denies: [],
  grantsOnly: false,
  narrowing: undefined,
}

const answers: readonly (readonly [about: string, Authority, Partial<PartialRequest>, string])[] = [
  ['nobody without a policy of the API', none, { principal: nobody }, 'no'],
  [
    'nobody, everybody named',
    none,
    { principal: nobody, resourcePolicy: attached('*') },
    'yes attached',
  ],
  ['nobody, the account named', none, { resourcePolicy: attached({ AWS: account }) }, 'no'],
  ['everybody named', authorityOf(idle), { resourcePolicy: attached('*') }, 'yes attached'],
  ['somebody else named', authorityOf(idle), { resourcePolicy: attached(stranger) }, 'no'],
  ['the account named', authorityOf(idle), { resourcePolicy: attached({ AWS: account }) }, 'no'],
  [
    'the account named, and a policy of their own',
    authorityOf(open),
    { resourcePolicy: attached({ AWS: account }) },
    'yes attached own',
  ],
  [
    'themselves named, and a boundary',
    limited,
    { resourcePolicy: attached({ AWS: ann.arn }) },
    'yes attached',
  ],
  ['everybody named, and a boundary', limited, { resourcePolicy: attached('*') }, 'no'],
  ['what names nobody', authorityOf(idle), { resourcePolicy: open }, 'no'],
  ['what names nobody, for nobody', none, { resourcePolicy: open }, 'no'],
  [
    'a name, where only grants count',
    { ...authorityOf(idle), grantsOnly: true },
    { resourcePolicy: attached({ AWS: ann.arn }) },
    'no',
  ],
  [
    'a grant, where only grants count',
    { ...authorityOf(open), grantsOnly: true },
    { resourcePolicy: attached({ AWS: ann.arn }) },
    'yes own',
  ],
  [
    'both, across accounts',
    authorityOf(open),
    { sameAccount: false, resourcePolicy: attached('*') },
    'yes attached own',
  ],
  [
    'both perhaps, across accounts',
    authorityOf(perhaps),
    { sameAccount: false, resourcePolicy: attached('*') },
    'maybe attached #0',
  ],
  [
    'the API alone, across accounts',
    authorityOf(idle),
    { sameAccount: false, resourcePolicy: attached({ AWS: ann.arn }) },
    'no',
  ],
  [
    'a grant alone, across accounts',
    authorityOf(open),
    { sameAccount: false, resourcePolicy: attached(stranger) },
    'no',
  ],
  [
    'a grant, across accounts, without a policy of the API',
    authorityOf(open),
    { sameAccount: false },
    'yes own',
  ],
  ['a Deny kept from elsewhere', { ...authorityOf(open), denies: [closed] }, {}, 'no own'],
  ['an Allow kept from elsewhere', { ...authorityOf(idle), denies: [open] }, {}, 'no'],
  [
    'a Deny of the API',
    authorityOf(open),
    { resourcePolicy: attached('*', { Effect: 'Deny' }) },
    'no own',
  ],
  [
    'a Deny of the API for somebody else',
    authorityOf(open),
    { resourcePolicy: attached(stranger, { Effect: 'Deny' }) },
    'yes own',
  ],
  [
    'one of two grants',
    {
      grants: [...limited.grants, ...authorityOf(open).grants],
      denies: [],
      grantsOnly: false,
      narrowing: undefined,
    },
    {},
    'yes own',
  ],
  [
    'a perhaps and a yes',
    {
      grants: [...authorityOf(perhaps).grants, ...authorityOf(open).grants],
      denies: [],
      grantsOnly: false,
      narrowing: undefined,
    },
    {},
    'yes #0 own',
  ],
  [
    'a sure Deny and one that may apply',
    {
      ...authorityOf(open),
      denies: [
        compiled({ ...everything, Effect: 'Deny', Condition: { Bool: { 'a:b': 'true' } } }),
        closed,
      ],
    },
    {},
    'no own',
  ],
  [
    'a grant that is limited to nothing beside one that may allow',
    {
      grants: [
        { identity: open, boundary: idle, session: undefined, ceiling: undefined },
        ...authorityOf(perhaps).grants,
      ],
      denies: [],
      grantsOnly: false,
      narrowing: undefined,
    },
    {},
    'maybe #0',
  ],
]

for (const [about, authority, change, expected] of answers) {
  test(`what may happen, with ${about}: ${expected}`, () => {
    assert.equal(answer(authority, change), expected)
  })
}

test('every Deny within a grant counts', () => {
  const grant = { identity: open, boundary: open, session: open, ceiling: open }
  for (const one of ['identity', 'boundary', 'session', 'ceiling'] as const) {
    const both = compiled(everything, { ...everything, Effect: 'Deny' })
    assert.equal(
      look({
        grants: [{ ...grant, [one]: both }],
        denies: [],
        grantsOnly: false,
        narrowing: undefined,
      }).allowed,
      'no',
      one,
    )
    if (one === 'identity') continue
    assert.equal(
      look({
        grants: [{ ...grant, [one]: idle }],
        denies: [],
        grantsOnly: false,
        narrowing: undefined,
      }).allowed,
      'no',
      one,
    )
    assert.equal(
      look({
        grants: [{ ...grant, [one]: perhaps }],
        denies: [],
        grantsOnly: false,
        narrowing: undefined,
      }).allowed,
      'maybe',
      one,
    )
  }
  assert.equal(
    look({ grants: [grant], denies: [], grantsOnly: false, narrowing: undefined }).allowed,
    'yes',
  )
})

const unmet = { 'a:known': 'no' }
const unknown = { 'a:unknown': 'x' }
const context = (key: string): string => {
  if (key === 'a:known') return 'yes'
  throw new UnknownFactError(key)
}

/** The operators of a block are asked in the order in which they are written. */
const conditions: readonly (readonly [about: string, Effect: string, Condition: object, string])[] =
  [
    ['Allow, unmet', 'Allow', { StringEquals: unmet }, 'no'],
    ['Allow, unknown then unmet', 'Allow', { StringLike: unknown, StringEquals: unmet }, 'no'],
    [
      'Allow, unknown then met',
      'Allow',
      { StringLike: unknown, StringNotEquals: unmet },
      'maybe a:unknown',
    ],
    ['Deny, unmet', 'Deny', { StringEquals: unmet }, 'yes'],
    ['Deny, unmet then unknown', 'Deny', { StringEquals: unmet, StringLike: unknown }, 'yes'],
    [
      'Deny, met, unmet, unknown',
      'Deny',
      { StringNotEquals: unmet, StringEquals: unmet, StringLike: unknown },
      'yes',
    ],
    [
      'Deny, unknown then unmet',
      'Deny',
      { StringLike: unknown, StringEquals: unmet },
      'maybe a:unknown',
    ],
    [
      'Deny, unknown then met',
      'Deny',
      { StringLike: unknown, StringNotEquals: unmet },
      'maybe a:unknown',
    ],
    ['Deny, met', 'Deny', { StringNotEquals: unmet }, 'no'],
  ]

for (const [about, Effect, Condition, expected] of conditions) {
  test(`what is unknown counts as its place among the conditions makes it: ${about}: ${expected}`, () => {
    const statement = { ...everything, Effect, Condition }
    const policies = Effect === 'Allow' ? compiled(statement) : compiled(everything, statement)
    const { allowed, allows, denies } = look(authorityOf(policies), { context })
    const depends = [...allows, ...denies].flatMap((one) => one.depends.map(({ key }) => key))
    assert.equal([allowed, ...depends].join(' '), expected)
  })
}

test('of a resource that is known, the answer is that of a request', () => {
  const statements = [
    { ...everything, Resource: `${orders}/GET/a` },
    { ...everything, Effect: 'Deny', Resource: `${orders}/GET/b` },
  ]
  const many = Array.from({ length: 40 }, (_, n) => ({
    ...everything,
    Resource: `${orders}/PUT/${n}`,
  }))
  for (const policies of [compiled(...statements), compiled(...many, ...statements)]) {
    const at = (path: string): string =>
      look(authorityOf(policies), { resource: [{ text: `${orders}/${path}` }] }).allowed
    assert.deepEqual(['GET/a', 'GET/b', 'GET/c'].map(at), ['yes', 'no', 'no'])
  }
})

test('of a route no statement is passed over, however many there are', () => {
  const many = Array.from({ length: 40 }, (_, n) => ({
    ...everything,
    Resource: `${orders}/PUT/${n}`,
  }))
  const policies = compiled(...many, { ...everything, Resource: `${orders}/GET/orders/7` })
  assert.equal(look(authorityOf(policies)).allowed, 'maybe')
  assert.equal(look(authorityOf(policies), { resource: ['rest'] }).allowed, 'maybe')
})
