import assert from 'node:assert/strict'
import type { X509Certificate } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { describe, it } from 'node:test'
import { CoveredHosts, parseCertificates } from '../../src/certificate/index.ts'
import { gatewayErrors } from '../../src/gateway/errors.ts'
import { canonicalAuthority, isMisdirected } from '../../src/gateway/incoming/authority.ts'
import { clientAddress, trustedProxies } from '../../src/gateway/incoming/client-address.ts'
import { parseRequestHead } from '../../src/http1/index.ts'
import { Http1Request } from '../../src/listener/http1/request.ts'
import type { Incoming } from '../../src/gateway/incoming/incoming.ts'
import { peerOf } from '../../src/listener/peer.ts'
import { bodyLength, checkFraming } from '../../src/gateway/incoming/screen.ts'
import { TestAuthority } from '../kit/certificates.ts'

describe('the authority of a request', () => {
  it('is compared in one form', () => {
    for (const [sent, found] of [
      ['API.Example', 'api.example'],
      ['api.example.', 'api.example'],
      ['api.example:80', 'api.example'],
      ['api.example:0080', 'api.example'],
      ['api.example:8080', 'api.example:8080'],
      ['[::1]:80', '[::1]'],
      ['[::1]:1', '[::1]:1'],
    ] as const) {
      assert.equal(canonicalAuthority(sent, 'http'), found, sent)
    }
    assert.equal(canonicalAuthority('a:443', 'https'), 'a')
    assert.equal(canonicalAuthority('a:80', 'https'), 'a:80')
  })

  it('is none when it holds anything but a host and a port', () => {
    for (const sent of [
      '',
      '.',
      'a b',
      'u@a',
      'a/b',
      'a:',
      'a:x',
      'a:123456',
      'a,b',
      'a\tb',
      '::1',
      '[::1',
      'ä.example',
      ':80',
      'a:1:2',
      '[fe80::1%25x]',
    ]) {
      assert.equal(canonicalAuthority(sent, 'http'), undefined, sent)
    }
  })
})

describe('a connection for other hosts', () => {
  const authority = new TestAuthority()
  const [leaf] = parseCertificates(authority.server('a.localhost', '*.b.localhost').cert) ?? []
  const covered = new CoveredHosts(leaf as X509Certificate)
  const peer = { address: '192.0.2.1', encrypted: true, covered }

  it('is misdirected over HTTP/2 for a host the certificate is not for', () => {
    for (const host of [
      'c.localhost',
      'a.localhost.c',
      'x.y.b.localhost',
      'b.localhost',
      '',
      '[::1]',
    ]) {
      assert.equal(isMisdirected({ protocol: 'h2', peer, authority: host }), true, host)
    }
    for (const host of ['a.localhost', 'A.LOCALHOST.', 'a.localhost:443', 'x.b.localhost:8443']) {
      assert.equal(isMisdirected({ protocol: 'h2', peer, authority: host }), false, host)
    }
  })

  it('is not looked for where one connection has one host, or TLS is not ours', () => {
    assert.equal(isMisdirected({ protocol: 'http/1.1', peer, authority: 'c.localhost' }), false)
    const plain = { address: '192.0.2.1', encrypted: false }
    assert.equal(isMisdirected({ protocol: 'h2', peer: plain, authority: 'c' }), false)
  })
})

