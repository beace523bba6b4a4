import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { clientAddress, trustedProxies } from '../../src/gateway/incoming/client-address.ts'
import { forwardedElement, forwardedFor } from '../../src/gateway/incoming/forwarded.ts'
import { peerOf } from '../../src/listener/peer.ts'

const from = (peer: string, headers: Record<string, string>, trusted: readonly string[]): string =>
  clientAddress(peerOf(Object.assign(new PassThrough(), { remoteAddress: peer })), headers, {
    isTrustedProxy: trustedProxies(trusted),
    forwardedHeader: 'forwarded',
  })

describe('Forwarded', () => {
  it('names the nearest address first, in every form there is', () => {
    for (const [text, ...addresses] of [
      ['for=192.0.2.1', '192.0.2.1'],
      ['For="192.0.2.1"', '192.0.2.1'],
      ['for=192.0.2.60;proto=http;by=203.0.113.43', '192.0.2.60'],
      ['proto=http; by=203.0.113.43; for=192.0.2.60', '192.0.2.60'],
      ['for="192.0.2.43:47011"', '192.0.2.43'],
      ['for="192.0.2.43:_port"', '192.0.2.43'],
      ['for="[2001:DB8:cafe::17]:4711"', '2001:db8:cafe::17'],
      ['for="[2001:db8:cafe::17]"', '2001:db8:cafe::17'],
      ['for="[::ffff:192.0.2.1]"', '192.0.2.1'],
      ['for=192.0.2.1, for=198.51.100.2', '198.51.100.2', '192.0.2.1'],
      ['for=192.0.2.1,for="[2001:db8::1]";by=_x', '2001:db8::1', '192.0.2.1'],
      ['for=192.0.2.1;host="a,b"', '192.0.2.1'],
      ['for=192.0.2.1;host="a\t;b"', '192.0.2.1'],
    ] as const) {
      assert.deepEqual([...forwardedFor(text)], addresses, text)
    }
  })

  it('names nobody where it is unknown, hidden, absent or malformed', () => {
    for (const text of [
      '',
      'for=unknown',
      'for=_hidden',
      'for="_SEVKISEK"',
      'by=192.0.2.1',
      'for=',
      'for=""',
      'for="192.0.2.1',
      'for=192.0.2.1"',
      'for=2001:db8::1',
      'for="2001:db8::1"',
      'for=[2001:db8::1]',
      'for="[192.0.2.1]x"',
      'for="[fe80::1%25eth0]"',
      'for=192.0.2.256',
      'for=192.0.2.01',
      'for=192.0.2.1:80',
      'for="192.0.2.1:808080"',
      'for="192.0.2.1:"',
      'for = 192.0.2.1',
      'for=192.0.2.1 proto=http',
      'for=192.0.2.1;for=192.0.2.2',
      'for=192.0.2.1;FOR=192.0.2.1',
      'for=192.0.2.1;x',
      'for="192.0.2\\.1"',
      '192.0.2.1',
      'for="192.0.2.1";"',
    ]) {
      assert.deepEqual([...forwardedFor(text)], [undefined], text)
    }
  })

  it('is believed from trusted proxies only, up to the first that is not one', () => {
    const trusted = ['10.0.0.0/8', '2001:db8::/32']
    const says = (forwarded: string): string => from('10.0.0.1', { forwarded }, trusted)
    assert.equal(says('for=1.1.1.1, for=203.0.113.9'), '203.0.113.9')
    assert.equal(says('for=1.1.1.1, for=203.0.113.9, for=10.2.3.4'), '203.0.113.9')
    assert.equal(says('for=203.0.113.9, for="[2001:db8::7]:1"'), '203.0.113.9')
    assert.equal(says('for=1.1.1.1, for=_hidden, for=10.2.3.4'), '10.2.3.4')
    assert.equal(says('for=1.1.1.1, for=unknown'), '10.0.0.1')
    assert.equal(from('203.0.113.1', { forwarded: 'for=1.1.1.1' }, trusted), '203.0.113.1')
    assert.equal(from('203.0.113.1', { forwarded: 'for=1.1.1.1' }, []), '203.0.113.1')
  })

  it('is read instead of X-Forwarded-For, never beside it', () => {
    const trusted = ['10.0.0.0/8']
    assert.equal(from('10.0.0.1', { 'x-forwarded-for': '1.1.1.1' }, trusted), '10.0.0.1')
    const both = { 'x-forwarded-for': '1.1.1.1', forwarded: 'for=2.2.2.2' }
    assert.equal(from('10.0.0.1', both, trusted), '2.2.2.2')
    const other = clientAddress({ address: '10.0.0.1', encrypted: false }, both, {
      isTrustedProxy: trustedProxies(trusted),
      forwardedHeader: 'x-forwarded-for',
    })
    assert.equal(other, '1.1.1.1')
  })

  it('D06: whatever a caller writes before it, what the proxy adds is what counts', () => {
    const honest = fc.constantFrom(
      'for=203.0.113.9',
      'for="203.0.113.9:1";proto=https',
      'by="[2001:db8::1]";for=203.0.113.9',
    )
    const alphabet = fc.constantFrom(
      '"',
      ',',
      ';',
      '=',
      '\\',
      '[',
      ']',
      ':',
      ' ',
      'for',
      '1',
      '_',
      'unknown',
    )
    const forged = fc.oneof(fc.string({ unit: alphabet, maxLength: 60 }), fc.string())
    fc.assert(
      fc.property(forged, honest, (before, added) => {
        assert.equal(
          from('10.0.0.1', { forwarded: `${before}, ${added}` }, ['10.0.0.0/8']),
          '203.0.113.9',
        )
      }),
    )
  })

  it('is written so that it is read back alike', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        const written = forwardedElement({ address, scheme: 'https', authority: 'a.example:8443' })
        const [read] = forwardedFor(written)
        const [plain] = forwardedFor(
          address.includes(':') ? `for="[${address}]"` : `for=${address}`,
        )
        assert.ok(read !== undefined)
        assert.equal(read, plain)
      }),
    )
    assert.equal(
      forwardedElement({ address: '2001:db8::1', scheme: 'https', authority: 'a.example' }),
      'for="[2001:db8::1]";host="a.example";proto=https',
    )
  })

  it('never makes the reader throw or loop', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => {
        assert.ok([...forwardedFor(text)].length <= text.split(',').length)
      }),
    )
  })
})
