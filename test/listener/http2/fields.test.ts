import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFields, unreadFields } from '../../../src/listener/http2/fields.ts'
import type { RequestFields } from '../../../src/listener/http2/fields.ts'

const usual = [':method', 'GET', ':scheme', 'http', ':authority', 'gw', ':path', '/a?b']

const read = (list: readonly string[]): RequestFields => {
  const fields = readFields(list)
  assert.ok(typeof fields !== 'string', JSON.stringify(fields))
  return fields
}
const instead = (name: string, value: string): string[] =>
  usual.map((text, at) => (usual[at - 1] === name ? value : text))
const without = (name: string): string[] =>
  usual.filter((text, at) => text !== name && usual[at - 1] !== name)

test('a request is read from its fields, and the pseudo-header fields stay behind', () => {
  const fields = read([...usual, 'accept', 'x', 'accept', 'y', 'x-a', ''])
  assert.equal(fields.method, 'GET')
  assert.equal(fields.target, '/a?b')
  assert.equal(fields.authority, 'gw')
  assert.deepEqual(fields.rawHeaders, ['accept', 'x', 'accept', 'y', 'x-a', ''])
  assert.deepEqual({ ...fields.headers }, { host: 'gw', accept: 'x, y', 'x-a': '' })
  assert.equal(fields.flaw, undefined)
})

test('cookies are one line, wherever they stood', () => {
  const fields = read([...usual, 'cookie', 'a=1', 'x', 'y', 'cookie', 'b=2'])
  assert.equal(fields.headers.cookie, 'a=1; b=2')
  assert.deepEqual(fields.rawHeaders, ['x', 'y', 'cookie', 'a=1; b=2'])
})

test('of a field that has one value the first counts, as over HTTP/1.1', () => {
  const fields = read([...usual, 'retry-after', '1', 'retry-after', '2'])
  assert.equal(fields.headers['retry-after'], '1')
  assert.deepEqual(fields.rawHeaders, ['retry-after', '1', 'retry-after', '2'])
})

test('a host beside the authority is dropped when it says the same and takes its place when alone', () => {
  const both = read([...usual, 'host', 'GW'])
  assert.equal(both.flaw, undefined)
  assert.equal(both.headers.host, 'gw')
  assert.deepEqual(both.rawHeaders, [])
  const alone = read([':method', 'GET', ':scheme', 'http', ':path', '/', 'host', 'gw'])
  assert.equal(alone.authority, 'gw')
  assert.equal(alone.flaw, undefined)
})

test('names that every object has are fields like others', () => {
  const fields = read([...usual, '__proto__', 'a', 'constructor', 'b'])
  assert.equal(fields.headers['__proto__'], 'a')
  assert.equal(fields.headers['constructor'], 'b')
  assert.equal(fields.headers['tostring'], undefined)
})

test('what a declared length says is kept, and a cookie or host alone is found', () => {
  assert.equal(read([...usual, 'content-length', '12']).declared, 12)
  assert.equal(read(usual).declared, -1)
})

test('what is well-formed and not served has a flaw', () => {
  for (const [list, why] of [
    [[...usual, 'host', 'evil'], 'gateway.malformed: host and authority differ'],
    [[...usual, 'host', 'gw:80'], 'gateway.malformed: host and authority differ'],
    [[...usual, 'host', ''], 'gateway.malformed: host and authority differ'],
    [instead(':scheme', 'ftp'), 'gateway.malformed: an unknown scheme'],
    [instead(':scheme', 'HTTP'), 'gateway.malformed: an unknown scheme'],
    [[':method', 'CONNECT', ':authority', 'gw'], 'gateway.method_not_supported: undefined'],
  ] as const) {
    const { flaw } = read(list)
    assert.equal(`${flaw?.code}: ${flaw?.detail}`, why)
  }
  assert.equal(unreadFields().flaw?.code, 'gateway.headers_too_large')
})

const malformed: readonly (readonly [what: string, list: readonly string[], why: string])[] = [
  ['no method', without(':method'), 'no method'],
  ['no scheme', without(':scheme'), 'no scheme'],
  ['no path', without(':path'), 'no path'],
  ['no authority', without(':authority'), 'no authority'],
  ['an empty method', instead(':method', ''), 'no method'],
  ['a method with a blank', instead(':method', 'GET /'), 'no method'],
  ['an empty scheme', instead(':scheme', ''), 'no scheme'],
  ['a scheme with more', instead(':scheme', 'https://evil/?'), 'no scheme'],
  ['an empty path', instead(':path', ''), 'no path'],
  ['a path with a blank', instead(':path', '/a b'), 'no path'],
  ['a path with a delete', instead(':path', '/a\x7f'), 'no path'],
  ['a path in absolute form', instead(':path', 'http://gw/a'), 'no path'],
  ['an asterisk of a GET', instead(':path', '*'), 'no path'],
  ['an empty authority', instead(':authority', ''), 'no authority'],
  ['an authority with a user', instead(':authority', 'u:p@gw'), 'no authority'],
  ['an authority with a path', instead(':authority', 'gw/a'), 'no authority'],
  ['a method twice', [...usual, ':method', 'GET'], 'a pseudo-header field twice'],
  ['an authority twice', [...usual, ':authority', 'gw'], 'a pseudo-header field twice'],
  ['one for answers', [...usual, ':status', '200'], 'an unknown pseudo-header field'],
  [
    'one of a protocol we do not speak',
    [...usual, ':protocol', 'x'],
    'an unknown pseudo-header field',
  ],
  ['one behind a field', ['x', 'y', ...usual], 'a pseudo-header field behind others'],
  ['CONNECT with a path', instead(':method', 'CONNECT'), 'CONNECT with more than an authority'],
  ['two hosts', [...usual, 'host', 'gw', 'host', 'gw'], 'two host lines'],
  ['connection', [...usual, 'connection', 'close'], 'a connection line'],
  ['keep-alive', [...usual, 'keep-alive', '1'], 'a keep-alive line'],
  ['proxy-connection', [...usual, 'proxy-connection', '1'], 'a proxy-connection line'],
  ['transfer-encoding', [...usual, 'transfer-encoding', 'chunked'], 'a transfer-encoding line'],
  ['upgrade', [...usual, 'upgrade', 'websocket'], 'a upgrade line'],
  ['http2-settings', [...usual, 'http2-settings', 'AAA'], 'a http2-settings line'],
  ['te', [...usual, 'te', 'gzip'], 'a te line'],
  ['te with more', [...usual, 'te', 'trailers', 'te', 'trailers, gzip'], 'a te line'],
  ['a length with a sign', [...usual, 'content-length', '+1'], 'a content-length line'],
  [
    'two lengths',
    [...usual, 'content-length', '1', 'content-length', '1'],
    'a content-length line',
  ],
  [
    'a length beyond numbers',
    [...usual, 'content-length', '9'.repeat(16)],
    'a content-length line',
  ],
]

for (const [what, list, why] of malformed) {
  test(`a request is malformed: ${what}`, () => assert.equal(readFields(list), why))
}

test('OPTIONS may ask for everything, and te may name trailers', () => {
  const list = instead(':path', '*').map((text) => (text === 'GET' ? 'OPTIONS' : text))
  assert.equal(read(list).target, '*')
  assert.equal(read([...usual, 'te', 'Trailers']).headers['te'], 'Trailers')
})
