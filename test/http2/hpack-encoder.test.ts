import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { ConnectionProblem, HeaderDecoder, HeaderEncoder } from '../../src/http2/index.ts'

const limits = { bytes: 2 ** 24, count: 10_000 }

function decode(decoder: HeaderDecoder, block: string): readonly string[] {
  const list = decoder.decode(Buffer.from(block, 'latin1'), limits)
  if (list instanceof ConnectionProblem) return assert.fail(list.detail)
  assert.equal(list.malformed, undefined)
  assert.equal(list.tooLarge, false)
  return list.fields
}

const name = fc.oneof(
  fc.constantFrom(
    ':status',
    ':path',
    'date',
    'content-type',
    'server',
    'vary',
    'set-cookie',
    'authorization',
    'x-frame-options',
  ),
  fc.stringMatching(/^[a-z0-9!#$%&'*+.^_`|~-]{1,20}$/),
)
const value = fc.oneof(
  fc.constantFrom('200', '204', '299', 'GET', '/', 'gzip, deflate', 'text/plain', ''),
  fc.stringMatching(/^[\x21-\x7e\x80-\xff]{0,300}$/),
)
const fields = fc.array(fc.tuple(name, value), { maxLength: 12 }).map((lines) => lines.flat())
const step = fc.oneof(
  { weight: 5, arbitrary: fields.map((list) => ({ list })) },
  fc.tuple(fc.nat(5000), fc.nat(5000)).map(([size, least]) => ({ size, least })),
)

test('what is encoded is decoded again, whatever came before and however the table changed', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const [encoder, decoder] = [new HeaderEncoder(), new HeaderDecoder(4096)]
      for (const one of steps) {
        if ('list' in one) assert.deepEqual(decode(decoder, encoder.encode(one.list)), one.list)
        else encoder.resize(one.size, one.least)
      }
    }),
    { numRuns: 300 },
  )
})

test('a line of the static table is one octet, and one that repeats becomes one', () => {
  const encoder = new HeaderEncoder()
  assert.equal(encoder.encode([':status', '200', ':method', 'GET']), '\x88\x82')
  const line = ['content-type', 'application/json', 'x-frame-options', 'DENY']
  assert.ok(encoder.encode(line).length > 20)
  assert.equal(encoder.encode(line).length, 2)
  assert.equal(encoder.encode(['server', 'a']).length, 3)
  assert.equal(encoder.encode(line), '\xc0\xbf')
})

test('secrets, long values and unknown names are sent as never to be indexed, and not kept', () => {
  for (const [lineName, lineValue] of [
    ['authorization', 'Bearer abc'],
    ['cookie', 'a=b'],
    ['set-cookie', 'a=b'],
    ['proxy-authorization', 'Basic abc'],
    [':path', '/secret'],
    ['x-api-key', 'abc'],
    ['location', 'https://a/?code=b'],
    ['user-agent', 'x'.repeat(257)],
  ] as const) {
    const encoder = new HeaderEncoder()
    const first = encoder.encode([lineName, lineValue])
    assert.equal(first.charCodeAt(0) & 0xf0, 0x10, lineName)
    assert.equal(encoder.encode([lineName, lineValue]), first)
  }
})

test('a peer without a table is told so at once and gets every line whole', () => {
  const encoder = new HeaderEncoder()
  const line = ['server', 'a']
  encoder.encode(line)
  encoder.resize(0, 0)
  const block = encoder.encode(line)
  assert.equal(block.charCodeAt(0), 0x20)
  assert.equal(encoder.encode(line), block.slice(1))
  const decoder = new HeaderDecoder(4096)
  assert.deepEqual(decode(decoder, block), line)
})

test('a table that was emptied and filled again between two blocks is emptied on the other side too', () => {
  const [encoder, decoder] = [new HeaderEncoder(), new HeaderDecoder(4096)]
  decode(decoder, encoder.encode(['server', 'a', 'via', 'b']))
  for (let times = 0; times < 1000; times++) {
    encoder.resize(0, 0)
    encoder.resize(8192, 8192)
  }
  const block = encoder.encode(['server', 'a'])
  assert.equal(block.slice(0, 4), '\x20\x3f\xe1\x1f')
  assert.deepEqual(decode(decoder, block), ['server', 'a'])
  // A table that stays as it is needs no word.
  encoder.resize(4096, 4096)
  assert.equal(encoder.encode(['server', 'a']), '\xbe')
})
