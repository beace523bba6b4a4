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
import { proofgate } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import type { Answer } from '../kit/http.ts'
import { recordsOf } from '../kit/minting.ts'
import { until } from '../kit/operations.ts'
import { obtainTokens, SoftPerson } from '../kit/person.ts'
import type { SoftAuthenticator } from '../kit/soft-authenticator.ts'

let recorder: Recorder
let gateway: GatewayProcess
/** Alice with the passkey of every day, and with the one from the safe. */
let alice: SoftPerson
let safe: SoftAuthenticator
let id: string

before(async () => {
  recorder = await startRecorder()
  gateway = await startHouse(recorder, {
    text: 'passkeys: { rotateAfter: 365d, unusedFor: 90d, atLeast: { members: 2 } }\n',
  })
  alice = await enrolled(gateway, 'alice')
  const adding = Object.assign(new SoftPerson(gateway), { client: alice.client })
  assert.equal((await adding.enrol()).status, 200)
  safe = adding.authenticator
  id = safe.credentials[0]!.id
})
after(async () => {
  assert.equal(await gateway.stop(), 0)
  recorder.close()
})

const at = (path: string): string => `${gateway.identity}${path}`
const glass = (): SoftPerson => new SoftPerson(gateway, safe)

function refused(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status, answer.text)
  assert.equal(answer.json().code, code)
}

/** Touches the sealed passkey and reads the form that asks why. */
async function touched(back = '/account'): Promise<{ person: SoftPerson; csrf: string }> {
  const person = glass()
  const signedIn = await person.signIn('sign-in', back)
  assert.equal(signedIn.json().redirect, `/break-glass?return_to=${encodeURIComponent(back)}`)
  const page = await person.client.call(at(signedIn.json().redirect))
  assert.equal(page.status, 200)
  return { person, csrf: /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '' }
}

const say = (person: SoftPerson, fields: Record<string, string>): Promise<Answer> =>
  person.client.form(at('/break-glass'), fields)

describe('a passkey that is sealed for emergencies', { timeout: 120_000 }, () => {
  test('ends what it had opened when it is sealed, and is listed as sealed', async () => {
    const earlier = glass()
    await earlier.signIn()
    assert.equal((await earlier.client.call(at('/account'))).status, 200)
    const data = ['--data-dir', gateway.dataDirectory]
    const sealed = await proofgate(['credentials', 'seal', '--json', ...data, '--', id])
    assert.equal(sealed.code, 0, sealed.stderr)
    assert.equal((await earlier.client.call(at('/account'))).status, 303)
    refused(
      await administer(gateway, 'POST', `/v1/credentials/${id}/seal`),
      409,
      'identity.credential_sealed_already',
    )
    refused(
      await administer(gateway, 'POST', '/v1/credentials/none/seal'),
      404,
      'identity.unknown_credential',
    )
    const report = (await administer(gateway, 'GET', '/v1/credentials/report')).json()
    assert.deepEqual(
      report.credentials.filter((row: any) => row.sealed).map((row: any) => row.id),
      [id],
    )
    assert.deepEqual(report.people[0], { username: 'alice', credentials: 1, wanted: 2 })
    assert.match((await alice.client.call(at('/account'))).text, /For emergencies/)
  })

  test('opens nothing by its touch alone', async () => {
    const { person } = await touched()
    for (const path of ['/account', '/enrol', '/recoveries']) {
      const { status, headers } = await person.client.call(at(path))
      assert.deepEqual(
        [status, String(headers['location']).startsWith('/sign-in')],
        [303, true],
        path,
      )
    }
    refused(
      await person.client.post(at('/webauthn/renewal/options'), {}),
      403,
      'login.credential_restricted',
    )
    refused(
      await person.client.post(at('/webauthn/registration/options'), {}),
      401,
      'login.sign_in_required',
    )
    await assert.rejects(obtainTokens(person))
  })

  test('signs in when the person says why, with an alarm in the record and in the log', async () => {
    const { person, csrf } = await touched('/account?z=1')
    const done = await say(person, { csrf, reason: ' the vault burns ', return_to: '/account?z=1' })
    assert.equal(done.status, 200, done.text)
    assert.equal(done.json().redirect, '/account?z=1')
    const account = await person.client.call(at('/account'))
    assert.match(account.text, /Signed in with a passkey for emergencies/)
    assert.doesNotMatch(
      (await alice.client.call(at('/account'))).text,
      /Signed in with a passkey for/,
    )
    const record = (await recordsOf(gateway, 'ceremony')).findLast(
      ({ action }) => action === 'credential.break_glass',
    )
    assert.deepEqual(
      [record?.who?.username, record?.who?.credential, record?.what],
      ['alice', id, { credential: id, reason: 'the vault burns' }],
    )
    const alarm = /"level":"error".*a passkey for emergencies was used.*"the vault burns"/
    await until('the log has the alarm', () => alarm.test(gateway.errors()))
    assert.match(alarm.exec(gateway.errors())?.[0] ?? '', /"username":"alice"/)
    assert.equal((await person.signIn('confirm')).status, 200, 'it confirms in its own session')
  })

  test('is not opened without a reason, without the form, twice, or by another browser', async () => {
    const { person, csrf } = await touched()
    for (const reason of ['', '  ', 'x'.repeat(201), 'two\nlines']) {
      refused(await say(person, { csrf, reason }), 400, 'identity.reason_malformed')
    }
    refused(await say(person, { csrf: 'x', reason: 'why' }), 403, 'http.cross_site')
    refused(
      await say(new SoftPerson(gateway), { csrf, reason: 'why' }),
      401,
      'login.sign_in_required',
    )
    assert.equal((await person.client.call(at('/account'))).status, 303)
    const counts = await atOnce(4, () => say(person, { csrf, reason: 'why' }))
    assert.deepEqual(counts, { 200: 1, 401: 3 })
  })

  test('confirms nothing for the passkey of every day', async () => {
    const mixed = Object.assign(glass(), { client: alice.client })
    refused(await mixed.signIn('confirm'), 403, 'login.credential_sealed')
  })

  test('never lapses, though it lies unused', async () => {
    inDatabase(databaseOf(gateway), (database) =>
      database
        .prepare('UPDATE credential SET created_at = 1, last_used_at = 1 WHERE id = ?')
        .run(id),
    )
    const { person, csrf } = await touched()
    assert.equal((await say(person, { csrf, reason: 'still works' })).status, 200)
    assert.equal((await person.client.call(at('/account'))).status, 200)
    refused(
      await person.client.post(at('/webauthn/renewal/options'), {}),
      403,
      'login.credential_restricted',
    )
  })

  test('opens nothing once it is suspended, between the touch and the reason as well', async () => {
    const { person, csrf } = await touched()
    await administer(gateway, 'POST', `/v1/credentials/${id}/suspend`, { reason: 'stolen' })
    refused(await say(person, { csrf, reason: 'why' }), 401, 'login.sign_in_required')
    refused(await glass().signIn(), 403, 'login.credential_suspended')
    await administer(gateway, 'POST', `/v1/credentials/${id}/restore`)
  })

  test('is one for every day again when it is unsealed', async () => {
    const unsealed = await administer(gateway, 'POST', `/v1/credentials/${id}/unseal`)
    assert.equal(unsealed.status, 200)
    refused(
      await administer(gateway, 'POST', `/v1/credentials/${id}/unseal`),
      409,
      'identity.credential_not_sealed',
    )
    assert.equal((await glass().signIn()).json().redirect, '/renew?return_to=%2Faccount')
  })
})
