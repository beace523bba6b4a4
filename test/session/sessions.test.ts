import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { hashSecret, manualClock, millis } from '../../src/core/index.ts'
import { ageless, Directory } from '../../src/identity/index.ts'
import type { Ageing, CredentialId, Person } from '../../src/identity/index.ts'
import { acrOf, amrOf, Handoffs, Revocations, Sessions } from '../../src/session/index.ts'
import type { ProofFacts, RevocationStore } from '../../src/session/index.ts'
import {
  Database,
  sqliteHandoffs,
  sqlitePeople,
  sqliteRevocations,
  sqliteSessions,
  sqliteTickets,
} from '../../src/storage/index.ts'
import { temporaryDirectory } from '../kit/gateway.ts'

const facts: ProofFacts = {
  credentialId: 'key' as CredentialId,
  aaguid: 'a',
  userVerified: true,
  backupEligible: false,
  backupState: false,
  attestationFormat: 'packed',
  attestationTrusted: false,
}

async function house(ageing: Ageing = ageless) {
  const path = join(temporaryDirectory(), 'proofgate.db')
  const database = Database.open(path, { create: true, durability: 'process' })
  const clock = manualClock()
  const directory = new Directory({
    people: sqlitePeople(database),
    tickets: sqliteTickets(database),
    clock,
    configuredGroups: (username) => (username === 'alice' ? ['a', 'b'] : []),
  })
  const alice = (await directory.create({ username: 'alice', groups: ['b', 'c'] })) as Person
  const lifetimes = {
    idle: millis(3_600_000),
    absolute: millis(43_200_000),
    proofFreshness: millis(300_000),
  }
  const open = () => {
    const revocations = new Revocations(sqliteRevocations(database), clock)
    const store = sqliteSessions(database)
    const sessions = new Sessions({
      store,
      revocations,
      clock,
      lifetimes: () => lifetimes,
      ageing: () => ageing,
    })
    return { revocations, sessions }
  }
  const here = open()
  const input = {
    personId: alice.id,
    facts,
    name: 'Browser',
    address: '127.0.0.1',
    /** As if the ceremony had just begun. */
    get asOf() {
      return here.revocations.position
    },
  }
  return { database, clock, directory, alice, input, open, ...here }
}

async function opened<Found>(opening: Promise<Found | undefined>): Promise<Found> {
  const found = await opening
  assert.ok(found !== undefined, 'it was overtaken')
  return found
}

