import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { crc32c } from '../../src/listener/arrive/crc32c.ts'
import { longestProxyHeader, parseProxyHeader } from '../../src/listener/arrive/proxy-header.ts'
import { proxyV2, tlv } from '../kit/proxy-protocol.ts'

const read = (bytes: string | Buffer): string => {
  const header = parseProxyHeader(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  if (header.state !== 'complete') return header.state
  return `${header.length} ${header.source ?? '-'}`
}

test('version 1 says who the caller is', () => {
  const tcp4 = 'PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n'
  assert.equal(read(tcp4), `${tcp4.length} 192.0.2.1`)
  assert.equal(read(`${tcp4}GET / HTTP/1.1\r\n`), `${tcp4.length} 192.0.2.1`)
  const tcp6 = 'PROXY TCP6 2001:DB8:0::1 2001:db8::2 1 65535\r\n'
  assert.equal(read(tcp6), `${tcp6.length} 2001:db8::1`)
  const mapped = 'PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n'
  assert.equal(read(mapped), `${mapped.length} 192.0.2.1`)
  assert.equal(read('PROXY UNKNOWN\r\n'), '15 -')
  assert.equal(read('PROXY UNKNOWN ffff:f...f 1 2 3\r\n'), '32 -')
  const longest = `PROXY UNKNOWN ${'x'.repeat(91)}\r\n`
  assert.equal(longest.length, 107)
  assert.equal(read(longest), '107 -')
})

test('version 1 in any other form is refused', () => {
  for (const line of [
    'PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n',
    'PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.1 1 2 \r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.1 1 65536\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.1 -1 2\r\n',
    'PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n',
    'PROXY TCP4 192.0.2.01 198.51.100.1 1 2\r\n',
    'PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n',
    'PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n',
    'PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n',
    'PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n',
    'PROXY tcp4 192.0.2.1 198.51.100.1 1 2\r\n',
    'PROXY\tTCP4 192.0.2.1 198.51.100.1 1 2\r\n',
    'PROXY UNKNOWNX\r\n',
    'PROXY \r\n',
    `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`,
    `PROXY UNKNOWN ${'x'.repeat(5000)}`,
    'PROXY TCP4 192.0.2.1\n198.51.100.1 1 2\r\n',
    'proxy TCP4 192.0.2.1 198.51.100.1 1 2\r\n',
    ' PROXY UNKNOWN\r\n',
    'GET / HTTP/1.1\r\n',
    '\u0016\u0003\u0001',
    '\r\n\r\n\0\r\nQUIT\r',
  ]) {
    assert.equal(read(line), 'refused', JSON.stringify(line))
  }
  assert.equal(read('PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n'), 'incomplete')
})

test('version 2 says who the caller is, or that the proxy speaks for itself', () => {
  assert.equal(read(proxyV2({ source: '192.0.2.1' })), '28 192.0.2.1')
  assert.equal(read(proxyV2({ source: '2001:db8::1' })), '52 2001:db8::1')
  assert.equal(read(proxyV2({ source: '::ffff:192.0.2.1' })), '52 192.0.2.1')
  assert.equal(read(proxyV2({ command: 0x20 })), '16 -')
  assert.equal(read(proxyV2({ command: 0x20, family: 0x99, rest: Buffer.alloc(7, 1) })), '23 -')
  assert.equal(read(proxyV2({ family: 0x00 })), '16 -')
  assert.equal(read(proxyV2({ family: 0x31, addresses: Buffer.alloc(216) })), '232 -')
  const more = Buffer.concat([tlv(0x01, 'h2'), tlv(0x02, 'api.example'), tlv(0x04, '')])
  assert.equal(read(proxyV2({ source: '192.0.2.1', rest: more })), `${28 + more.length} 192.0.2.1`)
  const followed = Buffer.concat([proxyV2({ source: '192.0.2.1' }), Buffer.from('GET /')])
  assert.equal(read(followed), '28 192.0.2.1')
})

test('version 2 in any other form is refused', () => {
  for (const [what, bytes] of Object.entries({
    'another version': proxyV2({ command: 0x11 }),
    'another command': proxyV2({ command: 0x22 }),
    datagrams: proxyV2({ family: 0x12, addresses: Buffer.alloc(12) }),
    'a half unspecified family': proxyV2({ family: 0x01, addresses: Buffer.alloc(12) }),
    'addresses cut short': proxyV2({ family: 0x11, addresses: Buffer.alloc(11) }),
    'IPv6 with room for IPv4': proxyV2({ family: 0x21, addresses: Buffer.alloc(12) }),
    'a TLV without length': proxyV2({ source: '192.0.2.1', rest: Buffer.from([4, 0]) }),
    'a TLV beyond the end': proxyV2({ source: '192.0.2.1', rest: Buffer.from([4, 0, 2, 0]) }),
    'a short checksum': proxyV2({ source: '192.0.2.1', rest: tlv(0x03, 'abc') }),
    'a wrong checksum': proxyV2({ source: '192.0.2.1', rest: tlv(0x03, 'abcd') }),
    'more than is read': proxyV2({ source: '192.0.2.1', rest: tlv(0x04, 'x'.repeat(2020)) }),
  })) {
    assert.equal(read(bytes), 'refused', what)
  }
})

test('a checksum of version 2 that is there has to hold', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  const bytes = proxyV2({ source: '192.0.2.1', rest: tlv(0x03, '\0\0\0\0') })
  bytes.writeUInt32BE(crc32c(bytes), 31)
  assert.equal(read(bytes), '35 192.0.2.1')
  bytes[16] = 193
  assert.equal(read(bytes), 'refused')
})

test('a header is read alike in whatever pieces it comes', () => {
  const headers = [
    Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n'),
    proxyV2({ source: '2001:db8::1', rest: tlv(0x04, 'x'.repeat(300)) }),
    proxyV2({ command: 0x20 }),
  ]
  for (const header of headers) {
    for (let length = 0; length < header.length; length++) {
      assert.equal(parseProxyHeader(header.subarray(0, length)).state, 'incomplete')
    }
    assert.equal(parseProxyHeader(header).state, 'complete')
  }
})

test('no bytes make the parser throw, wait for ever, or take more than is there', () => {
  const starts = fc.constantFrom(
    Buffer.alloc(0),
    Buffer.from('PROXY '),
    Buffer.from('PROXY TCP4 '),
    Buffer.from('0d0a0d0a000d0a515549540a', 'hex'),
    Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex'),
  )
  fc.assert(
    fc.property(starts, fc.uint8Array({ maxLength: 4000 }), (start, rest) => {
      const bytes = Buffer.concat([start, rest])
      const header = parseProxyHeader(bytes)
      if (header.state === 'complete') assert.ok(header.length <= bytes.length)
      if (header.state === 'incomplete') assert.ok(bytes.length < longestProxyHeader)
    }),
  )
})