describe('the address of a caller', () => {
  const from = (
    peer: string | undefined,
    said: string | undefined,
    trusted: readonly string[],
  ): string =>
    clientAddress(
      peerOf(Object.assign(new PassThrough(), { remoteAddress: peer })),
      said === undefined ? {} : { 'x-forwarded-for': said },
      { isTrustedProxy: trustedProxies(trusted), forwardedHeader: 'x-forwarded-for' },
    )

  it('is the peer, whatever it says, unless that is a trusted proxy', () => {
    assert.equal(from('203.0.113.1', '10.0.0.1', []), '203.0.113.1')
    assert.equal(from('203.0.113.1', '10.0.0.1', ['10.0.0.0/8']), '203.0.113.1')
    assert.equal(from('::ffff:203.0.113.1', undefined, []), '203.0.113.1')
  })

  it('is the nearest address that is not a trusted proxy', () => {
    const trusted = ['10.0.0.0/8', '2001:db8::/32']
    assert.equal(from('10.0.0.1', '1.1.1.1, 203.0.113.9', trusted), '203.0.113.9')
    assert.equal(from('10.0.0.1', '1.1.1.1, 203.0.113.9, 10.2.3.4', trusted), '203.0.113.9')
    assert.equal(from('::ffff:10.0.0.1', '203.0.113.9', trusted), '203.0.113.9')
    assert.equal(from('2001:db8::1', '2001:db9::1', trusted), '2001:db9::1')
    assert.equal(from('10.0.0.1', '10.0.0.2, 10.0.0.3', trusted), '10.0.0.2')
  })

  it('stops believing at the first thing that is no address', () => {
    for (const said of [
      '',
      ',',
      'x',
      '1.1.1.1, x',
      '1.1.1.1,',
      '1.1.1.1, 999.1.1.1',
      '1.1.1.1, 2.2.2.2:80',
    ]) {
      assert.equal(from('10.0.0.1', said, ['10.0.0.0/8']), '10.0.0.1', said)
    }
  })

  it('is found for peers that are gone or have a zone', () => {
    assert.equal(from(undefined, '1.1.1.1', ['10.0.0.0/8']), '')
    assert.equal(from('fe80::1%eth0', '1.1.1.1', ['fe80::/10', '10.0.0.0/8']).length > 0, true)
    assert.equal(typeof from('10.0.0.1', 'fe80::1%eth0', ['10.0.0.0/8']), 'string')
  })
})

describe('the screen', () => {
  const arrived = (...lines: string[]): Pick<Incoming, 'request' | 'flaw'> => {
    const head = parseRequestHead(
      `${['GET / HTTP/1.1', 'Host: a', ...lines].join('\r\n')}\r\n\r\n`,
      undefined,
    )
    assert.ok(typeof head !== 'string')
    const source = { pause: () => undefined, resume: () => undefined }
    return { request: new Http1Request(head, source), flaw: undefined }
  }
  const named = (method: string): Pick<Incoming, 'request' | 'flaw'> => {
    const { request } = arrived()
    return { request: Object.create(request, { method: { value: method } }), flaw: undefined }
  }
  const code = (one: Pick<Incoming, 'request' | 'flaw'>): string | undefined =>
    checkFraming(one, { headerCount: 5 })?.code

  it('lets an ordinary request pass', () => {
    assert.equal(code(arrived()), undefined)
    assert.equal(code(arrived('Transfer-Encoding: Chunked')), undefined)
    assert.equal(code(arrived('Expect: 100-Continue')), undefined)
  })

  it('refuses what the server of its protocol found wrong', () => {
    const flaw = gatewayErrors.refuse('malformed', 'two host lines')
    assert.equal(code({ ...arrived(), flaw }), 'gateway.malformed')
  })

  it('refuses lines that came twice where no parser has looked for them', () => {
    for (const name of ['host', 'authorization', 'content-length', 'dpop', 'cookie', 'expect']) {
      const request = {
        rawHeaders: [name, '1', name.toUpperCase(), '1'],
        headers: {},
        method: 'GET',
      }
      const one = { request, flaw: undefined } as unknown as Pick<Incoming, 'request' | 'flaw'>
      assert.equal(code(one), 'gateway.malformed', name)
    }
  })

  it('refuses methods, expectations and numbers of lines it does not serve', () => {
    for (const method of ['TRACE', 'CONNECT', 'get', 'PROPFIND', '']) {
      assert.equal(code(named(method)), 'gateway.method_not_supported', method)
    }
    assert.equal(code(arrived('Expect: x, 100-continue')), 'gateway.expectation_failed')
    const many = Array.from({ length: 5 }, (_, n) => `x-${n}: 1`)
    assert.equal(code(arrived(...many)), 'gateway.headers_too_large')
  })

  it('reads how a body is delimited', () => {
    assert.equal(bodyLength(arrived('Content-Length: 7').request).length, 7)
    assert.equal(bodyLength(arrived('Content-Length: 7').request).chunked, false)
    assert.equal(bodyLength(arrived().request).length, 0)
    assert.equal(bodyLength(arrived('Transfer-Encoding: chunked').request).chunked, true)
  })
})
