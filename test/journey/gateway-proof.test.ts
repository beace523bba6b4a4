import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { FakeIssuer } from '../kit/fake-issuer.ts'
import { enrolled, eventually } from '../kit/flows.ts'
import { call } from '../kit/http.ts'
import type { Answer, CallOptions } from '../kit/http.ts'
import { recordsOf } from '../kit/minting.ts'
import type { SoftPerson } from '../kit/person.ts'
import { Approving, askedBy, inlineProof } from '../kit/approving.ts'
import type { AskedFor } from '../kit/approving.ts'
import { Listener, secretFile, webhookSecret } from '../kit/told.ts'
import type { Told } from '../kit/told.ts'
import { headerOf, RecordingUpstream } from '../kit/upstream.ts'
import { replayTouch } from '../../src/proof/index.ts'

describe('routes that take a proof of each request', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  const issuer = new FakeIssuer('other')
  let plane: DataPlane
  let alice: SoftPerson
  let approving: Approving
  const inbox = new Listener()

  before(async () => {
    await issuer.listen()
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      routes: `      - method: ANY
        path: '/orders/{id}'
        proof:
          request:
            sentence: 'Change order {id}'
            headers: [if-match]
            dangerously_allowUnattested: true
      - method: POST
        path: '/payments'
        proof:
          request:
            sentence: 'Pay {body.amount} to {body.to.name}'
            maxBody: 200B
            validFor: 5m
            approvers: { groups: [admins], self: true }
            dangerously_allowUnattested: true
      - method: DELETE
        path: '/seldom/{id}'
        throttle: { principal: { rate: 0.001, burst: 2 } }
        proof: { request: { dangerously_allowUnattested: true } }
      - { method: DELETE, path: '/attested/{id}', proof: { request: {} } }
      - method: GET
        path: '/reports/{id}'
        cors: { origins: ['https://app.example'], headers: [authorization] }
        proof: { request: { sentence: 'Show report {id}', dangerously_allowUnattested: true } }
      - { method: GET, path: '/theirs', authorizer: other }
`,
      more: `webhooks:
  - name: inbox
    url: '${await inbox.listen()}'
    events: [approval.requested, approval.granted, approval.denied, approval.disowned]
    secretFile: '${secretFile(webhookSecret())}'
issuers:
  other: { issuer: '${issuer.url}', audiences: ['api://orders'], algorithms: [ES256], groupsClaim: groups, dangerously_allowHttp: true }`,
    })
    alice = await enrolled(plane.gateway, 'alice')
    approving = new Approving(plane.gateway, { alice: ['admins'], bob: ['readers'] })
  })
  after(async () => {
    approving?.close()
    issuer.close()
    inbox.close()
    await plane.finish().finally(() => upstream.close())
  })

  const status = (asked: AskedFor, token: string, query = ''): Promise<Answer> =>
    call(`${asked.status}${query}`, { headers: { authorization: `Bearer ${token}` } })
  const describeTo = (description: object, token: string): Promise<Answer> =>
    call(`${plane.gateway.api}/.proofgate/proofs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(description),
    })
  const ask = (path: string, options: CallOptions & { token?: string } = {}): Promise<Answer> =>
    call(`${plane.gateway.api}${path}`, {
      ...options,
      headers: {
        authorization: `Bearer ${options.token ?? plane.mint.token(plane.alice)}`,
        ...options.headers,
      },
    })

  it('counts what is asked ahead against the limits of the route', async () => {
    const token = plane.mint.token(plane.alice)
    const ahead = (id: number): Promise<Answer> =>
      describeTo({ method: 'DELETE', target: `/seldom/${id}` }, token)
    assert.equal((await ahead(1)).status, 200)
    askedBy(await ask('/seldom/2', { method: 'DELETE', token }))
    const third = await ahead(3)
    assert.equal(third.status, 429, third.text)
    assert.equal(Number(third.headers['retry-after']) > 0, true)
  })

  it('asks for one, and lets the same request through once it is approved, once', async () => {
    const token = plane.mint.token(plane.alice)
    const body = '{"amount":1}'
    const request = { method: 'POST', token, body, headers: { 'content-type': 'application/json' } }
    const first = await ask('/orders/7?force=1', request)
    const asked = askedBy(first)
    assert.match(
      String(first.headers['www-authenticate']),
      /^Proofgate-Proof id="[\w-]{22}", approval=/,
    )
    assert.equal(asked.sentence, 'Change order “7”')
    assert.equal(asked.approval, `${plane.gateway.identity}/approve/${asked.id}`)
    const headers = { ...request.headers, 'proofgate-proof': `id="${asked.id}"` }
    const pending = await ask('/orders/7?force=1', { ...request, headers })
    assert.equal(pending.json().code, 'proof.pending')
    await approving.approve(asked, alice)
    const [decision] = await decisionsDuring(plane, async () => {
      const passed = await ask('/orders/7?force=1', { ...request, headers })
      assert.equal(passed.status, 200, passed.text)
    })
    assert.equal(decision?.what?.['proof'], asked.id)
    const again = await ask('/orders/7?force=1', { ...request, headers })
    assert.equal(again.json().code, 'proof.spent')
    const seen = upstream.take()
    assert.equal(seen.length, 1)
    assert.equal(seen[0]?.body, body)
    assert.equal(seen[0]?.url, '/orders/7?force=1')
    assert.deepEqual(headerOf(seen[0], 'proofgate-proof'), [])
  })

  it('takes an assertion of the caller in the same round trip', async () => {
    const token = plane.mint.token(plane.alice)
    const asked = askedBy(await ask('/orders/8', { method: 'DELETE', token }))
    const headers = { 'proofgate-proof': inlineProof(asked, alice) }
    const passed = await ask('/orders/8', { method: 'DELETE', token, headers })
    assert.equal(passed.status, 200, passed.text)
    const again = await ask('/orders/8', { method: 'DELETE', token, headers })
    assert.equal(again.json().code, 'proof.spent')
    assert.equal(upstream.take().length, 1)
  })

  it('records the touch of such an assertion so that it can be verified again', async () => {
    const token = plane.mint.token(plane.alice)
    const asked = askedBy(await ask('/orders/9', { method: 'DELETE', token }))
    const headers = { 'proofgate-proof': inlineProof(asked, alice) }
    assert.equal((await ask('/orders/9', { method: 'DELETE', token, headers })).status, 200)
    upstream.take()
    const records = await recordsOf(plane.gateway, 'ceremony')
    const touch = records.find(
      ({ action, what }) => action === 'proof.approve' && what?.['proof'] === asked.id,
    )
    assert.equal(touch?.who?.subject, plane.alice)
    const replayed = replayTouch(touch.what ?? {})
    assert.ok(typeof replayed !== 'string', JSON.stringify(replayed))
    assert.equal(replayed.statement.target, '/orders/9')
  })

  it('tells a webhook who asks for what, and what became of it', async () => {
    const toldOf = (id: string): readonly Told[] =>
      inbox.told.filter(({ data }) => data['proof'] === id)
    const put = { method: 'PUT', token: plane.mint.token(plane.alice) }
    const asked = askedBy(await ask('/orders/77', put))
    assert.ok(await eventually(() => toldOf(asked.id).length === 1))
    const [requested] = toldOf(asked.id)
    assert.equal(requested?.type, 'approval.requested')
    assert.equal(requested.subject?.id, plane.alice)
    const { sentence, approval, method, path } = requested.data
    assert.deepEqual(
      [sentence, approval, method, path],
      ['Change order “77”', asked.approval, 'PUT', '/orders/77'],
    )
    const inline = { 'proofgate-proof': inlineProof(asked, alice) }
    assert.equal((await ask('/orders/77', { ...put, headers: inline })).status, 200)
    upstream.take()
    assert.ok(await eventually(() => toldOf(asked.id).length === 2))
    const granted = toldOf(asked.id)[1]
    assert.equal(granted?.type, 'approval.granted')
    assert.deepEqual(Object.keys(granted.data).toSorted(), ['address', 'credential', 'proof'])
  })

  it('tells only the one who asked what has become of it', async () => {
    const token = plane.mint.token(plane.alice)
    const asked = askedBy(await ask('/orders/10', { method: 'DELETE', token }))
    const state = async (who = token, query = ''): Promise<unknown> =>
      (await status(asked, who, query)).json().state
    assert.equal(await state(), 'pending')
    for (const other of [plane.mint.token(plane.bob), plane.mint.token(plane.alice)]) {
      assert.equal((await status(asked, other)).status, 404)
    }
    const theirs = issuer.token({ sub: plane.alice, groups: ['admins'] })
    assert.equal((await status(asked, theirs)).status, 404)
    assert.equal((await call(asked.status)).status, 401)
    const waiting = state(token, '?wait=25')
    await approving.approve(asked, alice)
    assert.equal(await waiting, 'approved')
    const headers = { 'proofgate-proof': `id="${asked.id}"` }
    assert.equal((await ask('/orders/10', { method: 'DELETE', token, headers })).status, 200)
    assert.equal(await state(), 'redeemed')
    upstream.take()
  })

  it('lets a denied one through never', async () => {
    const token = plane.mint.token(plane.alice)
    const asked = askedBy(await ask('/orders/11', { method: 'DELETE', token }))
    await approving.approve(asked, alice)
    await approving.deny(asked.id, 'alice')
    const headers = { 'proofgate-proof': `id="${asked.id}"` }
    const refused = await ask('/orders/11', { method: 'DELETE', token, headers })
    assert.equal(refused.json().code, 'proof.denied')
    assert.equal((await status(asked, token)).json().state, 'denied')
    assert.deepEqual(upstream.take(), [])
  })

  it('asks for one of a request that is described, and judges it when it comes', async () => {
    const token = plane.mint.token(plane.alice)
    const body = '{"amount":12,"to":{"name":"Ops"}}'
    const type = { 'content-type': 'application/json' }
    const description = { method: 'PUT', target: '/orders/12?x=1', headers: type, body }
    const digest = createHash('sha256').update(body).digest('base64url')
    const { body: _, ...bare } = description
    for (const one of [description, { ...bare, contentDigest: digest }]) {
      const asked = (await describeTo(one, token)).json() as AskedFor
      assert.equal(asked.sentence, 'Change order “12”')
      const headers = { ...type, 'proofgate-proof': inlineProof(asked, alice) }
      const sent = { method: 'PUT', token, body, headers }
      assert.equal((await ask('/orders/12?x=1', sent)).status, 200)
      assert.equal(upstream.take().length, 1)
    }
    const other = (await describeTo({ ...description, body: `${body} ` }, token)).json()
    const headers = { ...type, 'proofgate-proof': inlineProof(other, alice) }
    const refused = await ask('/orders/12?x=1', { method: 'PUT', token, body, headers })
    assert.equal(refused.json().code, 'proof.mismatch')
    assert.deepEqual(upstream.take(), [])
  })

  it('refuses descriptions of what needs none, is nowhere, or cannot be read', async () => {
    const token = plane.mint.token(plane.alice)
    const pay = { method: 'POST', target: '/payments', contentDigest: 'A'.repeat(43) }
    const cases: readonly [object, string][] = [
      [{ method: 'GET', target: '/app/x' }, 'proof.not_needed'],
      [{ method: 'GET', target: '/public/x' }, 'proof.not_needed'],
      [{ method: 'GET', target: '/nowhere' }, 'gateway.no_route'],
      [{ method: 'GET', target: '/.proofgate/proofs' }, 'gateway.no_route'],
      [{ method: 'GET', target: '/theirs' }, 'gateway.unauthenticated'],
      [{ method: 'TRACE', target: '/orders/1' }, 'gateway.malformed'],
      [{ method: 'PUT', target: '/orders/../x' }, 'gateway.ambiguous_path'],
      [{ method: 'PUT', target: 'http://x/orders/1' }, 'gateway.malformed'],
      [{ method: 'PUT', target: '/orders/1', more: 1 }, 'gateway.malformed'],
      [{ method: 'PUT', target: '/orders/1', headers: { 'a\n': 'b' } }, 'gateway.malformed'],
      [{ method: 'PUT', target: '/orders/1', headers: { a: 1 } }, 'gateway.malformed'],
      [{ method: 'PUT', target: '/orders/1', body: {} }, 'gateway.malformed'],
      [{ method: 'PUT', target: '/orders/1', contentDigest: 'short' }, 'gateway.malformed'],
      [pay, 'proof.body_unreadable'],
    ]
    for (const [description, code] of cases) {
      const answer = await describeTo(description, token)
      assert.equal(answer.json().code, code, JSON.stringify(description))
    }
    const stranger = await describeTo({ method: 'PUT', target: '/orders/1' }, 'nothing')
    assert.equal(stranger.status, 401)
    const denied = await describeTo(
      { method: 'DELETE', target: '/attested/1' },
      plane.mint.token(plane.bob),
    )
    assert.equal(denied.json().code, 'policy.explicit_deny')
    assert.deepEqual(upstream.take(), [])
  })

  it('shows what is in the body, and asks nobody about one that it cannot show', async () => {
    const pay = async (body: string, type = 'application/json'): Promise<Answer> =>
      ask('/payments', { method: 'POST', body, headers: { 'content-type': type } })
    const asked = askedBy(await pay('{"amount":12,"to":{"name":"O\\u202eps"}}'))
    assert.equal(asked.sentence, 'Pay “12” to “O\\u{202e}ps”')
    const cases: readonly [string, Answer, string][] = [
      ['a name twice', await pay('{"amount":1,"amount":2,"to":{"name":"x"}}'), 'body_unreadable'],
      [
        'in another case',
        await pay('{"amount":1,"Amount":2,"to":{"name":"x"}}'),
        'body_unreadable',
      ],
      ['without the member', await pay('{"amount":1,"to":{}}'), 'body_unreadable'],
      ['no JSON', await pay('amount=1'), 'body_unreadable'],
      [
        'said to be no JSON',
        await pay('{"amount":1,"to":{"name":"x"}}', 'text/plain'),
        'body_unreadable',
      ],
      ['too long', await pay(`{"amount":1,"to":{"name":"${'x'.repeat(200)}"}}`), 'body_too_large'],
    ]
    for (const [label, answer, code] of cases) {
      assert.equal(answer.json().code, `proof.${code}`, label)
    }
    assert.deepEqual(upstream.take(), [])
  })

  it('asks nobody whose keys would not count', async () => {
    const soft = await ask('/attested/1', { method: 'DELETE' })
    assert.equal(soft.json().code, 'proof.attestation_required')
    const token = plane.mint.token(plane.bob)
    assert.equal((await ask('/orders/1', { token })).status, 403)
    assert.deepEqual(upstream.take(), [])
  })

  it('goes on in the address bar once it is approved, at the same address alone', async () => {
    const page = { accept: 'text/html', 'sec-fetch-mode': 'navigate' }
    const url = `${plane.gateway.api}/reports/7?full=1`
    const open = (address = url): Promise<Answer> => alice.client.call(address, { headers: page })
    const first = await alice.client.follow(url, () => false, page)
    assert.equal(first.answer.status, 401, first.answer.text)
    assert.match(first.answer.text, /Show report “7”/)
    const id = /\/approve\/([\w-]{22})/.exec(first.answer.text)?.[1] ?? ''
    const again = await open()
    assert.ok(again.text.includes(`/approve/${id}`), 'asked for once')
    await approving.approveById(id, alice)
    const elsewhere = await open(`${plane.gateway.api}/reports/8`)
    assert.match(elsewhere.text, /Show report “8”/)
    // The cookie names one proof: that of the page that was seen last.
    alice.client.setCookie(url, 'pg_proof', id)
    assert.deepEqual(upstream.take(), [])
    assert.equal((await open()).status, 200)
    const [seen] = upstream.take()
    assert.equal(seen?.url, '/reports/7?full=1')
    assert.doesNotMatch(headerOf(seen, 'cookie').join(), /pg_proof/)
    assert.equal((await open()).status, 401)
    const script = await alice.client.call(url, { headers: { 'sec-fetch-mode': 'cors' } })
    assert.equal(script.json().code, 'proof.required')
    assert.deepEqual(upstream.take(), [])
  })

  it('does not let the browser that asks approve, where that was not allowed', async () => {
    const url = `${plane.gateway.api}/reports/9`
    const asked = askedBy(await alice.client.call(url))
    const refused = await alice.client.call(url, {
      headers: { 'proofgate-proof': inlineProof(asked, alice) },
    })
    assert.equal(refused.json().code, 'proof.same_session')
    const options = await alice.client.post(`${asked.approval}/options`, {})
    assert.equal(options.json().code, 'proof.same_session')
    assert.deepEqual(upstream.take(), [])
  })

  it('lets pages of other origins bring a proof, and read that one is asked for', async () => {
    const url = `${plane.gateway.api}/reports/10`
    const preflight = await call(url, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization,proofgate-proof',
      },
    })
    assert.equal(preflight.status, 204)
    assert.match(String(preflight.headers['access-control-allow-headers']), /proofgate-proof/)
    const asked = await ask('/reports/10', { headers: { origin: 'https://app.example' } })
    assert.ok(askedBy(asked).id)
    assert.equal(asked.headers['access-control-allow-origin'], 'https://app.example')
    assert.match(String(asked.headers['access-control-expose-headers']), /www-authenticate/)
    assert.deepEqual(upstream.take(), [])
  })

  it('keeps the header from services, in every spelling and on every route', async () => {
    const proof = `id="${'A'.repeat(22)}"`
    const headers = { 'proofgate-proof': proof, proofgate_proof: proof, 'Proofgate.Proof': proof }
    assert.equal((await ask('/app/x', { headers })).status, 200)
    assert.equal((await call(`${plane.gateway.api}/public/x`, { headers })).status, 200)
    for (const seen of upstream.take()) {
      assert.ok(!seen.headers.some((text) => /^proofgate/i.test(text)), seen.headers.join())
    }
  })
})
