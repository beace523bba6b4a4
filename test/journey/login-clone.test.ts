import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { administer, houseText, invite, startRecorder } from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import { proofgate, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { Client } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { SoftPerson } from '../kit/person.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'
import type { AuthenticationHooks, Device } from '../kit/soft-authenticator.ts'

let recorder: Recorder
let gateway: GatewayProcess
let file: string

before(async () => {
  recorder = await startRecorder()
  file = join(temporaryDirectory(), 'proofgate.yaml')
  writeFileSync(file, houseText(recorder.url, 'authenticators: { clone: block }\n'))
  gateway = await startGateway({ command: ['serve', '--config', file] })
})
after(async () => {
  await gateway.stop()
  recorder.close()
})

let people = 0

/** Somebody with a device whose counter stands where it says. */
async function enrolled(
  device: Partial<Device> = {},
): Promise<{ person: SoftPerson; username: string }> {
  const username = `person-${++people}`
  const made = await administer(gateway, 'POST', '/v1/people', { username, groups: ['members'] })
  assert.equal(made.status, 200, made.text)
  const link = await invite(gateway, username)
  const person = new SoftPerson(gateway, new SoftAuthenticator(device))
  const answer = await person.enrol(link.slice(link.lastIndexOf('/') + 1))
  assert.equal(answer.status, 200, answer.text)
  return { person, username }
}

async function signIn(
  { authenticator, origin }: SoftPerson,
  hooks: Partial<AuthenticationHooks>,
): Promise<Answer> {
  const client = new Client()
  const path = `${gateway.identity}/webauthn/authentication`
  const asked = (await client.post(`${path}/options`, { purpose: 'sign-in' })).json()
  return client.post(`${path}/verify`, authenticator.get(asked, { origin, ...hooks }))
}

/** What each counter, one after the other, leads to. */
async function statusesOf(
  person: SoftPerson,
  counters: readonly number[],
): Promise<readonly number[]> {
  const statuses: number[] = []
  for (const signCount of counters) statuses.push((await signIn(person, { signCount })).status)
  return statuses
}

async function recordsOf(username: string): Promise<any[]> {
  const args = [
    'audit',
    'tail',
    '--data-dir',
    gateway.dataDirectory,
    '--kind',
    'ceremony',
    '--json',
  ]
  const { stdout } = await proofgate([...args, '-n', '1000'])
  const records: any[] = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
  return records.filter(({ who }) => who?.username === username)
}

async function suspicionsOf(username: string): Promise<any[]> {
  const records = await recordsOf(username)
  return records.filter(({ action }) => action === 'authenticator_clone_suspected')
}

test('a counter that does not grow is refused and on record, and the key stays usable', async () => {
  const { person, username } = await enrolled()
  const counters = [10, 9, 10, 1, 0, 11, 11, 0xffff_ffff, 0, 0xffff_ffff]
  assert.deepEqual(
    await statusesOf(person, counters),
    [200, 403, 403, 403, 403, 200, 403, 200, 403, 403],
  )
  const suspicions = await suspicionsOf(username)
  assert.equal(suspicions.length, 7)
  const [first] = suspicions
  assert.equal(first.outcome, 'failure')
  assert.equal(first.reason, 'login.clone_suspected')
  assert.equal(first.detail, 'the counter is 9, and 10 is on record')
})

test('devices that do not count are never suspected, and one may begin to', async () => {
  const { person, username } = await enrolled({ counterStep: 0 })
  assert.deepEqual(await statusesOf(person, [0, 0, 0]), [200, 200, 200])
  assert.deepEqual(await suspicionsOf(username), [])
  assert.deepEqual(await statusesOf(person, [1, 0, 2]), [200, 403, 200])
})

test('nobody without the key raises a suspicion, and none is told of it', async () => {
  const { person, username } = await enrolled()
  assert.equal((await signIn(person, { signCount: 20 })).status, 200)
  const wrong = (bytes: Buffer): Uint8Array => bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1)
  const forged = await signIn(person, { signCount: 3, signature: wrong })
  assert.equal(forged.json().code, 'webauthn.assertion_rejected')
  assert.deepEqual(await suspicionsOf(username), [])
})

test('a suspicion confirms nothing either', async () => {
  const { person, username } = await enrolled()
  const path = `${gateway.identity}/webauthn/authentication`
  assert.equal((await signIn(person, { signCount: 30 })).status, 200)
  const asked = (await person.client.post(`${path}/options`, { purpose: 'confirm' })).json()
  const { authenticator, origin } = person
  const response = authenticator.get(asked, { origin, signCount: 30 })
  const answer = await person.client.post(`${path}/verify`, response)
  assert.equal(answer.json().code, 'login.clone_suspected')
  assert.equal((await suspicionsOf(username)).length, 1)
})

test('a backup that begins or ends is on record, and a change of eligibility is refused', async () => {
  const { person, username } = await enrolled({ backupEligible: true, backupState: false })
  const { device } = person.authenticator
  for (const backupState of [false, true, true, false]) {
    device.backupState = backupState
    assert.equal((await signIn(person, {})).status, 200)
  }
  const changes = (await recordsOf(username)).flatMap(({ what }) => what?.backedUp ?? [])
  assert.deepEqual(new Set(changes), new Set([false, true]))
  assert.equal(changes.length, 2)
  const flipped = await signIn(person, { flags: (flags) => flags & ~0x08 })
  assert.equal(flipped.json().code, 'webauthn.assertion_rejected')
})

test('with clone: warn it passes, is on record, and the highest counter stays', async () => {
  const { person, username } = await enrolled()
  writeFileSync(file, readFileSync(file, 'utf8').replace('clone: block', 'clone: warn'))
  assert.equal((await administer(gateway, 'POST', '/v1/reload')).status, 200)
  assert.deepEqual(await statusesOf(person, [40, 5, 39, 40, 41]), [200, 200, 200, 200, 200])
  const details = (await suspicionsOf(username)).map(({ detail }) => detail)
  const suspected = [5, 39, 40].map((found) => `the counter is ${found}, and 40 is on record`)
  assert.deepEqual(new Set(details), new Set(suspected))
  assert.equal(details.length, suspected.length)
  const signIns = (await recordsOf(username)).filter(
    ({ action, outcome }) => action === 'credential.sign-in' && outcome === 'success',
  )
  assert.equal(signIns.length, 5)
})
