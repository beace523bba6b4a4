import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectionProblem, HeaderDecoder } from '../../src/http2/index.ts'
import { integer, text } from '../../src/http2/hpack/primitives.ts'

/* Long values that clients send again and again without a table are read once; each is what it was sent as. */

const limits = { bytes: 65_536, count: 200 }
const never = (name: string, value: string): string => `\x10${text(name)}${text(value)}`
const plain = (name: string, value: string): string =>
  `\x10${text(name)}${integer(0, 0x7f, value.length)}${value}`

function read(decoder: HeaderDecoder, block: string): readonly string[] | string {
  const list = decoder.decode(Buffer.from(block, 'latin1'), limits)
  if (list instanceof ConnectionProblem) return list.detail
  return list.malformed ?? list.fields
}

test('a value that is sent again is the same, and one that differs anywhere is not', () => {
  const decoder = new HeaderDecoder(4096)
  const token = `Bearer ${'abc123_-'.repeat(40)}`
  const others = [
    `${token.slice(0, -1)}x`,
    `x${token.slice(1)}`,
    token.replace('c', 'd'),
    token.slice(1),
    `${token}a`,
    'short',
  ]
  for (const coding of [never, plain]) {
    for (const value of [token, token, ...others, token, ...others.reverse(), token]) {
      assert.deepEqual(read(decoder, coding('authorization', value)), ['authorization', value])
    }
  }
})

test('a value belongs to its name', () => {
  const decoder = new HeaderDecoder(4096)
  const value = 'v'.repeat(200)
  for (const name of ['authorization', 'cookie', 'x-authorization', 'authorization']) {
    assert.deepEqual(read(decoder, never(name, value)), [name, value])
  }
})

test('the same octets in the other coding are another value', () => {
  const decoder = new HeaderDecoder(4096)
  const octets = '\xff\x00'.repeat(50)
  assert.match(String(read(decoder, plain('a', octets))), /forbidden octet/)
  const coded = `\x10${text('a')}${integer(0x80, 0x7f, octets.length)}${octets}`
  assert.match(String(read(decoder, coded)), /Huffman/)
})

test('what is malformed is malformed each time, and what is cut short is never found', () => {
  const decoder = new HeaderDecoder(4096)
  const value = `${'v'.repeat(100)}\n`
  for (let n = 0; n < 3; n++) {
    assert.match(String(read(decoder, never('a', value))), /forbidden octet/)
  }
  const good = plain('b', 'w'.repeat(100))
  assert.deepEqual(read(decoder, good), ['b', 'w'.repeat(100)])
  assert.match(String(read(decoder, good.slice(0, -1))), /cut short/)
})

test('a value that is not kept by a table never gets into it, remembered or not', () => {
  const decoder = new HeaderDecoder(4096)
  const value = 'v'.repeat(100)
  read(decoder, never('a', value))
  read(decoder, never('a', value))
  assert.match(String(read(decoder, '\xbe')), /an index of no line/)
})
