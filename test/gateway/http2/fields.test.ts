import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFields } from '../../../src/gateway/http2/fields.ts'

const usual = [':method', 'GET', ':scheme', 'http', ':authority', 'gw', ':path', '/a?b']

const flawOf = (list: readonly string[], sent = list.length / 2): string | undefined => {
  const { flaw } = readFields(list, sent)
  return flaw === undefined ? undefined : `${flaw.code}: ${flaw.detail}`
}

test('a request is read from its fields, and the pseudo-header fields stay behind', () => {
  const fields = readFields([...usual, 'accept', 'x', 'accept', 'y', 'x-a', ''], 7)
  assert.equal(fields.method, 'GET')
  assert.equal(fields.target, '/a?b')
  assert.equal(fields.authority, 'gw')
  assert.deepEqual(fields.rawHeaders, ['accept', 'x', 'accept', 'y', 'x-a', ''])
  assert.deepEqual({ ...fields.headers }, { host: 'gw', accept: 'x, y', 'x-a': '' })
  assert.equal(fields.flaw, undefined)
})

test('cookies are one line, wherever they stood', () => {
  const fields = readFields([...usual, 'cookie', 'a=1', 'x', 'y', 'cookie', 'b=2'], 7)
  assert.equal(fields.headers.cookie, 'a=1; b=2')
  assert.deepEqual(fields.rawHeaders, ['x', 'y', 'cookie', 'a=1; b=2'])
})

test('of a field that has one value the first counts, as over HTTP/1.1', () => {
  const fields = readFields([...usual, 'retry-after', '1', 'retry-after', '2'], 6)
  assert.equal(fields.headers['retry-after'], '1')
  assert.deepEqual(fields.rawHeaders, ['retry-after', '1', 'retry-after', '2'])
})

test('a host beside the authority is dropped when it says the same and takes its place when alone', () => {
  const both = readFields([...usual, 'host', 'GW'], 5)
  assert.equal(both.flaw, undefined)
  assert.equal(both.headers.host, 'gw')
  assert.deepEqual(both.rawHeaders, [])
  const alone = readFields([':method', 'GET', ':scheme', 'http', ':path', '/', 'host', 'gw'], 4)
  assert.equal(alone.authority, 'gw')
  assert.equal(alone.flaw, undefined)
})

test('names that every object has are fields like others', () => {
  const fields = readFields([...usual, '__proto__', 'a', 'constructor', 'b'], 6)
  assert.equal(fields.headers['__proto__'], 'a')
  assert.equal(fields.headers['constructor'], 'b')
  assert.equal(fields.headers['tostring'], undefined)
})

test('a request of which fewer fields arrived than were sent is refused', () => {
  assert.match(flawOf(usual, 5) ?? '', /^gateway.malformed: a field that may not occur/)
  const { flaw } = readFields(usual, undefined)
  assert.equal(flaw?.code, 'gateway.malformed')
})

test('what speaks of a connection, of another host or of another scheme is refused', () => {
  const with_ = (...more: string[]): string[] => [...usual, ...more]
  const instead = (name: string, value: string): string[] =>
    usual.map((text, at) => (usual[at - 1] === name ? value : text))
  for (const [list, why] of [
    [with_('host', 'evil'), 'host and authority differ'],
    [with_('host', 'gw:80'), 'host and authority differ'],
    [with_('host', 'gw', 'host', 'gw'), 'two host lines'],
    [with_('host', ''), 'host and authority differ'],
    [instead(':authority', ''), 'no authority'],
    [instead(':scheme', 'ftp'), 'an unknown scheme'],
    [instead(':scheme', 'HTTP'), 'an unknown scheme'],
    [instead(':scheme', ''), 'an unknown scheme'],
    [with_('connection', 'close'), 'a connection line'],
    [with_('keep-alive', '1'), 'a keep-alive line'],
    [with_('proxy-connection', '1'), 'a proxy-connection line'],
    [with_('transfer-encoding', 'chunked'), 'a transfer-encoding line'],
    [with_('upgrade', 'websocket'), 'a upgrade line'],
    [with_('http2-settings', 'AAA'), 'a http2-settings line'],
    [with_('te', 'gzip'), 'a te line'],
    [with_('te', 'trailers', 'te', 'trailers, gzip'), 'a te line'],
  ] as const) {
    assert.equal(flawOf(list), `gateway.malformed: ${why}`)
  }
  assert.equal(flawOf(with_('te', 'trailers')), undefined)
  assert.match(flawOf(instead(':method', 'CONNECT')) ?? '', /^gateway.method_not_supported/)
})
