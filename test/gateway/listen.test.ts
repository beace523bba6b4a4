import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { describe, it } from 'node:test'
import { CoveredHosts, parseCertificates } from '../../src/certificate/index.ts'
import { millis } from '../../src/core/index.ts'
import { gatewayErrors } from '../../src/gateway/errors.ts'
import { canonicalAuthority, isMisdirected } from '../../src/gateway/listen/authority.ts'
import { clientAddress, trustedProxies } from '../../src/gateway/listen/client-address.ts'
import { Life } from '../../src/gateway/listen/life.ts'
import { peerOf } from '../../src/gateway/listen/peer.ts'
import { bodyLength, checkFraming } from '../../src/gateway/listen/screen.ts'
import { SlowPeers } from '../../src/gateway/listen/slow-peers.ts'
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
  const message = (more: Partial<IncomingMessage>, ...rawHeaders: string[]): IncomingMessage => {
    const headers: Record<string, string> = {}
    for (let at = 0; at < rawHeaders.length; at += 2) {
      headers[(rawHeaders[at] ?? '').toLowerCase()] = rawHeaders[at + 1] ?? ''
    }
    return {
      method: 'GET',
      httpVersionMajor: 1,
      httpVersionMinor: 1,
      rawHeaders,
      headers,
      ...more,
    } as unknown as IncomingMessage
  }
  const code = (request: IncomingMessage): string | undefined =>
    checkFraming({ request, protocol: 'http/1.1', flaw: undefined }, { headerCount: 5 })?.code

  it('lets an ordinary request pass', () => {
    assert.equal(code(message({}, 'Host', 'a')), undefined)
    assert.equal(
      code(message({ method: 'POST' }, 'Host', 'a', 'Transfer-Encoding', 'Chunked')),
      undefined,
    )
    assert.equal(code(message({ httpVersionMinor: 0 }, 'Host', 'a')), undefined)
  })

  it('refuses what could be read in two ways', () => {
    for (const name of [
      'Host',
      'AUTHORIZATION',
      'Content-Length',
      'dpop',
      'Cookie',
      'Content-Type',
      'Expect',
    ]) {
      const value = name === 'Expect' ? '100-continue' : '1'
      assert.equal(
        code(message({}, 'Host', 'a', name, value, name.toLowerCase(), value)),
        'gateway.malformed',
        name,
      )
    }
    assert.equal(code(message({})), 'gateway.malformed')
    assert.equal(code(message({ httpVersionMajor: 2 }, 'Host', 'a')), 'gateway.malformed')
    assert.equal(code(message({ httpVersionMinor: 2 }, 'Host', 'a')), 'gateway.malformed')
    assert.equal(
      code(message({}, 'Host', 'a', 'Transfer-Encoding', 'gzip, chunked')),
      'gateway.malformed',
    )
    assert.equal(
      code(message({ httpVersionMinor: 0 }, 'Host', 'a', 'Transfer-Encoding', 'chunked')),
      'gateway.malformed',
    )
    assert.equal(
      code(message({}, 'Host', 'a', 'Transfer-Encoding', 'chunked', 'Content-Length', '1')),
      'gateway.malformed',
    )
  })

  it('refuses methods, expectations and numbers of lines it does not serve', () => {
    for (const method of ['TRACE', 'CONNECT', 'get', 'PROPFIND', '']) {
      assert.equal(code(message({ method }, 'Host', 'a')), 'gateway.method_not_supported', method)
    }
    assert.equal(
      code(message({}, 'Host', 'a', 'Expect', 'x, 100-continue')),
      'gateway.expectation_failed',
    )
    const many = Array.from({ length: 10 }, (_, n) => `x-${n}`)
    assert.equal(code(message({}, 'Host', 'a', ...many)), 'gateway.headers_too_large')
  })

  it('reads how a body is delimited', () => {
    assert.deepEqual(bodyLength(message({}, 'Content-Length', '7')), { chunked: false, length: 7 })
    assert.deepEqual(bodyLength(message({})), { chunked: false, length: 0 })
    assert.equal(bodyLength(message({}, 'Transfer-Encoding', 'chunked')).chunked, true)
  })
})

describe('slow peers', () => {
  /** A connection in the one respect that counts here: how much has moved. */
  class Peer extends EventEmitter {
    bytesRead = 0
    bytesWritten = 0
    writableLength = 0
    destroyed = false
    destroy(): void {
      this.destroyed = true
      this.emit('close')
    }
  }

  const watched = (
    setUp: (peer: Peer) => IncomingMessage | undefined,
    each: (peer: Peer) => void,
  ): ((seconds: number) => boolean) => {
    return (seconds) => {
      const peers = new SlowPeers(millis(30_000))
      const peer = new Peer()
      peers.watch(peer as unknown as Socket)
      const request = setUp(peer)
      if (request !== undefined) peers.serving(peer as unknown as Socket, request)
      peers.start()
      for (let at = 0; at < seconds; at++) {
        each(peer)
        mockTick(1000)
      }
      peers.stop()
      return peer.destroyed
    }
  }
  let mockTick: (time: number) => void = () => undefined
  const body = (complete: boolean, paused: boolean): IncomingMessage =>
    ({ complete, isPaused: () => paused }) as unknown as IncomingMessage

  it('are cut off when a body or an answer trickles, and not before their patience ends', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    mockTick = (time) => t.mock.timers.tick(time)
    const trickle = watched(
      () => body(false, false),
      (peer) => (peer.bytesRead += 1),
    )
    assert.equal(trickle(29), false)
    assert.equal(trickle(40), true)
    const reading = watched(
      (peer) => {
        peer.writableLength = 1_000_000
        return undefined
      },
      (peer) => (peer.bytesWritten += 1),
    )
    assert.equal(reading(29), false)
    assert.equal(reading(40), true)
  })

  it('are none when nothing is owed or enough moves', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    mockTick = (time) => t.mock.timers.tick(time)
    const idle = watched(
      () => body(true, false),
      () => undefined,
    )
    const paused = watched(
      () => body(false, true),
      () => undefined,
    )
    const brisk = watched(
      () => body(false, false),
      (peer) => (peer.bytesRead += 1024),
    )
    for (const peer of [idle, paused, brisk]) assert.equal(peer(120), false)
  })
})

describe('the life of a request', () => {
  it('is over once, and says so also to those who come late', () => {
    const life = new Life()
    const heard: number[] = []
    life.onOver(() => heard.push(1))
    life.onOver(() => heard.push(2))
    assert.equal(life.isOver, false)
    life.end()
    life.end()
    life.onOver(() => heard.push(3))
    assert.deepEqual(heard, [1, 2, 3])
  })

  it('is broken once, never after its end, and says so also to who comes late', () => {
    const life = new Life()
    const first = gatewayErrors.refuse('malformed')
    life.breakOff(first)
    life.breakOff(gatewayErrors.refuse('internal'))
    assert.equal(life.broken, first)
    const heard: string[] = []
    life.onBroken(({ code }) => heard.push(code))
    assert.deepEqual(heard, ['gateway.malformed'])
    const over = new Life()
    over.end()
    over.breakOff(first)
    assert.equal(over.broken, undefined)
  })
})
