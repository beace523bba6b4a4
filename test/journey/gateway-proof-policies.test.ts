import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Approving, askedBy, inlineProof } from '../kit/approving.ts'
import type { AskedFor } from '../kit/approving.ts'
import { databaseOf, enrolled, inDatabase } from '../kit/flows.ts'
import { Gate } from '../kit/gate.ts'
import { proofgate } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { callAdmin } from '../kit/operations.ts'
import type { SoftPerson } from '../kit/person.ts'
import { head, raw } from '../kit/raw.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

const configuration = (upstream: number): string => `version: 1
domain: proofgate.localhost
people:
  - { username: alice, groups: [makers] }
  - { username: bob, groups: [approvers] }
  - { username: carol, groups: [approvers, seniors] }
groups:
  makers: { policies: [making] }
  approvers: { policies: [] }
  seniors: { policies: [] }
policies:
  making:
    Version: '2012-10-17'
    Statement:
      - { Sid: Make, Effect: Allow, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/default/*/orders/*' }
      - { Sid: Touch, Effect: Deny, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/default/DELETE/orders/*', Condition: { Bool: { 'proofgate:ProofBoundToRequest': 'false' } } }
      - { Sid: Never, Effect: Deny, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/default/DELETE/orders/kept' }
      - { Sid: Fresh, Effect: Allow, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/default/*/fresh/*', Condition: { Bool: { 'proofgate:ProofBoundToRequest': 'true' }, NumericLessThan: { 'proofgate:ProofAge': '60' } } }
      - { Sid: Socket, Effect: Allow, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/default/GET/ws', Condition: { Bool: { 'proofgate:ProofBoundToRequest': 'true' } } }
      - { Sid: Senior, Effect: Allow, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/default/*/paid/*', Condition: { 'ForAnyValue:StringEquals': { 'proofgate:ApprovedByGroup': seniors } } }
      - { Sid: ByCarol, Effect: Allow, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/default/*/named/*', Condition: { 'ForAnyValue:StringEquals': { 'proofgate:ApprovedBy': carol } } }
      - { Sid: ByAlice, Effect: Allow, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/default/*/own/*', Condition: { 'ForAnyValue:StringEquals': { 'proofgate:ApprovedBy': alice } } }
upstreams: { main: { url: 'http://127.0.0.1:${upstream}' } }
apis:
  app:
    host: api.proofgate.localhost
    upstream: main
    routes:
      - { method: ANY, path: '/orders/{id}' }
      - { method: ANY, path: '/fresh/{id}' }
      - { method: ANY, path: '/own/{id}' }
      - { method: GET, path: /ws, websocket: true }
      - { method: POST, path: '/paid/{id}', proof: { request: { sentence: 'Pay {id}', approvers: { groups: [approvers] } } } }
      - { method: POST, path: '/named/{id}', proof: { request: { approvers: { groups: [approvers] } } } }
throttles: { address: { rate: 100000, burst: 100000 }, principal: { rate: 100000, burst: 100000 } }
limits: { drain: 1s }
`

