import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { administer, enrolled, startHouse, startRecorder } from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import type { SoftPerson } from '../kit/person.ts'

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
