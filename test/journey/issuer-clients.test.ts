import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import {
  administer,
  authorizationUrl,
  basic,
  callApi,
  enrolled,
  follow,
  invite,
  postForm,
  startHouse,
  startRecorder,
  eventually,
} from '../kit/flows.ts'
import type { Asked, Recorder } from '../kit/flows.ts'
import { proofgate } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { codeFields, obtainTokens, ProofKey, requestTokens, SoftPerson } from '../kit/person.ts'
import type { Tokens } from '../kit/person.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'

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

const portalSecret = 'a-portal-secret-of-32-characters'
const ledger = (): string => gateway.apis.find(({ name }) => name === 'ledger')?.audience ?? ''

function portal(more: Readonly<Record<string, string | undefined>> = {}): Asked {
  return authorizationUrl(gateway, {
    client_id: 'portal',
    redirect_uri: 'https://portal.example/cb',
    scope: 'openid profile',
    prompt: undefined,
    ...more,
  })
}

/** Somebody with a browser of their own, who has signed in at the issuer and stands at the consent page. */
async function atConsent(
  more: Readonly<Record<string, string | undefined>> = {},
  person = new SoftPerson(gateway, alice.authenticator),
): Promise<{ person: SoftPerson; asked: Asked; page: URL; text: string }> {
  const asked = portal(more)
  const page = await follow(person, asked)
  assert.match(page.pathname, /^\/interaction\//, page.href)
  const { text } = await person.client.call(page.href, { headers: { accept: 'text/html' } })
  return { person, asked, page, text }
}

function csrfOf(text: string): string {
  return /name="csrf" value="([^"]+)"/.exec(text)?.[1] ?? ''
}

async function decide(
  at: { person: SoftPerson; asked: Asked; page: URL; text: string },
  decision: 'allow' | 'deny',
): Promise<URL> {
  const fields = { csrf: csrfOf(at.text), decision }
  const answer = await at.person.client.form(`${at.page.href}/consent`, fields)
  assert.equal(answer.status, 303, answer.text)
  const next = new URL(answer.headers.location ?? '', at.page).href
  const { url } = await at.person.client.follow(next, (location) =>
    location.startsWith(at.asked.redirectUri),
  )
  return new URL(url)
}

function redeem(
  asked: Asked,
  code: string,
  options: { secret?: string; id?: string } = {},
): Promise<Answer> {
  return postForm(
    `${gateway.issuer}/oauth2/token`,
    {
      grant_type: 'authorization_code',
      code,
      code_verifier: asked.verifier,
      redirect_uri: asked.redirectUri,
    },
    { headers: basic(options.id ?? 'portal', options.secret ?? portalSecret) },
  )
}

