import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ConnectionProblem, ErrorCode, HeaderDecoder } from '../../src/http2/index.ts'
import type { FieldList } from '../../src/http2/index.ts'
import { integer, text } from '../../src/http2/hpack/primitives.ts'

const limits = { bytes: 65_536, count: 200 }

function bytes(latin1: string): Buffer {
  return Buffer.from(latin1, 'latin1')
}

function listOf(decoder: HeaderDecoder, block: string, bounds = limits): FieldList {
  const list = decoder.decode(bytes(block), bounds)
  if (list instanceof ConnectionProblem) return assert.fail(list.detail)
  return list
}

function problemOf(...blocks: readonly string[]): string {
  const decoder = new HeaderDecoder(4096)
  for (const block of blocks.slice(0, -1)) listOf(decoder, block)
  const problem = decoder.decode(bytes(blocks.at(-1) ?? ''), limits)
  assert.ok(problem instanceof ConnectionProblem, 'decoded')
  assert.equal(problem.code, ErrorCode.compression)
  return problem.detail
}

const sizeUpdate = (size: number): string => integer(0x20, 0x1f, size)
const keep = (name: string, value: string): string => `\x40${text(name)}${text(value)}`
/** A value in Huffman code, given as bits. */
function huffman(bits: string): string {
  const octets = bits.match(/.{1,8}/g) ?? []
  const code = octets.map((octet) => String.fromCharCode(Number.parseInt(octet, 2))).join('')
  return `\x00${text('a')}${integer(0x80, 0x7f, code.length)}${code}`
}

test('what is no sound coding ends the connection', () => {
  for (const [detail, ...blocks] of [
    ['an index of no line', '\x80'],
    ['an index of no line', '\xbe'],
    ['an index of no line', `${keep('a', 'b')}\xbf`],
    ['an index of no line', integer(0x80, 0x7f, 100_000)],
    ['an index of no line', `\x7f\x00${text('b')}`],
    ['a number without end', '\xff'],
    ['a number without end', '\xff\x80\x80'],
    ['a number without end', '\xff\x80\x80\x80\x80\x01'],
    ['a number without end', '\xff\xff\xff\xff\xff\x0f'],
    ['a number without end', '\x00\x7f\x80\x80\x80\x80\x80\x80\x80\x80'],
    ['a block cut short', '\x40'],
    ['a block cut short', `\x40${text('a')}`],
    ['a block cut short', `\x40\x05abc`],
    ['a block cut short', `\x00${text('a')}\x7f\x80\x01abc`],
    ['a table larger than allowed', sizeUpdate(4097)],
    ['a change of the table within a block', `\x82${sizeUpdate(0)}`],
    ['a change of the table within a block', sizeUpdate(0) + sizeUpdate(1) + sizeUpdate(2)],
    ['an index of no line', keep('a', 'b'), `${sizeUpdate(0)}${sizeUpdate(4096)}\xbe`],
  ] as const) {
    assert.equal(problemOf(...blocks), detail, JSON.stringify(blocks))
  }
})

test('Huffman code is refused with the end of string in it, and with padding too long or not all ones', () => {
  const a = '00011'
  assert.deepEqual(listOf(new HeaderDecoder(4096), huffman(`${a}111`)).fields, ['a', 'a'])
  for (const bits of [
    `${a}110`,
    `${a}000`,
    `${a}011`,
    '11111111',
    `${a}${'1'.repeat(11)}`,
    `${a}${a}${a}${'1'.repeat(9)}`,
    `${'1'.repeat(30)}11`,
    `${a}${'1'.repeat(30)}00000`,
    '1'.repeat(24),
  ]) {
    assert.equal(problemOf(huffman(bits)), 'an unsound Huffman coding', bits)
  }
})

test('once wrong, always wrong: no later block is read', () => {
  const decoder = new HeaderDecoder(4096)
  assert.ok(decoder.decode(bytes('\x80'), limits) instanceof ConnectionProblem)
  assert.ok(decoder.decode(bytes('\x82'), limits) instanceof ConnectionProblem)
})

