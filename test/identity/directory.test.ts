import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { isRefusal, manualClock } from '../../src/core/index.ts'
import { Directory, parseDisplayName, parseUsername } from '../../src/identity/index.ts'
import type { Person } from '../../src/identity/index.ts'
import { Database, sqlitePeople, sqliteTickets } from '../../src/storage/index.ts'
import { temporaryDirectory } from '../kit/gateway.ts'

function newDirectory() {
  const path = join(temporaryDirectory(), 'proofgate.db')
  const database = Database.open(path, { create: true, durability: 'process' })
  const clock = manualClock()
  const people = sqlitePeople(database)
  const tickets = sqliteTickets(database)
  const directory = new Directory({ people, tickets, clock, configuredGroups: () => [] })
  return { clock, directory, people }
}

describe('names', () => {
  test('of accounts are lower-case ASCII and bounded', () => {
    for (const name of [
      '',
      'A',
      '.a',
      'a b',
      'ä',
      'a\n',
      'a'.repeat(65),
      '__proto__',
      'a/b',
      'а',
    ]) {
      assert.ok(isRefusal(parseUsername(name)), JSON.stringify(name))
    }
    assert.equal(parseUsername('alice@example.com'), 'alice@example.com')
  })

  test('of people and keys are one line of well-formed text', () => {
    for (const name of [
      '',
      '  ',
      'a\nb',
      'a\0',
      '\u2028',
      '\ud800',
      'a'.repeat(65),
      '\u001b[31m',
    ]) {
      assert.ok(isRefusal(parseDisplayName(name)), JSON.stringify(name))
    }
    assert.equal(parseDisplayName('  Zoe\u0308 '), 'Zo\u00eb')
  })
})

describe('an invitation', () => {
  test('is for one person, for fifteen minutes, and only the newest', async () => {
    const { clock, directory } = newDirectory()
    const alice = (await directory.create({ username: 'alice', groups: [] })) as Person
    const older = (await directory.invite(alice)) as { secret: string }
    const newer = (await directory.invite(alice)) as { secret: string }
    assert.ok(isRefusal(await directory.personForTicket(older.secret)))
    assert.deepEqual(await directory.personForTicket(newer.secret), alice)
    clock.advance(15 * 60_000)
    assert.ok(isRefusal(await directory.personForTicket(newer.secret)))
    assert.ok(isRefusal(await directory.personForTicket('guess')))
  })

  test('is neither made for nor honoured of somebody disabled', async () => {
    const { directory, people } = newDirectory()
    const alice = (await directory.create({ username: 'alice', groups: [] })) as Person
    const { secret } = (await directory.invite(alice)) as { secret: string }
    await people.update(alice.id, { disabled: true })
    assert.ok(isRefusal(await directory.personForTicket(secret)))
    assert.ok(isRefusal(await directory.invite({ ...alice, disabled: true })))
  })

  test('cannot be for a second person of the same name', async () => {
    const { directory } = newDirectory()
    await directory.create({ username: 'alice', groups: [] })
    assert.ok(isRefusal(await directory.create({ username: 'alice', groups: ['admins'] })))
  })
})
