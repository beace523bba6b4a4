import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { head, raw } from '../kit/raw.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

const routes = `
      - { method: GET, path: /fixed, authorizer: open, respond: { body: 'User-agent: *', headers: { Cache-Control: max-age=60 } } }
      - { method: ANY, path: /json, respond: { status: 418, json: { a: [1, null, { b: ä }] }, headers: { Content-Type: application/problem+json } } }
      - { method: ANY, path: /empty, authorizer: open, respond: { status: 204 } }
      - { method: GET, path: '/old/{id}', authorizer: open, redirect: { to: '/new/{id}?from=old#top', status: 308 } }
      - { method: ANY, path: '/away/{rest+}', authorizer: open, redirect: { to: 'https://www.example.com/a/{rest}' } }
      - { method: ANY, path: '/inside/{rest+}', authorizer: open, redirect: { to: '/a/{rest}/b' } }
      - { method: GET, path: /home, authorizer: open, redirect: { to: 'https://www.example.com', status: 302 } }
      - { method: GET, path: '/app/moved', redirect: { to: /app/there } }
      - { method: ANY, path: '/closed/{rest+}', maintenance: { message: 'Back at noon <b>', retryAfter: 90s, allowGroups: [admins] } }
      - { method: GET, path: '/closed-to-all', authorizer: open, maintenance: {} }
      - { method: GET, path: '/app/closed', maintenance: {} }
    headers: { response: { set: { strict-transport-security: max-age=60 } } }
`