test('a line that no field may be is told, and the table stays right for the lines after it', () => {
  for (const [name, value] of [
    ['A', 'b'],
    ['aB', 'b'],
    ['', 'b'],
    [':', 'b'],
    ['a b', 'b'],
    ['a:', 'b'],
    ['::a', 'b'],
    ['a\0', 'b'],
    ['a\r\nb', 'b'],
    ['a\xe9', 'b'],
    ['a\x7f', 'b'],
    ['a', 'b\r\nc: d'],
    ['a', 'b\nc'],
    ['a', 'b\rc'],
    ['a', 'b\0'],
    ['a', '\x01'],
    ['a', '\x7f'],
    ['a', ' b'],
    ['a', 'b '],
    ['a', '\tb'],
    ['a', 'b\t'],
    ['a', ' '],
  ] as const) {
    const decoder = new HeaderDecoder(4096)
    const list = listOf(decoder, keep('before', '1') + keep(name, value) + keep('after', '2'))
    assert.match(list.malformed ?? '', /^a field (?:name|value) with a forbidden octet$/)
    // Named again by its index, it is no better.
    assert.notEqual(listOf(decoder, '\xbf').malformed, undefined)
    const sound = listOf(decoder, '\xbe\xc0')
    assert.deepEqual([sound.malformed, sound.fields], [undefined, ['after', '2', 'before', '1']])
  }
})

test('values may be empty, hold a blank or a tab within, and octets above ASCII', () => {
  for (const value of ['', 'a b', 'a\tb', '\xe9\xff\x80', 'a'.repeat(5000)]) {
    const list = listOf(new HeaderDecoder(4096), keep('a', value))
    assert.deepEqual([list.malformed, list.fields], [undefined, ['a', value]])
  }
})

test('lists beyond a limit are not kept, and the table stays right', () => {
  for (const [bounds, kept] of [
    [{ bytes: 1000, count: 2 }, 2],
    [{ bytes: 34 * 3 + 33, count: 100 }, 3],
    [{ bytes: 34 * 4, count: 100 }, 4],
    [{ bytes: 0, count: 100 }, 0],
  ] as const) {
    const decoder = new HeaderDecoder(4096)
    const block = ['a', 'b', 'c', 'd', 'e'].map((name) => keep(name, '1')).join('')
    const list = listOf(decoder, block, bounds)
    assert.deepEqual([list.tooLarge, list.fields.length], [true, kept * 2])
    assert.deepEqual(listOf(decoder, '\xbe\xc2').fields, ['e', '1', 'a', '1'])
    assert.equal(listOf(decoder, '\xbe').tooLarge, false)
  }
})

test('a block that names one long line again and again unfolds no further than the limit', () => {
  const decoder = new HeaderDecoder(4096)
  listOf(decoder, keep('a', 'b'.repeat(4000)))
  const list = listOf(decoder, '\xbe'.repeat(60_000))
  assert.equal(list.tooLarge, true)
  assert.ok(list.fields.length / 2 <= limits.bytes / 4000)
})

test('a line larger than the table empties it, and oldest lines make room for new ones', () => {
  const decoder = new HeaderDecoder(4096)
  listOf(decoder, keep('a', 'b') + keep('c', 'd'))
  listOf(decoder, keep('long', 'x'.repeat(4096)))
  const gone = decoder.decode(bytes('\xbe'), limits)
  assert.ok(gone instanceof ConnectionProblem)

  const small = new HeaderDecoder(4096)
  listOf(small, sizeUpdate(34 * 2) + keep('a', '1') + keep('b', '2') + keep('c', '3'))
  assert.deepEqual(listOf(small, '\xbe\xbf').fields, ['c', '3', 'b', '2'])
  assert.ok(small.decode(bytes('\xc0'), limits) instanceof ConnectionProblem)
})
