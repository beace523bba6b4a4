import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  administer,
  atOnce,
  enrolled,
  houseText,
  invite,
  startRecorder,
  eventually,
} from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import { configurationFile, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call, Client } from '../kit/http.ts'
import type { Answer, CallOptions } from '../kit/http.ts'
import { until } from '../kit/operations.ts'
import { authorize, boundHeaders, codeFields, obtainTokens, ProofKey } from '../kit/person.ts'
import type { SoftPerson, Tokens } from '../kit/person.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'
import { freePort } from '../kit/ports.ts'

/**
 * Two processes over one database and one folder of signing keys, that answer for the same origins. Each
 * has an audit log of its own, with a key of its own beside it.
 */
let recorder: Recorder
let first: GatewayProcess
let second: GatewayProcess
let secondPort: number
let alice: SoftPerson

before(async () => {
  recorder = await startRecorder()
  const shared = temporaryDirectory()
  const [port, otherPort] = [await freePort(), await freePort()]
  secondPort = otherPort
  const houseWith = (keys: string): readonly string[] => {
    const text = houseText(
      recorder.url,
      `identity: { origin: 'http://auth.proofgate.localhost:${port}' }
console: { origin: 'http://console.proofgate.localhost:${port}' }
storage: { database: '${join(shared, 'proofgate.db')}', keys: '${keys}' }
`,
    )
      .replace('host: api.proofgate.localhost', `host: api.proofgate.localhost:${port}`)
      .replace('host: ledger.proofgate.localhost', `host: ledger.proofgate.localhost:${port}`)
    return ['serve', '--config', configurationFile(text)]
  }
  const keys = join(shared, 'keys')
  first = await startGateway({ command: houseWith(keys), port })
  second = await startGateway({ command: houseWith(keys), port: otherPort })
  alice = await enrolled(first, 'alice')
})
after(async () => {
  recorder.close()
  await Promise.all([first?.stop(), second?.stop()])
})

/** The same request to the first process, or to the second under the first one's name. */
function callEither(index: number, url: string, options: CallOptions = {}): Promise<Answer> {
  if (index % 2 === 0) return call(url, options)
  const target = new URL(url)
  const { host } = target
  target.port = String(secondPort)
  return call(target.href, { ...options, headers: { host, ...options.headers } })
}

function tokenRequest(
  index: number,
  key: ProofKey,
  fields: Record<string, string>,
  proof?: string,
) {
  const url = `${first.issuer}/oauth2/token`
  return callEither(index, url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      dpop: proof ?? key.prove('POST', url),
    },
    body: new URLSearchParams({ client_id: 'proofgate-cli', ...fields }).toString(),
  })
}