describe('answers that a route gives by itself', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane
  let alice: string
  let bob: string

  before(async () => {
    plane = await startDataPlane({ upstream: await upstream.listen(), routes })
    alice = `Bearer ${plane.mint.token(plane.alice)}`
    bob = `Bearer ${plane.mint.token(plane.bob)}`
  })
  after(async () => {
    await plane.finish().finally(() => upstream.close())
  })

  async function ask(
    path: string,
    headers: Record<string, string> = {},
    method = 'GET',
  ): Promise<Answer> {
    const answer = await call(`${plane.gateway.api}${path}`, { method, headers })
    assert.deepEqual(upstream.take(), [], path)
    return answer
  }

  it('are sent as they are written, with the headers of the API', async () => {
    const answer = await ask('/fixed')
    assert.equal(answer.status, 200)
    assert.equal(answer.text, 'User-agent: *')
    assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal(answer.headers['cache-control'], 'max-age=60')
    assert.equal(answer.headers['content-length'], '13')
    assert.equal(answer.headers['strict-transport-security'], 'max-age=60')
    assert.equal(answer.headers['x-content-type-options'], 'nosniff')
    assert.ok(answer.headers['x-request-id'])
  })

  it('are for those only whom the policies allow, and are recorded', async () => {
    const records = await decisionsDuring(
      plane,
      async () => {
        assert.equal((await ask('/json')).status, 401)
        assert.equal((await ask('/json', { authorization: bob })).status, 403)
        const answer = await ask('/json', { authorization: alice })
        assert.equal(answer.status, 418)
        assert.equal(answer.headers['content-type'], 'application/problem+json')
        assert.deepEqual(answer.json(), { a: [1, null, { b: 'ä' }] })
      },
      3,
    )
    assert.deepEqual(
      records.map(({ reason }) => reason),
      ['gateway.unauthenticated', 'policy.no_statement_allows', 'policy.allowed'],
    )
  })

  it('have no body where none may be, and keep their connection in step', async () => {
    const host = `Host: ${plane.host}`
    const answer = await raw(
      plane.port,
      head('HEAD /json HTTP/1.1', host, `Authorization: ${alice}`) +
        head('GET /empty HTTP/1.1', host) +
        head('POST /empty HTTP/1.1', host, 'Content-Length: 3') +
        'abc' +
        head('GET /fixed HTTP/1.1', host, 'Connection: close'),
      { quiet: 2000 },
    )
    assert.deepEqual(answer.statuses, [418, 204, 204, 200])
    assert.doesNotMatch(answer.text, /"b"/)
    assert.match(answer.text, /User-agent: \*$/)
  })

  it('end the connection of somebody who still owes a long body', async () => {
    const answer = await raw(
      plane.port,
      head('POST /empty HTTP/1.1', `Host: ${plane.host}`, 'Transfer-Encoding: chunked'),
      { quiet: 2000 },
    )
    assert.deepEqual(answer.statuses, [204])
    assert.match(answer.text, /^connection: close\r$/im)
  })

  it('lead elsewhere, by configured text and parts of the path alone', async () => {
    for (const [path, status, location] of [
      ['/old/1', 308, '/new/1?from=old#top'],
      ['/old/1?next=https://evil.example', 308, '/new/1?from=old#top'],
      ['/old/%65vil.example', 308, '/new/evil.example?from=old#top'],
      ['/old/@evil.example', 308, '/new/@evil.example?from=old#top'],
      ['/away/x/y', 307, 'https://www.example.com/a/x/y'],
      ['/away/@evil.example', 307, 'https://www.example.com/a/@evil.example'],
      ['/away/https:/evil.example', 307, 'https://www.example.com/a/https:/evil.example'],
      ['/home', 302, 'https://www.example.com/'],
    ] as const) {
      const answer = await ask(path, { 'x-forwarded-host': 'evil.example' })
      assert.equal(answer.status, status, path)
      assert.equal(answer.headers.location, location, path)
      assert.equal(answer.text, '')
    }
    for (const path of [
      '/inside/x/',
      '/old//evil.example',
      '/away//evil.example',
      '/away/..;x',
      '/old/%0d%0aX:1',
    ]) {
      const answer = await ask(path)
      assert.equal(answer.status, 400, path)
      assert.equal(answer.headers.location, undefined)
    }
  })

  it('say in the record where a redirect leads, and ask who is calling first', async () => {
    const records = await decisionsDuring(
      plane,
      async () => {
        assert.equal((await ask('/app/moved')).status, 401)
        const answer = await ask('/app/moved', { authorization: bob })
        assert.equal(answer.headers.location, '/app/there')
      },
      2,
    )
    assert.equal(records[0]?.what?.['location'], undefined)
    assert.equal(records[1]?.what?.['location'], '/app/there')
  })

  it('say that a service is under maintenance, but for those who work on it', async () => {
    const records = await decisionsDuring(
      plane,
      async () => {
        const denied = await ask('/app/closed', { authorization: bob })
        assert.equal(denied.status, 503)
        assert.equal(denied.json().title, 'Under maintenance')
      },
      1,
    )
    assert.equal(records[0]?.reason, 'gateway.maintenance')
    assert.equal(records[0].outcome, 'deny')
    const through = await call(`${plane.gateway.api}/closed/x`, {
      headers: { authorization: alice },
    })
    assert.equal(through.status, 200)
    assert.equal(upstream.take().length, 1)
    const page = await ask('/closed-to-all', { accept: 'text/html', 'sec-fetch-mode': 'navigate' })
    assert.equal(page.status, 503)
    assert.match(page.text, /Under maintenance/)
  })

  it('tell of maintenance only those who may call at all', async () => {
    assert.equal((await ask('/closed/x')).status, 401)
    assert.equal((await ask('/closed/x', { authorization: bob })).status, 403)
  })
})

describe('an API under maintenance', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane

  before(async () => {
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      routes: `    maintenance: { message: 'Moving <house>', retryAfter: 90s, allowGroups: [readers] }\n`,
    })
  })
  after(async () => {
    await plane.gateway.stop()
    upstream.close()
  })

  it('is closed for those that are not let through, whatever the route', async () => {
    const authorization = `Bearer ${plane.mint.token(plane.alice)}`
    const answer = await call(`${plane.gateway.api}/app/x`, { headers: { authorization } })
    assert.equal(answer.status, 503)
    assert.equal(answer.headers['retry-after'], '90')
    assert.equal(answer.json().title, 'Moving <house>')
    assert.equal(answer.json().code, 'gateway.maintenance')
    assert.equal((await call(`${plane.gateway.api}/public/x`)).status, 503)
    const page = await call(`${plane.gateway.api}/public/x`, { headers: { accept: 'text/html' } })
    assert.match(page.text, /Moving &lt;house&gt;/)
    assert.deepEqual(upstream.take(), [])
    const reader = `Bearer ${plane.mint.token(plane.bob)}`
    const through = await call(`${plane.gateway.api}/app/x`, { headers: { authorization: reader } })
    assert.equal(through.status, 200)
  })
})
