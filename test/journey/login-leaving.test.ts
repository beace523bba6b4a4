import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { administer, enrolled, invite, startHouse, startRecorder } from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import { proofgate } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { recordsOf } from '../kit/minting.ts'
import { obtainTokens, requestTokens, SoftPerson } from '../kit/person.ts'

let recorder: Recorder
let gateway: GatewayProcess

before(async () => {
  recorder = await startRecorder()
  gateway = await startHouse(recorder)
})
after(async () => {
  assert.equal(await gateway.stop(), 0)
  recorder.close()
})

async function someone(username: string, groups: readonly string[]): Promise<void> {
  const made = await administer(gateway, 'POST', '/v1/people', { username, groups })
  assert.equal(made.status, 200, made.text)
}

async function groupsOf(username: string): Promise<readonly string[]> {
  return (await administer(gateway, 'GET', `/v1/people/${username}`)).json().groups
}

async function keysOf(username: string): Promise<readonly { state: string }[]> {
  const answer = await administer(gateway, 'GET', `/v1/people/${username}/credentials`)
  return answer.json().credentials
}

test('whoever leaves is out with all that was theirs, and their groups go to whom was named', async () => {
  await someone('carol', ['extra', 'members'])
  const carol = await enrolled(gateway, 'carol')
  const { tokens, key } = await obtainTokens(carol)
  const link = await invite(gateway, 'carol')
  const data = ['--data-dir', gateway.dataDirectory]
  const left = await proofgate(['people', 'leave', 'carol', '--to', 'bob', ...data])
  assert.equal(left.code, 0, left.stderr)
  assert.match(left.stdout, /^disabled carol\nended \d+ sessions[^]*suspended 1 passkeys/)
  assert.match(left.stdout, /groups given to bob: extra, members$/m)
  assert.equal((await carol.client.call(`${gateway.identity}/account`)).status, 303)
  assert.notEqual((await carol.signIn()).status, 200)
  const refresh = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
  assert.equal((await requestTokens(carol, key, refresh)).status, 400)
  assert.equal((await new SoftPerson(gateway).enrolByLink(link)).status, 403)
  assert.deepEqual(await groupsOf('carol'), [])
  assert.deepEqual(await groupsOf('bob'), ['extra', 'members'])
  assert.deepEqual(
    (await keysOf('carol')).map(({ state }) => state),
    ['suspended'],
  )
  const record = (await recordsOf(gateway)).findLast(({ action }) => action === 'person.leave')
  assert.deepEqual([record?.what?.['username'], record?.what?.['to']], ['carol', 'bob'])
})

test('an account that is enabled again by mistake has no passkey and no group of before', async () => {
  await someone('erin', ['extra'])
  const erin = await enrolled(gateway, 'erin')
  const left = await administer(gateway, 'POST', '/v1/people/erin/leave', { remove: true })
  assert.equal(left.status, 200, left.text)
  await administer(gateway, 'POST', '/v1/people/erin/enable')
  assert.deepEqual(await keysOf('erin'), [])
  assert.deepEqual(await groupsOf('erin'), [])
  assert.notEqual((await erin.signIn()).status, 200)
})

test('what the configuration says stays and is told', async () => {
  const left = await administer(gateway, 'POST', '/v1/people/alice/leave')
  assert.deepEqual(left.json().stillInConfiguration, ['members'])
  assert.equal((await administer(gateway, 'POST', '/v1/people/alice/leave')).status, 200, 'twice')
})

test('nobody hands over to themselves, to nobody, or to somebody disabled', async () => {
  await someone('dora', ['extra'])
  await someone('gone', [])
  await administer(gateway, 'POST', '/v1/people/gone/disable')
  for (const [to, status, code] of [
    ['dora', 409, 'admin.unfit_heir'],
    ['gone', 409, 'admin.unfit_heir'],
    ['nobody', 404, 'identity.unknown_person'],
    [7, 400, 'admin.input_malformed'],
  ] as const) {
    const answer = await administer(gateway, 'POST', '/v1/people/dora/leave', { to })
    assert.deepEqual([answer.status, answer.json().code], [status, code])
  }
  assert.equal((await administer(gateway, 'GET', '/v1/people/dora')).json().disabled, false)
  assert.deepEqual(await groupsOf('dora'), ['extra'])
})
