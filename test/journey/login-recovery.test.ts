import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  administer,
  atOnce,
  databaseOf,
  enrolled,
  inDatabase,
  invite,
  startHouse,
  startRecorder,
} from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import { proofgate } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import type { Answer } from '../kit/http.ts'
import { hashSecret } from '../../src/core/index.ts'
import { challengeFor, replayRecoveryTouch } from '../../src/proof/index.ts'
import { recordsOf } from '../kit/minting.ts'
import { obtainTokens, requestTokens, SoftPerson } from '../kit/person.ts'

let recorder: Recorder
let gateway: GatewayProcess
/** Bob approves; Alice and Carol are those who lose keys. */
let bob: SoftPerson
let people = 0

before(async () => {
  recorder = await startRecorder()
  gateway = await startHouse(recorder, { text: 'recovery: { approvers: extra }\n' })
  await administer(gateway, 'POST', '/v1/people/bob/groups', { groups: ['extra'] })
  bob = await enrolled(gateway, 'bob')
  await bob.readCsrf()
})
after(async () => {
  assert.equal(await gateway.stop(), 0)
  recorder.close()
})

const at = (path: string): string => `${gateway.identity}${path}`

interface Requested {
  readonly id: string
  readonly code: string
  readonly link: string
  readonly username: string
}

async function newcomer(groups: readonly string[] = ['members']): Promise<string> {
  const username = `person-${people++}`
  const made = await administer(gateway, 'POST', '/v1/people', { username, groups })
  assert.equal(made.status, 200, made.text)
  return username
}

async function request(username: string): Promise<Requested> {
  const asked = await administer(gateway, 'POST', `/v1/people/${username}/recover`, {
    reason: 'lost her key',
  })
  assert.equal(asked.status, 200, asked.text)
  const id = inDatabase(databaseOf(gateway), (database) =>
    String(
      database
        .prepare(
          `SELECT recovery.id FROM recovery JOIN person ON person.id = person_id
           WHERE username = ? AND decided_at IS NULL`,
        )
        .get(username)?.['id'],
    ),
  )
  return { id, username, ...asked.json() }
}

async function decide(
  who: SoftPerson,
  { id }: Pick<Requested, 'id'>,
  how = 'approve',
): Promise<Answer> {
  if (how !== 'approve') {
    return who.client.form(at(`/recoveries/${id}/${how}`), { csrf: who.csrf })
  }
  const asked = await who.client.post(at(`/recoveries/${id}/options`), {})
  if (asked.status !== 200) return asked
  const touch = who.authenticator.get(asked.json().publicKey, { origin: who.origin })
  return who.client.post(at(`/recoveries/${id}/approve`), touch)
}

function refused(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status, answer.text)
  assert.equal(answer.json().code, code)
}

function keysOf(username: string): { id: string; state: string }[] {
  return inDatabase(databaseOf(gateway), (database) =>
    database
      .prepare(
        `SELECT credential.id AS id, iif(suspended_at IS NULL, 'active', suspended_for) AS state
         FROM credential JOIN person ON person.id = person_id WHERE username = ? ORDER BY credential.created_at`,
      )
      .all(username)
      .map(({ id, state }) => ({ id: String(id), state: String(state) })),
  )
}

