import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { allowsOrigin, corsHeaders, withoutCors } from '../../src/gateway/answer/cors.ts'
import type { Cors } from '../../src/gateway/answer/cors.ts'

function rules(change: Partial<Cors> = {}): Cors {
  return {
    origins: new Set(['https://app.example.com', 'http://localhost:3000']),
    wildcards: [{ before: 'https://', after: '.example.org' }],
    anyOrigin: false,
    methods: [],
    headers: [],
    exposeHeaders: [],
    credentials: false,
    maxAgeSeconds: 600,
    ...change,
  }
}

describe('origins', () => {
  it('are allowed as they are written, and below a wildcard', () => {
    for (const origin of [
      'https://app.example.com',
      'http://localhost:3000',
      'https://a.example.org',
      'https://a-1.b2.example.org',
    ]) {
      assert.ok(allowsOrigin(rules(), origin), origin)
    }
  })

  it('are not allowed for looking like one', () => {
    for (const origin of [
      'null',
      '',
      'https://app.example.com.evil.org',
      'https://app.example.com/',
      'https://app.example.com:443',
      'https://app.example.com:8443',
      'http://app.example.com',
      'https://APP.example.com',
      'HTTPS://app.example.com',
      'https://app.example.com ',
      'https://evil.org#.example.org',
      'https://evil.org/.example.org',
      'https://evil.org?.example.org',
      'https://evil.org:1.example.org',
      'https://user@x.example.org',
      'https://example.org',
      'https://.example.org',
      'https://a..example.org',
      'https://-a.example.org',
      'https://a_b.example.org',
      'https://aexample.org',
      'https://a.example.org.evil.net',
      'https://a.example.org:8443',
      'http://a.example.org',
      'https://a.EXAMPLE.org',
      'https://a.example.org, https://app.example.com',
      'https://app.example.com, https://app.example.com',
      `https://${'a.'.repeat(200)}example.org`,
    ]) {
      assert.ok(!allowsOrigin(rules(), origin), origin)
    }
    assert.ok(!allowsOrigin(rules(), undefined))
  })

  it('take no long time to be refused', () => {
    const origin = `https://${'a'.repeat(270)}!.example.org`
    assert.ok(!allowsOrigin(rules(), origin))
    assert.ok(!allowsOrigin(rules(), `https://${'a-'.repeat(1_000_000)}.example.org`))
  })
})

describe('the lines of an answer', () => {
  it('name the origin that asked, and nothing for one that is not allowed', () => {
    const cors = rules({ credentials: true, exposeHeaders: ['x-total'] })
    assert.deepEqual(corsHeaders(cors, 'https://a.example.org'), [
      'vary',
      'origin',
      'access-control-allow-origin',
      'https://a.example.org',
      'access-control-allow-credentials',
      'true',
      'access-control-expose-headers',
      'x-total',
    ])
    assert.deepEqual(corsHeaders(cors, 'https://evil.org'), ['vary', 'origin'])
    assert.deepEqual(corsHeaders(cors, undefined), ['vary', 'origin'])
  })

  it('are the same for everybody when everybody is allowed', () => {
    const cors = rules({ anyOrigin: true })
    for (const origin of ['https://evil.org', 'null']) {
      assert.deepEqual(corsHeaders(cors, origin), ['access-control-allow-origin', '*'])
    }
    assert.deepEqual(corsHeaders(cors, undefined), [])
  })

  it('replace those of the service in every spelling of case', () => {
    const received = [
      'Access-Control-Allow-Origin',
      '*',
      'ACCESS-CONTROL-ALLOW-CREDENTIALS',
      'true',
    ]
    assert.deepEqual(withoutCors([...received, 'X-A', '1']), ['X-A', '1'])
  })
})
