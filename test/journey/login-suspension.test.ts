import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  administer,
  callApi,
  enrolled,
  eventually,
  invite,
  startHouse,
  startRecorder,
} from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import { proofgate } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import type { Answer } from '../kit/http.ts'
import { obtainTokens, requestTokens, SoftPerson } from '../kit/person.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'

let recorder: Recorder
let gateway: GatewayProcess

before(async () => {
  recorder = await startRecorder()
  gateway = await startHouse(recorder, { text: 'workers: 2\n' })
})
after(async () => {
  await gateway.stop()
  recorder.close()
})

let people = 0

/** Somebody with a key of their own, and another one that stays in the drawer. */
async function withTwoKeys(): Promise<{ person: SoftPerson; username: string; spare: SoftPerson }> {
  const username = `person-${++people}`
  const made = await administer(gateway, 'POST', '/v1/people', { username, groups: ['members'] })
  assert.equal(made.status, 200, made.text)
  const person = await enrolled(gateway, username)
  const spare = new SoftPerson(gateway)
  assert.equal((await spare.enrolByLink(await invite(gateway, username))).status, 200)
  return { person, username, spare }
}

const idOf = ({ authenticator }: SoftPerson): string => authenticator.credentials[0]?.id ?? ''

function suspend(person: SoftPerson, more: object = {}): Promise<Answer> {
  const path = `/v1/credentials/${idOf(person)}/suspend`
  return administer(gateway, 'POST', path, { reason: 'left on a train', ...more })
}

function restore(person: SoftPerson): Promise<Answer> {
  return administer(gateway, 'POST', `/v1/credentials/${idOf(person)}/restore`)
}

const account = (person: SoftPerson): Promise<Answer> =>
  person.client.call(`${gateway.identity}/account`)

function refused(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status, answer.text)
  assert.equal(answer.json().code, code)
}

test('a suspended key opens nothing, and what it opened ends in every thread', async () => {
  const { person, spare } = await withTwoKeys()
  const { tokens, key } = await obtainTokens(person)
  const url = `${gateway.api}/orders`
  assert.equal((await callApi(url, key, tokens.access_token)).status, 200)
  assert.equal((await suspend(person)).status, 200)
  const isOver = async (): Promise<boolean> =>
    (await callApi(url, key, tokens.access_token)).status === 401
  assert.ok(await eventually(isOver))
  assert.ok(await eventually(async () => (await account(person)).status === 303))
  const fields = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
  assert.equal((await requestTokens(person, key, fields)).json().error, 'invalid_grant')
  refused(await person.signIn(), 403, 'login.credential_suspended')
  assert.equal((await spare.signIn()).status, 200, 'the other key of the same person')
})

test('whoever does not hold the key cannot tell a suspended one from one that never was', async () => {
  const { person } = await withTwoKeys()
  assert.equal((await suspend(person)).status, 200)
  const answers = []
  for (const id of [idOf(person), Buffer.alloc(32, 7).toString('base64url')]) {
    const stranger = new SoftPerson(gateway, new SoftAuthenticator())
    const { identity } = gateway
    const [own] = person.authenticator.credentials
    const foreign = new SoftAuthenticator()
    const asked = await stranger.client.post(`${identity}/webauthn/authentication/options`, {})
    foreign.create(
      {
        ...asked.json(),
        rp: { id: asked.json().rpId },
        user: { id: own?.userHandle ?? '', name: 'x', displayName: 'x' },
        pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
      },
      { origin: stranger.origin },
    )
    const response = foreign.get(asked.json(), { origin: stranger.origin })
    const sent = { ...response, id, rawId: id }
    answers.push(await stranger.client.post(`${identity}/webauthn/authentication/verify`, sent))
  }
  const [suspended, unknown] = answers.map((answer) => {
    const { code, status, title } = answer.json()
    return { code, status, title }
  })
  assert.deepEqual(suspended, unknown)
  assert.notEqual(suspended?.code, 'login.credential_suspended')
})