describe('a session', () => {
  test('ends without use, and with use at its absolute end', async () => {
    const { clock, sessions, input } = await house()
    const { handle } = await opened(sessions.open(input))
    for (let hour = 0; hour < 13; hour++) {
      const found = await sessions.load('browser', handle)
      assert.equal(found !== undefined, hour * 55 < 720, `after ${hour * 55} minutes`)
      clock.advance(55 * 60_000)
    }
    const other = await opened(sessions.open(input))
    clock.advance(3_600_000)
    assert.equal(await sessions.load('browser', other.handle), undefined)
  })

  test('is kept open by use, and not by being looked at', async () => {
    const { clock, sessions, input } = await house()
    const [used, watched] = [await opened(sessions.open(input)), await opened(sessions.open(input))]
    for (let turn = 0; turn < 2; turn++) {
      clock.advance(40 * 60_000)
      const found = await sessions.use(used.session.id)
      assert.equal(found?.id, used.session.id)
      const isOpen = (await sessions.loadById(watched.session.id)) !== undefined
      assert.equal(isOpen, turn === 0)
    }
    assert.equal(await sessions.use(watched.session.id), undefined, 'what has ended stays ended')
  })

  test('is found as what it is and by its handle only', async () => {
    const { sessions, input } = await house()
    const { session, handle } = await opened(sessions.open(input))
    assert.equal(await sessions.load('api', handle), undefined)
    assert.equal(await sessions.load('browser', session.id), undefined)
    assert.equal(await sessions.load('browser', hashSecret('session', handle)), undefined)
    assert.equal((await sessions.load('browser', handle))?.id, session.id)
  })

  test('of a passkey that lapses ends with its grace, wherever it is, and one for its renewal does not', async () => {
    const day = 86_400_000
    const graceAfter = millis(day)
    const { clock, sessions, input } = await house({
      ...ageless,
      rotateAfter: graceAfter,
      graceAfter,
    })
    const registeredAt = clock.now() - 2 * day + 60_000
    const aged = { ...input, facts: { ...facts, registeredAt } }
    const parent = await opened(sessions.open(aged))
    const child = await opened(sessions.openForApi(parent.session, { api: 'orders', address: 'x' }))
    const application = await opened(
      sessions.openForApplication(parent.session, {
        clientId: 'cli',
        name: 'cli',
        address: 'x',
        lifetime: millis(day),
      }),
    )
    const ageUnknown = await opened(sessions.open(input))
    const open = async (): Promise<boolean[]> =>
      [
        await sessions.load('browser', parent.handle),
        await sessions.load('api', child.handle),
        await sessions.use(application.id),
        await sessions.load('browser', ageUnknown.handle),
      ].map((found) => found !== undefined)
    clock.advance(59_999)
    assert.deepEqual(await open(), [true, true, true, true])
    clock.advance(1)
    assert.deepEqual(await open(), [false, false, false, true])
    const renewal = await opened(sessions.openPending(aged))
    assert.equal((await sessions.load('pending', renewal.handle))?.id, renewal.session.id)
    assert.equal(await sessions.load('browser', renewal.handle), undefined)
    assert.equal(await sessions.load('pending', parent.handle), undefined)
    clock.advance(300_000)
    assert.equal(await sessions.load('pending', renewal.handle), undefined)
  })

  test('at an API host ends with the one it comes from', async () => {
    const { sessions, input } = await house()
    const parent = await opened(sessions.open(input))
    const child = await opened(sessions.openForApi(parent.session, { api: 'orders', address: 'x' }))
    assert.equal(child.session.expiresAt, parent.session.expiresAt)
    assert.equal((await sessions.end(parent.session.id)).length, 2)
    assert.equal(await sessions.load('api', child.handle), undefined)
    assert.deepEqual(await sessions.end(parent.session.id), [])
  })

  test('at an API host ends without use as well, and goes on with it', async () => {
    const { clock, sessions, input } = await house()
    const parent = await opened(sessions.open(input))
    const child = await opened(sessions.openForApi(parent.session, { api: 'orders', address: 'x' }))
    clock.advance(55 * 60_000)
    assert.notEqual(await sessions.load('api', child.handle), undefined)
    clock.advance(55 * 60_000)
    assert.notEqual(await sessions.load('api', child.handle), undefined)
    clock.advance(3_600_000)
    assert.equal(await sessions.load('api', child.handle), undefined)
  })

  test('that ended is on the list of what was revoked by the same act', async () => {
    const { database, sessions, input } = await house()
    const { session } = await opened(sessions.open(input))
    database.run('ALTER TABLE revocation RENAME TO revocation_gone')
    await assert.rejects(sessions.end(session.id))
    database.run('ALTER TABLE revocation_gone RENAME TO revocation')
    assert.notEqual(await sessions.loadById(session.id), undefined, 'neither happened')
    assert.deepEqual(await sessions.end(session.id), [session.id])
  })

  test('ends with its key and its person, also for those who learn it later or anew', async () => {
    for (const kind of ['credential', 'person', 'session'] as const) {
      const { sessions, revocations, open, input, alice } = await house()
      const later = open()
      const { session, handle } = await opened(sessions.open(input))
      const id = { credential: 'key', person: alice.id, session: session.id }[kind]
      await revocations.revoke(kind, id)
      assert.equal(await sessions.load('browser', handle), undefined)
      later.revocations.refresh()
      assert.equal(await later.sessions.load('browser', handle), undefined)
      assert.equal(await open().sessions.load('browser', handle), undefined)
    }
  })

  test('of somebody enabled again begins after the ban', async () => {
    const { clock, sessions, revocations, input, alice } = await house()
    await revocations.revoke('person', alice.id)
    clock.advance(1)
    const { handle } = await opened(sessions.open(input))
    assert.ok(await sessions.load('browser', handle))
  })

  test('of a key that is suspended ends whenever it was opened, and after restoring a new one lives', async () => {
    const { clock, sessions, revocations, open, input } = await house()
    const before = await opened(sessions.open(input))
    clock.advance(5000)
    await revocations.revoke('credential', 'key')
    clock.advance(5000)
    const meanwhile = await opened(sessions.open(input))
    assert.equal(await sessions.load('browser', meanwhile.handle), undefined)
    clock.advance(5000)
    await revocations.revoke('credential_until', 'key')
    const anew = await opened(sessions.open(input))
    for (const view of [sessions, open().sessions]) {
      assert.equal(await view.load('browser', before.handle), undefined)
      assert.equal(await view.load('browser', meanwhile.handle), undefined)
      assert.ok(await view.load('browser', anew.handle))
    }
    await revocations.revoke('credential', 'key')
    assert.equal(await sessions.load('browser', anew.handle), undefined)
  })

  test('counts a touch for five minutes', async () => {
    const { clock, sessions, input } = await house()
    const { session } = await opened(sessions.open(input))
    clock.advance(299_999)
    assert.ok(sessions.hasFreshProof(session))
    clock.advance(1)
    assert.ok(!sessions.hasFreshProof(session))
  })
})

test('the list of what was revoked is not current once it was unread for more than a second', async () => {
  const { database, clock, revocations } = await house()
  revocations.follow()
  assert.ok(revocations.current)
  database.close()
  clock.advance(999)
  assert.ok(revocations.current)
  clock.advance(1)
  assert.ok(!revocations.current)
  revocations.close()
})

test('a process that stood still reads the list of what was revoked before it uses it', async () => {
  const { clock, sessions, revocations, open, input } = await house()
  const { session } = await opened(sessions.open(input))
  const later = open()
  later.revocations.follow()
  await revocations.revoke('session', session.id)
  clock.advance(60_000)
  assert.ok(later.revocations.current)
  const facts = { session: session.id, credential: undefined, person: 'p', issuedAt: clock.now() }
  assert.ok(later.revocations.isRevoked(facts))
  later.revocations.close()
})

