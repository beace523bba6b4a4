import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { countFields } from '../../../src/gateway/http2/field-count.ts'
import { block, fromTable, literal } from '../../kit/h2-frames.ts'

const hex = (text: string): number | undefined => countFields(Buffer.from(text, 'hex'))

test('every representation of a field counts as one', () => {
  // RFC 7541 C.2: literals with, without and never indexed, and an indexed field.
  assert.equal(hex('400a637573746f6d2d6b65790d637573746f6d2d686561646572'), 1)
  assert.equal(hex('040c2f73616d706c652f70617468'), 1)
  assert.equal(hex('100870617373776f726406736563726574'), 1)
  assert.equal(hex('82'), 1)
  // C.3.1 and C.4.1: a whole request, plain and Huffman-coded.
  assert.equal(hex('828684410f7777772e6578616d706c652e636f6d'), 4)
  assert.equal(hex('828684418cf1e3c2e5f23a6ba0ab90f4ff'), 4)
  assert.equal(hex(''), 0)
})

test('a change of the size of the table is no field', () => {
  assert.equal(hex('2082'), 1)
  assert.equal(hex('3fe11f82'), 1)
})

test('long names, long values and large indexes are counted by their length', () => {
  const long = literal(`x-${'n'.repeat(300)}`, 'v'.repeat(20_000))
  assert.equal(countFields(Buffer.concat([long, fromTable(200), long, fromTable(2)])), 4)
})

test('what is cut short, or has a length beyond all reason, is no header block', () => {
  for (const text of [
    '40',
    '400a63',
    '400161',
    '40016105aa',
    'ff',
    'ff80',
    'ff8080808080',
    '7f',
    '0f',
    '00017fffffffffff',
    '0001617fffffff7f',
    '3f',
  ]) {
    assert.equal(hex(text), undefined, text)
  }
})

test('any list of fields is counted, and any cut through it is noticed or counts fewer', () => {
  const field = fc.tuple(
    fc.string({ maxLength: 200, unit: 'binary-ascii' }),
    fc.string({ maxLength: 400, unit: 'binary-ascii' }),
  )
  fc.assert(
    fc.property(fc.array(field, { maxLength: 20 }), fc.nat(), (fields, at) => {
      const bytes = block(fields)
      assert.equal(countFields(bytes), fields.length)
      if (bytes.length === 0) return
      const cut = countFields(bytes.subarray(0, at % bytes.length))
      assert.ok(cut === undefined || cut < fields.length)
    }),
  )
})

test('no bytes make it fail', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const count = countFields(Buffer.from(bytes))
      assert.ok(count === undefined || (count >= 0 && count <= bytes.length))
    }),
  )
})
