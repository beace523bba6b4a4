import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { keepUse } from '../../src/identity/index.ts'
import type { Credential, CredentialId, PersonId } from '../../src/identity/index.ts'
import { Database, sqliteCredentials, sqlitePeople } from '../../src/storage/index.ts'
import { temporaryDirectory } from '../kit/gateway.ts'

let database: Database
let other: Database

before(async () => {
  const path = join(temporaryDirectory(), 'proofgate.db')
  database = Database.open(path, { create: true, durability: 'full' })
  other = Database.open(path, { create: false, durability: 'full' })
  const person = { id: 'p' as PersonId, username: 'ada', name: 'Ada', groups: [] }
  await sqlitePeople(database).create({
    ...person,
    userHandle: 'handle',
    disabled: false,
    createdAt: 0,
  })
})
after(() => {
  database.close()
  other.close()
})

let count = 0

/** A credential with this counter on record. */
async function registered(signCount: number): Promise<Credential> {
  const credential: Credential = {
    id: `credential-${count++}` as CredentialId,
    personId: 'p' as PersonId,
    name: 'Key',
    publicKey: new Uint8Array([1]),
    algorithm: -7,
    signCount,
    userVerified: true,
    backupEligible: true,
    backupState: false,
    transports: [],
    aaguid: '00000000-0000-0000-0000-000000000000',
    attestationFormat: 'none',
    attestationTrusted: false,
    serial: undefined,
    attestationObject: new Uint8Array([1]),
    clientDataJSON: new Uint8Array([1]),
    createdAt: 0,
    lastUsedAt: undefined,
    suspension: undefined,
    sealedAt: undefined,
    finding: undefined,
  }
  const outcome = await sqliteCredentials(database).register(credential, {
    ticket: undefined,
    replaces: undefined,
    session: undefined,
    asOf: 0,
    now: 0,
  })
  assert.equal(outcome, 'registered')
  return credential
}

const use = (signCount: number, at = 1) => ({ signCount, backupState: false, at })

async function kept({ id }: Credential): Promise<Credential> {
  const found = await sqliteCredentials(database).load(id)
  assert.ok(found !== undefined)
  return found
}

test('of uses judged by the same counter the highest one stays, in either order, in two processes', async () => {
  for (const counters of [
    [6, 7],
    [7, 6],
    [8, 6, 7],
  ]) {
    const judged = await registered(5)
    for (const [index, signCount] of counters.entries()) {
      const store = sqliteCredentials(index % 2 === 0 ? database : other)
      await keepUse(store, judged, use(signCount))
    }
    assert.equal((await kept(judged)).signCount, Math.max(...counters))
  }
})

test('forty uses at once all stand, and leave the highest counter', async () => {
  const judged = await registered(5)
  const stores = [sqliteCredentials(database), sqliteCredentials(other)]
  await Promise.all(
    Array.from({ length: 40 }, (_, index) => {
      const store = stores[index % 2] ?? stores[0]!
      return keepUse(store, judged, use(6 + ((index * 7) % 40)))
    }),
  )
  assert.equal((await kept(judged)).signCount, 45)
})

test('a counter on record never goes back, and the use is kept all the same', async () => {
  const judged = await registered(9)
  const later = { signCount: 3, backupState: true, at: 77 }
  await keepUse(sqliteCredentials(database), judged, later)
  const { signCount, backupState, lastUsedAt } = await kept(judged)
  assert.deepEqual([signCount, backupState, lastUsedAt], [9, true, 77])
})

test('a credential that was removed meanwhile stays removed', async () => {
  const judged = await registered(5)
  await registered(1)
  const store = sqliteCredentials(database)
  await store.remove(judged.id, judged.personId, { allowLast: true, now: 1 })
  await keepUse(store, judged, use(6))
  assert.equal(await store.load(judged.id), undefined)
})
