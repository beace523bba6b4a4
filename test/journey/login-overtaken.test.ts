import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { administer, enrolled, invite, startHouse, startRecorder } from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { SoftPerson } from '../kit/person.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'

let recorder: Recorder
let gateway: GatewayProcess

before(async () => {
  recorder = await startRecorder()
  gateway = await startHouse(recorder)
})
after(async () => {
  await gateway.stop()
  recorder.close()
})

const idOf = ({ authenticator }: SoftPerson): string => authenticator.credentials[0]?.id ?? ''

let people = 0
async function somebody(): Promise<{ person: SoftPerson; username: string }> {
  const username = `person-${++people}`
  const made = await administer(gateway, 'POST', '/v1/people', { username, groups: ['members'] })
  assert.equal(made.status, 200, made.text)
  return { person: await enrolled(gateway, username), username }
}

async function change(...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const answer = await administer(gateway, 'POST', path, { reason: 'a test', last: true })
    assert.equal(answer.status, 200, answer.text)
  }
}

const happenings = {
  'somebody was disabled and enabled again': ({ username }: { username: string }) =>
    change(`/v1/people/${username}/disable`, `/v1/people/${username}/enable`),
  'a passkey was sealed': ({ person }: { person: SoftPerson }) =>
    change(`/v1/credentials/${idOf(person)}/seal`),
  'a passkey was sealed and unsealed': ({ person }: { person: SoftPerson }) =>
    change(`/v1/credentials/${idOf(person)}/seal`, `/v1/credentials/${idOf(person)}/unseal`),
  'a passkey was suspended and restored': ({ person }: { person: SoftPerson }) =>
    change(`/v1/credentials/${idOf(person)}/suspend`, `/v1/credentials/${idOf(person)}/restore`),
}

for (const [what, happen] of Object.entries(happenings)) {
  test(`a sign-in that began before ${what} opens nothing; the next one is as any other`, async () => {
    const one = await somebody()
    const { person } = one
    const base = `${gateway.identity}/webauthn/authentication`
    const options = await person.client.post(`${base}/options`, { purpose: 'sign-in' })
    const response = person.authenticator.get(options.json(), { origin: person.origin })
    await happen(one)
    const refused = await person.client.post(`${base}/verify`, response)
    assert.equal(refused.status, 400, refused.text)
    assert.equal(refused.json().code, 'login.ceremony_unknown')
    for (const page of ['account', 'break-glass']) {
      const answer = await person.client.call(`${gateway.identity}/${page}`)
      assert.equal(answer.status, 303, page)
      assert.match(answer.headers.location ?? '', /sign-in/)
    }
    assert.equal((await person.signIn()).status, 200)
  })
}

async function keysOf(username: string): Promise<number> {
  const answer = await administer(gateway, 'GET', `/v1/people/${username}`)
  return answer.json().credentials
}

const disabledAndEnabled = happenings['somebody was disabled and enabled again']
const registration = (): string => `${gateway.identity}/webauthn/registration`

test('a link that was opened before somebody was disabled and enabled again adds no passkey', async () => {
  const one = await somebody()
  const link = await invite(gateway, one.username)
  const finder = new SoftPerson(gateway)
  const ticket = link.slice(link.lastIndexOf('/') + 1)
  const options = await finder.client.post(`${registration()}/options`, { ticket })
  assert.equal(options.status, 200, options.text)
  const response = finder.authenticator.create(options.json(), { origin: finder.origin })
  await disabledAndEnabled(one)
  const refused = await finder.client.post(`${registration()}/verify`, response)
  assert.equal(refused.status, 400, refused.text)
  assert.equal(refused.json().code, 'login.ceremony_unknown')
  assert.equal(await keysOf(one.username), 1)
  const again = await new SoftPerson(gateway).enrolByLink(link)
  assert.deepEqual([again.status, again.json().code], [403, 'identity.ticket_invalid'])
  assert.equal(
    (await new SoftPerson(gateway).enrolByLink(await invite(gateway, one.username))).status,
    200,
  )
  assert.equal(await keysOf(one.username), 2)
})

test('a link that was not opened yet is worth nothing once somebody was disabled', async () => {
  const one = await somebody()
  const link = await invite(gateway, one.username)
  await disabledAndEnabled(one)
  const refused = await new SoftPerson(gateway).enrolByLink(link)
  assert.deepEqual([refused.status, refused.json().code], [403, 'identity.ticket_invalid'])
  assert.equal(await keysOf(one.username), 1)
})

test('who was adding a passkey to their account when they were disabled has to sign in again', async () => {
  const one = await somebody()
  const { person } = one
  const options = await person.client.post(`${registration()}/options`, {})
  assert.equal(options.status, 200, options.text)
  const other = new SoftAuthenticator()
  const response = other.create(options.json(), { origin: person.origin })
  await disabledAndEnabled(one)
  const refused = await person.client.post(`${registration()}/verify`, response)
  assert.notEqual(refused.status, 200)
  assert.equal(await keysOf(one.username), 1)
})
