import assert from 'node:assert/strict'
import { test } from 'node:test'

import { explain, noPolicies, remediesOf, UnknownFactError } from '../../src/policy/index.ts'
import type { Authority, CompiledPolicies } from '../../src/policy/index.ts'
import { compiled, context, everything, orders, requestFor } from './kit.ts'

const withGroup = { ...everything, Condition: { StringEquals: { 'a:group': 'ops' } } }

function remedies(
  identity: CompiledPolicies,
  facts: Record<string, string> = {},
  boundary?: CompiledPolicies,
): readonly string[] {
  const authority: Authority = {
    grants: [{ identity, boundary, session: undefined }],
    denies: [],
  }
  return remediesOf(explain(authority, requestFor({ context: context(facts) })))
}

test('what is allowed needs no remedy', () => {
  assert.deepEqual(remedies(compiled(everything)), [])
})

test('each Deny that applies is named', () => {
  const deny = { ...everything, Effect: 'Deny', Sid: 'Closed' }
  assert.deepEqual(remedies(compiled(everything, deny, { ...deny, Sid: 'Shut' })), [
    'the Deny of test/Closed has to be removed, or not to apply',
    'the Deny of test/Shut has to be removed, or not to apply',
  ])
})

test('an Allow that fails by its conditions alone is named with all of them', () => {
  const statement = {
    ...everything,
    Condition: { StringEquals: { 'a:group': 'ops', 'a:team': 'red' } },
  }
  assert.deepEqual(remedies(compiled(statement), { 'a:group': 'dev' }), [
    'test/#0 would allow it if this were different: found a:group "dev", expected "ops"; and the request has no a:team; expected "red"',
  ])
})

test('where no Allow is near, the place for one is named', () => {
  const elsewhere = { ...everything, Resource: `${orders}/POST/*` }
  for (const policies of [noPolicies, compiled(elsewhere)]) {
    assert.deepEqual(remedies(policies), [
      'no Allow names this action and resource: one is needed in a policy of the person, of a group or of a role',
    ])
  }
})

test('a boundary is what has to allow when it alone does not', () => {
  const limited = remedies(compiled(everything), {}, compiled(withGroup))
  assert.equal(limited.length, 1)
  assert.match(limited[0] ?? '', /permission boundary|test\/#0/)
})

test('a statement that cannot be evaluated is named', () => {
  const broken = { ...everything, Condition: { NumericLessThan: { 'a:age': '5' } } }
  const [remedy = ''] = remedies(compiled(broken), { 'a:age': 'old' })
  assert.match(remedy, /^test\/#0 has to be mended: it could not be evaluated/)
})

test('an Allow that depends on what nobody knows may allow', () => {
  const authority: Authority = {
    grants: [{ identity: compiled(withGroup), boundary: undefined, session: undefined }],
    denies: [],
  }
  const { statements } = explain(
    authority,
    requestFor({
      context: (key) => {
        throw new UnknownFactError(key)
      },
    }),
  )
  assert.deepEqual(
    statements.map(({ result, detail }) => [result, detail]),
    [['may', 'depends on a:group']],
  )
})