describe('policies that ask for a proof of the request', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let port: number
  let gate: Gate
  let alice: SoftPerson
  let bob: SoftPerson
  let carol: SoftPerson
  let approving: Approving
  let token: string

  before(async () => {
    port = await upstream.listen()
    gate = await Gate.start(configuration(port))
    alice = await enrolled(gate.gateway, 'alice')
    bob = await enrolled(gate.gateway, 'bob')
    carol = await enrolled(gate.gateway, 'carol')
    // As if each were hardware whose attestation was verified.
    inDatabase(databaseOf(gate.gateway), (database) =>
      database.exec('UPDATE credential SET attestation_trusted = 1'),
    )
    approving = new Approving(gate.gateway, {
      alice: ['makers'],
      bob: ['approvers'],
      carol: ['approvers', 'seniors'],
    })
    token = gate.token('alice')
  })
  after(async () => {
    approving?.close()
    upstream.close()
    await gate.stop()
  })

  const ask = (path: string, method = 'POST', proof?: string): Promise<Answer> =>
    call(`${gate.gateway.api}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(proof === undefined ? {} : { 'proofgate-proof': proof }),
      },
    })
  const named = ({ id }: AskedFor): string => `id="${id}"`

  it('are answered by the usual demand, and only where nothing else denies', async () => {
    assert.equal((await ask('/orders/1', 'GET')).status, 200)
    const asked = askedBy(await ask('/orders/1', 'DELETE'))
    assert.match(asked.sentence, /^DELETE api\.proofgate\.localhost:\d+\/orders\/1$/)
    const passed = await ask('/orders/1', 'DELETE', inlineProof(asked, alice))
    assert.equal(passed.status, 200, passed.text)
    assert.deepEqual(
      upstream.take().map(({ method }) => method),
      ['GET', 'DELETE'],
    )
    const record = await gate.lastDecision('/orders/1')
    assert.equal(record.what?.['statement'], 'Make')
    assert.equal(record.what['proof'], asked.id)
    assert.equal((await ask('/orders/kept', 'DELETE')).json().code, 'policy.explicit_deny')
    assert.deepEqual(upstream.take(), [])
  })

  it('see a touch that was just made', async () => {
    const asked = askedBy(await ask('/fresh/1'))
    assert.equal((await ask('/fresh/1', 'POST', inlineProof(asked, alice))).status, 200)
    assert.equal(upstream.take().length, 1)
  })

  it('are not satisfied by somebody who is no other person', async () => {
    assert.equal((await ask('/own/1')).json().code, 'policy.no_statement_allows')
  })

  it('ask for no touch of a connection', async () => {
    const answer = await raw(
      Number(new URL(gate.gateway.api).port),
      head(
        'GET /ws HTTP/1.1',
        `Host: ${new URL(gate.gateway.api).host}`,
        `Authorization: Bearer ${token}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ),
    )
    assert.deepEqual(answer.statuses, [403])
    assert.deepEqual(upstream.take(), [])
  })

  it('see who approved: a denial uses nothing up', async () => {
    const byBob = askedBy(await ask('/named/1'))
    await approving.approve(byBob, bob)
    for (let tries = 0; tries < 2; tries++) {
      const denied = await ask('/named/1', 'POST', named(byBob))
      assert.equal(denied.json().code, 'policy.no_statement_allows')
    }
    const byCarol = askedBy(await ask('/named/1'))
    assert.equal((await ask('/named/1', 'POST', named(byCarol))).json().code, 'proof.pending')
    await approving.approve(byCarol, carol)
    assert.equal((await ask('/named/1', 'POST', named(byCarol))).status, 200)
    assert.equal(upstream.take().length, 1)
  })

  it('see the groups of those who approved', async () => {
    const byBob = askedBy(await ask('/paid/1'))
    assert.equal(byBob.sentence, 'Pay “1”')
    assert.deepEqual(byBob.allowCredentials, [])
    await approving.approve(byBob, bob)
    assert.equal((await ask('/paid/1', 'POST', named(byBob))).status, 403)
    const byCarol = askedBy(await ask('/paid/1'))
    await approving.approve(byCarol, carol)
    assert.equal((await ask('/paid/1', 'POST', named(byCarol))).status, 200)
    assert.equal(upstream.take().length, 1)
  })

  it('ask nobody for what no approver could let through', async () => {
    const other = gate.token('bob')
    assert.equal(await gate.ask('/orders/1', other, 'DELETE'), 'policy.no_statement_allows')
    assert.equal(await gate.ask('/paid/1', other, 'POST'), 'policy.no_statement_allows')
  })

  it('are explained with the proof that would help', async () => {
    const explain = async (
      method: string,
      path: string,
      facts: object = {},
    ): Promise<{ answer: string; proof?: { by: string } }> => {
      const body = JSON.stringify({ method, url: gate.gateway.api + path, as: 'alice', facts })
      const headers = { 'content-type': 'application/json' }
      return (
        await callAdmin(gate.gateway, '/v1/explain', { method: 'POST', body, headers })
      ).json()
    }
    const cases: readonly [string, string, object, string, string | undefined][] = [
      ['DELETE', '/orders/1', {}, 'deny', 'policy'],
      ['DELETE', '/orders/1', { 'proofgate:ProofBoundToRequest': ['true'] }, 'allow', undefined],
      ['POST', '/paid/1', {}, 'deny', 'route'],
      ['POST', '/paid/1', { 'proofgate:ApprovedByGroup': ['seniors'] }, 'allow', 'route'],
      ['GET', '/orders/1', {}, 'allow', undefined],
      ['DELETE', '/orders/kept', {}, 'deny', undefined],
      ['POST', '/own/1', {}, 'deny', undefined],
    ]
    for (const [method, path, facts, answer, by] of cases) {
      const explained = await explain(method, path, facts)
      assert.equal(explained.answer, answer, `${method} ${path}`)
      assert.equal(explained.proof?.by, by, `${method} ${path}`)
    }
    const url = `${gate.gateway.api}/paid/1`
    const where = ['--data-dir', gate.gateway.dataDirectory]
    const { stdout } = await proofgate(['explain', 'POST', url, '--as', 'alice', ...where])
    assert.match(stdout, /proof: the gateway asks for a touch .* by 1 of approvers, and decides/)
  })

  it('ask again when the configuration changed in between', async () => {
    const asked = askedBy(await ask('/orders/2', 'DELETE'))
    await approving.approve(asked, alice)
    const version = async (): Promise<unknown> =>
      (await callAdmin(gate.gateway, '/v1/status')).json().configuration
    const before = await version()
    await gate.change(
      configuration(port).replace('Sid: Fresh', 'Sid: Newer'),
      'the reload',
      async () => {
        return (await version()) !== before
      },
    )
    const refused = await ask('/orders/2', 'DELETE', named(asked))
    assert.equal(refused.json().code, 'proof.mismatch')
    assert.deepEqual(upstream.take(), [])
  })

  it('ask nobody whose passkeys are for some roles only', async () => {
    const credential = alice.authenticator.credentials[0]?.id ?? ''
    const restricted = `${configuration(port)}roles:
  reader:
    trust: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: '*', Action: 'sts:AssumeRole' }] }
    policies: [making]
credentialRoles: [{ credential: ${credential}, roles: [reader] }]
`
    const asked = askedBy(await ask('/orders/3', 'DELETE'))
    await gate.change(restricted, 'the restriction', async () => {
      return (await ask('/orders/3', 'DELETE')).json().code === 'proof.no_approver'
    })
    const refused = await ask('/orders/3', 'DELETE', inlineProof(asked, alice))
    assert.equal(refused.json().code, 'proof.not_an_approver')
    assert.deepEqual(upstream.take(), [])
    // Nor does it say no in its owner's name, which would end the sessions that asked.
    assert.equal((await alice.signIn()).status, 200)
    const form = { csrf: await alice.readCsrf(), because: 'stranger' }
    const { identity } = gate.gateway
    const disowned = await alice.client.form(`${identity}/approve/${asked.id}/deny`, form)
    assert.equal(disowned.status, 403, disowned.text)
    assert.equal(disowned.json().code, 'login.credential_restricted')
    assert.equal((await ask('/orders/3', 'DELETE')).json().code, 'proof.no_approver')
  })
})
