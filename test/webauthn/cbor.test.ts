import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { parseCbor, parseCborPrefix } from '../../src/webauthn/cbor.ts'
import { encodeCbor } from '../kit/cbor-encoder.ts'

const hex = (text: string) => Buffer.from(text, 'hex')

const good: [encoded: string, value: unknown][] = [
  ['00', 0],
  ['17', 23],
  ['1818', 24],
  ['190100', 256],
  ['1a00010000', 65536],
  ['1b0000000100000000', 4294967296],
  ['1b001ffffffffffffe', 9007199254740990],
  ['20', -1],
  ['390100', -257],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['40', Buffer.alloc(0)],
  ['4101', Buffer.from([1])],
  ['63e282ac', '€'],
  ['80', []],
  ['820102', [1, 2]],
  ['a0', new Map()],
  [
    'a201026161f5',
    new Map<unknown, unknown>([
      [1, 2],
      ['a', true],
    ]),
  ],
]

for (const [encoded, value] of good) {
  test(`reads ${encoded}`, () => {
    const found = parseCbor(hex(encoded))
    const plain = found instanceof Uint8Array ? Buffer.from(found) : found
    assert.deepEqual(plain, value)
  })
}

const bad: [encoded: string, why: string][] = [
  ['', 'nothing'],
  ['1817', 'one byte where none is needed'],
  ['190017', 'two bytes where none are needed'],
  ['1900ff', 'two bytes where one is needed'],
  ['1a0000ffff', 'four bytes where two are needed'],
  ['1b00000000ffffffff', 'eight bytes where four are needed'],
  ['1b001fffffffffffff', 'an integer beyond the safe ones'],
  ['3bffffffffffffffff', 'a negative integer beyond the safe ones'],
  ['3817', 'a negative integer longer than needed'],
  ['5801ff', 'a length longer than needed'],
  ['780161', 'a text length longer than needed'],
  ['980101', 'an array length longer than needed'],
  ['b8010101', 'a map length longer than needed'],
  ['18', 'a cut integer'],
  ['19ff', 'a cut integer of two'],
  ['1c', 'a reserved length'],
  ['1f', 'an indefinite integer'],
  ['5f4101ff', 'an indefinite byte string'],
  ['7f6161ff', 'an indefinite text'],
  ['9f01ff', 'an indefinite array'],
  ['bf0101ff', 'an indefinite map'],
  ['ff', 'a break'],
  ['c000', 'a tag'],
  ['d9d9f700', 'the self-described tag'],
  ['f7', 'undefined'],
  ['f0', 'an unassigned simple value'],
  ['f818', 'a simple value of two bytes'],
  ['f93c00', 'a half float'],
  ['fa3f800000', 'a float'],
  ['fb3ff0000000000000', 'a double'],
  ['4201', 'a cut byte string'],
  ['5bffffffffffffffff', 'a byte string of absurd length'],
  ['5a7fffffff', 'a byte string longer than the input'],
  ['9a7fffffff', 'an array longer than the input'],
  ['ba7fffffff', 'a map longer than the input'],
  ['62c328', 'invalid UTF-8'],
  ['63eda080', 'a surrogate in UTF-8'],
  ['a201010102', 'the key 1 twice'],
  ['a2616101616102', 'the key a twice'],
  ['a1f501', 'a boolean key'],
  ['a1410001', 'a byte string key'],
  ['a18001', 'an array key'],
  ['a101', 'a map without its value'],
  ['0000', 'two values'],
  ['a000', 'a byte after a map'],
  [`1c0000000100000000${'00'.repeat(8)}`, 'an integer of a reserved length'],
  [`1d0000000100000000${'00'.repeat(24)}`, 'an integer of the next reserved length'],
  ['81818181818181f6', 'nesting of seven'],
  ['a101a101a101a101a101a101a101f6', 'maps nested seven deep'],
  [`98fe${'80'.repeat(254)}80`, 'a byte after many'],
  [`99012c${'00'.repeat(300)}`, 'three hundred values'],
]

for (const [encoded, why] of bad) {
  test(`refuses ${why}`, () => {
    assert.equal(parseCbor(hex(encoded)), undefined)
  })
}

test('reads nesting of six and two hundred and fifty values', () => {
  assert.deepEqual(parseCbor(hex('818181818181f6')), [[[[[[null]]]]]])
  assert.equal((parseCbor(hex(`98fa${'00'.repeat(250)}`)) as number[]).length, 250)
})

test('a text key of 1 and an integer key of 1 are two keys', () => {
  assert.deepEqual(
    parseCbor(hex('a20102613103')),
    new Map<unknown, number>([
      [1, 2],
      ['1', 3],
    ]),
  )
})

test('keeps a byte order mark inside a text', () => {
  assert.equal(parseCbor(hex('63efbbbf')), '\uFEFF')
})

test('byte strings are copies of the input', () => {
  const input = hex('4101')
  const value = parseCbor(input) as Uint8Array
  input[1] = 9
  assert.deepEqual([...value], [1])
})

test('a prefix ends where its value ends', () => {
  assert.deepEqual(parseCborPrefix(hex('ff820102ff'), 1), { value: [1, 2], end: 4 })
  assert.equal(parseCborPrefix(hex('ff'), 1), undefined)
  assert.equal(parseCborPrefix(hex('ff'), 9), undefined)
  assert.equal(parseCborPrefix(hex('4201'), 0), undefined)
})

const key = fc.oneof(fc.integer({ min: -1000, max: 70_000 }), fc.string({ unit: 'grapheme' }))
const leaf = fc.oneof(
  fc.integer(),
  fc.maxSafeNat().filter((value) => value < Number.MAX_SAFE_INTEGER),
  fc.string({ unit: 'grapheme' }),
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array(),
)
const { value: encodable } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .uniqueArray(fc.tuple(key, tie('value')), { selector: ([name]) => name, maxLength: 4 })
      .map((entries) => new Map(entries)),
  ),
}))

test('what the encoder writes is read back, and written back the same', () => {
  fc.assert(
    fc.property(encodable, (value) => {
      const encoded = encodeCbor(value as never)
      const read = parseCbor(encoded)
      assert.ok(read !== undefined)
      assert.deepEqual(encodeCbor(read as never), encoded)
    }),
  )
})

test('arbitrary bytes are either refused or have exactly this one spelling', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const value = parseCbor(bytes)
      if (value !== undefined) assert.deepEqual(encodeCbor(value as never), Buffer.from(bytes))
    }),
    { numRuns: 5000 },
  )
})
