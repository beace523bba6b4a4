import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  administer,
  atOnce,
  callApi,
  databaseOf,
  enrolled,
  inDatabase,
  postForm,
  startHouse,
  startRecorder,
} from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { Client } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { ProofKey } from '../kit/person.ts'
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

const grantType = 'urn:ietf:params:oauth:grant-type:device_code'

interface Waiting {
  readonly device_code: string
  readonly user_code: string
  readonly verification_uri: string
  readonly verification_uri_complete: string
  readonly expires_in: number
}

async function begin(more: Record<string, string> = {}): Promise<Waiting> {
  const answer = await postForm(`${gateway.issuer}/oauth2/device_authorization`, {
    client_id: 'proofgate-cli',
    scope: 'openid profile offline_access invoke',
    ...more,
  })
  assert.equal(answer.status, 200, answer.text)
  return answer.json() as Waiting
}

function poll(waiting: Waiting, key = new ProofKey(), more: object = {}): Promise<Answer> {
  const fields = {
    client_id: 'proofgate-cli',
    grant_type: grantType,
    device_code: waiting.device_code,
    ...more,
  }
  return postForm(`${gateway.issuer}/oauth2/token`, fields, { key })
}

function refused(answer: Answer, error: string): void {
  assert.equal(answer.status, 400, answer.text)
  assert.equal(answer.json().error, error, answer.text)
}

/** The form token of the device page, as the browser of `client` sees it. */
async function openPage(client: Client, url: string): Promise<{ xsrf: string; text: string }> {
  const page = await client.call(url, { headers: { accept: 'text/html' } })
  assert.equal(page.status, 200, page.text)
  return { xsrf: /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '', text: page.text }
}

function submit(client: Client, fields: Record<string, string>): Promise<Answer> {
  return client.form(`${gateway.issuer}/device`, fields)
}

/** Approves as a person does: types the code, looks, agrees, touches the key. */
async function approve(person: SoftPerson, waiting: Waiting): Promise<Answer> {
  const { xsrf } = await openPage(person.client, waiting.verification_uri)
  const shown = await submit(person.client, { xsrf, user_code: waiting.user_code })
  assert.equal(shown.status, 200, shown.text)
  const agreed = await submit(person.client, { xsrf, user_code: waiting.user_code, confirm: 'yes' })
  assert.equal(agreed.status, 303, agreed.text)
  const interaction = new URL(agreed.headers.location ?? '', gateway.issuer).href
  const asked = await person.client.follow(interaction)
  assert.match(asked.url, /\/sign-in\?fresh=1/, 'approving takes a touch')
  const back = new URL(asked.url).searchParams.get('return_to') ?? ''
  const signedIn = await person.signIn('sign-in', back)
  const { answer } = await person.client.follow(
    new URL(signedIn.json().redirect, gateway.issuer).href,
  )
  return answer
}

describe('connecting a device', () => {
  test('ends in tokens bound to the key of the device, given once to twenty askers', async () => {
    const waiting = await begin()
    const done = await approve(alice, waiting)
    assert.equal(done.status, 200, done.text)
    const key = new ProofKey()
    const answers: Answer[] = []
    const counts = await atOnce(20, async () => {
      const answer = await poll(waiting, key)
      answers.push(answer)
      return answer
    })
    assert.deepEqual(counts, { 200: 1, 400: 19 })
    const tokens = answers.find(({ status }) => status === 200)?.json() as Tokens
    for (const answer of answers) if (answer.status === 400) refused(answer, 'invalid_grant')
    assert.equal(tokens.token_type, 'DPoP')
    assert.equal((await callApi(`${gateway.api}/orders`, key, tokens.access_token)).status, 401)
  })

  test('works for the one who waits, and not a second time', async () => {
    const waiting = await begin()
    const key = new ProofKey()
    refused(await poll(waiting, key), 'authorization_pending')
    await approve(alice, waiting)
    const answer = await poll(waiting, key)
    assert.equal(answer.status, 200, answer.text)
    const tokens = answer.json() as Tokens
    assert.equal((await callApi(`${gateway.api}/orders`, key, tokens.access_token)).status, 200)
    const other = new ProofKey()
    assert.equal((await callApi(`${gateway.api}/orders`, other, tokens.access_token)).status, 401)
    refused(await poll(waiting, key), 'invalid_grant')
    assert.equal((await callApi(`${gateway.api}/orders`, key, tokens.access_token)).status, 401)
  })

  test('asking faster than every five seconds is told to slow down', async () => {
    const waiting = await begin()
    const begun = performance.now()
    refused(await poll(waiting), 'authorization_pending')
    const seen: string[] = []
    await atOnce(20, async () => {
      const answer = await poll(waiting)
      seen.push(answer.json().error)
      return answer
    })
    const others = seen.filter((error) => error !== 'slow_down')
    // On a busy machine twenty at once may last until one may ask again.
    const most = Math.min(9, Math.floor((performance.now() - begun) / 4000))
    assert.ok(others.length <= most, seen.join())
    assert.ok(
      others.every((error) => error === 'authorization_pending'),
      seen.join(),
    )
  })

  test('needs a proof, and the client that began', async () => {
    const waiting = await begin()
    await approve(alice, waiting)
    const fields = {
      client_id: 'proofgate-cli',
      grant_type: grantType,
      device_code: waiting.device_code,
    }
    refused(await postForm(`${gateway.issuer}/oauth2/token`, fields), 'invalid_grant')
    refused(await poll(waiting, new ProofKey(), { client_id: 'ours' }), 'invalid_request')
    assert.equal((await poll(waiting)).status, 200)
  })

  test('fails after ten minutes, and is told so for ten more', async () => {
    const endedSince = (seconds: number): void =>
      inDatabase(databaseOf(gateway), (database) =>
        database.exec(
          `UPDATE provider_object SET expires_at = ${Date.now() - seconds * 1000} WHERE type = 'DeviceCode'`,
        ),
      )
    const [waiting, approved, used] = [await begin(), await begin(), await begin()]
    assert.equal(waiting.expires_in, 600)
    await approve(alice, approved)
    await approve(alice, used)
    assert.equal((await poll(used)).status, 200)
    endedSince(1)
    for (const one of [waiting, approved, used, waiting]) refused(await poll(one), 'expired_token')
    const { xsrf } = await openPage(alice.client, waiting.verification_uri)
    const page = await submit(alice.client, { xsrf, user_code: waiting.user_code, confirm: 'yes' })
    assert.equal(page.headers.location, undefined)
    refused(await poll(waiting), 'expired_token')
    endedSince(500)
    refused(await poll(waiting), 'expired_token')
    endedSince(601)
    for (const one of [waiting, approved]) refused(await poll(one), 'invalid_grant')
  })

  test('is refused when the person says no', async () => {
    const waiting = await begin()
    const { xsrf } = await openPage(alice.client, waiting.verification_uri)
    await submit(alice.client, { xsrf, user_code: waiting.user_code, abort: 'yes' })
    refused(await poll(waiting), 'access_denied')
    refused(await poll(waiting), 'invalid_grant')
  })

  test('is not offered to other clients', async () => {
    const url = `${gateway.issuer}/oauth2/device_authorization`
    for (const clientId of ['ours', 'unknown']) {
      const answer = await postForm(url, { client_id: clientId, scope: 'openid' })
      assert.ok([400, 401].includes(answer.status), answer.text)
    }
  })

  test('fails for a person disabled after approving', async () => {
    const bob = await enrolled(gateway, 'bob')
    const waiting = await begin()
    await approve(bob, waiting)
    await administer(gateway, 'POST', '/v1/people/bob/disable')
    refused(await poll(waiting), 'invalid_grant')
  })
})

