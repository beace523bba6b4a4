import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { head, raw } from '../kit/raw.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

const routes = `
      - { method: GET, path: '/cors/{id}' }
      - { method: POST, path: '/cors/{id}' }
      - { method: DELETE, path: '/cors/{id}', cors: { origins: ['https://admin.example.com'], methods: [DELETE], credentials: true, exposeHeaders: [X-Total], headers: [X-One, X-Two], maxAge: 1h } }
      - { method: GET, path: /everybody, authorizer: open, cors: { origins: ['*'] } }
      - { method: PUT, path: '/strict/{id}', cors: { origins: ['https://app.example.com'], methods: [GET] } }
      - { method: GET, path: /limited, throttle: { principal: { rate: 0.001, burst: 1 } } }
      - { method: ANY, path: /any }
      - { method: OPTIONS, path: /own-options, authorizer: open }
    cors: { origins: ['https://app.example.com', 'https://*.example.org'] }
`
const app = 'https://app.example.com'

describe('pages of other origins', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane
  let token: string

  before(async () => {
    plane = await startDataPlane({ upstream: await upstream.listen(), routes })
    token = `Bearer ${plane.mint.token(plane.alice)}`
  })
  after(async () => {
    await plane.finish().finally(() => upstream.close())
  })

  function preflight(
    path: string,
    method: string,
    origin: string,
    more: Record<string, string> = {},
  ): Promise<Answer> {
    return call(`${plane.gateway.api}${path}`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': method, ...more },
    })
  }

  function get(path: string, headers: Record<string, string>): Promise<Answer> {
    return call(`${plane.gateway.api}${path}`, { headers })
  }

  it('get their preflight answered without a credential, by the gateway alone', async () => {
    const records = await decisionsDuring(plane, async () => {
      const answer = await preflight('/cors/1', 'POST', app, {
        'access-control-request-headers': 'authorization,content-type',
      })
      assert.equal(answer.status, 204)
      assert.equal(answer.text, '')
      assert.equal(answer.headers['access-control-allow-origin'], app)
      assert.equal(answer.headers['access-control-allow-methods'], 'POST')
      assert.equal(
        answer.headers['access-control-allow-headers'],
        'authorization, content-type, dpop',
      )
      assert.equal(answer.headers['access-control-max-age'], '600')
      assert.equal(answer.headers['access-control-allow-credentials'], undefined)
      assert.match(String(answer.headers.vary), /origin/)
      assert.ok(answer.headers['x-request-id'])
    })
    assert.deepEqual(upstream.take(), [])
    assert.equal(records.length, 1)
    assert.equal(records[0]?.reason, 'gateway.preflight')
    assert.equal(records[0].outcome, 'allow')
    assert.equal(records[0].what?.['route'], 'POST /cors/{id}')
    assert.equal(records[0].what['method'], 'OPTIONS')
    assert.equal(records[0].who, undefined)
  })

  it('do not keep a connection on which they still owe a body', async () => {
    const answer = await raw(
      plane.port,
      head(
        'OPTIONS /cors/1 HTTP/1.1',
        `Host: ${plane.host}`,
        `Origin: ${app}`,
        'Access-Control-Request-Method: GET',
        'Transfer-Encoding: chunked',
      ),
      { quiet: 2000 },
    )
    assert.deepEqual(answer.statuses, [204])
    assert.match(answer.text, /^connection: close\r$/im)
  })

  it('get the rules of the route they ask about', async () => {
    const answer = await preflight('/cors/1', 'DELETE', 'https://admin.example.com')
    assert.equal(answer.status, 204)
    assert.equal(answer.headers['access-control-allow-credentials'], 'true')
    assert.equal(answer.headers['access-control-allow-methods'], 'DELETE')
    assert.equal(answer.headers['access-control-allow-headers'], 'x-one, x-two')
    assert.equal(answer.headers['access-control-max-age'], '3600')
    assert.equal((await preflight('/cors/1', 'DELETE', app)).status, 403)
    assert.equal((await preflight('/cors/1', 'GET', 'https://admin.example.com')).status, 403)
  })

  it('are refused, and that is recorded, when their origin only looks like one', async () => {
    const origins = [
      'https://app.example.com.evil.org',
      'null',
      'https://APP.example.com',
      'https://app.example.com:444',
      'http://app.example.com',
      'https://example.org',
      'https://evil.org#.example.org',
    ]
    const records = await decisionsDuring(
      plane,
      async () => {
        for (const origin of origins) {
          const answer = await preflight('/cors/1', 'GET', origin)
          assert.equal(answer.status, 403, origin)
          assert.equal(answer.headers['access-control-allow-origin'], undefined, origin)
        }
      },
      origins.length,
    )
    assert.deepEqual(
      records.map(({ reason, outcome }) => `${outcome} ${reason}`),
      origins.map(() => 'deny gateway.cors_refused'),
    )
  })

  it('are refused a method that the rules leave out', async () => {
    assert.equal((await preflight('/strict/1', 'PUT', app)).status, 403)
  })

  it('learn nothing about routes that are not there, or not theirs', async () => {
    for (const [path, method] of [
      ['/cors/1', 'PATCH'],
      ['/hidden', 'GET'],
      ['/cors/1', 'get'],
      ['/cors/1', 'constructor'],
      ['/cors/1', '*'],
      ['/.proofgate/session/callback', 'GET'],
    ] as const) {
      const answer = await preflight(path, method, 'https://evil.org')
      assert.equal(answer.status, 404, `${method} ${path}`)
      assert.equal(answer.headers['access-control-allow-methods'], undefined)
    }
    assert.deepEqual(upstream.take(), [])
  })

  it('are asked about methods that are served, and no other text comes back', async () => {
    assert.equal((await preflight('/any', 'PATCH', app)).status, 204)
    for (const method of ['ANY', 'TRACE', 'FOO', 'GET, DELETE', 'get']) {
      const answer = await preflight('/any', method, app)
      assert.equal(answer.status, 401, method)
      assert.equal(answer.headers['access-control-allow-methods'], undefined)
    }
    assert.deepEqual(upstream.take(), [])
  })

  it('reach the service with an OPTIONS that asks nothing', async () => {
    const answer = await call(`${plane.gateway.api}/own-options`, {
      method: 'OPTIONS',
      headers: { origin: app },
    })
    assert.equal(answer.status, 200)
    assert.equal(upstream.take()[0]?.method, 'OPTIONS')
  })

  it('read answers when their origin is allowed, by our rules and not by those of the service', async () => {
    upstream.answer = (_request, response) => {
      response.writeHead(200, {
        'access-control-allow-origin': '*',
        'access-control-allow-credentials': 'true',
        'Access-Control-Expose-Headers': 'x-secret',
        vary: 'accept',
      })
      response.end('x')
      return true
    }
    for (const [origin, allowed] of [
      [app, app],
      ['https://a.example.org', 'https://a.example.org'],
      ['https://evil.org', undefined],
      ['null', undefined],
    ] as const) {
      const answer = await get('/cors/1', { origin, authorization: token })
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['access-control-allow-origin'], allowed, origin)
      assert.equal(answer.headers['access-control-allow-credentials'], undefined)
      assert.equal(answer.headers['access-control-expose-headers'], undefined)
      assert.equal(answer.headers.vary, 'accept, origin')
    }
    assert.equal((await get('/cors/1', { authorization: token })).headers.vary, 'accept, origin')
    assert.equal(
      (await get('/everybody', { origin: 'null' })).headers['access-control-allow-origin'],
      '*',
    )
    upstream.answer = () => false
  })

  it('read refusals as well', async () => {
    const denied = `Bearer ${plane.mint.token(plane.bob)}`
    await get('/limited', { authorization: token })
    for (const [path, authorization, status] of [
      ['/cors/1', '', 401],
      ['/cors/1', 'Bearer x', 401],
      ['/cors/1', denied, 403],
      ['/limited', token, 429],
      ['/nowhere', token, 404],
    ] as const) {
      const answer = await get(path, {
        origin: app,
        ...(authorization === '' ? {} : { authorization }),
      })
      assert.equal(answer.status, status, path)
      assert.equal(answer.headers['access-control-allow-origin'], app, path)
      assert.match(String(answer.headers.vary), /origin/)
      const other = await get(path, { origin: 'https://evil.org' })
      assert.equal(other.headers['access-control-allow-origin'], undefined)
    }
    upstream.take()
  })

  it('cannot change anything with a session cookie, allowed or not', async () => {
    const answer = await call(`${plane.gateway.api}/cors/1`, {
      method: 'POST',
      headers: { origin: app, cookie: 'pg_api=x', 'sec-fetch-site': 'same-site' },
    })
    assert.equal(answer.status, 403)
    assert.deepEqual(upstream.take(), [])
  })
})

describe('preflights in a flood', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane

  before(async () => {
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      routes,
      throttles: '{ address: { rate: 0.001, burst: 5 } }',
    })
  })
  after(async () => {
    await plane.gateway.stop()
    upstream.close()
  })

  it('are limited by address like everything else', async () => {
    const statuses = []
    for (let n = 0; n < 10; n++) {
      const { status } = await call(`${plane.gateway.api}/cors/1`, {
        method: 'OPTIONS',
        headers: { origin: app, 'access-control-request-method': 'GET' },
      })
      statuses.push(status)
    }
    assert.ok(statuses.includes(204) && statuses.includes(429), statuses.join())
  })
})
