import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import {
  compilePolicies,
  evaluate,
  lintCodes,
  parsePolicyDocument,
  policyErrors,
  problemCodes,
} from '../../src/policy/index.ts'
import { context, requestFor } from './kit.ts'
import type { Facts } from './kit.ts'

const page = readFileSync(new URL('../../docs/policy-language.md', import.meta.url), 'utf8')
const examples = [...page.matchAll(/```json\n([^`]+)```/g)].map(
  ([, text = '']) => JSON.parse(text) as Record<string, unknown>,
)
const [readers, operators] = examples.filter((example) => Object.hasOwn(example, 'Version'))

function decideAs(value: unknown, call: string, facts: Facts): string {
  const result = parsePolicyDocument(value, 'identity')
  assert.ok('document' in result)
  const policies = compilePolicies([{ name: 'example', document: result.document }])
  const [method = '', path = ''] = call.split(' /')
  const request = requestFor({ resource: `${orders}/${method}/${path}`, context: context(facts) })
  const decision = evaluate(policies, request)
  return decision.statement ?? decision.reason
}

const orders = 'arn:aws:execute-api:local:000000000000:orders/default'
const office = {
  'aws:SourceIp': '203.0.113.9',
  'proofgate:AuthAge': '30',
  'proofgate:UserVerified': 'true',
}
const away = { ...office, 'aws:SourceIp': '198.51.100.9' }
const stale = { ...office, 'proofgate:AuthAge': '601' }
const none = 'policy.no_statement_allows'

test('the two example policies decide as their table says', () => {
  assert.equal(decideAs(readers, 'GET /orders/1', office), 'ReadOrders')
  assert.equal(decideAs(readers, 'GET /orders', office), 'ReadOrders')
  assert.equal(decideAs(readers, 'POST /orders', office), none)
  assert.equal(decideAs(readers, 'DELETE /orders/1', office), none)
  assert.equal(decideAs(operators, 'POST /orders', office), 'ChangeOrdersWithFreshSignIn')
  assert.equal(decideAs(operators, 'GET /orders/1', away), 'ChangeOrdersWithFreshSignIn')
  assert.equal(decideAs(operators, 'GET /orders/1', stale), none)
  assert.equal(decideAs(operators, 'DELETE /orders/1', office), 'ChangeOrdersWithFreshSignIn')
  assert.equal(decideAs(operators, 'DELETE /orders/1', away), 'DeleteOnlyFromTheOffice')
  assert.equal(decideAs(operators, 'POST /orders', {}), none)
})

test('the page lists every problem code, every finding of the linter and every reason', () => {
  for (const [code, meaning] of Object.entries({ ...problemCodes, ...lintCodes })) {
    assert.ok(page.includes(`| \`${code}\` | ${meaning} |`), code)
  }
  for (const reason of ['allowed', ...Object.keys(policyErrors.specs)]) {
    assert.ok(page.includes(`| \`policy.${reason}\` |`), reason)
  }
})
