import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { callApi, enrolled, startHouse, startRecorder } from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { frameTypes, headers, RawHttp2, rstStream, settings } from '../kit/h2-frames.ts'
import { callHttp2, openHttp2 } from '../kit/http2.ts'
import { call, speakHttp2At } from '../kit/http.ts'
import { authorize, codeFields, obtainTokens, requestTokens } from '../kit/person.ts'
import type { SoftPerson } from '../kit/person.ts'

/* Sign-in, issuer and console over HTTP/2: the same pages, the same library, another protocol. */

let recorder: Recorder
let gateway: GatewayProcess
let alice: SoftPerson

before(async () => {
  recorder = await startRecorder()
  gateway = await startHouse(recorder, {
    text: 'listeners: { public: { h2c: true } }\nlimits: { drain: 5m }\n',
  })
  speakHttp2At(Number(new URL(gateway.api).port))
  alice = await enrolled(gateway, 'alice')
})
after(async () => {
  const stopped = await gateway.stop().finally(() => recorder.close())
  assert.equal(stopped, 0, 'nothing holds the connections open')
})

test('a person enrols, signs in and gets tokens that open an API', async () => {
  const { tokens, key } = await obtainTokens(alice)
  const answer = await callApi(`${gateway.api}/orders`, key, tokens.access_token)
  assert.equal(answer.status, 200, answer.text)
  assert.equal(recorder.seen.at(-1)?.url, '/orders')
  const refreshed = await requestTokens(alice, key, {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token,
  })
  assert.equal(refreshed.status, 200, refreshed.text)
})

test('callers that break off requests to the issuer fill no log', async () => {
  const { host, port } = new URL(gateway.identity)
  const before = gateway.errors()
  const path = '/.well-known/openid-configuration'
  const fields = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', host],
  ] as const
  for (const end of [headers(1, [[':path', '/x']]), rstStream(1, 1), rstStream(1, 8)]) {
    const connection = await RawHttp2.open(Number(port))
    // No room for the body of an answer, which is therefore under way when the stream breaks.
    connection.send(settings({ 4: 0 }), headers(1, fields, { end: false }))
    assert.equal(await connection.outcome(1), '200')
    connection.send(end)
    await connection.until((one) => one.type === frameTypes.rstStream, 200)
    connection.close()
  }
  assert.equal(gateway.errors(), before)
})

test('a code is good once', async () => {
  const authorization = await authorize(alice)
  const fields = codeFields(authorization)
  assert.equal((await requestTokens(alice, authorization.key, fields)).status, 200)
  const again = await requestTokens(alice, authorization.key, fields)
  assert.deepEqual([again.status, again.json().error], [400, 'invalid_grant'])
})

test('the account page, assets and the console are served, and their headers with them', async () => {
  const account = await alice.client.call(`${gateway.identity}/account`)
  assert.equal(account.status, 200)
  assert.match(String(account.headers['content-security-policy']), /default-src 'none'/)
  const [, style = ''] = /href="([^"]+\.css[^"]*)"/.exec(account.text) ?? []
  const css = await call(new URL(style, gateway.identity).href)
  assert.deepEqual([css.status, css.headers['content-type']], [200, 'text/css; charset=utf-8'])
  const again = await call(new URL(style, gateway.identity).href, {
    headers: { 'if-none-match': String(css.headers.etag) },
  })
  assert.deepEqual([again.status, again.text], [304, ''])
  const head = await call(`${gateway.identity}/sign-in`, { method: 'HEAD' })
  assert.deepEqual([head.status, head.text], [200, ''])
  assert.equal((await call(gateway.console)).status, 200)
  const none = await call(`${gateway.identity}/nothing`, { headers: { accept: 'text/html' } })
  assert.equal(none.status, 404)
})

test('a form from another site is refused, and a body that is too large', async () => {
  const foreign = await alice.client.call(`${gateway.identity}/sign-out`, {
    method: 'POST',
    headers: { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    body: '',
  })
  assert.equal(foreign.status >= 400 && foreign.status < 500, true, String(foreign.status))
  const large = await alice.client.post(`${gateway.identity}/webauthn/authentication/options`, {
    filler: 'x'.repeat(300_000),
  })
  assert.equal(large.status >= 400 && large.status < 500, true, String(large.status))
  assert.equal((await alice.client.call(`${gateway.identity}/account`)).status, 200)
})

test('bodies that a page leaves unread take no room from other requests', async () => {
  const session = openHttp2(Number(new URL(gateway.api).port))
  const { host } = new URL(gateway.identity)
  const large = {
    method: 'POST',
    path: '/webauthn/authentication/options',
    authority: host,
    headers: { 'content-type': 'application/json' },
    body: Buffer.alloc(200_000, ' '),
  }
  for (let n = 0; n < 102; n++) assert.equal((await callHttp2(session, large)).status, 413)
  session.destroy()
})

test('what is malformed reaches no page', async () => {
  const port = Number(new URL(gateway.api).port)
  const connection = await RawHttp2.open(port)
  const { host } = new URL(gateway.identity)
  const request = (stream: number, ...more: (readonly [string, string])[]): Buffer =>
    headers(stream, [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/sign-in'],
      [':authority', host],
      ...more,
    ])
  connection.send(request(1))
  assert.equal(await connection.outcome(1), '200')
  connection.send(request(3, ['host', 'evil']), request(5, ['x-a', 'b\0']))
  assert.equal(await connection.outcome(3), '400')
  assert.equal(await connection.outcome(5), 'RST 1')
  connection.close()
})
