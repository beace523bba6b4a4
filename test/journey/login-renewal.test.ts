import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  administer,
  atOnce,
  databaseOf,
  enrolled,
  inDatabase,
  startHouse,
  startRecorder,
} from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import type { Answer } from '../kit/http.ts'
import { recordsOf } from '../kit/minting.ts'
import { obtainTokens, requestTokens, SoftPerson } from '../kit/person.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'

const day = 86_400_000
let recorder: Recorder
let gateway: GatewayProcess

before(async () => {
  recorder = await startRecorder()
  const ageing = 'rotateAfter: 365d, warnBefore: 30d, graceAfter: 14d, unusedFor: 180d'
  gateway = await startHouse(recorder, {
    text: `passkeys: { ${ageing}, atLeast: { extra: 2 } }\n`,
  })
})
after(async () => {
  assert.equal(await gateway.stop(), 0)
  recorder.close()
})

const at = (path: string): string => `${gateway.identity}${path}`

/** Somebody new with one passkey, that is some days old and was not used for some. */
async function aged(days: number, idle = 0): Promise<{ person: SoftPerson; old: string }> {
  const username = `person-${people++}`
  await administer(gateway, 'POST', '/v1/people', { username, groups: ['members'] })
  const first = await enrolled(gateway, username)
  const old = first.authenticator.credentials[0]!.id
  makeOlder(old, days, idle)
  return { person: new SoftPerson(gateway, first.authenticator), old }
}
let people = 0

function makeOlder(id: string, days: number, idle: number): void {
  const now = Date.now()
  inDatabase(databaseOf(gateway), (database) =>
    database
      .prepare('UPDATE credential SET created_at = ?, last_used_at = ? WHERE id = ?')
      .run(now - days * day, now - idle * day, id),
  )
}

const renewPage = (back: string): string => `/renew?return_to=${encodeURIComponent(back)}`

async function renew(person: SoftPerson, device = person.authenticator): Promise<Answer> {
  const asked = await person.client.post(at('/webauthn/renewal/options'), {})
  if (asked.status !== 200) return asked
  const response = device.create(asked.json(), { origin: person.origin })
  return person.client.post(at('/webauthn/renewal/verify'), response)
}

function refused(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status, answer.text)
  assert.equal(answer.json().code, code)
}

async function keysOf(person: SoftPerson): Promise<readonly string[]> {
  const handle = person.authenticator.credentials[0]?.userHandle ?? ''
  return inDatabase(databaseOf(gateway), (database) =>
    database
      .prepare(
        'SELECT credential.id FROM credential JOIN person ON person.id = person_id WHERE user_handle = ?',
      )
      .all(handle)
      .map(({ id }) => String(id)),
  )
}

