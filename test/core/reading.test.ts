import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { parseBase64url, parseJson } from '../../src/core/index.ts'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const limits = { length: 10_000, depth: 4 }

describe('JSON that is not trusted', () => {
  it('is what JSON.parse makes of it where it can be read in one way only', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), (text) => {
        const read = parseJson(text, limits)
        if (!text.includes('__proto__')) assert.deepEqual(read, JSON.parse(text))
      }),
    )
  })

  it('may have colons, quotes, brackets and backslashes in its texts', () => {
    const value = { 'a:b': ':{[', 'c"': '"', 'd\\': '\\"\\', e: [':', { f: ']}' }] }
    assert.deepEqual(parseJson(JSON.stringify(value), limits), value)
  })

  const refused = {
    'a key twice': '{"a":1,"a":1}',
    'a key twice, spelled in two ways': String.raw`{"a":1,"\u0061":2}`,
    'a key twice in an object in a list': '[{"a":{"b":1,"c":2,"b":3}}]',
    'a number as a key twice': '{"1":1,"1":2}',
    'a key twice, and colons elsewhere': '{"a":":","a":":"}',
    'the key __proto__': '{"__proto__":{}}',
    'the key __proto__ in other letters': String.raw`{"a":{"__pr\u006fto__":1}}`,
    'the key __proto__ twice': '{"__proto__":1,"__proto__":2}',
    'one level too many': '[[[[[]]]]]',
    'a text without an end': '{"a":"b',
    'a text whose end is escaped': String.raw`{"a":"b\"`,
    'a key without a value': '{"a":}',
    'a key and nothing': '{"a"}',
    'something behind it': '{"a":1}:',
    nothing: '',
  }
  for (const [name, text] of Object.entries(refused)) {
    it(`is refused with ${name}`, () => assert.equal(parseJson(text, limits), undefined))
  }

  it('is refused when it is longer than allowed', () => {
    assert.equal(parseJson('[1]', { length: 2, depth: 4 }), undefined)
    assert.deepEqual(parseJson('[1]', { length: 3, depth: 4 }), [1])
  })
})

describe('base64url', () => {
  it('has one spelling for the same bytes', () => {
    for (const [text, bytes] of [
      ['', []],
      ['QQ', [0x41]],
      ['QUI', [0x41, 0x42]],
      ['QUJD', [0x41, 0x42, 0x43]],
      ['-_-_', [0xfb, 0xff, 0xbf]],
    ] as const) {
      assert.deepEqual(parseBase64url(text), new Uint8Array(bytes), text)
    }
    const others = [
      'Q',
      'QR',
      'QUJ',
      'QUJDQ',
      'QQ==',
      'QQ=',
      '+/+/',
      'Q Q',
      'QQ\n',
      ' QQ',
      'QUJD.',
      'QÄ',
    ]
    for (const text of others) assert.equal(parseBase64url(text), undefined, JSON.stringify(text))
  })

  it('is read where it is spelled as we would spell it, and nowhere else', () => {
    const letters = Array.from({ length: 64 }, (_, at) => alphabet.charAt(at))
    const one = fc.constantFrom(...letters)
    const odd = fc.constantFrom('+', '/', '=', '.', ' ', '\n', 'Ä')
    const char = fc.oneof({ weight: 60, arbitrary: one }, { weight: 1, arbitrary: odd })
    fc.assert(
      fc.property(fc.string({ unit: char, maxLength: 12 }), (text) => {
        const bytes = Buffer.from(text, 'base64url')
        const expected = bytes.toString('base64url') === text ? new Uint8Array(bytes) : undefined
        assert.deepEqual(parseBase64url(text), expected)
      }),
      { numRuns: 2000 },
    )
  })
})
