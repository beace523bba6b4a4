import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { isInRange, parseAddress, parseAddressRange } from '../../src/policy/value/address.ts'
import { parseMoment } from '../../src/policy/value/moment.ts'
import { decide, everything, context, requestFor } from './kit.ts'

const spellings: readonly (readonly [text: string, same: string])[] = [
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:201', '192.0.2.1'],
  ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001:0DB8:0:0:0:0:0:1'],
  ['2001:db8:0:0:1::', '2001:db8::1:0:0:0'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::1.2.3.4', '::102:304'],
]

for (const [text, same] of spellings) {
  test(`${text} and ${same} are one address`, () => {
    assert.notEqual(parseAddress(text), undefined)
    assert.deepEqual(parseAddress(text), parseAddress(same))
  })
}

const noAddresses = [
  '',
  '1',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.256',
  '01.2.3.4',
  '1.2.3.4 ',
  '1.2.3.+4',
  '0x1.2.3.4',
  ':',
  ':::',
  '1::2::3',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7:8::',

  '12345::',
  'g::',
  '::1.2.3',
  '1.2.3.4::',
  '::1.2.3.4:5',
  'fe80::1%eth0',
  '[::1]',
  ':1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:',
  '2001:db8::1 ',
  `::${'0'.repeat(60)}1`,
  'localhost',
  '١.2.3.4',
]

for (const text of noAddresses) {
  test(`${JSON.stringify(text)} is no address`, () => {
    assert.equal(parseAddress(text), undefined)
  })
}

for (const text of [
  '10.0.0.0/',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/08',
  '10.0.0.0/8/8',
  '::/129',
  '::ffff:10.0.0.0/95',
  '/8',
  '10.0.0.0/8 ',
  '10.0.0.0/1e1',
]) {
  test(`${JSON.stringify(text)} is no range`, () => {
    assert.equal(parseAddressRange(text), undefined)
  })
}

const inside: readonly (readonly [address: string, range: string, expected: boolean])[] = [
  ['10.255.255.255', '10.0.0.0/8', true],
  ['11.0.0.0', '10.0.0.0/8', false],
  ['9.255.255.255', '10.0.0.0/8', false],
  ['10.1.2.3', '10.9.9.9/8', true],
  ['203.0.113.7', '203.0.113.7', true],
  ['203.0.113.8', '203.0.113.7', false],
  ['203.0.113.8', '203.0.113.9/31', true],
  ['255.255.255.255', '0.0.0.0/0', true],
  ['127.0.0.1', '128.0.0.0/1', false],
  ['200.0.0.1', '128.0.0.0/1', true],
  ['::1', '0.0.0.0/0', false],
  ['10.0.0.1', '::/0', false],
  ['::ffff:10.0.0.1', '::/0', false],
  ['::ffff:10.0.0.1', '10.0.0.0/8', true],
  ['10.0.0.1', '::ffff:10.0.0.0/104', true],
  ['11.0.0.1', '::ffff:10.0.0.0/104', false],
  ['2001:db8:ffff::', '2001:db8::/32', true],
  ['2001:db9::', '2001:db8::/32', false],
  ['2001:db8::8000:0:0:1', '2001:db8::/65', false],
  ['2001:db8::7fff:0:0:1', '2001:db8::/65', true],
  ['2001:db8::1', '2001:db8::1/128', true],
  ['2001:db8::2', '2001:db8::1', false],
]

for (const [address, range, expected] of inside) {
  test(`${address} lies ${expected ? 'in' : 'outside'} ${range}`, () => {
    const [parsed, parsedRange] = [parseAddress(address), parseAddressRange(range)]
    assert.ok(parsed && parsedRange)
    assert.equal(isInRange(parsed, parsedRange), expected)
  })
}

test('an IPv4 address lies in a range when their first bits are equal', () => {
  const word = fc.nat({ max: 0xffffffff })
  const print = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')
  fc.assert(
    fc.property(word, word, fc.nat({ max: 32 }), (address, base, length) => {
      const bits = (value: number) => value.toString(2).padStart(32, '0').slice(0, length)
      const range = parseAddressRange(`${print(base)}/${length}`)
      const parsed = parseAddress(print(address))
      assert.ok(range && parsed)
      assert.equal(isInRange(parsed, range), bits(address) === bits(base))
    }),
  )
})

test('dates of ISO 8601 and seconds since the epoch name the same moments', () => {
  const moment = Date.UTC(2026, 10, 22, 12, 30, 15)
  for (const text of [
    '2026-11-22T12:30:15Z',
    '2026-11-22T14:00:15+01:30',
    '2026-11-22T00:30:15-12:00',
    '2026-11-22T12:30:15.000Z',
    String(moment / 1000),
  ]) {
    assert.equal(parseMoment(text), moment, text)
  }
  assert.equal(parseMoment('2026-11-22T12:30:15.0509Z'), moment + 50)
  assert.equal(parseMoment('2026-11-22T12:30Z'), moment - 15_000)
  assert.equal(parseMoment('2026-11-22'), Date.UTC(2026, 10, 22))
  assert.equal(parseMoment('2028-02-29'), Date.UTC(2028, 1, 29))
  assert.equal(parseMoment('2026-11'), Date.UTC(2026, 10, 1))
  for (const text of ['0', '007', '86400', '1000000', '99999999999']) {
    assert.equal(parseMoment(text), Number(text) * 1000, text)
  }
})

for (const text of [
  '',
  'now',
  '2026',
  '20261122',
  '2026-1',
  '2026-11T00:00Z',
  '2026-11-22T',
  '2026-11-22T12Z',
  '2026-11-22 12:30:15Z',
  '2026-11-22T12:30:15',
  '2026-11-22T24:00:00Z',
  '2026-11-22T12:60:00Z',
  '2026-11-22T12:00:60Z',
  '2026-02-29',
  '2026-13-01',
  '2026-00-01',
  '2026-01-00',
  '0050-01-01',
  '-1',
  '1.5',
  '1795348801000',
  '123456789012',
  '2026-11-22T12:30:15+15:00',
  '2026-11-22T12:30:15z',
  `2026-11-22T12:30:15.${'0'.repeat(40)}Z`,
]) {
  test(`${JSON.stringify(text)} is no date`, () => {
    assert.equal(parseMoment(text), undefined)
  })
}

const wrongFacts: readonly (readonly [operator: string, asked: string, found: string])[] = [
  ...[
    '',
    ' 1',
    '1 ',
    'one',
    '0x10',
    '1e3',
    'NaN',
    'Infinity',
    '9007199254740993',
    '1'.repeat(33),
  ].map((found) => ['NumericNotEquals', '5', found] as const),
  ['NumericLessThan', '5', 'none'],
  ['DateGreaterThan', '2026-01-01', 'tomorrow'],
  ['DateNotEquals', '2026-01-01', '2026-02-30'],
  ['Bool', 'true', '1'],
  ['Bool', 'false', 'no'],
  ['IpAddress', '10.0.0.0/8', 'unknown'],
  ['NotIpAddress', '10.0.0.0/8', '010.0.0.1'],
  ['NotIpAddress', '10.0.0.0/8', '10.0.0.1%eth0'],
]

for (const [operator, asked, found] of wrongFacts) {
  test(`${operator} on the fact ${JSON.stringify(found)} denies the request in Allow and in Deny`, () => {
    const request = requestFor({ context: context({ 'a:b': found }) })
    const condition = { [operator]: { 'a:b': asked } }
    for (const statements of [
      [{ ...everything, Condition: condition }],
      [everything, { ...everything, Effect: 'Deny', Condition: condition }],
    ]) {
      const { effect, reason } = decide(statements, request)
      assert.deepEqual({ effect, reason }, { effect: 'deny', reason: 'policy.evaluation_failed' })
    }
  })
}

test('the zone of a link-local client does not count', () => {
  const request = requestFor({ context: context({ 'aws:SourceIp': 'fe80::1%eth0' }) })
  const allow = { ...everything, Condition: { IpAddress: { 'aws:SourceIp': 'fe80::/10' } } }
  assert.equal(decide([allow], request).effect, 'allow')
})