describe('a passkey that is due', { timeout: 120_000 }, () => {
  test('signs in, leads to its renewal, and that may be left for another time', async () => {
    const { person } = await aged(340)
    const signedIn = await person.signIn('sign-in', '/account?x=1')
    assert.equal(signedIn.json().redirect, renewPage('/account?x=1'))
    const page = await person.client.call(at(signedIn.json().redirect))
    assert.equal(page.status, 200)
    assert.match(page.text, /<a class="button" href="\/account\?x=1">Not now<\/a>/)
    assert.equal((await person.client.call(at('/account'))).status, 200)
  })

  test('is replaced in one step: the old one is gone, the log names both, and the person stays signed in', async () => {
    const { person, old } = await aged(340)
    const elsewhere = new SoftPerson(gateway, person.authenticator)
    await elsewhere.signIn()
    await person.signIn()
    const done = await renew(person)
    assert.equal(done.status, 200, done.text)
    const { credentialId, csrf, signal } = done.json()
    assert.deepEqual(await keysOf(person), [credentialId])
    assert.deepEqual(signal.credentialIds, [credentialId])
    assert.equal((await person.client.call(at('/account'))).status, 200)
    assert.equal((await elsewhere.client.call(at('/account'))).status, 303)
    const renamed = await person.client.form(at(`/account/credentials/${credentialId}/rename`), {
      csrf,
      name: 'New',
    })
    assert.equal(renamed.status, 200, renamed.text)
    const record = (await recordsOf(gateway, 'ceremony')).findLast(
      ({ action, outcome }) => action === 'credential.renew' && outcome === 'success',
    )
    assert.deepEqual([record?.who?.credential, record?.what?.['replaced']], [credentialId, old])
    const again = new SoftPerson(gateway, person.authenticator)
    assert.equal((await again.signIn()).json().redirect, '/account')
    person.authenticator.credentials.pop()
    refused(
      await new SoftPerson(gateway, person.authenticator).signIn(),
      401,
      'webauthn.assertion_rejected',
    )
  })

  test('is not replaced without a fresh touch, from another site, or by a passkey that is registered already', async () => {
    const { person, old } = await aged(340)
    await person.signIn()
    const made = await person.client.post(at('/webauthn/renewal/options'), {})
    const response = person.authenticator.create(made.json(), { origin: person.origin })
    const crossed = await person.client.call(at('/webauthn/renewal/verify'), {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: 'https://evil.example' },
      body: JSON.stringify(response),
    })
    refused(crossed, 403, 'http.cross_site')
    inDatabase(databaseOf(gateway), (database) =>
      database.prepare('UPDATE session SET proved_at = proved_at - 400000').run(),
    )
    refused(await renew(person), 403, 'login.proof_required')
    assert.deepEqual(await keysOf(person), [old])
  })

  test('is replaced once, however many ask at the same time', async () => {
    const { person } = await aged(340)
    await person.signIn()
    const answers = await Promise.all(
      [1, 2, 3, 4].map(async () => {
        const asked = await person.client.post(at('/webauthn/renewal/options'), {})
        return new SoftAuthenticator().create(asked.json(), { origin: person.origin })
      }),
    )
    const counts = await atOnce(4, (index) =>
      person.client.post(at('/webauthn/renewal/verify'), answers[index]!),
    )
    assert.equal(counts[200], 1, JSON.stringify(counts))
    assert.equal((await keysOf(person)).length, 1)
  })

  test('is not what a challenge for adding one is for, nor the other way round', async () => {
    const { person, old } = await aged(340)
    await person.signIn()
    const adding = await person.client.post(at('/webauthn/registration/options'), {})
    const added = new SoftAuthenticator().create(adding.json(), { origin: person.origin })
    refused(
      await person.client.post(at('/webauthn/renewal/verify'), added),
      400,
      'login.ceremony_unknown',
    )
    const renewing = await person.client.post(at('/webauthn/renewal/options'), {})
    const renewed = person.authenticator.create(renewing.json(), { origin: person.origin })
    refused(
      await person.client.post(at('/webauthn/registration/verify'), renewed),
      400,
      'login.ceremony_unknown',
    )
    assert.deepEqual(await keysOf(person), [old])
  })
})

describe('a passkey in its grace', { timeout: 120_000 }, () => {
  test('still signs in, and may still be left as it is', async () => {
    const { person } = await aged(370)
    assert.equal((await person.signIn()).json().redirect, renewPage('/account'))
    assert.match((await person.client.call(at('/renew'))).text, /Not now/)
    assert.equal((await person.client.call(at('/account'))).status, 200)
  })
})

