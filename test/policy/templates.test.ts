import assert from 'node:assert/strict'
import { test } from 'node:test'

import { UnknownFactError } from '../../src/policy/index.ts'
import type { ContextLookup, Template } from '../../src/policy/index.ts'
import { selectsTemplate } from '../../src/policy/analysis/resource.ts'
import { cutTemplate, stepsOfTemplate } from '../../src/policy/analysis/template.ts'
import { compiled, context, everything, orders } from './kit.ts'

const cuts: readonly (readonly [Template, count: number, Template[] | undefined])[] = [
  [[{ text: 'a:b:c' }], 3, [[{ text: 'a' }], [{ text: 'b' }], [{ text: 'c' }]]],
  [[{ text: 'a:b:c' }], 2, [[{ text: 'a' }], [{ text: 'b:c' }]]],
  [[{ text: 'a:b:c' }], 1, [[{ text: 'a:b:c' }]]],
  [[{ text: 'a:b' }], 3, undefined],
  [
    [{ text: 'a:' }, 'segment', { text: ':b' }],
    2,
    [[{ text: 'a' }], [{ text: '' }, 'segment', { text: ':b' }]],
  ],
  [[{ text: 'a:' }, 'segment', { text: ':b' }], 3, undefined],
  [['rest', { text: ':a' }], 2, undefined],
  [
    [{ text: 'a' }, { text: ':b' }, 'rest'],
    2,
    [
      [{ text: 'a' }, { text: '' }],
      [{ text: 'b' }, 'rest'],
    ],
  ],
  [[], 1, [[]]],
  [[], 2, undefined],
]

for (const [template, count, expected] of cuts) {
  test(`${JSON.stringify(template)} cut into ${count} is ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(cutTemplate(template, count), expected)
  })
}

test('a segment is at least one character and no slash, a rest at least one of any', () => {
  assert.deepEqual(stepsOfTemplate(['segment', { text: 'a' }, 'rest']), [
    { units: 'no-slash', repeats: false },
    { units: 'no-slash', repeats: true },
    { units: 97, repeats: false },
    { units: 'any', repeats: false },
    { units: 'any', repeats: true },
  ])
  assert.deepEqual(stepsOfTemplate(['any']), [{ units: 'any', repeats: true }])
})

const path: Template = [{ text: `${orders}/GET/` }, 'segment']
const short: Template = ['rest']
const columns = 'arn:aws:execute-api:*:*:orders/live/GET/'
const unknown: ContextLookup = (key) => {
  throw new UnknownFactError(key)
}
const listed = context({ 'a:b': ['x', 'y'] })

const selected: readonly (readonly [string, object, Template, ContextLookup, string])[] = [
  [
    'columns that would fit if a wildcard crossed a colon',
    { Resource: `${columns}*` },
    [{ text: `${orders.replace('orders', 'others')}/x:orders/live/GET/` }, 'segment'],
    unknown,
    'no',
  ],
  ['columns that all fit', { Resource: `${columns}*` }, path, unknown, 'yes'],
  ['columns of which the last may fit', { Resource: `${columns}7` }, path, unknown, 'maybe'],
  [
    'columns of which one does not fit',
    { Resource: columns.replace('live', 'test') },
    path,
    unknown,
    'no',
  ],
  [
    'columns, and a route of which no colon is known',
    { Resource: `${columns}*` },
    short,
    unknown,
    'maybe',
  ],
  ['no columns, and such a route', { Resource: '*' }, short, unknown, 'yes'],
  [
    'a value that fits and one that may',
    { Resource: [`${orders}/GET/7`, `${orders}/*`] },
    path,
    unknown,
    'yes',
  ],
  [
    'a value that may and one that does not',
    { Resource: [`${orders}/PUT/*`, `${orders}/GET/7`] },
    path,
    unknown,
    'maybe',
  ],
  [
    'no value that fits',
    { Resource: [`${orders}/PUT/*`, `${orders}/GET/a/b`] },
    path,
    unknown,
    'no',
  ],
  ['? for one character', { Resource: `${orders}/GET/?` }, path, unknown, 'maybe'],
  ['? for one character and more', { Resource: `${orders}/GET/?*` }, path, unknown, 'yes'],
  [
    'a variable nobody knows, then everything',
    { Resource: `${orders}/\${a:b}*` },
    path,
    unknown,
    'maybe',
  ],
  [
    'a variable nobody knows, then what does not fit',
    { Resource: `${orders}/\${a:b}/` },
    path,
    unknown,
    'no',
  ],
  ['a known value', { Resource: `${orders}/\${a:b}/*` }, path, context({ 'a:b': 'GET' }), 'yes'],
  ['a default', { Resource: `${orders}/\${a:b, 'GET'}/*` }, path, context(), 'yes'],
  ['an absent value', { Resource: `${orders}/\${a:b}*` }, path, context(), 'no'],
  ['NotResource that fits', { NotResource: `${orders}/*` }, path, unknown, 'no'],
  ['NotResource that may fit', { NotResource: `${orders}/GET/7` }, path, unknown, 'maybe'],
  ['NotResource that does not fit', { NotResource: `${orders}/PUT/*` }, path, unknown, 'yes'],
  [
    'NotResource with an absent value',
    { NotResource: `${orders}/\${a:b}*` },
    path,
    context(),
    'maybe',
  ],
  [
    'NotResource with an absent value beside one that does not fit',
    { NotResource: [`${orders}/\${a:b}*`, `${orders}/PUT/*`] },
    path,
    context(),
    'maybe',
  ],
]

for (const [about, element, template, facts, expected] of selected) {
  test(`whether a route is selected, with ${about}: ${expected}`, () => {
    const { Resource: _, ...statement } = everything
    const [{ resource } = assert.fail()] = compiled({ ...statement, ...element }).statements
    assert.equal(selectsTemplate(resource, template, facts), expected)
  })
}

test('a fact that cannot be a variable is an error, and not taken for one that is unknown', () => {
  const [{ resource } = assert.fail()] = compiled({
    ...everything,
    Resource: `${orders}/\${a:b}/*`,
  }).statements
  assert.throws(() => selectsTemplate(resource, path, listed), { name: 'ContextValueError' })
})
