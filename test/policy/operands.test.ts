import assert from 'node:assert/strict'
import { test } from 'node:test'

import { authorityOf, explain } from '../../src/policy/index.ts'
import { compiled, context, everything, holds, problemsOf, requestFor } from './kit.ts'

const bytes: readonly (readonly [expected: string, found: string, boolean])[] = [
  ['', '', true],
  ['QUJD', 'QUJD', true],
  ['QUJD', 'QUJE', false],
  ['QUJDREVG', 'QUJDREVG', true],
  ['QUI=', 'QUI=', true],
  ['QQ==', 'QQ==', true],
  ['QUJDQQ==', 'QUJDQQ==', true],
  ['QUJDQUI=', 'QUJDQUI=', true],
  ['ab+/', 'ab+/', true],
  ['QQ==', 'QR==', true],
  ['QQ==', 'QUI=', false],
  ['QUJD', '', false],
]

for (const [expected, found, equal] of bytes) {
  test(`the bytes "${found}" are ${equal ? '' : 'not '}those of "${expected}"`, () => {
    assert.equal(holds({ BinaryEquals: { 'a:b': expected } }, { 'a:b': found }), equal)
  })
}

function isAccepted(operator: string, value: string): boolean {
  const Condition = { [operator]: { 'a:b': value } }
  const document = { Version: '2012-10-17', Statement: { ...everything, Condition } }
  return problemsOf(document).length === 0
}

const values: readonly (readonly [operator: string, accepted: boolean, ...values: string[]])[] = [
  ['BinaryEquals', true, '', 'QUJD', 'QUI=', 'QQ=='],
  ['BinaryEquals', false, 'Q', 'QQ', 'QUI', 'QUJ', 'Q===', 'QQ=', 'QUI==', 'QUJD=', '=', '===='],
  ['BinaryEquals', false, 'QU-D', 'QU_D', 'QU D', 'QUJD\n', '-A==', 'A-==', 'AA-='],
  ['NumericEquals', true, '0', '-1', '+1', '007', '0.25', '-12.125', '9007199254740991'],
  ['NumericEquals', true, '-9007199254740991', `0.${'1'.repeat(30)}`],
  ['NumericEquals', false, '9007199254740992', '-9007199254740992', `0.${'1'.repeat(31)}`],
  ['NumericEquals', false, '', '.5', '5.', '1e3', '0x10', ' 1', '1 ', '--1', '1.2.3', 'NaN'],
  ['Bool', true, 'true', 'false', 'TRUE', 'False'],
  ['Bool', false, '', '1', 'yes', 'true ', 'xtrue', 'falsey'],
  ['StringLike', true, 'a'.repeat(2048)],
  ['StringLike', false, 'a'.repeat(2049)],
]

for (const [operator, accepted, ...all] of values) {
  for (const value of all) {
    const shown = value.length > 40 ? `${value.length} characters` : JSON.stringify(value)
    test(`${operator} ${accepted ? 'takes' : 'does not take'} ${shown}`, () => {
      assert.equal(isAccepted(operator, value), accepted)
    })
  }
}

const found: readonly (readonly [operator: string, value: string, found: string, what: string])[] =
  [
    ['NumericEquals', '1', 'one', '"one", which is not a number'],
    ['DateEquals', '2026-11-22', 'today', '"today", which is not a date'],
    ['Bool', 'true', 'yes', '"yes", which is not a boolean'],
    ['BinaryEquals', 'QQ==', 'Q', '"Q", which is not base64'],
    ['IpAddress', '10.0.0.1', 'localhost', '"localhost", which is not an IP address'],
    ['Bool', 'true', 'x'.repeat(120), `"${'x'.repeat(120)}", which is not a boolean`],
    ['Bool', 'true', 'x'.repeat(121), `"${'x'.repeat(120)}…", which is not a boolean`],
  ]

for (const [operator, value, fact, what] of found) {
  test(`a fact that ${operator} cannot compare denies, and is named: ${what.slice(0, 50)}`, () => {
    const policies = compiled({ ...everything, Condition: { [operator]: { 'a:b': value } } })
    const request = requestFor({ context: context({ 'a:b': fact }) })
    const { decision, statements } = explain(authorityOf(policies), request)
    assert.equal(decision.reason, 'policy.evaluation_failed')
    assert.equal(
      statements[0]?.detail,
      `could not be evaluated, which denies the request: the request gives ${what}`,
    )
  })
}
