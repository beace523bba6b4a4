import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { CredentialId, PersonId } from '../../src/identity/index.ts'
import {
  Database,
  parkedLanes,
  sqliteKnownDevices,
  sqliteLanes,
  sqliteWaitingSets,
} from '../../src/storage/index.ts'
import { temporaryDirectory } from '../kit/gateway.ts'

const path = join(temporaryDirectory(), 'proofgate.db')
const database = Database.open(path, { create: true, durability: 'full' })
const other = Database.open(path, { create: false, durability: 'full' })
after(() => {
  database.close()
  other.close()
})

const state = {
  next: 7,
  failures: 2,
  failingSince: 1000,
  parkedAt: undefined,
  problem: 'it answered 500',
  deliveredAt: 900,
}

test('a place is found again as it was kept, by another process too', async () => {
  await sqliteLanes(database).save('log-a', 'webhook/siem', state)
  assert.deepEqual(await sqliteLanes(other).load('log-a', 'webhook/siem'), state)
  const parked = { ...state, failingSince: undefined, problem: undefined, parkedAt: 2000 }
  await sqliteLanes(other).save('log-a', 'webhook/siem', { ...parked, deliveredAt: undefined })
  assert.deepEqual(await sqliteLanes(database).load('log-a', 'webhook/siem'), {
    ...parked,
    deliveredAt: undefined,
  })
})

test('places are of one log and one receiver, and kept for those that are named', async () => {
  const lanes = sqliteLanes(database)
  await lanes.save('log-b', 'webhook/siem', state)
  await lanes.save('log-b', 'receiver/siem', { ...state, next: 8 })
  assert.equal(await lanes.load('log-c', 'webhook/siem'), undefined)
  assert.equal((await lanes.load('log-b', 'receiver/siem'))?.next, 8)
  await lanes.keep('log-b', ['receiver/siem'])
  assert.equal(await lanes.load('log-b', 'webhook/siem'), undefined)
  assert.equal((await lanes.load('log-b', 'receiver/siem'))?.next, 8)
  assert.notEqual(await lanes.load('log-a', 'webhook/siem'), undefined)
})

test('who was given up can be read without opening anything to write', async () => {
  await sqliteLanes(database).save('log-d', 'webhook/gone', { ...state, parkedAt: 5 })
  const reading = Database.openToRead(path)
  const found = parkedLanes(reading).find(({ name }) => name === 'webhook/gone')
  assert.equal(found?.problem, 'it answered 500')
  reading.close()
})

test('what waits is given out in order, once for each id, until it is removed', async () => {
  const waiting = sqliteWaitingSets(database)
  const sets = ['c', 'a', 'b'].map((id) => ({ id, claims: { jti: id } }))
  await waiting.add('crm', sets)
  await waiting.add('crm', [{ id: 'a', claims: { jti: 'again' } }])
  await waiting.add('erp', [{ id: 'a', claims: { jti: 'erp' } }])
  assert.deepEqual(await sqliteWaitingSets(other).list('crm', 10), sets)
  assert.deepEqual(await waiting.list('crm', 1), sets.slice(0, 1))
  assert.equal(await waiting.count('crm'), 3)
  assert.equal(await waiting.remove('crm', ['a', 'unknown', `' OR 1=1 --`]), 1)
  assert.equal(await waiting.remove('crm', []), 0)
  assert.deepEqual(
    (await waiting.list('crm', 10)).map(({ id }) => id),
    ['c', 'b'],
  )
  assert.equal(await waiting.count('erp'), 1)
  await waiting.keep(['erp'])
  assert.equal(await waiting.count('crm'), 0)
  assert.equal(await waiting.count('erp'), 1)
})

test('what was removed does not give its position to what comes later', async () => {
  const waiting = sqliteWaitingSets(database)
  await waiting.add('late', [{ id: 'one', claims: {} }])
  await waiting.remove('late', ['one'])
  await waiting.add('late', [{ id: 'two', claims: {} }])
  await waiting.add('late', [{ id: 'one', claims: {} }])
  const ids = (await waiting.list('late', 10)).map(({ id }) => id)
  assert.deepEqual(ids, ['two', 'one'])
})

test('the first device of somebody is told from new ones and those that are known', async () => {
  const devices = sqliteKnownDevices(database)
  const use = (personId: string, credentialId: string, browser: string) =>
    devices.note({
      personId: personId as PersonId,
      credentialId: credentialId as CredentialId,
      browser,
      at: 1,
    })
  assert.equal(await use('alice', 'key-1', 'Firefox'), 'first')
  assert.equal(await use('alice', 'key-1', 'Firefox'), 'known')
  assert.equal(await use('alice', 'key-1', 'Chrome'), 'new')
  assert.equal(await use('alice', 'key-2', 'Firefox'), 'new')
  assert.equal(await use('alice', 'key-2', 'Firefox'), 'known')
  assert.equal(await use('bob', 'key-1', 'Firefox'), 'first')
})

test('a database that does not answer is unavailable, and never an empty answer', async () => {
  const closed = Database.open(path, { create: false, durability: 'full' })
  closed.close()
  const unavailable = { code: 'storage.unavailable' }
  const [lanes, waiting, devices] = [
    sqliteLanes(closed),
    sqliteWaitingSets(closed),
    sqliteKnownDevices(closed),
  ]
  const use = { personId: 'a' as PersonId, credentialId: 'b' as CredentialId, browser: '', at: 0 }
  await assert.rejects(lanes.load('log', 'webhook/siem'), unavailable)
  await assert.rejects(lanes.save('log', 'webhook/siem', state), unavailable)
  await assert.rejects(lanes.keep('log', []), unavailable)
  await assert.rejects(waiting.list('crm', 1), unavailable)
  await assert.rejects(waiting.count('crm'), unavailable)
  await assert.rejects(waiting.remove('crm', ['a']), unavailable)
  await assert.rejects(waiting.add('crm', []), unavailable)
  await assert.rejects(waiting.keep([]), unavailable)
  await assert.rejects(devices.note(use), unavailable)
})
