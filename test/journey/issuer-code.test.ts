import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { createLocalJWKSet, jwtVerify } from 'jose'
import {
  administer,
  atOnce,
  authorizationUrl,
  callApi,
  challengeOf,
  databaseOf,
  enrolled,
  follow,
  inDatabase,
  postForm,
  startHouse,
  startRecorder,
} from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import {
  authorize,
  boundHeaders,
  codeFields,
  obtainTokens,
  ProofKey,
  requestTokens,
} from '../kit/person.ts'
import type { Authorization, SoftPerson, Tokens } from '../kit/person.ts'

let recorder: Recorder
let gateway: GatewayProcess
let alice: SoftPerson

before(async () => {
  recorder = await startRecorder()
  gateway = await startHouse(recorder)
  alice = await enrolled(gateway, 'alice')
})
after(async () => {
  await gateway.stop()
  recorder.close()
})

const token = (): string => `${gateway.issuer}/oauth2/token`
const refreshFields = (tokens: Tokens): Record<string, string> => ({
  grant_type: 'refresh_token',
  refresh_token: tokens.refresh_token,
})

function refused(answer: Answer, error: string, status = 400): void {
  assert.equal(answer.status, status, answer.text)
  assert.equal(answer.json().error, error, answer.text)
}

/** Refused with a page, and the browser is sent nowhere. */
function refusedInPlace(answer: Answer): void {
  assert.equal(answer.status, 400, answer.text)
  assert.equal(answer.headers.location, undefined)
}

async function redeem(authorization: Authorization, more: object = {}): Promise<Answer> {
  return requestTokens(alice, authorization.key, { ...codeFields(authorization), ...more })
}