test('what another process revoked counts here within 100 ms', async (context) => {
  context.mock.timers.enable({ apis: ['setInterval'] })
  const { clock, sessions, revocations, open, input, alice } = await house()
  const later = open()
  const changes: string[] = []
  later.revocations.follow()
  later.revocations.onChange((fresh) => changes.push(...fresh.map(({ kind }) => kind)))
  const { session } = await opened(sessions.open(input))
  await revocations.revoke('session', session.id)
  await revocations.revoke('directory', alice.id)
  context.mock.timers.tick(99)
  const facts = { session: session.id, credential: undefined, person: 'p', issuedAt: clock.now() }
  assert.ok(later.revocations.isRevoked(facts))
  assert.deepEqual(changes, ['session', 'directory'])
  later.revocations.close()
})

test('a process too busy for its timers reads what was revoked before it uses it, after 100 ms', async (context) => {
  context.mock.timers.enable({ apis: ['setInterval'] })
  const { clock, sessions, revocations, open, input } = await house()
  const later = open()
  later.revocations.follow()
  const { session } = await opened(sessions.open(input))
  await revocations.revoke('session', session.id)
  clock.advance(100)
  assert.ok(later.revocations.current)
  const facts = { session: session.id, credential: undefined, person: 'p', issuedAt: clock.now() }
  assert.ok(later.revocations.isRevoked(facts))
  later.revocations.close()
})

test('a list that cannot be read is not tried again for every request', async () => {
  const { clock } = await house()
  let reads = 0
  let broken = false
  const store: RevocationStore = {
    revoke: async () => undefined,
    since: () => {
      reads += 1
      if (broken) throw new Error('no disk')
      return []
    },
  }
  const revocations = new Revocations(store, clock)
  revocations.follow()
  broken = true
  clock.advance(5000)
  for (let request = 0; request < 100; request++) assert.ok(!revocations.current)
  assert.equal(reads, 2)
  clock.advance(250)
  broken = false
  assert.ok(revocations.current)
  revocations.close()
})

test('a hand-off is for one API, one browser and one minute', async () => {
  const { database, clock, sessions, input } = await house()
  const handoffs = new Handoffs(sqliteHandoffs(database), clock)
  const { session } = await opened(sessions.open(input))
  const issue = (): Promise<string> =>
    handoffs.issue({ sessionId: session.id, api: 'orders', flowHash: 'f' })
  const wrongApi = await issue()
  assert.equal(await handoffs.redeem({ secret: wrongApi, api: 'other', flowHash: 'f' }), undefined)
  assert.equal(await handoffs.redeem({ secret: wrongApi, api: 'orders', flowHash: 'f' }), undefined)
  const wrongFlow = await issue()
  assert.equal(await handoffs.redeem({ secret: wrongFlow, api: 'orders', flowHash: '' }), undefined)
  const late = await issue()
  clock.advance(60_000)
  assert.equal(await handoffs.redeem({ secret: late, api: 'orders', flowHash: 'f' }), undefined)
  const good = await issue()
  assert.equal(await handoffs.redeem({ secret: good, api: 'orders', flowHash: 'f' }), session.id)
})

test('assurance claims no more than was proved', () => {
  assert.equal(acrOf(facts), 'phr')
  assert.ok(!amrOf(facts).includes('hwk'))
  assert.ok(!amrOf({ ...facts, userVerified: false }).includes('mfa'))
  assert.equal(acrOf({ ...facts, attestationTrusted: true }), 'phrh')
  assert.equal(acrOf({ ...facts, attestationTrusted: true, backupEligible: true }), 'phr')
})

test('no decision about a session comes from a polluted prototype', async () => {
  const { sessions, input, revocations } = await house()
  const { session, handle } = await opened(sessions.open(input))
  await sessions.end(session.id)
  const polluted = Object.prototype as unknown as Record<string, unknown>
  const names = ['isAdmin', 'allow', 'endedAt', 'disabled', 'current', 'kind']
  for (const name of names) polluted[name] = true
  try {
    assert.equal(await sessions.load('browser', handle), undefined)
    assert.ok(
      revocations.isRevoked({
        session: session.id,
        credential: undefined,
        person: '',
        issuedAt: 0,
      }),
    )
  } finally {
    for (const name of names) delete polluted[name]
  }
})

test('groups are those given and those configured, each once, in order', async () => {
  const { directory, alice } = await house()
  assert.deepEqual(directory.groupsOf(alice), ['a', 'b', 'c'])
})

test('what changes in the list of revocations is told to who listens, as long as they listen', async () => {
  const { revocations, alice } = await house()
  const heard: string[] = []
  const stop = revocations.onChange((changes) => {
    heard.push(...changes.map(({ kind, id }) => `${kind} ${id}`))
  })
  await revocations.revoke('directory', alice.id)
  await revocations.revoke('session', 's-1')
  revocations.refresh()
  stop()
  await revocations.revoke('session', 's-2')
  assert.deepEqual(heard, [`directory ${alice.id}`, 'session s-1'])
})