describe('the consent page', () => {
  test('names the client, where it leads and what it wants, with markup made harmless', async () => {
    const { text } = await atConsent({ scope: 'openid profile invoke' })
    assert.ok(text.includes('Portal &amp; Friends'))
    assert.ok(!text.includes('Portal & Friends'))
    assert.ok(text.includes('portal.example'))
    assert.ok(text.includes('Call the APIs you may call, as you'))
  })

  test('leads to a code when allowed, and the token stays within what was asked for', async () => {
    const at = await atConsent()
    const back = await decide(at, 'allow')
    const answer = await redeem(at.asked, back.searchParams.get('code') ?? '')
    assert.equal(answer.status, 200, answer.text)
    const tokens = answer.json() as Tokens
    assert.equal(decodeJwt(tokens.id_token).aud, 'portal')
    assert.equal(tokens.refresh_token, undefined)
    const api = await call(`${gateway.api}/orders`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    })
    assert.equal(api.status, 401)
    const userinfo = await call(`${gateway.issuer}/oauth2/userinfo`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    })
    assert.equal(userinfo.json().preferred_username, 'alice', userinfo.text)
    assert.equal(userinfo.json().groups, undefined)
  })

  test('leads back without a code when denied', async () => {
    const back = await decide(await atConsent(), 'deny')
    assert.equal(back.searchParams.get('error'), 'access_denied')
    assert.equal(back.searchParams.get('code'), null)
    assert.equal(back.searchParams.get('iss'), gateway.issuer)
  })

  test('is not asked again for the same, is for more, and is after a no', async () => {
    const at = await atConsent()
    await decide(at, 'allow')
    const again = await follow(at.person, portal())
    assert.ok(again.searchParams.has('code'), again.href)
    const more = await atConsent({ scope: 'openid profile groups' }, at.person)
    await decide(more, 'deny')
    const stillAsked = await follow(at.person, portal({ scope: 'openid profile groups' }))
    assert.match(stillAsked.pathname, /^\/interaction\//)
  })

  test('is asked again when the client wants it so, and of another person', async () => {
    const at = await atConsent()
    await decide(at, 'allow')
    await atConsent({ prompt: 'consent' }, at.person)
    const bob = await enrolled(gateway, 'bob')
    const other = await follow(bob, portal())
    assert.match(other.pathname, /^\/interaction\//)
  })

  test('is asked again after another sign-in, and the tokens say what that one proved', async () => {
    const at = await atConsent()
    const said = async (from: typeof at): Promise<ReturnType<typeof decodeJwt>> => {
      const back = await decide(from, 'allow')
      const answer = await redeem(from.asked, back.searchParams.get('code') ?? '')
      assert.equal(answer.status, 200, answer.text)
      return decodeJwt((answer.json() as Tokens).id_token)
    }
    const before = await said(at)
    // Another key of hers, which may be for less.
    const { person } = at
    const device = new SoftAuthenticator()
    const options = await person.client.post(
      `${gateway.identity}/webauthn/registration/options`,
      {},
    )
    const response = device.create(options.json(), { origin: person.origin })
    const added = `${gateway.identity}/webauthn/registration/verify`
    assert.equal((await person.client.post(added, response)).status, 200)
    const other = new SoftPerson(gateway, device)
    const asked = await person.client.post(
      `${gateway.identity}/webauthn/authentication/options`,
      {},
    )
    const touch = device.get(asked.json(), { origin: other.origin })
    const verify = `${gateway.identity}/webauthn/authentication/verify`
    assert.equal((await person.client.post(verify, touch)).status, 200)
    const silent = await follow(person, portal({ prompt: 'none' }))
    assert.equal(silent.searchParams.get('code'), null, silent.href)
    const credential = device.credentials[0]?.id
    assert.notEqual(before['credential_id'], credential)
    await atConsent({}, Object.assign(person, { authenticator: device })).then(async (again) => {
      assert.equal((await said(again))['credential_id'], credential)
    })
  })

  test('is asked again once what the client was given has been ended', async () => {
    const at = await atConsent()
    await decide(at, 'allow')
    const { sessions } = (await administer(gateway, 'GET', '/v1/sessions')).json()
    for (const { id, audience } of sessions as { id: string; audience: string }[]) {
      if (audience === 'portal') await administer(gateway, 'POST', `/v1/sessions/${id}/end`)
    }
    const asked = await follow(at.person, portal())
    assert.match(asked.pathname, /^\/interaction\//)
  })

  test('of one person counts for nobody else who uses the same browser later', async () => {
    const at = await atConsent()
    await decide(at, 'allow')
    const bob = new SoftPerson(gateway)
    await bob.enrolByLink(await invite(gateway, 'bob'))
    const later = new SoftPerson(gateway, bob.authenticator)
    Object.assign(later, { client: at.person.client })
    assert.equal((await later.signIn()).status, 200)
    const first = await follow(later, portal())
    const handover = await later.client.call(first.href)
    const field = (name: string): string =>
      new RegExp(`name="${name}" value="([^"]+)"`).exec(handover.text)?.[1] ?? ''
    const action = /action="([^"]+)"/.exec(handover.text)?.[1] ?? ''
    const fields = { xsrf: field('xsrf'), logout: field('logout') }
    const posted = await later.client.form(new URL(action, first).href, fields)
    assert.equal(posted.status, 303, posted.text)
    const { url } = await later.client.follow(new URL(posted.headers.location ?? '', first).href)
    assert.match(new URL(url).pathname, /^\/interaction\//, url)
    const page = await later.client.call(url, { headers: { accept: 'text/html' } })
    assert.ok(page.text.includes('Bob Example'))
    const account = await later.client.call(`${gateway.identity}/account`)
    assert.equal(account.status, 200, 'the one who signed in stays signed in')
  })

  test('takes no answer from elsewhere, without its token, or from another browser', async () => {
    const at = await atConsent()
    const url = `${at.page.href}/consent`
    const csrf = csrfOf(at.text)
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    const body = new URLSearchParams({ csrf, decision: 'allow' }).toString()
    const post = (
      client: SoftPerson['client'],
      headers: Record<string, string>,
      text = body,
    ): Promise<Answer> =>
      client.call(url, { method: 'POST', headers: { ...type, ...headers }, body: text })
    for (const answer of [
      await post(at.person.client, { origin: 'https://evil.example' }),
      await post(at.person.client, { origin: 'null' }),
      await post(at.person.client, { 'sec-fetch-site': 'cross-site' }),
      await post(at.person.client, {}, 'decision=allow'),
      await post(at.person.client, {}, `csrf=${'a'.repeat(43)}&decision=allow`),
      await post(at.person.client, { 'content-type': 'text/plain' }),
    ]) {
      assert.ok([403, 415].includes(answer.status), answer.text)
    }
    const stranger = new SoftPerson(gateway, alice.authenticator)
    assert.equal((await post(stranger.client, {})).status, 401)
    await stranger.signIn()
    const ownToken = new URLSearchParams({
      csrf: await stranger.readCsrf(),
      decision: 'allow',
    }).toString()
    assert.equal((await post(stranger.client, {}, ownToken)).status, 400)
    assert.ok((await decide(at, 'allow')).searchParams.has('code'), 'the page still works')
  })

  test('an interaction that has ended, or belongs to another browser, leads nowhere', async () => {
    const at = await atConsent()
    const stranger = new SoftPerson(gateway, alice.authenticator)
    await stranger.signIn()
    assert.equal((await stranger.client.call(at.page.href)).status, 400)
    await decide(at, 'allow')
    const again = await at.person.client.form(`${at.page.href}/consent`, {
      csrf: csrfOf(at.text),
      decision: 'allow',
    })
    assert.equal(again.status, 400)
  })
})

