import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { callApi } from '../kit/flows.ts'
import { startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import { boundHeaders, obtainTokens, requestTokens, SoftPerson } from '../kit/person.ts'
import type { Tokens } from '../kit/person.ts'
import { freePort } from '../kit/ports.ts'

let gateway: GatewayProcess
let admin: SoftPerson
let origin: string

before(async () => {
  const port = await freePort()
  origin = `http://localhost:${port}`
  gateway = await startGateway({ command: ['start', '--origin', origin], port })
  admin = new SoftPerson(gateway)
})
after(() => gateway.stop())

test('on one origin the first person enrols, signs in and gets tokens that a strict verifier accepts', async () => {
  assert.equal(gateway.identity, `${origin}/.proofgate`)
  assert.ok(gateway.enrolment?.link.startsWith(`${origin}/.proofgate/enrol/`))
  assert.equal((await admin.enrolByLink(gateway.enrolment?.link ?? '')).status, 200)
  const again = new SoftPerson(gateway, admin.authenticator)
  assert.equal(
    (await again.signIn('sign-in', '//evil.example')).json().redirect,
    '/.proofgate/account',
  )
  const { tokens, key } = await obtainTokens(again)
  const discovery = await call(`${gateway.issuer}/.well-known/openid-configuration`)
  const found = discovery.json()
  assert.equal(found.issuer, gateway.issuer)
  for (const [name, value] of Object.entries(found)) {
    if (name.endsWith('_endpoint')) assert.ok(String(value).startsWith(`${origin}/.proofgate/`))
  }
  const keys = createLocalJWKSet((await call(found.jwks_uri)).json())
  await jwtVerify(tokens.access_token, keys, { issuer: found.issuer, audience: gateway.api })
  await jwtVerify(tokens.id_token, keys, { issuer: found.issuer, audience: 'proofgate-cli' })
  assert.equal((await callApi(`${origin}/orders`, key, tokens.access_token)).status, 200)
  const refreshed = await requestTokens(again, key, {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token,
  })
  const { access_token: next } = refreshed.json() as Tokens
  assert.equal((await callApi(`${origin}/orders`, key, next)).status, 200)
})

test('a browser there gets a session at the API and loses it by signing out', async () => {
  const person = new SoftPerson(gateway, admin.authenticator)
  const browser = {
    accept: 'text/html',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  }
  const asked = await person.client.follow(`${origin}/orders`, () => false, browser)
  assert.match(asked.url, /\/\.proofgate\/sign-in\?/)
  const back = new URL(asked.url).searchParams.get('return_to') ?? ''
  const signedIn = await person.signIn('sign-in', back)
  const reached = await person.client.follow(`${origin}${signedIn.json().redirect}`)
  assert.equal(reached.url, `${origin}/orders`)
  assert.equal(reached.answer.status, 200, reached.answer.text)
  const csrf = await person.readCsrf()
  const done = await person.client.form(`${gateway.identity}/sign-out`, { csrf })
  assert.equal(done.status, 200, done.text)
  const gone = await person.client.call(`${origin}/orders`, {
    headers: { accept: 'application/json' },
  })
  assert.equal(gone.status, 401)
})

test('the pages are nowhere but below their path, and a route cannot be reached through it', async () => {
  for (const path of ['/sign-in', '/account', '/oauth2/token', '/.well-known/jwks.json']) {
    assert.ok([401, 404].includes((await call(`${origin}${path}`)).status), path)
  }
  for (const path of ['/.proofgate/orders', '/.proofgate/../orders', '/.proofgate/%2e%2e/orders']) {
    const { status } = await call(`${origin}${path}`)
    assert.ok([400, 401, 404].includes(status), `${path} ${status}`)
  }
})

test('on one origin proofs of requests have their addresses beside the identity pages', async () => {
  const again = new SoftPerson(gateway, admin.authenticator)
  assert.equal((await again.signIn()).status, 200)
  const { tokens, key } = await obtainTokens(again)
  const url = `${origin}/.proofgate/proofs`
  const described = await call(url, {
    method: 'POST',
    headers: {
      ...boundHeaders(key, tokens.access_token, 'POST', url),
      'content-type': 'application/json',
    },
    body: JSON.stringify({ method: 'GET', target: '/orders' }),
  })
  assert.equal(described.json().code, 'proof.not_needed', described.text)
  const status = `${url}/${'A'.repeat(22)}`
  const headers = boundHeaders(key, tokens.access_token, 'GET', status)
  const unknown = await call(status, { headers })
  assert.equal(unknown.json().code, 'gateway.no_route', unknown.text)
})
