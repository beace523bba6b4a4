import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  answeredHeaders,
  passedHeaders,
  pushOwn,
  recurringHeaders,
} from '../../src/gateway/forward/headers.ts'
import type { Incoming } from '../../src/gateway/incoming/incoming.ts'

function outgoing(rawHeaders: readonly string[], open = false, writesForwarded = false): string[] {
  const connection: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() === 'connection') connection.push(rawHeaders[at + 1] ?? '')
  }
  const incoming = {
    request: {
      rawHeaders,
      headers: connection.length === 0 ? {} : { connection: connection.join(', ') },
    },
    address: '203.0.113.1',
    requestId: 'id-1',
  } as unknown as Incoming
  const facts = {
    upstreamAuthority: 'upstream:1',
    origin: { scheme: 'http', authority: 'api' },
    writesForwarded,
    assertion: open ? undefined : 'ours',
    keepsCredential: open,
  }
  const out = recurringHeaders(incoming, facts)
  pushOwn(out, incoming, facts)
  return out
}

const namesOf = (headers: readonly string[]): string[] =>
  headers.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase())

const own = ['host', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-request-id']

describe('Forwarded towards the upstream', () => {
  it('is written where it is configured, and only with what we know', () => {
    const forged = ['Forwarded', 'for=10.0.0.1', 'forwarded', 'for=10.0.0.2;proto=https']
    const out = outgoing(forged, false, true)
    assert.equal(namesOf(out).filter((name) => name === 'forwarded').length, 1)
    const value = out[out.indexOf('forwarded') + 1]
    assert.equal(value, 'for=203.0.113.1;host="api";proto=http')
    assert.equal(namesOf(outgoing(forged)).includes('forwarded'), false)
  })
})

describe('headers towards the upstream', () => {
  it('hold no client certificate of a proxy that is not there', () => {
    const names = [
      'Client-Cert',
      'X-Forwarded-Client-Cert',
      'X-Client-Cert',
      'X-SSL-Client-Verify',
      'SSL_CLIENT_S_DN',
      'X-Amzn-Mtls-Clientcert-Subject',
      'x_amzn_mtls_clientcert',
      'X-ARR-ClientCert',
      'X-TLS-Client-Cert',
      'X-mTLS-Subject',
    ]
    assert.deepEqual(
      namesOf(outgoing(names.flatMap((name) => [name, 'forged']))).sort(),
      [...own, 'x-proofgate-assertion'].sort(),
    )
  })

  it('hold each of ours exactly once, with our value, whatever came in', () => {
    const name = fc.oneof(
      fc.constantFrom(
        'X-Proofgate-Assertion',
        'x_proofgate_assertion',
        'X.Proofgate.Assertion',
        'Host',
        'X-Forwarded-For',
        'x_forwarded_host',
        'Connection',
        'X-Request-Id',
        'Authorization',
        'Cookie',
        'Content-Length',
        'Transfer-Encoding',
        'Upgrade',
        'TE',
        'Keep-Alive',
        'Accept',
        '__proto__',
        'constructor',
      ),
      fc.stringMatching(/^[!#$%&'*+.^_`|~A-Za-z0-9-]{1,20}$/),
    )
    const value = fc.constantFrom(
      'evil',
      'close, X-Proofgate-Assertion',
      'host',
      'x-forwarded-for, x-request-id',
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 12 }), (lines) => {
        const names = namesOf(outgoing(lines.flat()))
        for (const one of [...own, 'x-proofgate-assertion']) {
          assert.equal(
            names.filter((name) => name.replace(/[^a-z0-9]/g, '-') === one).length,
            1,
            one,
          )
        }
        for (const gone of [
          'connection',
          'content-length',
          'transfer-encoding',
          'upgrade',
          'te',
          'authorization',
        ]) {
          assert.ok(!names.includes(gone), gone)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('keep what is the business of the two alone', () => {
    const kept = [
      'Accept',
      '*/*',
      'X-Custom',
      '1',
      'Content-Type',
      'a/b',
      'User-Agent',
      'u',
      'Range',
      'r',
    ]
    assert.deepEqual(outgoing(kept).slice(2, 12), kept)
  })

  it('vouch for nobody on open routes and pass the credential on only there', () => {
    assert.ok(!namesOf(outgoing([], true)).includes('x-proofgate-assertion'))
    assert.ok(outgoing(['Authorization', 'Basic x'], true).includes('Basic x'))
    assert.ok(!outgoing(['Authorization', 'Basic x']).includes('Basic x'))
    assert.ok(!outgoing(['X-Proofgate-Assertion', 'evil'], true).includes('evil'))
  })

  it('lose the cookies that are ours and keep the others in order', () => {
    const cookie = (value: string): string | undefined => {
      const out = outgoing(['Cookie', value])
      const at = out.indexOf('cookie')
      return at === -1 ? undefined : out[at + 1]
    }
    assert.equal(cookie('a=1; pg_api=x; b=2'), 'a=1; b=2')
    assert.equal(cookie('pg_api=x'), undefined)
    assert.equal(cookie('__Host-pg_session=x;__Host-pg_flow=y; c=pg_api'), 'c=pg_api')
    assert.equal(cookie('__Host-pg_pending=x; pg_pending=y; c=1'), 'c=1')
    assert.equal(cookie('pg_other=1; xpg_api=2'), 'pg_other=1; xpg_api=2')
  })
})

describe('headers towards the caller', () => {
  it('hold no request id of theirs and nothing in our name', () => {
    const names = ['X-Request-Id', 'x-proofgate-user', 'X-Proofgate']
    const head = [...names.flatMap((name) => [name, 'evil']), 'A', 'b']
    assert.deepEqual(answeredHeaders(head), ['A', 'b'])
  })

  it('are judged once for a head that comes again, and never found by what looks like it', () => {
    const head = ['X-Request-Id', 'evil', 'A', 'b']
    const first = passedHeaders(head)
    assert.deepEqual(first, ['A', 'b'])
    assert.equal(passedHeaders(head), first)
    assert.notEqual(passedHeaders([...head]), first)
    assert.deepEqual(passedHeaders(['A', 'c']), ['A', 'c'])
    assert.equal(passedHeaders(head), first)
  })

  it('are remembered of few heads only', () => {
    const head = ['A', 'b']
    const first = passedHeaders(head)
    for (let at = 0; at < 8; at += 1) passedHeaders(['A', String(at)])
    assert.notEqual(passedHeaders(head), first)
    assert.deepEqual(passedHeaders(head), head)
  })

  it('set no cookie of ours, in any way a browser would read', () => {
    for (const line of [
      'pg_api=evil',
      ' pg_api =evil',
      '\tpg_api=evil',
      '=pg_api=evil',
      '= pg_flow=evil',
      '__Host-pg_api=evil; Secure',
      'pg_session=evil',
      'pg_session.sig=evil',
    ]) {
      assert.deepEqual(answeredHeaders(['Set-Cookie', line]), [], line)
    }
    for (const line of ['theirs=pg_api', 'pg_apix=1', 'xpg_api=1', 'pg_theirs=1']) {
      assert.equal(answeredHeaders(['set-cookie', line])[1], line)
    }
  })
})