function postJson(index: number, path: string, body: unknown, cookie = ''): Promise<Answer> {
  return callEither(index, `${first.identity}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(cookie === '' ? {} : { cookie }) },
    body: JSON.stringify(body),
  })
}

const binding = (client: Client): string =>
  `pg_ceremony=${client.cookie(first.identity, 'pg_ceremony') ?? ''}`

const refreshFields = (tokens: Tokens): Record<string, string> => ({
  grant_type: 'refresh_token',
  refresh_token: tokens.refresh_token,
})

describe('two processes on one store', () => {
  test('say the same of themselves', async () => {
    for (const path of ['/.well-known/openid-configuration', '/.well-known/jwks.json']) {
      const [one, other] = [0, 1].map((index) => callEither(index, `${first.issuer}${path}`))
      assert.deepEqual((await one)?.json(), (await other)?.json())
    }
  })

  test('sign with new keys soon after either rotated them', async () => {
    const before = (await callEither(1, `${first.issuer}/.well-known/jwks.json`)).json().keys
    await administer(first, 'POST', '/v1/keys/rotate', {})
    await until('the other process publishes the new keys', async () => {
      const { keys } = (await callEither(1, `${first.issuer}/.well-known/jwks.json`)).json()
      return keys.length === before.length + 2
    })
  })

  test('redeem a code once between them, and then end what it gave', async () => {
    for (let round = 0; round < 5; round++) {
      const authorization = await authorize(alice)
      const fields = codeFields(authorization)
      const counts = await atOnce(20, (index) => tokenRequest(index, authorization.key, fields))
      assert.deepEqual(counts, { 200: 1, 400: 19 })
      const later = await tokenRequest(1, authorization.key, fields)
      assert.equal(later.json().error, 'invalid_grant')
    }
  })

  test('redeem it once when nobody races, whichever began', async () => {
    for (const index of [0, 1]) {
      const authorization = await authorize(alice)
      const fields = codeFields(authorization)
      assert.equal((await tokenRequest(index, authorization.key, fields)).status, 200)
      const again = await tokenRequest(index + 1, authorization.key, fields)
      assert.equal(again.json().error, 'invalid_grant')
    }
  })

  test('rotate a refresh token once between them, and the family then ends', async () => {
    for (let round = 0; round < 5; round++) {
      const { tokens, key } = await obtainTokens(alice)
      const answers: Answer[] = []
      const counts = await atOnce(20, async (index) => {
        const answer = await tokenRequest(index, key, refreshFields(tokens))
        answers.push(answer)
        return answer
      })
      assert.deepEqual(counts, { 200: 1, 400: 19 })
      const winner = answers.find(({ status }) => status === 200)?.json() as Tokens | undefined
      for (const index of [0, 1]) {
        const next = await tokenRequest(index, key, refreshFields(winner ?? tokens))
        assert.equal(next.json().error, 'invalid_grant')
      }
    }
  })

  test('take a device code once', async () => {
    const url = `${first.issuer}/oauth2/device_authorization`
    const begun = await call(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'client_id=proofgate-cli&scope=openid+offline_access+invoke',
    })
    const { device_code: code, user_code: userCode } = begun.json()
    const page = await alice.client.call(`${first.issuer}/device`)
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    const fields = { xsrf, user_code: userCode, confirm: 'yes' }
    const agreed = await alice.client.form(`${first.issuer}/device`, fields)
    const asked = await alice.client.follow(
      new URL(agreed.headers.location ?? '', first.issuer).href,
    )
    const back = new URL(asked.url).searchParams.get('return_to') ?? ''
    const signedIn = await alice.signIn('sign-in', back)
    await alice.client.follow(new URL(signedIn.json().redirect, first.issuer).href)
    const key = new ProofKey()
    const grant = {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: code,
    }
    const counts = await atOnce(20, (index) => tokenRequest(index, key, grant))
    assert.deepEqual(counts, { 200: 1, 400: 19 })
  })

  test('take one proof once, at the token endpoint and at the API', async () => {
    const key = new ProofKey()
    const codes: Record<string, string>[] = []
    for (let index = 0; index < 20; index++) codes.push(codeFields(await authorize(alice)))
    const proof = key.prove('POST', `${first.issuer}/oauth2/token`)
    const atToken = await atOnce(20, (index) => tokenRequest(index, key, codes[index] ?? {}, proof))
    assert.deepEqual(atToken, { 200: 1, 400: 19 })
    const { tokens, key: own } = await obtainTokens(alice)
    const url = `${first.api}/orders`
    const headers = boundHeaders(own, tokens.access_token, 'GET', url)
    const seen = recorder.seen.length
    assert.deepEqual(await atOnce(20, (index) => callEither(index, url, { headers })), {
      200: 1,
      401: 19,
    })
    assert.equal(recorder.seen.length, seen + 1)
  })

  test('take a challenge once, for signing in and for enrolling', async () => {
    const client = new Client()
    const asked = await client.post(`${first.identity}/webauthn/authentication/options`, {})
    const assertion = alice.authenticator.get(asked.json(), { origin: alice.origin })
    const signedIn = await atOnce(20, (index) =>
      postJson(index, '/webauthn/authentication/verify', assertion, binding(client)),
    )
    assert.deepEqual(signedIn, { 200: 1, 400: 19 })
    const link = await invite(first, 'bob')
    const ticket = link.slice(link.lastIndexOf('/') + 1)
    const other = new Client()
    const creation = await other.post(`${first.identity}/webauthn/registration/options`, { ticket })
    const response = new SoftAuthenticator().create(creation.json(), { origin: alice.origin })
    const registered = await atOnce(20, (index) =>
      postJson(index, '/webauthn/registration/verify', response, binding(other)),
    )
    assert.deepEqual(registered, { 200: 1, 400: 19 })
  })

  test('take a link once, for twenty browsers with a challenge each', async () => {
    const link = await invite(second, 'bob')
    const ticket = link.slice(link.lastIndexOf('/') + 1)
    const begun: { client: Client; response: unknown }[] = []
    for (let index = 0; index < 20; index++) {
      const client = new Client()
      const asked = await client.post(`${first.identity}/webauthn/registration/options`, { ticket })
      const response = new SoftAuthenticator().create(asked.json(), { origin: alice.origin })
      begun.push({ client, response })
    }
    const counts = await atOnce(20, (index) => {
      const one = begun[index]
      assert.ok(one)
      return postJson(index, '/webauthn/registration/verify', one.response, binding(one.client))
    })
    assert.deepEqual(counts, { 200: 1, 403: 19 })
  })

  test('take a hand-off to an API host once, in the browser that began it', async () => {
    const begin = async (): Promise<{ url: string; flow: string }> => {
      const start = await alice.client.call(`${first.api}/orders`, {
        headers: {
          accept: 'text/html',
          'sec-fetch-mode': 'navigate',
          'sec-fetch-dest': 'document',
        },
      })
      assert.equal(start.status, 303, start.text)
      const handed = await alice.client.call(start.headers.location ?? '')
      assert.equal(handed.status, 303, handed.text)
      const flow = `pg_flow=${alice.client.cookie(first.api, 'pg_flow') ?? ''}`
      return { url: handed.headers.location ?? '', flow }
    }
    const { url, flow } = await begin()
    const other = await begin()
    const withoutCookie = await callEither(1, (await begin()).url)
    assert.ok(withoutCookie.status >= 400, withoutCookie.text)
    const foreign = await callEither(1, other.url, { headers: { cookie: flow } })
    assert.ok(foreign.status >= 400, foreign.text)
    const counts = await atOnce(20, (index) =>
      callEither(index, url, { headers: { cookie: flow } }),
    )
    assert.equal(counts[303], 1, JSON.stringify(counts))
  })

  test('refuse within a second what the other one took back', async () => {
    const { tokens, key } = await obtainTokens(alice)
    const url = `${first.api}/orders`
    const ask = (index: number): Promise<Answer> =>
      callEither(index, url, { headers: boundHeaders(key, tokens.access_token, 'GET', url) })
    assert.equal((await ask(0)).status, 200)
    assert.equal((await ask(1)).status, 200)
    const { sid } = JSON.parse(
      Buffer.from(tokens.access_token.split('.')[1] ?? '', 'base64url').toString(),
    ) as { sid: string }
    assert.equal((await administer(second, 'POST', `/v1/sessions/${sid}/end`)).status, 200)
    assert.equal((await ask(1)).status, 401, 'at once where it was done')
    assert.ok(await eventually(async () => (await ask(0)).status === 401))
  })
})