describe('a confidential client', () => {
  test('has to know its secret, in one way only', async () => {
    const at = await atConsent()
    const code = (await decide(at, 'allow')).searchParams.get('code') ?? ''
    const wrong = await redeem(at.asked, code, { secret: `${portalSecret}x` })
    assert.equal(wrong.status, 401, wrong.text)
    const none = await postForm(`${gateway.issuer}/oauth2/token`, {
      grant_type: 'authorization_code',
      client_id: 'portal',
      code,
      code_verifier: at.asked.verifier,
      redirect_uri: at.asked.redirectUri,
    })
    assert.ok([400, 401].includes(none.status), none.text)
    const other = await redeem(at.asked, code, {
      id: 'reader',
      secret: 'a-reader-secret-of-32-characters',
    })
    assert.equal(other.json().error, 'invalid_grant')
    assert.equal((await redeem(at.asked, code)).status, 200)
  })

  test('gets no scope that it was not given in the configuration', async () => {
    const asked = authorizationUrl(gateway, {
      client_id: 'reader',
      redirect_uri: 'https://reader.example/cb',
      scope: 'openid invoke',
      prompt: undefined,
    })
    const back = await follow(alice, asked)
    assert.equal(back.searchParams.get('error'), 'invalid_scope', back.href)
  })

  test('cannot get a token for an API by naming it, without the scope', async () => {
    const at = await atConsent({ resource: ledger() })
    const code = (await decide(at, 'allow')).searchParams.get('code') ?? ''
    const fields = {
      grant_type: 'authorization_code',
      code,
      code_verifier: at.asked.verifier,
      redirect_uri: at.asked.redirectUri,
      resource: ledger(),
    }
    const headers = basic('portal', portalSecret)
    const answer = await postForm(`${gateway.issuer}/oauth2/token`, fields, { headers })
    assert.equal(answer.status, 400, answer.text)
    assert.equal(answer.json().error, 'invalid_target')
  })

  test('gets a token for the API it names, signed as that API wants it', async () => {
    const at = await atConsent({ scope: 'openid invoke', resource: ledger() })
    const code = (await decide(at, 'allow')).searchParams.get('code') ?? ''
    const tokens = (await redeem(at.asked, code)).json() as Tokens
    const keys = createLocalJWKSet((await call(`${gateway.issuer}/.well-known/jwks.json`)).json())
    await jwtVerify(tokens.access_token, keys, {
      issuer: gateway.issuer,
      audience: ledger(),
      algorithms: ['RS256'],
      typ: 'at+jwt',
    })
    const bearer = { authorization: `Bearer ${tokens.access_token}` }
    const entries = await call(`${ledger()}/entries`, { headers: bearer })
    assert.equal(entries.status, 200, entries.text)
    assert.equal((await call(`${gateway.api}/orders`, { headers: bearer })).status, 401)
  })
})

