import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isInRange, parseAddress, parseAddressRange } from '../../src/policy/value/address.ts'

const addresses: readonly (readonly [text: string, ...words: number[]])[] = [
  ['0.0.0.0', 0],
  ['255.255.255.255', 0xff_ff_ff_ff],
  ['1.2.3.4', 0x01_02_03_04],
  ['10.0.200.9', 0x0a_00_c8_09],
  ['::', 0, 0, 0, 0],
  ['1:2:3:4:5:6:7:8', 0x1_0002, 0x3_0004, 0x5_0006, 0x7_0008],
  ['1::', 0x1_0000, 0, 0, 0],
  ['ABCD:ef01:2345:6789::fF', 0xabcd_ef01, 0x2345_6789, 0, 0xff],
  ['::255.254.253.252', 0, 0, 0, 0xff_fe_fd_fc],
  ['1:2:3:4:5:6:1.2.3.4', 0x1_0002, 0x3_0004, 0x5_0006, 0x01_02_03_04],
  ['::ffff:1.2.3.4', 0x01_02_03_04],
  ['::1:ffff:1.2.3.4', 0, 0, 0x1_ffff, 0x01_02_03_04],
  ['0:0:0:1:0:ffff:1.2.3.4', 0, 1, 0xffff, 0x01_02_03_04],
  ['1::ffff:1.2.3.4', 0x1_0000, 0, 0xffff, 0x01_02_03_04],
  ['0000:0000:0000:0000:0000:1234:255.255.255.255', 0, 0, 0x1234, 0xff_ff_ff_ff],
]

for (const [text, ...words] of addresses) {
  test(`${text} is the words ${words.join(' ')}`, () => {
    assert.deepEqual(parseAddress(text), words)
    const length = words.length * 32
    assert.deepEqual(parseAddressRange(text), { address: words, length })
  })
}

for (const text of [
  '1..2.3',
  '.1.2.3',
  '1.2.3.',
  '1.2.3.4.',
  '1.2.3.00',
  '1.2.3.004',
  '00.1.2.3',
  '...',
  '1.2.3.1000',
  '1.2.3.260',
  '256.0.0.0',
  '1.2.3./',
  '1.2.3.a',
  '1,2,3,4',
  '1.2.3',
  'x1::',
  '1x::',
  '::1x',
  '::x1',
  '::-1',
  '::g',
  '00001::',
  '::00001',
  '1:::2',
  '::1::',
  '1:2:3:4:5:6:7:1.2.3.4',
  '1:2:3:4:5:6:7::8:9',
  '::1:2:3:4:5:6:7:8',
  '1.2.3.4:5::',
  '1:2:3:4:5:1.2.3.4',
  '1.2.3.4::',
  '::1.2.3',
  '::1.2.3.4.5',
  '1:2:3:4:5:6:7:8:',
  '1:',
]) {
  test(`${text} is not an address`, () => assert.equal(parseAddress(text), undefined))
}

const lengths: readonly (readonly [range: string, length: number | undefined])[] = [
  ['10.0.0.0/0', 0],
  ['10.0.0.0/1', 1],
  ['10.0.0.0/32', 32],
  ['10.0.0.0/33', undefined],
  ['10.0.0.0/320', undefined],
  ['::/0', 0],
  ['1::/96', 96],
  ['::/128', 128],
  ['::/129', undefined],
  ['::ffff:10.0.0.0/95', undefined],
  ['::ffff:10.0.0.0/96', 0],
  ['::ffff:10.0.0.0/128', 32],
  ['::ffff:10.0.0.0/129', undefined],
  ['10.0.0.0/96', undefined],
  ...['10.0.0.0/ 8', '10.0.0.0/x8', '10.0.0.0/8x', '10.0.0.0/00', '::/0128', '::/1280'].map(
    (text) => [text, undefined] as const,
  ),
]

for (const [range, expected] of lengths) {
  test(`${range} fixes ${expected ?? 'no'} bits`, () => {
    assert.equal(parseAddressRange(range)?.length, expected)
  })
}

/** Each range ends between the two: the first is its last address, the second the next one. */
const edges: readonly (readonly [range: string, last: string, next: string])[] = [
  ['0.0.0.0/31', '0.0.0.1', '0.0.0.2'],
  ['0.0.0.0/2', '63.255.255.255', '64.0.0.0'],
  ['1::/31', '1:1:ffff:ffff:ffff:ffff:ffff:ffff', '1:2::'],
  ['1::/32', '1:0:ffff:ffff:ffff:ffff:ffff:ffff', '1:1::'],
  ['1::/33', '1:0:7fff:ffff:ffff:ffff:ffff:ffff', '1:0:8000::'],
  ['1::/63', '1::1:ffff:ffff:ffff:ffff', '1:0:0:2::'],
  ['1::/64', '1::ffff:ffff:ffff:ffff', '1:0:0:1::'],
  ['1::/96', '1::ffff:ffff', '1::1:0:0'],
  ['1::/127', '1::1', '1::2'],
  ['1::/128', '1::', '1::1'],
]

for (const [range, last, next] of edges) {
  test(`${range} ends between ${last} and ${next}`, () => {
    const [within, inside, outside] = [
      parseAddressRange(range),
      parseAddress(last),
      parseAddress(next),
    ]
    assert.ok(within && inside && outside)
    assert.equal(isInRange(inside, within), true)
    assert.equal(isInRange(outside, within), false)
  })
}