describe('what the issuer says of itself', () => {
  test('discovery names our own addresses, PKCE by S256 alone and the issuer parameter', async () => {
    const found = (await call(`${gateway.issuer}/.well-known/openid-configuration`)).json()
    assert.equal(found.issuer, gateway.issuer)
    for (const [name, value] of Object.entries(found)) {
      if (name.endsWith('_endpoint') || name.endsWith('_uri')) {
        assert.ok(String(value).startsWith(`${gateway.issuer}/`), `${name}: ${String(value)}`)
      }
    }
    assert.deepEqual(found.code_challenge_methods_supported, ['S256'])
    assert.deepEqual(found.response_types_supported, ['code'])
    assert.equal(found.authorization_response_iss_parameter_supported, true)
    assert.deepEqual(found.id_token_signing_alg_values_supported, ['ES256', 'RS256'])
    assert.ok(!found.grant_types_supported.includes('implicit'))
    assert.ok(!found.grant_types_supported.includes('client_credentials'))
    assert.ok(!found.grant_types_supported.some((one: string) => one.includes('token-exchange')))
    assert.ok(found.scopes_supported.includes('invoke'))
  })

  test('the key set holds public members of an ES256 and an RS256 key', async () => {
    const { keys } = (await call(`${gateway.issuer}/.well-known/jwks.json`)).json()
    assert.deepEqual(keys.map((key: { alg: string }) => key.alg).sort(), ['ES256', 'RS256'])
    const open = new Set(['kty', 'use', 'kid', 'alg', 'crv', 'x', 'y', 'n', 'e'])
    for (const key of keys) for (const member of Object.keys(key)) assert.ok(open.has(member))
  })

  test('another host, forwarded or not, never shows up in an address', async () => {
    const path = '/.well-known/openid-configuration'
    const foreign = await call(`${gateway.issuer}${path}`, { headers: { host: 'evil.example' } })
    assert.ok([404, 421].includes(foreign.status), String(foreign.status))
    for (const headers of [
      { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
      { forwarded: 'host=evil.example;proto=https' },
      { 'x-original-host': 'evil.example', 'x-forwarded-prefix': '/evil' },
    ]) {
      const answer = await call(`${gateway.issuer}${path}`, { headers })
      assert.equal(answer.json().issuer, gateway.issuer)
      assert.ok(!answer.text.includes('evil'), JSON.stringify(headers))
    }
  })

  test('a strict verifier accepts both tokens against the key set, each for its audience', async () => {
    const { tokens, key } = await obtainTokens(alice)
    const set = createLocalJWKSet((await call(`${gateway.issuer}/.well-known/jwks.json`)).json())
    const access = await jwtVerify(tokens.access_token, set, {
      issuer: gateway.issuer,
      audience: gateway.api,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      requiredClaims: ['sub', 'sid', 'client_id', 'jti', 'iat', 'exp', 'scope', 'cnf', 'auth_time'],
    })
    const { kty, crv, x, y } = key.jwk as Record<string, string>
    const thumbprint = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest()
    assert.deepEqual(access.payload['cnf'], { jkt: thumbprint.toString('base64url') })
    assert.equal(Number(access.payload.exp) - Number(access.payload.iat), 300)
    assert.equal(access.payload['acr'], 'phr')
    const { session_time: opened, credential_time: registered, transports } = access.payload
    assert.ok(Number(registered) <= Number(opened) && Number(opened) <= Number(access.payload.iat))
    assert.ok(Number(registered) > Number(access.payload.iat) - 3600)
    assert.ok(Array.isArray(transports))
    const id = await jwtVerify(tokens.id_token, set, {
      issuer: gateway.issuer,
      audience: 'proofgate-cli',
      algorithms: ['ES256'],
      requiredClaims: ['sub', 'iat', 'exp', 'auth_time'],
    })
    assert.equal(id.payload.sub, access.payload.sub)
    assert.equal(id.payload['sid'], access.payload['sid'])
    await assert.rejects(jwtVerify(tokens.id_token, set, { audience: gateway.api }))
  })
})

describe('the authorization request', () => {
  test('the answer to a client carries code, state and issuer', async () => {
    const back = await follow(alice, authorizationUrl(gateway, { state: 'a b&c' }))
    assert.deepEqual([...back.searchParams.keys()].sort(), ['code', 'iss', 'state'])
    assert.equal(back.searchParams.get('state'), 'a b&c')
    assert.equal(back.searchParams.get('iss'), gateway.issuer)
  })

  for (const [what, redirectUri] of [
    ['an extra path', 'https://portal.example/cb/more'],
    ['an added query', 'https://portal.example/cb?x=1'],
    ['a longer host', 'https://portal.example.evil/cb'],
    ['a user in front of another host', 'https://portal.example@evil.example/cb'],
    ['a host glued on', 'https://portal.exampleevil/cb'],
    ['plain http', 'http://portal.example/cb'],
    ['no scheme', '//portal.example/cb'],
    ['another host without a scheme', '//evil.example'],
    ['a script', 'javascript:alert(1)'],
    ['an encoded slash and user', 'https://portal.example%2f@evil.example/cb'],
    ['dots in the path', 'https://portal.example/cb/../cb'],
    ['a fragment', 'https://portal.example/cb#x'],
    ['a port', 'https://portal.example:444/cb'],
    ['the default port spelled out', 'https://portal.example:443/cb'],
    ['upper case in the host', 'https://PORTAL.example/cb'],
    ['upper case in the path', 'https://portal.example/CB'],
    ['a trailing slash', 'https://portal.example/cb/'],
    ['a backslash', 'https://portal.example\\@evil.example/cb'],
    ['a wildcard', 'https://*.example/cb'],
    ['nothing', ''],
    ['the address of another client', 'https://reader.example/cb'],
    ['a loopback address, which is for native clients', 'http://127.0.0.1:1/callback'],
  ] as const) {
    test(`a redirect address with ${what} is refused in place`, async () => {
      const { url } = authorizationUrl(gateway, {
        client_id: 'portal',
        scope: 'openid',
        redirect_uri: redirectUri,
      })
      refusedInPlace(await alice.client.call(url, { headers: { accept: 'text/html' } }))
    })
  }

  for (const [what, redirectUri] of [
    ['another path', 'http://127.0.0.1:4567/other'],
    ['https', 'https://127.0.0.1:4567/callback'],
    ['a name instead of the address', 'http://localhost:4567/callback'],
    ['another machine', 'http://127.0.0.2:4567/callback'],
    ['a query', 'http://127.0.0.1:4567/callback?next=//evil.example'],
  ] as const) {
    test(`the command line cannot be sent to ${what}`, async () => {
      const { url } = authorizationUrl(gateway, { redirect_uri: redirectUri })
      refusedInPlace(await alice.client.call(url))
    })
  }

  test('an unknown client is refused in place', async () => {
    refusedInPlace(await alice.client.call(authorizationUrl(gateway, { client_id: 'no' }).url))
  })

  for (const [what, parameters] of [
    ['without a challenge', { code_challenge: undefined, code_challenge_method: undefined }],
    ['with the plain method', { code_challenge_method: 'plain' }],
    ['with a challenge and no method', { code_challenge_method: undefined }],
    ['with an unknown method', { code_challenge_method: 'S512' }],
    ['with a challenge of 42 characters', { code_challenge: 'a'.repeat(42) }],
    ['with a challenge of 129 characters', { code_challenge: 'a'.repeat(129) }],
  ] as const) {
    test(`a request ${what} is turned down at the client, with the issuer named`, async () => {
      const back = await follow(alice, authorizationUrl(gateway, parameters))
      assert.equal(back.searchParams.get('error'), 'invalid_request', back.href)
      assert.equal(back.searchParams.get('iss'), gateway.issuer)
      assert.equal(back.searchParams.get('code'), null)
    })
  }

  for (const responseType of ['token', 'id_token', 'code token', 'code id_token', 'none']) {
    test(`the response type ${responseType} is not offered`, async () => {
      const { url } = authorizationUrl(gateway, { response_type: responseType, nonce: 'n' })
      const answer = await alice.client.call(url)
      const said = `${answer.headers.location ?? ''}${answer.text}`
      assert.ok(/unsupported_response_type/.test(said), said.slice(0, 400))
      assert.ok(!/[?#&](access_token|id_token|code)=/.test(answer.headers.location ?? ''))
    })
  }

  test('request objects by value and by foreign reference are refused', async () => {
    for (const parameters of [
      { request: 'eyJhbGciOiJub25lIn0.e30.' },
      { request_uri: 'https://evil.example/request' },
      { request_uri: 'urn:ietf:params:oauth:request_uri:unknown' },
    ]) {
      const answer = await alice.client.call(authorizationUrl(gateway, parameters).url)
      const said = `${answer.headers.location ?? ''}${answer.text}`
      assert.match(said, /request_(uri_)?not_supported|invalid_request/)
      assert.ok(!said.includes('code='), said.slice(0, 400))
    }
  })

  test('a resource that is not ours is refused', async () => {
    const back = await follow(
      alice,
      authorizationUrl(gateway, { resource: 'https://evil.example' }),
    )
    assert.equal(back.searchParams.get('error'), 'invalid_target', back.href)
  })

  test('a parameter that occurs twice is refused', async () => {
    const { url } = authorizationUrl(gateway)
    const answer = await alice.client.call(`${url}&scope=openid`)
    assert.ok(!answer.headers.location?.includes('code='))
    assert.match(`${answer.headers.location ?? ''}${answer.text}`, /invalid_request/)
  })

  test('a pushed request leads to a code, once, and only for the client that pushed it', async () => {
    const { url, verifier, redirectUri } = authorizationUrl(gateway)
    const pushed = await postForm(
      `${gateway.issuer}/oauth2/par`,
      Object.fromEntries(new URL(url).searchParams),
    )
    assert.equal(pushed.status, 201, pushed.text)
    const reference = pushed.json().request_uri
    const asked = (clientId: string): string =>
      `${gateway.issuer}/oauth2/authorize?${new URLSearchParams({ client_id: clientId, request_uri: reference }).toString()}`
    refusedInPlace(await alice.client.call(asked('ours')))
    const back = await follow(alice, { url: asked('proofgate-cli'), verifier, redirectUri })
    const code = back.searchParams.get('code') ?? ''
    const authorization = { code, verifier, redirectUri, key: new ProofKey() }
    assert.equal((await redeem(authorization)).status, 200)
    const again = await alice.client.call(asked('proofgate-cli'))
    assert.match(
      `${again.headers.location ?? ''}${again.text}`,
      /invalid_request_uri|invalid_request/,
    )
  })
})

describe('redeeming a code', () => {
  test('works once; the second use takes back what the first one got', async () => {
    const authorization = await authorize(alice)
    const first = await redeem(authorization)
    assert.equal(first.status, 200, first.text)
    const tokens = first.json() as Tokens
    const url = `${gateway.api}/orders`
    assert.equal((await callApi(url, authorization.key, tokens.access_token)).status, 200)
    refused(await redeem(authorization), 'invalid_grant')
    assert.equal((await callApi(url, authorization.key, tokens.access_token)).status, 401)
    refused(await requestTokens(alice, authorization.key, refreshFields(tokens)), 'invalid_grant')
  })

  test('works once when twenty ask at once, and what it gave is then taken back', async () => {
    const authorization = await authorize(alice)
    const answers: Answer[] = []
    const counts = await atOnce(20, async () => {
      const answer = await redeem(authorization)
      answers.push(answer)
      return answer
    })
    assert.deepEqual(counts, { 200: 1, 400: 19 })
    for (const answer of answers) if (answer.status === 400) refused(answer, 'invalid_grant')
    const tokens = answers.find(({ status }) => status === 200)?.json() as Tokens
    const url = `${gateway.api}/orders`
    assert.equal((await callApi(url, authorization.key, tokens.access_token)).status, 401)
    refused(await requestTokens(alice, authorization.key, refreshFields(tokens)), 'invalid_grant')
  })

  test('fails after its minute', async () => {
    const authorization = await authorize(alice)
    inDatabase(databaseOf(gateway), (database) =>
      database.exec(`UPDATE provider_object SET expires_at = 1 WHERE type = 'AuthorizationCode'`),
    )
    refused(await redeem(authorization), 'invalid_grant')
  })

  test('fails for another client, another address, and without one', async () => {
    const authorization = await authorize(alice)
    refused(await redeem(authorization, { client_id: 'ours' }), 'invalid_grant')
    const elsewhere = 'http://127.0.0.1:45679/callback'
    refused(await redeem(authorization, { redirect_uri: elsewhere }), 'invalid_grant')
    const { redirect_uri: _, ...rest } = codeFields(authorization)
    refused(await requestTokens(alice, authorization.key, rest), 'invalid_request')
    assert.equal((await redeem(authorization)).status, 200)
  })

  for (const [what, verifier] of [
    ['another verifier', randomBytes(32).toString('base64url')],
    ['a verifier of 42 characters', 'a'.repeat(42)],
    ['a verifier of 129 characters', 'a'.repeat(129)],
    ['an empty verifier', ''],
  ] as const) {
    test(`fails with ${what}`, async () => {
      const answer = await redeem(await authorize(alice), { code_verifier: verifier })
      assert.equal(answer.status, 400, answer.text)
      assert.match(answer.json().error, /^invalid_(grant|request)$/)
    })
  }

  test('fails with the challenge in place of the verifier, and without a verifier', async () => {
    const authorization = await authorize(alice)
    const challenge = challengeOf(authorization.verifier)
    refused(await redeem(authorization, { code_verifier: challenge }), 'invalid_grant')
    const { code_verifier: _, ...rest } = codeFields(authorization)
    refused(await requestTokens(alice, authorization.key, rest), 'invalid_grant')
  })

  test('takes a proof: a public client gets no token without one', async () => {
    const authorization = await authorize(alice)
    const fields = { client_id: 'proofgate-cli', ...codeFields(authorization) }
    refused(await postForm(token(), fields), 'invalid_grant')
  })

  test('takes a proof that is well made, recent and for this endpoint', async () => {
    const { key } = await obtainTokens(alice)
    const now = Math.floor(Date.now() / 1000)
    const proofs = [
      key.prove('GET', token()),
      key.prove('POST', `${gateway.issuer}/oauth2/revoke`),
      key.prove('POST', token(), undefined, { iat: now - 3600 }),
      key.prove('POST', token(), undefined, { iat: now + 3600 }),
      key.prove('POST', token(), undefined, { jti: undefined }),
      key.signJwt(
        { typ: 'JWT', alg: 'ES256', jwk: key.jwk },
        { jti: 'a', htm: 'POST', htu: token(), iat: now },
      ),
      key.signJwt(
        { typ: 'dpop+jwt', alg: 'ES256', jwk: new ProofKey().jwk },
        { jti: 'b', htm: 'POST', htu: token(), iat: now },
      ),
      key.signJwt(
        { typ: 'dpop+jwt', alg: 'none', jwk: key.jwk },
        { jti: 'c', htm: 'POST', htu: token(), iat: now },
      ),
      'nonsense',
    ]
    const authorization = await authorize(alice)
    for (const dpop of proofs) {
      const fields = { client_id: 'proofgate-cli', ...codeFields(authorization) }
      refused(await postForm(token(), fields, { headers: { dpop } }), 'invalid_dpop_proof')
    }
  })

  test('one proof is good for one of twenty requests at once', async () => {
    const key = new ProofKey()
    const authorizations: Authorization[] = []
    for (let index = 0; index < 20; index++) authorizations.push(await authorize(alice))
    const dpop = key.prove('POST', token())
    const counts = await atOnce(20, (index) => {
      const authorization = authorizations[index] as Authorization
      const fields = { client_id: 'proofgate-cli', ...codeFields(authorization) }
      return postForm(token(), fields, { headers: { dpop } })
    })
    assert.deepEqual(counts, { 200: 1, 400: 19 })
  })
})

describe('other doors of the issuer', () => {
  test('userinfo answers a token that is for it, with a proof, and no token of an API', async () => {
    const url = `${gateway.issuer}/oauth2/userinfo`
    const { tokens, key } = await obtainTokens(alice)
    const forApi = await call(url, { headers: boundHeaders(key, tokens.access_token, 'GET', url) })
    assert.equal(forApi.status, 401)
    const plain = await authorize(alice, { scope: 'openid profile groups' })
    const own = (await redeem(plain)).json() as Tokens
    const good = boundHeaders(plain.key, own.access_token, 'GET', url)
    const answer = await call(url, { headers: good })
    assert.equal(answer.status, 200, answer.text)
    assert.equal(answer.json().preferred_username, 'alice')
    assert.deepEqual(answer.json().groups, ['members'])
    for (const [what, headers] of Object.entries({
      'the same proof': good,
      'no proof': { authorization: `DPoP ${own.access_token}` },
      'the token as a bearer': { authorization: `Bearer ${own.access_token}` },
      'another key': boundHeaders(new ProofKey(), own.access_token, 'GET', url),
      'a proof for another method': boundHeaders(plain.key, own.access_token, 'POST', url),
    })) {
      const no = await call(url, { headers })
      assert.ok([400, 401].includes(no.status), `${what}: ${no.status}`)
      assert.ok(!no.text.includes('alice'))
    }
  })

  test('a token without the scope for it opens no API', async () => {
    const plain = await authorize(alice, { scope: 'openid profile offline_access' })
    const first = await redeem(plain)
    const own = first.json() as Tokens
    const seen = recorder.seen.length
    assert.equal((await callApi(`${gateway.api}/orders`, plain.key, own.access_token)).status, 401)
    const asked = await requestTokens(alice, plain.key, {
      ...refreshFields(own),
      resource: gateway.api,
    })
    if (asked.status === 200) {
      const again = asked.json() as Tokens
      const answer = await callApi(`${gateway.api}/orders`, plain.key, again.access_token)
      assert.ok([401, 403].includes(answer.status), answer.text)
    }
    assert.equal(recorder.seen.length, seen)
  })

  test('revoking a refresh token ends the session and every token of it', async () => {
    const { tokens, key } = await obtainTokens(alice)
    const url = `${gateway.api}/orders`
    assert.equal((await callApi(url, key, tokens.access_token)).status, 200)
    const revoke = `${gateway.issuer}/oauth2/revoke`
    const foreign = { client_id: 'ours', token: tokens.refresh_token }
    await postForm(revoke, foreign)
    assert.equal((await callApi(url, key, tokens.access_token)).status, 200, 'by another client')
    const done = await postForm(revoke, { ...foreign, client_id: 'proofgate-cli' })
    assert.equal(done.status, 200, done.text)
    assert.equal((await callApi(url, key, tokens.access_token)).status, 401)
    refused(await requestTokens(alice, key, refreshFields(tokens)), 'invalid_grant')
    const { sessions } = (await administer(gateway, 'GET', '/v1/sessions')).json()
    const sid = claimsOf(tokens.access_token)['sid']
    assert.ok(!sessions.some((session: { id: string }) => session.id === sid))
  })

  for (const [grantType, more] of [
    [
      'urn:ietf:params:oauth:grant-type:token-exchange',
      { subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' },
    ],
    ['urn:ietf:params:oauth:grant-type:jwt-bearer', {}],
    ['client_credentials', {}],
    ['password', { username: 'alice', password: 'alice' }],
    ['implicit', {}],
    ['', {}],
  ] as const) {
    test(`the grant type ${grantType || '(empty)'} is not offered`, async () => {
      const { tokens, key } = await obtainTokens(alice)
      const answer = await requestTokens(alice, key, {
        grant_type: grantType,
        subject_token: tokens.access_token,
        assertion: tokens.access_token,
        audience: 'https://evil.example',
        ...more,
      })
      assert.equal(answer.status, 400, answer.text)
      assert.match(
        answer.json().error,
        /^(unsupported_grant_type|invalid_request|unauthorized_client)$/,
      )
      assert.ok(!answer.text.includes('access_token'))
    })
  }

  test('introspection and registration do not exist', async () => {
    for (const path of ['/oauth2/introspect', '/oauth2/register', '/reg', '/token/introspection']) {
      assert.equal((await postForm(`${gateway.issuer}${path}`, { token: 'x' })).status, 404, path)
    }
  })

  test('tokens of other kinds open no API', async () => {
    const { tokens, key } = await obtainTokens(alice)
    for (const other of [tokens.id_token, tokens.refresh_token, key.prove('GET', gateway.api)]) {
      assert.equal((await callApi(`${gateway.api}/orders`, key, other)).status, 401)
      const bearer = { authorization: `Bearer ${other}` }
      assert.equal((await call(`${gateway.api}/orders`, { headers: bearer })).status, 401)
    }
  })
})

function claimsOf(jwt: string): Record<string, unknown> {
  const [, payload = ''] = jwt.split('.')
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
}