for (const [what, days, idle] of [
  ['that has lapsed', 380, 0],
  ['that nobody used for long', 200, 190],
] as const) {
  describe(`a passkey ${what}`, { timeout: 120_000 }, () => {
    test('opens the page that replaces it and nothing else', async () => {
      const { person, old } = await aged(days, idle)
      for (const _ of ['first', 'again']) {
        const signedIn = await person.signIn('sign-in', '/account')
        assert.equal(signedIn.json().redirect, renewPage('/account'))
      }
      const page = await person.client.call(at('/renew?return_to=/account'))
      assert.equal(page.status, 200)
      assert.doesNotMatch(page.text, /Not now/)
      for (const path of ['/account', '/enrol', '/handoff?api=orders&flow=' + 'x'.repeat(43)]) {
        const { status, headers } = await person.client.call(at(path))
        assert.deepEqual(
          [status, String(headers['location']).startsWith('/sign-in?')],
          [303, true],
          path,
        )
      }
      refused(
        await person.client.post(at('/webauthn/registration/options'), {}),
        401,
        'login.sign_in_required',
      )
      refused(await person.signIn('confirm'), 401, 'login.sign_in_required')
      await assert.rejects(obtainTokens(person))
      assert.deepEqual(await keysOf(person), [old])
    })

    test('is replaced, and the person is signed in with the new one', async () => {
      const { person, old } = await aged(days, idle)
      await person.signIn()
      const done = await renew(person, new SoftAuthenticator())
      assert.equal(done.status, 200, done.text)
      assert.equal((await person.client.call(at('/account'))).status, 200)
      assert.deepEqual(await keysOf(person), [done.json().credentialId])
      refused(await renew(person), 409, 'login.nothing_to_renew')
      assert.notEqual(done.json().credentialId, old)
    })

    test('leaves no session of before open', async () => {
      const { person } = await aged(days, idle)
      const other = new SoftPerson(gateway, person.authenticator)
      await other.signIn()
      refused(await renew(new SoftPerson(gateway)), 401, 'login.sign_in_required')
      refused(
        await other.client.post(at('/webauthn/authentication/options'), { purpose: 'confirm' }),
        401,
        'login.sign_in_required',
      )
    })
  })
}

test('a passkey that has lapsed confirms nothing for another one', async () => {
  const username = `person-${people++}`
  await administer(gateway, 'POST', '/v1/people', { username, groups: ['members'] })
  const first = await enrolled(gateway, username)
  const spare = Object.assign(new SoftPerson(gateway), { client: first.client })
  assert.equal((await spare.enrol()).status, 200)
  assert.equal((await spare.signIn('confirm')).status, 200)
  makeOlder(spare.authenticator.credentials[0]!.id, 380, 0)
  refused(await spare.signIn('confirm'), 403, 'login.credential_lapsed')
})

test('what a passkey opened ends with its grace, tokens that are kept alive too', async () => {
  const { person, old } = await aged(10)
  await person.signIn()
  const { tokens, key } = await obtainTokens(person)
  const registered = Date.now() - 380 * day
  inDatabase(databaseOf(gateway), (database) =>
    database
      .prepare(
        "UPDATE session SET facts = json_set(facts, '$.registeredAt', ?) WHERE facts ->> '$.credentialId' = ?",
      )
      .run(registered, old),
  )
  assert.equal((await person.client.call(at('/account'))).status, 303)
  const refreshed = await requestTokens(person, key, {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token,
  })
  refusedByIssuer(refreshed)
})

function refusedByIssuer(answer: Answer): void {
  assert.equal(answer.status, 400, answer.text)
  assert.equal(answer.json().error, 'invalid_grant')
}

describe('a group whose people need several passkeys', { timeout: 120_000 }, () => {
  test('leads whoever has fewer to add one, which may be left for another time', async () => {
    const { person } = await aged(10)
    const username = `person-${people - 1}`
    assert.equal((await person.signIn()).json().redirect, '/account')
    await administer(gateway, 'POST', `/v1/people/${username}/groups`, { groups: ['extra'] })
    const led = (await person.signIn('sign-in', '/account?y=2')).json().redirect
    assert.equal(led, `/enrol?return_to=${encodeURIComponent('/account?y=2')}`)
    const page = await person.client.call(at(led))
    assert.match(page.text, /should have <strong><bdi>2<\/bdi><\/strong> passkeys/)
    assert.match(page.text, /<a class="button" href="\/account\?y=2">Not now<\/a>/)
    const second = new SoftPerson(gateway, new SoftAuthenticator())
    Object.assign(second, { client: person.client })
    assert.equal((await second.enrol()).status, 200)
    assert.equal((await second.signIn()).json().redirect, '/account')
  })

  test('never leads off this origin', async () => {
    const { person } = await aged(340)
    await person.signIn()
    for (const back of ['//evil.example', 'https://evil.example/', '/\\evil.example']) {
      for (const path of ['/enrol', '/renew']) {
        const page = await person.client.call(at(`${path}?return_to=${encodeURIComponent(back)}`))
        assert.equal(page.status, 200)
        assert.doesNotMatch(page.text, /evil/)
      }
    }
  })
})
