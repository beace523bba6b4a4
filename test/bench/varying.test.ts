import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { conclude, traced } from '../../bench/sections/varying.ts'
import { isSignedBy, signedRequest, signingKey } from '../../bench/signature-v4.ts'

describe('requests with a header that changes', () => {
  const subject = { url: 'http://127.0.0.1:8080/orders/1', headers: () => ({ authorization: 'x' }) }

  it('have each another trace id and are otherwise the same', () => {
    const made = [...traced(subject, 50)]
    assert.equal(new Set(made.map(({ headers }) => headers['traceparent'])).size, 50)
    for (const { path, headers } of made) {
      assert.equal(path, '/orders/1')
      assert.match(headers['traceparent'] ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
      assert.deepEqual(
        { ...headers, traceparent: '' },
        { Host: '127.0.0.1:8080', authorization: 'x', traceparent: '' },
      )
    }
  })

  it('keep the host that a subject asks for', () => {
    const [made] = traced({ ...subject, headers: () => ({ Host: 'api' }) }, 1)
    assert.equal(made?.headers['Host'], 'api')
  })

  it('are compared with the same header of a subject, and among subjects', () => {
    const figure = (cpuMicrosPerRequest: number): object => ({
      cpuMicrosPerRequest,
      requestsPerSecond: 1,
    })
    const figures = new Map([
      ['nginx-plain, the same header', figure(10)],
      ['nginx-plain, another with each request', figure(11)],
      ['proofgate, the same header', figure(20)],
      ['proofgate, another with each request', figure(22)],
    ]) as Parameters<typeof conclude>[1]
    const { rows, ratios } = conclude(['nginx-plain', 'proofgate'], figures)
    assert.equal(rows.length, 4)
    assert.deepEqual(ratios, {
      'varying/same header nginx-plain': 1.1,
      'varying/same header proofgate': 1.1,
      'varying headers proofgate/nginx-plain': 2,
    })
    assert.deepEqual(Object.keys(conclude(['nginx-plain'], figures).ratios), [
      'varying/same header nginx-plain',
    ])
  })
})

describe('a signature of the shape of AWS Signature Version 4', () => {
  it('holds for its own request, key and moment only', () => {
    const request = signedRequest(1)
    const key = signingKey()
    assert.equal(key.toString('hex').length, 64)
    assert.ok(isSignedBy(key, request))
    assert.ok(!isSignedBy(Buffer.alloc(32), request))
    assert.ok(!isSignedBy(key, { ...request, canonical: `${request.canonical} ` }))
    assert.ok(!isSignedBy(key, { ...request, moment: signedRequest(2).moment }))
  })
})