describe('the page for it', () => {
  test('opening the complete address changes nothing and approves nothing', async () => {
    const waiting = await begin()
    for (let times = 0; times < 3; times++) {
      const { text } = await openPage(alice.client, waiting.verification_uri_complete)
      assert.ok(text.includes(waiting.user_code), 'the code is filled in')
      assert.ok(!text.includes('name="confirm"'), 'and nothing more')
    }
    refused(await poll(waiting), 'authorization_pending')
  })

  test('shows the client, where the request came from, and asks before anything happens', async () => {
    const waiting = await begin()
    const { xsrf } = await openPage(alice.client, waiting.verification_uri)
    const page = await submit(alice.client, { xsrf, user_code: waiting.user_code })
    assert.match(page.text, /Proofgate command line/)
    assert.match(page.text, /127\.0\.0\.1/)
    assert.match(page.text, new RegExp(waiting.user_code))
    refused(await poll(waiting), 'authorization_pending')
  })

  test('does not take an answer without the form token, with another one, or from elsewhere', async () => {
    const waiting = await begin()
    const fields = { user_code: waiting.user_code, confirm: 'yes' }
    const { xsrf } = await openPage(alice.client, waiting.verification_uri)
    const other = await openPage(new Client(), waiting.verification_uri)
    const encode = (more: object): string => new URLSearchParams({ ...fields, ...more }).toString()
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    for (const [headers, body] of [
      [type, encode({})],
      [type, encode({ xsrf: other.xsrf })],
      [{ ...type, origin: 'https://evil.example' }, encode({ xsrf })],
      [{ ...type, origin: 'null' }, encode({ xsrf })],
      [{ ...type, 'sec-fetch-site': 'cross-site' }, encode({ xsrf })],
      [{ ...type, 'sec-fetch-site': 'same-site' }, encode({ xsrf })],
    ] as const) {
      const url = `${gateway.issuer}/device`
      const answer = await alice.client.call(url, { method: 'POST', headers, body })
      assert.ok(answer.status >= 400, `${answer.status} for ${JSON.stringify(headers)}`)
      assert.equal(answer.headers.location, undefined)
    }
    refused(await poll(waiting), 'authorization_pending')
  })

  test('codes have ten letters of an alphabet without vowels', async () => {
    for (let times = 0; times < 10; times++) {
      assert.match(
        (await begin()).user_code,
        /^[BCDFGHJKLMNPQRSTVWXZ]{5}-[BCDFGHJKLMNPQRSTVWXZ]{5}$/,
      )
    }
  })

  test('after five wrong codes it takes no more from that place, the right one included', async () => {
    const waiting = await begin()
    const { xsrf } = await openPage(alice.client, waiting.verification_uri)
    const statuses: number[] = []
    const begun = performance.now()
    for (let tries = 0; tries < 15; tries++) {
      const client = tries % 2 === 0 ? alice.client : new Client()
      const token = tries % 2 === 0 ? xsrf : (await openPage(client, waiting.verification_uri)).xsrf
      const answer = await submit(client, { xsrf: token, user_code: 'BBBBB-BBBBB' })
      statuses.push(answer.status)
    }
    const blocked = await submit(alice.client, { xsrf, user_code: waiting.user_code })
    // On a busy machine so many may last until there is one try more.
    const more = Math.floor((performance.now() - begun) / 12_000)
    const taken = [...statuses, blocked.status].filter((status) => status !== 429).length
    assert.ok(taken <= 5 + more, `${statuses.join(' ')} ${blocked.status}`)
    if (blocked.status === 429) assert.ok(Number(blocked.headers['retry-after']) > 0)
    refused(await poll(waiting), 'authorization_pending')
  })
})
