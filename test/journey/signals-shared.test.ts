import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createLocalJWKSet, jwtVerify } from 'jose'
import type { JSONWebKeySet, JWTPayload } from 'jose'
import {
  administer,
  enrolled,
  eventually,
  invite,
  startHouse,
  startRecorder,
} from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import { proofgate } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { freePort } from '../kit/ports.ts'
import { Listener, secretFile } from '../kit/told.ts'

const caep = 'https://schemas.openid.net/secevent/caep/event-type/'
const risc = 'https://schemas.openid.net/secevent/risc/event-type/'
const token = 'a-token-of-a-receiver-of-32-characters'
const authorization = 'Bearer what-the-receiver-gave-us'

type Claims = JWTPayload & {
  readonly txn?: string
  readonly sub_id: { format: string; iss?: string; sub?: string; id?: string } & Record<
    string,
    unknown
  >
  readonly events: Readonly<Record<string, Record<string, unknown>>>
}

describe('shared signals', { timeout: 300_000 }, () => {
  let recorder: Recorder
  const files = { token: secretFile(token), header: secretFile(authorization) }
  const listener = new Listener()
  const started: GatewayProcess[] = []
  let text: string

  before(async () => {
    recorder = await startRecorder()
    const url = await listener.listen()
    text = `sharedSignals:
  receivers:
    - name: crm
      audience: https://crm.example
      delivery: push
      endpoint: '${url}/events'
      authorization: { headerFile: '${files.header}' }
    - name: warehouse
      audience: https://warehouse.example
      delivery: poll
      authorization: { tokenFile: '${files.token}' }
      signingAlgorithm: ES256
      events: [session-revoked, account-disabled, account-enabled]
`
  })
  after(async () => {
    for (const gateway of started) await gateway.kill()
    listener.close()
    recorder.close()
  })

  async function house(more: object = {}, workers = 1): Promise<GatewayProcess> {
    const gateway = await startHouse(recorder, { text: `${text}workers: ${workers}\n`, ...more })
    started.push(gateway)
    return gateway
  }

  /** As a receiver would: by the keys that the transmitter publishes. */
  async function read(gateway: GatewayProcess, set: string, algorithm: string): Promise<Claims> {
    const described = await call(`${gateway.issuer}/.well-known/ssf-configuration`)
    const { jwks_uri: address, issuer } = described.json() as { jwks_uri: string; issuer: string }
    const keys = createLocalJWKSet((await call(address)).json() as JSONWebKeySet)
    const { payload } = await jwtVerify<Claims>(set, keys, {
      issuer,
      typ: 'secevent+jwt',
      algorithms: [algorithm],
    })
    assert.ok(!('sub' in payload) && !('exp' in payload))
    assert.equal(Object.keys(payload.events).length, 1)
    return payload
  }

  function poll(gateway: GatewayProcess, body: object, given = token): Promise<Answer> {
    return call(`${gateway.issuer}/signals/warehouse/poll`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${given}` },
      body: JSON.stringify(body),
    })
  }

  const now = { returnImmediately: true }
  const setsOf = (answer: Answer): Readonly<Record<string, string>> =>
    answer.json().sets as Record<string, string>

  test('are described where receivers look', async () => {
    const gateway = await house()
    const described = (await call(`${gateway.issuer}/.well-known/ssf-configuration`)).json()
    assert.deepEqual(described, {
      spec_version: '1_0',
      issuer: gateway.issuer,
      jwks_uri: `${gateway.issuer}/.well-known/jwks.json`,
      delivery_methods_supported: ['urn:ietf:rfc:8935', 'urn:ietf:rfc:8936'],
      default_subjects: 'ALL',
      authorization_schemes: [{ spec_urn: 'urn:ietf:rfc:6750' }],
    })
    await gateway.stop()
  })

  test('are pushed, each event alone, in order, signed by the issuer', async () => {
    listener.heard.length = 0
    const gateway = await house()
    const alice = await enrolled(gateway, 'alice')
    await alice.readCsrf()
    const out = `${gateway.identity}/sign-out`
    const signedOut = await alice.client.form(out, { csrf: alice.csrf })
    assert.ok(signedOut.status < 400, signedOut.text)
    await administer(gateway, 'POST', '/v1/people/alice/disable')
    await administer(gateway, 'POST', '/v1/people/alice/enable')
    assert.ok(await eventually(() => listener.heard.length >= 5))
    const claims = await Promise.all(listener.heard.map(({ body }) => read(gateway, body, 'RS256')))
    assert.deepEqual(
      claims.map(({ events }) => Object.keys(events)[0]),
      [
        `${caep}credential-change`,
        `${caep}session-revoked`,
        `${risc}account-disabled`,
        `${caep}session-revoked`,
        `${risc}account-enabled`,
      ],
    )
    const [created, ended, disabled, all] = claims
    const user = created?.sub_id
    assert.equal(user?.format, 'iss_sub')
    assert.equal(user.iss, gateway.issuer)
    const change = created?.events[`${caep}credential-change`]
    assert.equal(change?.['change_type'], 'create')
    assert.match(String(change['credential_type']), /^fido2-/)
    assert.equal(change['initiating_entity'], 'user')
    assert.ok(Number.isInteger(change['event_timestamp']))
    // One session, and then all of them.
    assert.equal(ended?.sub_id.format, 'complex')
    assert.deepEqual(ended.sub_id['user'], user)
    assert.deepEqual(all?.sub_id, user)
    assert.deepEqual(disabled?.sub_id, user)
    assert.equal(disabled.txn, all.txn)
    assert.notEqual(disabled.jti, all.jti)
    for (const { headers, url } of listener.heard) {
      assert.equal(url, '/events')
      assert.equal(headers['content-type'], 'application/secevent+jwt')
      assert.equal(headers.authorization, authorization)
    }
    assert.ok(claims.every(({ aud }) => aud === 'https://crm.example'))
    await gateway.stop()
    assert.ok(!gateway.errors().includes(authorization))
  })

  test('that a receiver refuses are sent again, and why is kept', async () => {
    listener.heard.length = 0
    const gateway = await house()
    listener.answer = (response) =>
      response
        .writeHead(400, { 'content-type': 'application/json' })
        .end('{"err":"invalid_audience","description":"not <me>"}')
    await administer(gateway, 'POST', '/v1/people/bob/disable')
    assert.ok(await eventually(() => listener.heard.length > 0))
    const said = async (): Promise<string> => (await administer(gateway, 'GET', '/v1/status')).text
    assert.ok(await eventually(async () => (await said()).includes('receiver crm')))
    assert.ok(await eventually(async () => (await said()).includes('400 (invalid_audience)')))
    listener.answer = (response) => response.writeHead(202).end()
    assert.ok(await eventually(() => listener.heard.length >= 3))
    const [first, again] = listener.heard.map(({ body }) => body)
    const ids = await Promise.all(
      [first, again].map(async (set = '') => (await read(gateway, set, 'RS256')).jti),
    )
    assert.equal(ids[0], ids[1])
    await gateway.stop()
  })

  test('wait until they are fetched and acknowledged, over a kill too', async () => {
    const port = await freePort()
    const first = await house({ port })
    await administer(first, 'POST', '/v1/people/bob/disable')
    await administer(first, 'POST', '/v1/people/bob/enable')
    const three = async (gateway: GatewayProcess): Promise<boolean> =>
      Object.keys(setsOf(await poll(gateway, now))).length === 3
    assert.ok(await eventually(() => three(first)))
    const before = Object.keys(setsOf(await poll(first, now)))
    await first.kill()
    const gateway = await house({ port, dataDirectory: first.dataDirectory })
    const answer = await poll(gateway, { ...now, maxEvents: 2 })
    assert.equal(answer.json().moreAvailable, true)
    const sets = Object.entries(setsOf(answer))
    assert.deepEqual(
      sets.map(([id]) => id),
      before.slice(0, 2),
    )
    for (const [id, set] of sets) {
      const claims = await read(gateway, set, 'ES256')
      assert.equal(claims.jti, id)
      assert.equal(claims.aud, 'https://warehouse.example')
    }
    const [taken = '', refused = '', last = ''] = before
    const rest = await poll(gateway, {
      ...now,
      ack: [taken, 'never-given-out'],
      setErrs: { [refused]: { err: 'jwtParse', description: 'no' } },
    })
    assert.deepEqual(Object.keys(setsOf(rest)), [last])
    assert.equal(rest.json().moreAvailable, undefined)
    assert.deepEqual(setsOf(await poll(gateway, { ack: [last], maxEvents: 0 })), {})
    assert.deepEqual(setsOf(await poll(gateway, now)), {})
    await gateway.stop()
  })

  test('come as soon as they happen to whoever waits, and stopping waits for nobody', async () => {
    const gateway = await house({}, 2)
    const waiting = poll(gateway, {})
    await administer(gateway, 'POST', '/v1/people/bob/disable')
    assert.ok(Object.keys(setsOf(await waiting)).length > 0)
    await poll(gateway, { ...now, ack: Object.keys(setsOf(await poll(gateway, now))) })
    await administer(gateway, 'POST', '/v1/people/bob/enable')
    const left = await eventually(async () => {
      const ids = Object.keys(setsOf(await poll(gateway, now)))
      await poll(gateway, { ...now, ack: ids })
      return ids.length > 0
    })
    assert.ok(left)
    const idle = poll(gateway, {})
    const begun = performance.now()
    // Long enough for the request to be there, and much shorter than it would wait.
    await new Promise((resolve) => setTimeout(resolve, 300))
    const [answer, code] = await Promise.all([idle.catch(() => undefined), gateway.stop()])
    assert.equal(code, 0)
    assert.ok(performance.now() - begun < 18_000)
    assert.ok(answer === undefined || answer.status === 200)
  })

  test('are given to nobody else', async () => {
    const gateway = await house()
    const { issuer } = gateway
    const asked = (path: string, headers: Readonly<Record<string, string>>): Promise<Answer> =>
      call(`${issuer}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{}',
      })
    const bearer = { authorization: `Bearer ${token}` }
    for (const [path, headers] of [
      ['/signals/warehouse/poll', {}],
      ['/signals/warehouse/poll', { authorization: 'Bearer ' }],
      ['/signals/warehouse/poll', { authorization: `Bearer ${token}x` }],
      ['/signals/warehouse/poll', { authorization: `Basic ${token}` }],
      ['/signals/warehouse/poll', { authorization: `DPoP ${token}` }],
      ['/signals/crm/poll', bearer],
      ['/signals/crm/poll', { authorization }],
      ['/signals/nobody/poll', bearer],
      ['/signals/constructor/poll', bearer],
    ] as const) {
      const answer = await asked(path, headers)
      assert.equal(answer.status, 401, path)
      assert.equal(answer.headers['www-authenticate'], 'Bearer')
      assert.equal(answer.json().code, 'signals.unauthorized')
    }
    assert.equal((await call(`${issuer}/signals/warehouse/poll`, { headers: bearer })).status, 405)
    for (const body of [
      { maxEvents: -1 },
      { maxEvents: 1.5 },
      { maxEvents: '1' },
      { returnImmediately: 1 },
      { ack: 'all' },
      { ack: [1] },
      { setErrs: [] },
      { ack: Array.from({ length: 1001 }, (_, at) => String(at)) },
    ]) {
      const answer = await poll(gateway, body)
      assert.equal(answer.status, 400, JSON.stringify(body))
      assert.equal(answer.json().code, 'signals.malformed')
    }
    await gateway.stop()
  })

  test('can be verified from the command line', async () => {
    listener.heard.length = 0
    const gateway = await house()
    const data = ['--data-dir', gateway.dataDirectory]
    const pushed = await proofgate(['signals', 'verify', 'crm', ...data])
    assert.equal(pushed.code, 0, pushed.stderr)
    assert.ok(await eventually(() => listener.heard.length > 0))
    const claims = await read(gateway, listener.heard[0]?.body ?? '', 'RS256')
    const verification = 'https://schemas.openid.net/secevent/ssf/event-type/verification'
    assert.deepEqual(Object.keys(claims.events), [verification])
    assert.deepEqual(claims.sub_id, { format: 'opaque', id: 'crm' })
    const polled = await proofgate(['signals', 'verify', 'warehouse', ...data])
    assert.equal(polled.code, 0, polled.stderr)
    assert.equal(Object.keys(setsOf(await poll(gateway, now))).length, 1)
    // The records of the commands themselves are looked at a moment later.
    const listed = async (): Promise<string> =>
      (await proofgate(['signals', 'list', ...data])).stdout
    assert.ok(await eventually(async () => /warehouse +poll +current +1/.test(await listed())))
    await invite(gateway, 'alice')
    await gateway.stop()
  })
})