test('a suspended key confirms nothing in the session of another one', async () => {
  const { person, spare } = await withTwoKeys()
  assert.equal((await suspend(person)).status, 200)
  assert.equal((await spare.signIn()).status, 200)
  const { identity } = gateway
  const asked = await spare.client.post(`${identity}/webauthn/authentication/options`, {
    purpose: 'confirm',
  })
  const offered = asked.json().allowCredentials.map(({ id }: { id: string }) => id)
  assert.deepEqual(offered, [idOf(spare)])
  const options = { ...asked.json(), allowCredentials: [] }
  const response = person.authenticator.get(options, { origin: person.origin })
  const answer = await spare.client.post(`${identity}/webauthn/authentication/verify`, response)
  refused(answer, 401, 'webauthn.assertion_rejected')
})

test('a restored key signs in again, and nothing it opened before comes back', async () => {
  const { person } = await withTwoKeys()
  const { tokens, key } = await obtainTokens(person)
  assert.equal((await suspend(person)).status, 200)
  assert.equal((await restore(person)).status, 200)
  const url = `${gateway.api}/orders`
  const isOver = async (): Promise<boolean> =>
    (await callApi(url, key, tokens.access_token)).status === 401
  assert.ok(await eventually(isOver))
  assert.equal((await account(person)).status, 303)
  assert.equal((await person.signIn()).status, 200)
  assert.equal((await account(person)).status, 200)
  const again = await obtainTokens(person)
  const isIn = async (): Promise<boolean> =>
    (await callApi(url, again.key, again.tokens.access_token)).status === 200
  assert.ok(await eventually(isIn))
})

test('the last active key of somebody is suspended only if that is meant', async () => {
  const { person, spare } = await withTwoKeys()
  assert.equal((await suspend(person)).status, 200)
  refused(await suspend(spare), 409, 'identity.last_credential')
  assert.equal((await spare.signIn()).status, 200)
  assert.equal((await suspend(spare, { last: true })).status, 200)
  refused(await spare.signIn(), 403, 'login.credential_suspended')
})

test('what cannot be done is said: unknown keys, twice, no reason', async () => {
  const { person } = await withTwoKeys()
  refused(await restore(person), 409, 'identity.credential_active')
  const reasons = ['', ' ', 'two\nlines', 'x'.repeat(201), undefined]
  for (const reason of reasons) {
    refused(await suspend(person, { reason }), 400, 'identity.reason_malformed')
  }
  refused(await suspend(person, { reason: 7 }), 400, 'admin.input_malformed')
  assert.equal((await suspend(person)).status, 200)
  refused(await suspend(person), 409, 'identity.credential_suspended_already')
  const nobody = new SoftPerson(gateway)
  refused(await suspend(nobody), 404, 'http.not_found')
  const unknown = await administer(gateway, 'POST', '/v1/credentials/AAAA/restore')
  refused(unknown, 404, 'identity.unknown_credential')
})

test('the command line, the account page and the trail say what became of a key', async () => {
  const { person, username, spare } = await withTwoKeys()
  const run = (...words: string[]): ReturnType<typeof proofgate> =>
    proofgate([...words, '--data-dir', gateway.dataDirectory])
  const words = ['--reason', 'left on a train', '--', idOf(person)]
  const suspended = await proofgate([
    'credentials',
    'suspend',
    '--data-dir',
    gateway.dataDirectory,
    ...words,
  ])
  assert.equal(suspended.code, 0, suspended.stderr)
  const listed = await run('credentials', 'list', username, '--json')
  const states = JSON.parse(listed.stdout).credentials.map((one: any) => [
    one.id,
    one.state,
    one.suspendedFor,
  ])
  assert.deepEqual(
    new Map(states.map(([id, ...rest]: string[]) => [id, rest])),
    new Map([
      [idOf(person), ['suspended', 'left on a train']],
      [idOf(spare), ['active', undefined]],
    ]),
  )
  assert.equal((await spare.signIn()).status, 200)
  const page = await account(spare)
  assert.match(page.text, /Suspended since .*your administrator/s)
  assert.ok(!page.text.includes('left on a train'), 'the reason is for administrators')
  refused(await person.signIn(), 403, 'login.credential_suspended')
  assert.equal((await restore(person)).status, 200)
  assert.doesNotMatch((await account(spare)).text, /Suspended since/)
  const trail = await run('audit', 'tail', '--json', '--kind', 'administration')
  assert.match(trail.stdout, /credential\.suspend[^]*left on a train[^]*credential\.restore/)
  const ceremonies = await run('audit', 'tail', '--json', '--kind', 'ceremony')
  assert.match(ceremonies.stdout, /login\.credential_suspended/)
})
