import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import {
  authorizationUrl,
  databaseOf,
  enrolled,
  follow,
  inDatabase,
  postForm,
  startHouse,
  startRecorder,
} from '../kit/flows.ts'
import type { Asked, Recorder } from '../kit/flows.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import { codeFields, ProofKey, requestTokens } from '../kit/person.ts'
import type { SoftPerson, Tokens } from '../kit/person.ts'

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

function asking(more: Readonly<Record<string, string>>): Asked {
  return authorizationUrl(gateway, {
    client_id: 'ours',
    redirect_uri: 'https://ours.example/cb',
    prompt: undefined,
    ...more,
  })
}

/** Where a request leads without anybody touching a key. */
async function leadsTo(asked: Asked): Promise<URL> {
  const isBack = (at: string): boolean => at.startsWith(asked.redirectUri)
  return new URL((await alice.client.follow(asked.url, isBack)).url)
}

async function tokensFor(asked: Asked, back: URL): Promise<Tokens> {
  const key = new ProofKey()
  const code = back.searchParams.get('code') ?? ''
  const { verifier, redirectUri } = asked
  const fields = codeFields({ code, verifier, redirectUri, key })
  const answer = await requestTokens(alice, key, { ...fields, client_id: 'ours' })
  assert.equal(answer.status, 200, answer.text)
  return answer.json() as Tokens
}

/** Makes every browser session so much older, as waiting would. */
function age(seconds: number): void {
  inDatabase(databaseOf(gateway), (database) => {
    database
      .prepare(
        `UPDATE session SET authenticated_at = authenticated_at - ?, proved_at = proved_at - ?
         WHERE kind = 'browser'`,
      )
      .run(seconds * 1000, seconds * 1000)
  })
}

describe('step-up at the issuer (RFC 9470)', () => {
  test('the classes that sign-in can reach are published', async () => {
    const metadata = await call(`${gateway.issuer}/.well-known/openid-configuration`)
    assert.deepEqual(metadata.json().acr_values_supported, ['phrh', 'phr'])
  })

  test('a sign-in that is younger than max_age is enough, an older one takes a touch', async () => {
    const young = asking({ max_age: '300' })
    // The library's own session begins here.
    await follow(alice, young)
    assert.ok((await leadsTo(young)).searchParams.has('code'))
    age(600)
    const old = asking({ max_age: '300' })
    const asked = await leadsTo(old)
    assert.match(asked.href, /\/sign-in\?fresh=1/)
    const interaction = asked.searchParams.get('return_to') ?? ''
    const untouched = await alice.client.follow(new URL(interaction, gateway.issuer).href)
    assert.match(untouched.url, /\/sign-in\?fresh=1/, 'coming back untouched asks again')
    const began = Math.floor(Date.now() / 1000)
    const tokens = await tokensFor(old, await follow(alice, old))
    const { auth_time: moved } = decodeJwt(tokens.access_token)
    assert.ok(Number(moved) >= began, `${String(moved)} is not after ${began}`)
  })

  test('a class that was reached is enough', async () => {
    const asked = asking({ acr_values: 'phr' })
    const tokens = await tokensFor(asked, await follow(alice, asked))
    assert.equal(decodeJwt(tokens.access_token)['acr'], 'phr')
    const either = asking({ acr_values: 'phrh phr' })
    assert.ok((await leadsTo(either)).searchParams.has('code'))
  })

  test('a class that the touch does not reach is refused to the client, after one touch', async () => {
    const asked = asking({ acr_values: 'phrh' })
    assert.match((await leadsTo(asked)).href, /\/sign-in\?fresh=1/)
    const back = await follow(alice, asked)
    assert.equal(back.searchParams.get('error'), 'unmet_authentication_requirements')
    assert.equal(back.searchParams.has('code'), false)
  })

  test('a class that no sign-in here reaches is refused at once', async () => {
    for (const values of ['urn:example:loa4', 'PHRH', 'none']) {
      const back = await leadsTo(asking({ acr_values: values }))
      assert.equal(back.searchParams.get('error'), 'unmet_authentication_requirements', values)
    }
  })

  test('a program without a browser is told the same', async () => {
    const answer = await postForm(`${gateway.issuer}/oauth2/device_authorization`, {
      client_id: 'proofgate-cli',
      scope: 'openid invoke',
      acr_values: 'phrh',
      max_age: '60',
    })
    assert.equal(answer.status, 200, answer.text)
    const { user_code: userCode, device_code: deviceCode } = answer.json()
    const device = `${gateway.issuer}/device`
    const page = await alice.client.call(device, { headers: { accept: 'text/html' } })
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    const fields = { xsrf, user_code: userCode as string }
    await alice.client.form(device, fields)
    const agreed = await alice.client.form(device, { ...fields, confirm: 'yes' })
    const asked = await alice.client.follow(new URL(agreed.headers.location ?? '', device).href)
    const back = new URL(asked.url).searchParams.get('return_to') ?? ''
    const signedIn = await alice.signIn('sign-in', back)
    const { answer: done } = await alice.client.follow(
      new URL(signedIn.json().redirect, gateway.issuer).href,
    )
    assert.match(done.text, /needs a stronger key/)
    const polled = await postForm(
      `${gateway.issuer}/oauth2/token`,
      {
        client_id: 'proofgate-cli',
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        device_code: deviceCode as string,
      },
      { key: new ProofKey() },
    )
    assert.equal(polled.json().error, 'unmet_authentication_requirements', polled.text)
  })
})
