import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { FakeIssuer } from '../kit/fake-issuer.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { headerOf, RecordingUpstream } from '../kit/upstream.ts'

describe('issuers of somebody else at the gateway', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  const first = new FakeIssuer('same')
  const second = new FakeIssuer('same')
  let plane: DataPlane

  before(async () => {
    await Promise.all([first.listen(), second.listen()])
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      routes: `      - { method: ANY, path: '/one/{rest+}', authorizer: one }
      - { method: ANY, path: '/two/{rest+}', authorizer: two }`,
      more: `issuers:
  one: { issuer: '${first.url}', audiences: ['api://orders'], algorithms: [ES256], groupsClaim: groups, namespace: one, dangerously_allowHttp: true }
  two: { issuer: '${second.url}', audiences: ['api://orders'], algorithms: [ES256], requiredScopes: [orders], namespace: two, dangerously_allowHttp: true }`,
    })
  })
  after(async () => {
    first.close()
    second.close()
    await plane.finish().finally(() => upstream.close())
  })

  const at = (path: string, token: string, more: Record<string, string> = {}): Promise<Answer> =>
    call(`${plane.gateway.api}${path}`, { headers: { authorization: `Bearer ${token}`, ...more } })

  it('admits its tokens, vouches for whom it names, and decides by the groups it says', async () => {
    const denied = await at('/one/x', first.token())
    assert.equal(denied.status, 403, denied.text)
    assert.deepEqual(upstream.take(), [])
    const admitted = await at('/one/x', first.token({ groups: ['admins'] }))
    assert.equal(admitted.status, 200, admitted.text)
    const [seen] = upstream.take()
    const [assertion = ''] = headerOf(seen, 'x-proofgate-assertion')
    const claims = JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString())
    assert.equal(claims.sub, 'ext-1')
    assert.deepEqual(headerOf(seen, 'authorization'), [])
  })

  it('keeps keys apart by issuer, even under the same key id', async () => {
    await at('/two/x', second.token({ scope: 'orders' }))
    for (const [path, token] of [
      ['/one/x', second.token({ iss: first.url, groups: ['admins'] })],
      ['/two/x', first.token({ iss: second.url, scope: 'orders' })],
      ['/one/x', second.token({ groups: ['admins'] })],
      ['/one/x', plane.mint.token(plane.alice)],
      [
        '/one/x',
        plane.mint.token(plane.alice, { iss: first.url, aud: 'api://orders' }, { kid: 'same' }),
      ],
      ['/app/x', first.token({ groups: ['admins'] })],
      [
        '/app/x',
        first.token({ iss: plane.gateway.issuer, aud: plane.gateway.api, sub: plane.alice }),
      ],
    ] as const) {
      const answer = await at(path, token)
      assert.equal(answer.status, 401, `${path} ${answer.text}`)
    }
    assert.deepEqual(upstream.take(), [])
  })

  it('asks for its audience, its scopes and a form it can read', async () => {
    for (const more of [
      { aud: 'other' },
      { aud: undefined },
      { aud: '' },
      { exp: undefined },
      { exp: 1 },
      { sub: undefined },
      { iss: `${first.url}/` },
      { cnf: { jkt: 'x'.repeat(43) } },
    ]) {
      const answer = await at('/one/x', first.token({ groups: ['admins'], ...more }))
      assert.equal(answer.status, 401, JSON.stringify(more))
    }
    const scope = await at('/two/x', second.token({ scope: 'other orders2' }))
    assert.equal(scope.status, 403)
    assert.match(String(scope.headers['www-authenticate']), /insufficient_scope/)
    assert.deepEqual(upstream.take(), [])
  })

  it('gives nobody the groups of the people here by their name', async () => {
    const token = first.token({ sub: plane.alice, preferred_username: 'alice', groups: [] })
    assert.equal((await at('/one/x', token)).status, 403)
    assert.equal(
      (await at('/one/x', first.token({ groups: ['__proto__', 'constructor'] }))).status,
      403,
    )
    assert.equal((await at('/one/x', first.token({ groups: 'admins' }))).status, 401)
    assert.deepEqual(upstream.take(), [])
  })

  it('takes no browser session and sends nobody to sign in', async () => {
    const answer = await call(`${plane.gateway.api}/one/x`, {
      headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate', cookie: 'pg_api=x' },
    })
    assert.equal(answer.status, 401)
    assert.deepEqual(upstream.take(), [])
  })

  it('does not ask for keys again for each unknown key id', async () => {
    const before = first.requests
    for (let n = 0; n < 30; n++) await at('/one/x', first.token({}, { kid: `new-${n}` }))
    assert.ok(first.requests - before <= 2, String(first.requests - before))
  })
})
