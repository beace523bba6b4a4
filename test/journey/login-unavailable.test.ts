import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  authorizationUrl,
  callApi,
  databaseOf,
  enrolled,
  inDatabase,
  postForm,
  startHouse,
  startRecorder,
  eventually,
} from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { authorize, codeFields, obtainTokens, requestTokens } from '../kit/person.ts'
import type { SoftPerson } from '../kit/person.ts'

let recorder: Recorder
let gateway: GatewayProcess
let alice: SoftPerson

before(async () => {
  recorder = await startRecorder()
  gateway = await startHouse(recorder)
  alice = await enrolled(gateway, 'alice')
})
after(async () => {
  recorder.close()
  await gateway.stop()
})

const tables = [
  'person',
  'credential',
  'ticket',
  'ceremony',
  'session',
  'handoff',
  'revocation',
  'provider_object',
  'grant_link',
  'proof_replay',
]

/** Runs `work` while a table cannot be read or written. */
async function without(names: readonly string[], work: () => Promise<void>): Promise<void> {
  const rename = (from: string, to: string): void =>
    inDatabase(databaseOf(gateway), (database) => {
      database.exec(`PRAGMA legacy_alter_table = ON`)
      for (const name of names) database.exec(`ALTER TABLE ${name}${from} RENAME TO ${name}${to}`)
    })
  rename('', '_gone')
  try {
    await work()
  } finally {
    rename('_gone', '')
  }
}

function isNo(answer: Answer, what: string): void {
  assert.ok(answer.status >= 500 && answer.status < 504, `${what}: ${answer.status} ${answer.text}`)
  assert.ok(!/"(access_token|credentialId|redirect|challenge)"/.test(answer.text), what)
  assert.ok(!/sqlite|SELECT|no such table/i.test(answer.text), `${what} says why`)
  for (const line of answer.headers['set-cookie'] ?? []) {
    assert.ok(!line.startsWith('pg_session='), what)
  }
}

test('with a store that does not answer, every door says unavailable and nothing gets through', async () => {
  const { tokens, key } = await obtainTokens(alice)
  const code = await authorize(alice)
  const waiting = await alice.client.post(`${gateway.identity}/webauthn/authentication/options`, {})
  const assertion = alice.authenticator.get(waiting.json(), { origin: alice.origin })
  const csrf = await alice.readCsrf()
  const seen = recorder.seen.length
  const { identity, issuer } = gateway
  const html = { accept: 'text/html' }
  await without(tables, async () => {
    const unavailable = {
      'account page': () => alice.client.call(`${identity}/account`, { headers: html }),
      'sign-in page': () => alice.client.call(`${identity}/sign-in`),
      'enrolment page': () => call(`${identity}/enrol/${'a'.repeat(43)}`),
      'sign-in options': () => alice.client.post(`${identity}/webauthn/authentication/options`, {}),
      'sign-in': () => alice.client.post(`${identity}/webauthn/authentication/verify`, assertion),
      'enrolment options': () =>
        alice.client.post(`${identity}/webauthn/registration/options`, { ticket: 'a' }),
      'sign-out': () => alice.client.form(`${identity}/sign-out`, { csrf }),
      'end all': () => alice.client.form(`${identity}/account/sessions/end-all`, { csrf }),
      'hand-off': () => alice.client.call(`${identity}/handoff?api=orders&flow=${'a'.repeat(43)}`),
      code: () => requestTokens(alice, code.key, codeFields(code)),
      refresh: () =>
        requestTokens(alice, key, {
          grant_type: 'refresh_token',
          refresh_token: tokens.refresh_token,
        }),
      device: () =>
        postForm(`${issuer}/oauth2/device_authorization`, {
          client_id: 'proofgate-cli',
          scope: 'openid',
        }),
      authorization: () => alice.client.call(authorizationUrl(gateway).url),
      API: () => callApi(`${gateway.api}/orders`, key, tokens.access_token),
    }
    for (const [what, work] of Object.entries(unavailable)) isNo(await work(), what)
    assert.equal(recorder.seen.length, seen)
  })
  assert.ok(
    await eventually(async () => {
      const { status } = await callApi(`${gateway.api}/orders`, key, tokens.access_token)
      return status === 200
    }),
    'it is served again when the store is back',
  )
  assert.equal((await requestTokens(alice, code.key, codeFields(code))).status, 200)
})

test('a store that takes no writes shows in readiness, and no longer when it does', async () => {
  const ready = async (): Promise<string> => {
    const answer = await call(`${gateway.admin}/readyz`)
    return `${answer.status} ${answer.json().problems.join(', ')}`
  }
  assert.equal(await ready(), '200 ')
  await without(['meta'], async () => {
    assert.equal(await ready(), '503 the database does not take writes')
  })
  assert.equal(await ready(), '200 ')
})

test('with the revocation list unread for more than a second, tokens open nothing', async () => {
  const { tokens, key } = await obtainTokens(alice)
  const url = `${gateway.api}/orders`
  assert.equal((await callApi(url, key, tokens.access_token)).status, 200)
  await without(['revocation'], async () => {
    const refused = await eventually(async () => {
      const { status } = await callApi(url, key, tokens.access_token)
      return status === 503
    })
    assert.ok(refused)
  })
  assert.ok(
    await eventually(async () => (await callApi(url, key, tokens.access_token)).status === 200),
  )
})