describe('a recovery', { timeout: 120_000 }, () => {
  test('is a link that opens nothing before somebody else has approved it, and then once', async () => {
    const username = await newcomer()
    const lost = await enrolled(gateway, username)
    const { tokens, key } = await obtainTokens(lost)
    const asked = await request(username)
    const locked = new SoftPerson(gateway)
    refused(await locked.enrolByLink(asked.link), 403, 'identity.ticket_invalid')
    const page = await bob.client.call(at('/recoveries'))
    assert.equal(page.status, 200)
    for (const shown of [username, asked.code, 'lost her key']) assert.ok(page.text.includes(shown))
    assert.ok(!page.text.includes(asked.link.split('/').at(-1)!), 'the approver has no link')
    assert.equal((await decide(bob, asked)).status, 200)
    const opened = await locked.client.call(asked.link)
    assert.match(opened.text, /your earlier passkeys stop working/)
    const enrolledAgain = await locked.enrolByLink(asked.link)
    assert.equal(enrolledAgain.status, 200, enrolledAgain.text)
    assert.equal((await locked.client.call(at('/account'))).status, 200)
    assert.equal((await lost.client.call(at('/account'))).status, 303)
    refused(await lost.signIn(), 403, 'login.credential_suspended')
    const refresh = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
    assert.equal((await requestTokens(lost, key, refresh)).status, 400)
    refused(await new SoftPerson(gateway).enrolByLink(asked.link), 403, 'identity.ticket_invalid')
    assert.deepEqual(
      keysOf(username).map(({ state }) => state),
      ['recovery', 'active'],
    )
  })

  test('is on record from the request to the new passkey', async () => {
    const username = await newcomer()
    const lost = await enrolled(gateway, username)
    const old = lost.authenticator.credentials[0]!.id
    const asked = await request(username)
    await decide(bob, asked)
    await new SoftPerson(gateway).enrolByLink(asked.link)
    const records = await recordsOf(gateway)
    const [requested] = records.filter(({ what }) => what?.['recovery'] === asked.id)
    assert.deepEqual(
      [requested?.action, requested?.who?.username, requested?.what?.['reason']],
      ['recovery.request', 'operator', 'lost her key'],
    )
    const approved = records.find(
      ({ action, what }) => action === 'recovery.approve' && what?.['recovery'] === asked.id,
    )
    assert.equal(approved?.who?.username, 'bob')
    assert.equal(approved?.what?.['credential'], bob.authenticator.credentials[0]!.id)
    const registered = records.findLast(
      ({ action, who }) => action === 'credential.register' && who?.username === username,
    )
    assert.deepEqual(registered?.what?.['retired'], [old])
    const ended = records.filter(
      ({ reason, who }) => reason.endsWith('.recovery') && who?.username === username,
    )
    assert.deepEqual(
      ended.map(({ action, what }) => [action, what?.['credential']]),
      [
        ['credential.suspend', old],
        ['session.end_all', undefined],
      ],
    )
  })

  test('is not approved by the person it is for, by others, by nobody, or from elsewhere', async () => {
    const username = await newcomer(['extra'])
    const own = await enrolled(gateway, username)
    await own.readCsrf()
    const asked = await request(username)
    assert.match((await own.client.call(at('/recoveries'))).text, /somebody else has to decide/)
    refused(await decide(own, asked), 409, 'identity.recovery_undecidable')
    const stranger = await enrolled(gateway, await newcomer())
    await stranger.readCsrf()
    refused(await decide(stranger, asked), 403, 'login.not_an_approver')
    refused(
      await stranger.client.call(at('/recoveries'), { headers: { accept: 'application/json' } }),
      403,
      'login.not_an_approver',
    )
    refused(await decide(new SoftPerson(gateway), asked), 401, 'login.sign_in_required')
    const forged = await bob.client.form(at(`/recoveries/${asked.id}/decline`), { csrf: 'x' })
    assert.equal(forged.status, 403)
    const elsewhere = await bob.client.call(at(`/recoveries/${asked.id}/options`), {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: 'https://evil.example' },
      body: '{}',
    })
    assert.equal(elsewhere.status, 403)
    refused(await new SoftPerson(gateway).enrolByLink(asked.link), 403, 'identity.ticket_invalid')
  })

  test('takes a touch of this minute, however long touches count elsewhere', async () => {
    const asked = await request(await newcomer())
    inDatabase(databaseOf(gateway), (database) =>
      database.prepare('UPDATE session SET proved_at = proved_at - 61000').run(),
    )
    refused(await decide(bob, asked, 'decline'), 403, 'login.proof_required')
    assert.equal((await decide(bob, asked)).status, 200)
    const other = await request(await newcomer())
    assert.equal((await bob.signIn('confirm')).status, 200)
    assert.equal((await decide(bob, other, 'decline')).status, 200)
  })

  test('is approved by a touch for this one alone, named by what the page shows, once', async () => {
    const [one, two] = [await request(await newcomer()), await request(await newcomer())]
    const asked = async ({ id }: Requested) =>
      (await bob.client.post(at(`/recoveries/${id}/options`), {})).json()
    const touch = async (for_: Requested) =>
      bob.authenticator.get((await asked(for_)).publicKey, { origin: bob.origin })
    const send = ({ id }: Requested, body: object): Promise<Answer> =>
      bob.client.post(at(`/recoveries/${id}/approve`), body)
    refused(await send(two, await touch(one)), 400, 'login.ceremony_unknown')
    const confirm = await bob.client.post(at('/webauthn/authentication/options'), {
      purpose: 'confirm',
    })
    const confirmed = bob.authenticator.get(confirm.json(), { origin: bob.origin })
    refused(await send(one, confirmed), 400, 'login.ceremony_unknown')
    const verify = at('/webauthn/authentication/verify')
    refused(await bob.client.post(verify, await touch(one)), 400, 'login.ceremony_unknown')
    const page = await bob.client.call(at('/recoveries'))
    const statements = [...page.text.matchAll(/data-statement="([^"]+)"/g)].map(([, text]) =>
      (text ?? '').replaceAll('&quot;', '"').replaceAll('&#34;', '"'),
    )
    const statement = statements.find((text) => JSON.parse(text).id === one.id) ?? ''
    const { type, username, code, ticket } = JSON.parse(statement)
    assert.deepEqual([type, username, code], ['proofgate-recovery/1', one.username, one.code])
    const secret = one.link.slice(one.link.lastIndexOf('/') + 1)
    assert.equal(ticket, hashSecret('ticket', secret))
    const { publicKey, nonce } = await asked(one)
    const made = challengeFor(Buffer.from(nonce, 'base64url'), statement)
    assert.equal(publicKey.challenge, Buffer.from(made).toString('base64url'))
    const counted = await touch(one)
    const before = await touch(two)
    // What is approved is no longer what was shown.
    inDatabase(databaseOf(gateway), (database) =>
      database.prepare('UPDATE recovery SET reason = ? WHERE id = ?').run('another', two.id),
    )
    assert.notEqual((await send(two, before)).status, 200)
    assert.equal((await send(one, counted)).status, 200)
    assert.notEqual((await send(one, counted)).status, 200)
    assert.equal((await decide(bob, two)).status, 200)
    const records = await recordsOf(gateway)
    const evidence = records.find(
      ({ action, outcome, what }) =>
        action === 'recovery.touch' && outcome === 'success' && what?.['recovery'] === one.id,
    )
    const recorded = evidence?.what?.['statement']
    assert.ok(Array.isArray(recorded))
    assert.equal(recorded.join(''), statement)
    const replayed = replayRecoveryTouch(evidence?.what ?? {}, { origin: bob.origin })
    assert.ok(typeof replayed !== 'string')
    assert.equal(replayed.statement.approver, evidence?.who?.subject)
  })

  test('is decided once, however many do so at the same time', async () => {
    assert.equal((await bob.signIn('confirm')).status, 200)
    const asked = await request(await newcomer())
    const counts = await atOnce(6, (index) =>
      decide(bob, asked, index % 2 === 0 ? 'approve' : 'decline'),
    )
    assert.deepEqual(counts, { 200: 1, 409: 5 })
  })

  test('ends when it is declined, withdrawn by a newer one, or too old; so does its link', async () => {
    const declined = await request(await newcomer())
    assert.equal((await bob.signIn('confirm')).status, 200)
    assert.equal((await decide(bob, declined, 'decline')).status, 200)
    refused(await decide(bob, declined), 409, 'identity.recovery_undecidable')
    const first = await request(await newcomer())
    const second = await request(first.username)
    refused(await decide(bob, first), 409, 'identity.recovery_undecidable')
    const late = await request(await newcomer())
    const old = await request(await newcomer())
    assert.equal((await decide(bob, late)).status, 200)
    inDatabase(databaseOf(gateway), (database) => {
      database.prepare('UPDATE recovery SET expires_at = 1 WHERE id = ?').run(old.id)
      database.prepare('UPDATE ticket SET expires_at = 1 WHERE retires IS NOT NULL').run()
    })
    refused(await decide(bob, old), 409, 'identity.recovery_undecidable')
    for (const { link } of [declined, first, old, late]) {
      refused(await new SoftPerson(gateway).enrolByLink(link), 403, 'identity.ticket_invalid')
    }
    assert.equal((await decide(bob, second)).status, 200)
  })

  test('makes every other link of the person worthless, and is none for somebody disabled', async () => {
    const username = await newcomer()
    const ordinary = await invite(gateway, username)
    const asked = await request(username)
    assert.equal((await decide(bob, asked)).status, 200)
    refused(await new SoftPerson(gateway).enrolByLink(ordinary), 403, 'identity.ticket_invalid')
    const gone = await request(await newcomer())
    await administer(gateway, 'POST', `/v1/people/${gone.username}/disable`)
    refused(await decide(bob, gone), 409, 'identity.recovery_undecidable')
    refused(
      await administer(gateway, 'POST', `/v1/people/${gone.username}/recover`, { reason: 'x' }),
      403,
      'identity.person_disabled',
    )
  })

  test('leaves what the person has when the new passkey is not accepted', async () => {
    const username = await newcomer()
    const lost = await enrolled(gateway, username)
    const asked = await request(username)
    await decide(bob, asked)
    const other = new SoftPerson(gateway)
    const ticket = asked.link.slice(asked.link.lastIndexOf('/') + 1)
    const options = await other.client.post(at('/webauthn/registration/options'), { ticket })
    assert.deepEqual(options.json().excludeCredentials, [])
    const response = other.authenticator.create(options.json(), {
      origin: other.origin,
      flags: (flags) => flags & ~0x04,
    })
    const answer = await other.client.post(at('/webauthn/registration/verify'), response)
    assert.notEqual(answer.status, 200)
    assert.deepEqual(
      keysOf(username).map(({ state }) => state),
      ['active'],
    )
    assert.equal((await lost.client.call(at('/account'))).status, 200)
  })
})

test('the command prints the link and where it is approved, and wants a reason', async () => {
  const username = await newcomer()
  const data = ['--data-dir', gateway.dataDirectory]
  const asked = await proofgate(['recover', username, '--reason', 'broken', ...data])
  assert.equal(asked.code, 0, asked.stderr)
  assert.match(asked.stdout, /\/enrol\/[A-Za-z0-9_-]{43}\n[^]*\/recoveries \(code \d{6}, until /)
  for (const args of [[], ['--reason', ' ']]) {
    assert.notEqual((await proofgate(['recover', username, ...args, ...data])).code, 0)
  }
  const nobody = await proofgate(['recover', 'nobody', '--reason', 'x', ...data])
  assert.match(nobody.stderr, /There is no such person/)
})