describe('a client of ours', () => {
  test('asks nothing of somebody who is signed in, and its tokens are bound', async () => {
    const asked = authorizationUrl(gateway, {
      client_id: 'ours',
      redirect_uri: 'https://ours.example/cb',
    })
    const back = await follow(alice, asked)
    const key = new ProofKey()
    const fields = codeFields({
      code: back.searchParams.get('code') ?? '',
      verifier: asked.verifier,
      redirectUri: asked.redirectUri,
      key,
    })
    const answer = await requestTokens(alice, key, { ...fields, client_id: 'ours' })
    assert.equal(answer.status, 200, answer.text)
    assert.equal(answer.json().token_type, 'DPoP')
  })

  test('a fresh sign-in takes a touch, whoever is signed in already', async () => {
    for (const more of [{ prompt: 'login' }, { max_age: '0' }]) {
      const asked = authorizationUrl(gateway, {
        client_id: 'ours',
        redirect_uri: 'https://ours.example/cb',
        scope: 'openid',
        ...more,
      })
      const first = await alice.client.follow(asked.url, (at) => at.startsWith(asked.redirectUri))
      assert.match(first.url, /\/sign-in\?fresh=1/, JSON.stringify(more))
      const interaction = new URL(first.url).searchParams.get('return_to') ?? ''
      const without = await alice.client.follow(new URL(interaction, gateway.issuer).href)
      assert.match(without.url, /\/sign-in\?fresh=1/, 'coming back untouched asks again')
      const back = await follow(alice, asked)
      assert.ok(back.searchParams.has('code'), back.href)
    }
  })

  test('nobody signed in and no questions wanted is an error for the client', async () => {
    const stranger = new SoftPerson(gateway)
    const asked = authorizationUrl(gateway, { prompt: 'none' })
    const back = await follow(stranger, asked)
    assert.equal(back.searchParams.get('error'), 'login_required')
  })
})

