import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { enrolled } from '../kit/flows.ts'
import { call } from '../kit/http.ts'
import type { Answer, CallOptions } from '../kit/http.ts'
import type { SoftPerson } from '../kit/person.ts'
import { Approving, askedBy, inlineProof } from '../kit/approving.ts'
import { headerOf, RecordingUpstream } from '../kit/upstream.ts'

describe('routes that take a proof of each request', { timeout: 180_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane
  let alice: SoftPerson
  let approving: Approving

  before(async () => {
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      routes: `      - method: ANY
        path: '/orders/{id}'
        proof:
          request:
            sentence: 'Change order {id}'
            headers: [if-match]
            dangerously_allowUnattested: true
`,
    })
    alice = await enrolled(plane.gateway, 'alice')
    approving = new Approving(plane.gateway, { alice: ['admins'], bob: ['readers'] })
  })
  after(async () => {
    approving.close()
    await plane.finish().finally(() => upstream.close())
  })

  const ask = (path: string, options: CallOptions & { token?: string } = {}): Promise<Answer> =>
    call(`${plane.gateway.api}${path}`, {
      ...options,
      headers: {
        authorization: `Bearer ${options.token ?? plane.mint.token(plane.alice)}`,
        ...options.headers,
      },
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
})