describe('signing out at a client', () => {
  test('asks, then ends the browser session and leads only to a registered address', async () => {
    const person = new SoftPerson(gateway, alice.authenticator)
    const at = await atConsent({}, person)
    const back = await decide(at, 'allow')
    const tokens = (await redeem(at.asked, back.searchParams.get('code') ?? '')).json() as Tokens
    const logout = (to: string): string =>
      `${gateway.issuer}/logout?${new URLSearchParams({
        id_token_hint: tokens.id_token,
        post_logout_redirect_uri: to,
      }).toString()}`
    for (const to of [
      'https://evil.example/',
      'https://portal.example/bye/',
      'https://portal.example.evil/bye',
      'javascript:alert(1)',
    ]) {
      const answer = await person.client.call(logout(to))
      assert.equal(answer.status, 400, to)
      assert.equal(answer.headers.location, undefined)
    }
    const page = await person.client.call(logout('https://portal.example/bye'))
    assert.equal(page.status, 200, page.text)
    assert.equal((await person.client.call(`${gateway.identity}/account`)).status, 200, 'GET asks')
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    const confirm = /action="([^"]+)"/.exec(page.text)?.[1] ?? ''
    const url = new URL(confirm, gateway.issuer).href
    const encoded = new URLSearchParams({ xsrf, logout: 'yes' }).toString()
    for (const headers of [
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
    ] as Record<string, string>[]) {
      const refused = await person.client.call(url, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        body: encoded,
      })
      assert.equal(refused.status, 403)
    }
    assert.equal((await person.client.form(url, { xsrf: 'guess', logout: 'yes' })).status, 400)
    assert.equal((await person.client.call(`${gateway.identity}/account`)).status, 200)
    const declined = new SoftPerson(gateway, alice.authenticator)
    await decide(await atConsent({}, declined), 'allow')
    const other = await declined.client.call(logout('https://portal.example/bye'))
    const no = { xsrf: /name="xsrf" value="([^"]+)"/.exec(other.text)?.[1] ?? '' }
    await declined.client.form(url, no)
    assert.equal((await declined.client.call(`${gateway.identity}/account`)).status, 200)
    const done = await person.client.form(url, { xsrf, logout: 'yes' })
    assert.equal(done.status, 303, done.text)
    assert.match(done.headers.location ?? '', /^https:\/\/portal\.example\/bye/)
    const account = await person.client.call(`${gateway.identity}/account`)
    assert.equal(account.status, 303)
    assert.match(account.headers.location ?? '', /\/sign-in/)
  })
})

describe('the address for signing out', () => {
  test('signs nobody out by being opened, who has not used the issuer in this browser', async () => {
    const person = new SoftPerson(gateway, alice.authenticator)
    await person.signIn()
    const page = await person.client.call(`${gateway.issuer}/logout`)
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    const url = `${gateway.issuer}/logout/confirm`
    const done = await person.client.form(url, { xsrf, logout: 'yes' })
    const next = new URL(done.headers.location ?? '', url).href
    assert.equal((await person.client.follow(next)).url, `${gateway.identity}/account`)
    assert.equal((await person.client.call(`${gateway.identity}/account`)).status, 200)
  })
})

describe('signing keys', () => {
  test('rotate while running: old tokens go on, new ones carry the new key, both are published', async () => {
    const before = await obtainTokens(alice)
    const url = `${gateway.api}/orders`
    const done = await proofgate(['keys', 'rotate', '--data-dir', gateway.dataDirectory, '--json'])
    assert.equal(done.code, 0, done.stderr)
    const kidOf = ({ tokens }: typeof before): string | undefined =>
      decodeProtectedHeader(tokens.access_token).kid
    let after = before
    // A sign-in that is under way ends with the issuer that it began with.
    await eventually(async () => {
      after = await obtainTokens(alice)
      return kidOf(after) !== kidOf(before)
    })
    assert.notEqual(kidOf(after), kidOf(before))
    assert.equal((await callApi(url, before.key, before.tokens.access_token)).status, 200)
    assert.equal((await callApi(url, after.key, after.tokens.access_token)).status, 200)
    const jwks = (await call(`${gateway.issuer}/.well-known/jwks.json`)).json()
    assert.equal(jwks.keys.length, 4)
    for (const key of jwks.keys) assert.equal(key.d ?? key.p ?? key.k, undefined)
    for (const { tokens } of [before, after]) {
      const set = createLocalJWKSet(jwks)
      await jwtVerify(tokens.access_token, set, { issuer: gateway.issuer, audience: gateway.api })
      await jwtVerify(tokens.id_token, set, { issuer: gateway.issuer, audience: 'proofgate-cli' })
    }
  })
})
