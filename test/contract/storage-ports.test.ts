import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Credential, CredentialId, Person, PersonId } from '../../src/identity/index.ts'
import type { ProviderObject } from '../../src/oidc/index.ts'
import type { ProofFacts, Session, SessionId } from '../../src/session/index.ts'
import {
  Database,
  sqliteCeremonies,
  sqliteCredentials,
  sqliteGrantLinks,
  sqliteHandoffs,
  sqlitePeople,
  sqliteProofReplays,
  sqliteProviderObjects,
  sqliteRecoveries,
  sqliteRevocations,
  sqliteSessions,
  sqliteTickets,
  sweepExpired,
} from '../../src/storage/index.ts'
import { temporaryDirectory } from '../kit/gateway.ts'

/** Every port over one database, as two processes would hold it. */
function portsOver(database: Database) {
  return {
    people: sqlitePeople(database),
    credentials: sqliteCredentials(database),
    tickets: sqliteTickets(database),
    recoveries: sqliteRecoveries(database),
    ceremonies: sqliteCeremonies(database),
    handoffs: sqliteHandoffs(database),
    sessions: sqliteSessions(database),
    revocations: sqliteRevocations(database),
    objects: sqliteProviderObjects(database),
    links: sqliteGrantLinks(database),
    replays: sqliteProofReplays(database),
  }
}

let database: Database
let otherDatabase: Database
let ports: ReturnType<typeof portsOver>
let others: ReturnType<typeof portsOver>

before(() => {
  const path = join(temporaryDirectory(), 'proofgate.db')
  database = Database.open(path, { create: true, durability: 'full' })
  otherDatabase = Database.open(path, { create: false, durability: 'process' })
  ports = portsOver(database)
  others = portsOver(otherDatabase)
})
after(() => {
  database.close()
  otherDatabase.close()
})

let count = 0
const next = (what: string): string => `${what}-${count++}`

function person(more: Partial<Person> = {}): Person {
  return {
    id: next('person') as PersonId,
    username: next('user'),
    name: 'Somebody',
    groups: ['b', 'a'],
    userHandle: next('handle'),
    disabled: false,
    createdAt: 1000,
    ...more,
  }
}

async function stored(more: Partial<Person> = {}): Promise<Person> {
  const one = person(more)
  assert.equal(await ports.people.create(one), 'created')
  return one
}

const lastPosition = (): number => ports.revocations.since(0).at(-1)?.sequence ?? 0
const begun = { asOf: 0 }
const touchOf = (confirmation: ProofFacts) => (handleHash: string, provedAt: number) => ({
  ...begun,
  handleHash,
  provedAt,
  confirmation,
})
const plain = { ticket: undefined, replaces: undefined, session: undefined, asOf: 0, now: 0 }

function credential(owner: Person, more: Partial<Credential> = {}): Credential {
  return {
    id: next('credential') as CredentialId,
    personId: owner.id,
    name: 'Key',
    publicKey: new Uint8Array([1, 2, 3]),
    algorithm: -7,
    signCount: 5,
    userVerified: true,
    backupEligible: true,
    backupState: false,
    transports: ['usb'],
    aaguid: '00000000-0000-0000-0000-000000000000',
    attestationFormat: 'none',
    attestationTrusted: false,
    serial: undefined,
    attestationObject: new Uint8Array([4]),
    clientDataJSON: new Uint8Array([5]),
    createdAt: 1000,
    lastUsedAt: undefined,
    suspension: undefined,
    sealedAt: undefined,
    finding: undefined,
    ...more,
  }
}

function session(owner: Person, more: Partial<Session> = {}): Session {
  return {
    id: next('session') as SessionId,
    kind: 'browser',
    personId: owner.id,
    facts: {
      credentialId: 'c' as CredentialId,
      aaguid: 'a',
      userVerified: true,
      backupEligible: false,
      backupState: false,
      attestationFormat: 'none',
      attestationTrusted: false,
    },
    authenticatedAt: 1,
    provedAt: 2,
    confirmation: undefined,
    createdAt: 3,
    lastSeenAt: 4,
    expiresAt: 5000,
    endedAt: undefined,
    audience: undefined,
    parentId: undefined,
    name: 'Browser',
    address: '127.0.0.1',
    ...more,
  }
}

function object(more: Partial<ProviderObject> = {}): ProviderObject {
  return {
    type: 'AuthorizationCode',
    idHash: next('hash'),
    payload: '{}',
    grantId: undefined,
    userCodeHash: undefined,
    uid: undefined,
    expiresAt: 5000,
    consumedAt: undefined,
    ...more,
  }
}

describe('people', () => {
  test('are found by each of their names, changed in part, and keep the rest', async () => {
    const one = await stored()
    assert.deepEqual(await others.people.load(one.id), one)
    assert.deepEqual(await others.people.loadByUsername(one.username), one)
    assert.deepEqual(await others.people.loadByUserHandle(one.userHandle), one)
    assert.equal(await ports.people.update(one.id, { groups: [] }), 'updated')
    assert.equal(await ports.people.update(one.id, { disabled: true }), 'updated')
    assert.deepEqual(await ports.people.load(one.id), { ...one, groups: [], disabled: true })
    assert.equal(await ports.people.update('none' as PersonId, { name: 'x' }), 'unknown')
    assert.equal(await ports.people.load('none' as PersonId), undefined)
  })

  test('have usernames of their own', async () => {
    const one = await stored()
    assert.equal(await others.people.create(person({ username: one.username })), 'exists')
    assert.equal((await ports.people.loadByUsername(one.username))?.id, one.id)
  })

  test('are looked up by value: nothing in a name is read as a command', async () => {
    await stored()
    for (const name of ["' OR 1=1 --", '%', '_', '\0']) {
      assert.equal(await ports.people.loadByUsername(name), undefined)
    }
  })
})

describe('credentials', () => {
  test('come back byte for byte, and belong to one person', async () => {
    const [owner, stranger] = [await stored(), await stored()]
    const one = credential(owner)
    assert.equal(await ports.credentials.register(one, plain), 'registered')
    assert.deepEqual(await others.credentials.load(one.id), one)
    const twice = credential(stranger, { id: one.id })
    assert.equal(await others.credentials.register(twice, plain), 'credential_exists')
    assert.equal(await ports.credentials.rename(one.id, stranger.id, 'Mine'), 'unknown')
    assert.equal(await ports.credentials.rename(one.id, owner.id, 'Mine'), 'renamed')
    const options = { allowLast: true }
    assert.equal(
      await ports.credentials.remove(one.id, stranger.id, { ...options, now: 1 }),
      'unknown',
    )
    assert.equal((await ports.credentials.load(one.id))?.name, 'Mine')
  })

  test('the last one stays unless told otherwise', async () => {
    const owner = await stored()
    const [one, two] = [credential(owner), credential(owner)]
    for (const each of [one, two]) await ports.credentials.register(each, plain)
    const remove = (id: CredentialId, allowLast = false): Promise<string> =>
      ports.credentials.remove(id, owner.id, { allowLast, now: 1 })
    assert.equal(await remove(one.id), 'removed')
    assert.equal(await remove(one.id), 'unknown')
    assert.equal(await remove(two.id), 'last')
    assert.equal(await remove(two.id, true), 'removed')
  })

  test('are suspended once, with all they opened, and restored without it', async () => {
    const owner = await stored()
    const [one, two] = [credential(owner), credential(owner)]
    for (const each of [one, two]) await ports.credentials.register(each, plain)
    const opened = (id: CredentialId): Session => {
      const made = session(owner)
      return { ...made, facts: { ...made.facts, credentialId: id } }
    }
    const [by, other] = [opened(one.id), opened(two.id)]
    for (const each of [by, other]) await ports.sessions.open(each, next('handle'), begun)
    const change = { reason: 'lost', allowLast: false, now: 3000 }
    const before = lastPosition()
    assert.equal(await ports.credentials.suspend(one.id, change), 'suspended')
    assert.equal(await others.credentials.suspend(one.id, change), 'suspended_already')
    const found = await others.credentials.load(one.id)
    assert.deepEqual(found?.suspension, { since: 3000, reason: 'lost' })
    assert.equal((await others.sessions.load(by.id))?.endedAt, 3000)
    assert.equal((await others.sessions.load(other.id))?.endedAt, undefined)
    const listed = others.revocations.since(before).map(({ kind, id }) => `${kind} ${id}`)
    assert.deepEqual(listed, [`credential ${one.id}`, `session ${by.id}`])
    assert.equal(await ports.credentials.restore(one.id, 4000), 'restored')
    assert.equal(await others.credentials.restore(one.id, 4000), 'active')
    assert.equal((await ports.credentials.load(one.id))?.suspension, undefined)
    assert.equal((await ports.sessions.load(by.id))?.endedAt, 3000)
    assert.equal(others.revocations.since(before).at(-1)?.kind, 'credential_until')
    assert.equal(await ports.credentials.restore('none' as CredentialId, 1), 'unknown')
    assert.equal(await ports.credentials.suspend('none' as CredentialId, change), 'unknown')
  })

  test('of which one is active keep that one: suspended ones do not count', async () => {
    const owner = await stored()
    const [one, two] = [credential(owner), credential(owner)]
    for (const each of [one, two]) await ports.credentials.register(each, plain)
    const change = { reason: 'lost', allowLast: false, now: 3000 }
    assert.equal(await ports.credentials.suspend(one.id, change), 'suspended')
    assert.equal(await ports.credentials.suspend(two.id, change), 'last')
    const remove = { allowLast: false, now: 1 }
    assert.equal(await ports.credentials.remove(two.id, owner.id, remove), 'last')
    assert.equal(await ports.credentials.remove(one.id, owner.id, remove), 'removed')
    const last = { ...change, allowLast: true }
    assert.equal(await ports.credentials.suspend(two.id, last), 'suspended')
  })

  test('take the place of another one of the same person at once with its end, or not at all', async () => {
    const [owner, stranger] = [await stored(), await stored()]
    const [old, theirs] = [credential(owner), credential(stranger)]
    await ports.credentials.register(old, plain)
    await ports.credentials.register(theirs, plain)
    const renew = async (replaces: CredentialId, one = credential(owner)): Promise<string> => {
      const outcome = await ports.credentials.register(one, { ...plain, replaces, now: 9 })
      const kept = (await others.credentials.load(one.id)) !== undefined
      assert.equal(kept, outcome === 'registered')
      return outcome
    }
    assert.equal(await renew(theirs.id), 'replaced_gone')
    assert.equal((await others.credentials.load(theirs.id))?.id, theirs.id)
    assert.equal(await renew(next('unknown') as CredentialId), 'replaced_gone')
    const lost = credential(owner)
    await ports.credentials.register(lost, plain)
    const change = { reason: 'lost', allowLast: false, now: 3000 }
    assert.equal(await ports.credentials.suspend(lost.id, change), 'suspended')
    assert.equal(await renew(lost.id), 'replaced_gone')
    const before = ports.revocations.since(0).length
    assert.equal(await renew(old.id), 'registered')
    assert.equal(await others.credentials.load(old.id), undefined)
    const revoked = ports.revocations.since(0).slice(before)
    assert.deepEqual(
      revoked.map(({ kind, id, at }) => ({ kind, id, at })),
      [{ kind: 'credential', id: old.id, at: 9 }],
    )
    assert.equal(await renew(old.id), 'replaced_gone')
  })

  test('counters move from the value they were judged by, once', async () => {
    const one = credential(await stored())
    await ports.credentials.register(one, plain)
    const use = { expectedSignCount: 5, signCount: 6, backupState: true, at: 2000 }
    assert.equal(await ports.credentials.recordUse(one.id, use), true)
    assert.equal(await others.credentials.recordUse(one.id, { ...use, signCount: 7 }), false)
    const found = await ports.credentials.load(one.id)
    assert.deepEqual([found?.signCount, found?.backupState, found?.lastUsedAt], [6, true, 2000])
  })

  test('take their ticket or are not stored: used, late, foreign and unknown ones do not count', async () => {
    const [owner, stranger] = [await stored(), await stored()]
    const ticket = (hash: string, expiresAt: number): Promise<void> =>
      ports.tickets.issue({
        hash,
        personId: owner.id,
        createdAt: 0,
        expiresAt,
        takenAt: undefined,
        retires: undefined,
      })
    const [good, late] = [next('ticket'), next('ticket')]
    await ticket(good, 100)
    await ticket(late, 10)
    const register = async (hash: string, by: Person, from = ports): Promise<string> => {
      const one = credential(by)
      const outcome = await from.credentials.register(one, { ...plain, ticket: hash, now: 10 })
      const kept = (await ports.credentials.load(one.id)) !== undefined
      assert.equal(kept, outcome === 'registered')
      return outcome
    }
    assert.equal(await register(late, owner), 'ticket_expired')
    assert.notEqual(await register(good, stranger), 'registered')
    assert.equal(await register('unknown', owner), 'ticket_taken')
    assert.equal(await register(good, owner), 'registered')
    assert.equal(await register(good, owner, others), 'ticket_taken')
    assert.equal((await others.tickets.load(good))?.takenAt, 10)
  })
})

describe('recoveries', () => {
  const later = 1_000_000
  const request = async (owner: Person): Promise<{ id: string; ticketHash: string }> => {
    const ids = { id: next('recovery'), ticketHash: next('ticket') }
    const times = { createdAt: 5, expiresAt: later }
    const recovery = { personId: owner.id, code: '012345', reason: 'lost', ...times }
    await ports.recoveries.open({ ...recovery, ...ids })
    return ids
  }

  test('are decided once, in time, and not by whom they are for', async () => {
    const [owner, approver] = [await stored(), await stored()]
    const { id, ticketHash } = await request(owner)
    assert.ok((await others.recoveries.listOpen(10)).some((one) => one.id === id))
    assert.equal((await others.recoveries.listOpen(later)).length, 0)
    const ticket = { expiresAt: 100, retires: 'remove' as const }
    const decision = { by: approver.id, now: 10, ticket }
    for (const wrong of [{ by: owner.id }, { now: later }])
      assert.equal(await ports.recoveries.decide(id, { ...decision, ...wrong }), undefined)
    assert.equal(await ports.recoveries.decide(next('recovery'), decision), undefined)
    assert.equal(await others.tickets.load(ticketHash), undefined)
    assert.equal((await ports.recoveries.decide(id, decision))?.personId, owner.id)
    assert.equal(await others.recoveries.decide(id, decision), undefined)
    const made = await others.tickets.load(ticketHash)
    assert.deepEqual([made?.expiresAt, made?.retires], [100, 'remove'])
    const no = await request(owner)
    await ports.recoveries.decide(no.id, { ...decision, ticket: undefined })
    assert.equal(await others.tickets.load(no.ticketHash), undefined)
  })

  test('of which a person has one: a newer one withdraws the older', async () => {
    const [owner, approver] = [await stored(), await stored()]
    const [first, second] = [await request(owner), await request(owner)]
    const decide = (id: string) =>
      ports.recoveries.decide(id, { by: approver.id, now: 10, ticket: undefined })
    assert.equal(await decide(first.id), undefined)
    assert.notEqual(await decide(second.id), undefined)
    const { id } = await request(owner)
    await ports.tickets.revokeFor(owner.id, 10)
    assert.equal(await decide(id), undefined)
  })

  test('end what the person had with the passkey they make, as was chosen', async () => {
    for (const retires of ['remove', 'suspend'] as const) {
      const [owner, approver] = [await stored(), await stored()]
      const [old, fresh] = [credential(owner), credential(owner)]
      const [open, stranger] = [session(owner), session(approver)]
      await ports.credentials.register(old, plain)
      for (const one of [open, stranger]) await ports.sessions.open(one, next('handle'), begun)
      const { id, ticketHash } = await request(owner)
      const ticket = { expiresAt: 100, retires }
      await ports.recoveries.decide(id, { by: approver.id, now: 10, ticket })
      assert.equal((await others.credentials.load(old.id))?.suspension, undefined)
      const options = { ...plain, ticket: ticketHash, now: 20 }
      assert.equal(await ports.credentials.register(fresh, options), 'registered')
      const found = await others.credentials.load(old.id)
      if (retires === 'remove') assert.equal(found, undefined)
      else assert.deepEqual(found?.suspension, { since: 20, reason: 'recovery' })
      assert.equal((await others.credentials.load(fresh.id))?.suspension, undefined)
      assert.equal((await others.sessions.load(open.id))?.endedAt, 20)
      assert.equal((await others.sessions.load(stranger.id))?.endedAt, undefined)
      const listed = others.revocations.since(0).map((one) => `${one.kind} ${one.id}`)
      for (const one of [`credential ${old.id}`, `session ${open.id}`])
        assert.ok(listed.includes(one))
    }
  })
})

describe('what works once', () => {
  test('challenges and hand-offs are taken by one, and tell taken from late from unknown', async () => {
    const [challenge, lateChallenge] = [next('challenge'), next('challenge')]
    const ceremony = {
      purpose: 'sign-in' as const,
      bindingHash: 'b',
      personId: undefined,
      sessionId: undefined,
      ticketHash: undefined,
      replaces: undefined,
      proof: undefined,
      allowCredentials: [],
      algorithms: [-7],
    }
    await ports.ceremonies.open({ ...ceremony, challenge, expiresAt: 100 })
    await ports.ceremonies.open({ ...ceremony, challenge: lateChallenge, expiresAt: 10 })
    const handoff = next('handoff')
    const sessionId = 's' as SessionId
    await ports.handoffs.issue({
      hash: handoff,
      sessionId,
      api: 'a',
      flowHash: 'f',
      expiresAt: 100,
    })
    assert.equal((await ports.ceremonies.take(challenge, 10)).outcome, 'taken')
    assert.equal((await others.ceremonies.take(challenge, 10)).outcome, 'already_taken')
    assert.equal((await ports.ceremonies.take(lateChallenge, 10)).outcome, 'expired')
    assert.equal((await ports.ceremonies.take(lateChallenge, 1)).outcome, 'already_taken')
    assert.equal((await ports.ceremonies.take('unknown', 10)).outcome, 'unknown')
    assert.equal((await ports.handoffs.take(challenge, 10)).outcome, 'unknown', 'another kind')
    assert.equal((await others.handoffs.take(handoff, 10)).outcome, 'taken')
    assert.equal((await ports.handoffs.take(handoff, 10)).outcome, 'already_taken')
  })

  test('objects of the issuer are consumed once and never become fresh again', async () => {
    const one = object()
    await ports.objects.save(one)
    assert.equal(await others.objects.consume(one.type, one.idHash, 7), true)
    assert.equal(await ports.objects.consume(one.type, one.idHash, 8), false)
    await ports.objects.save({ ...one, payload: '{"again":1}' })
    assert.equal((await ports.objects.find(one.type, one.idHash, 1))?.consumedAt, 7)
    assert.equal(await ports.objects.consume(one.type, one.idHash, 9), false)
    const proof = object({ type: 'ReplayDetection' })
    assert.equal(await ports.objects.saveOnce(proof), true)
    assert.equal(await others.objects.saveOnce(proof), false)
    assert.equal(await ports.objects.consume('RefreshToken', 'unknown', 1), false)
  })
})

describe('objects of the issuer', () => {
  test('are found by their type, until they end, and go with their grant', async () => {
    const grantId = next('grant')
    const one = object({ grantId, uid: next('uid'), userCodeHash: next('code') })
    const two = object({ type: 'RefreshToken', grantId })
    for (const each of [one, two]) await ports.objects.save(each)
    assert.deepEqual(await others.objects.find(one.type, one.idHash, 4999), one)
    assert.equal(await ports.objects.find(one.type, one.idHash, 5000), undefined)
    assert.equal(await ports.objects.find('DeviceCode', one.idHash, 1), undefined)
    assert.deepEqual(await ports.objects.findByUid(one.type, one.uid ?? '', 1), one)
    assert.deepEqual(await ports.objects.findByUserCode(one.type, one.userCodeHash ?? '', 1), one)
    assert.equal(
      await ports.objects.findByUserCode(one.type, one.userCodeHash ?? '', 5000),
      undefined,
    )
    await others.objects.revokeByGrant(grantId)
    assert.equal(await ports.objects.find(two.type, two.idHash, 1), undefined)
  })

  test('are kept for ten minutes after their end', async () => {
    const one = object()
    await ports.objects.save(one)
    sweepExpired(database, 5000 + 600_000)
    assert.deepEqual(await ports.objects.find(one.type, one.idHash, 4999), one)
    sweepExpired(database, 5001 + 600_000)
    assert.equal(await ports.objects.find(one.type, one.idHash, 4999), undefined)
  })

  test('name the session of their grant', async () => {
    const [grantId, sessionId] = [next('grant'), next('session') as SessionId]
    await ports.links.link({ grantId, sessionId, expiresAt: 5000 })
    assert.equal(await others.links.sessionOf(grantId), sessionId)
    assert.deepEqual(await others.links.grantsOf(sessionId), [grantId])
    assert.equal(await ports.links.sessionOf('unknown'), undefined)
  })
})

describe('sessions', () => {
  test('are found by their handle, moved to a new one, and ended once with their children', async () => {
    const owner = await stored()
    const [parent, handle, moved] = [session(owner), next('handle'), next('handle')]
    const child = session(owner, { kind: 'api', parentId: parent.id, audience: 'orders' })
    await ports.sessions.open(parent, handle, begun)
    await ports.sessions.open(child, next('handle'), { parent: parent.id })
    assert.deepEqual(await others.sessions.loadByHandle(handle), parent)
    const confirmation = { ...parent.facts, credentialId: 'other' as CredentialId }
    const touched = touchOf(confirmation)
    const before = lastPosition()
    await ports.sessions.prove(parent.id, touched(moved, 9))
    const still = await others.sessions.load(child.id)
    assert.deepEqual([still?.provedAt, still?.confirmation], [child.provedAt, undefined])
    assert.deepEqual(
      others.revocations.since(before).map(({ kind, id }) => [kind, id]),
      [['proof', child.id]],
    )
    assert.equal(await others.sessions.loadByHandle(handle), undefined)
    assert.equal((await others.sessions.loadByHandle(moved))?.provedAt, 9)
    const stronger = next('handle')
    await ports.sessions.strengthen(child.id, stronger, 9)
    const proved = await others.sessions.loadByHandle(stronger)
    assert.deepEqual([proved?.id, proved?.provedAt], [child.id, 9])
    assert.deepEqual(proved?.confirmation, confirmation)
    assert.deepEqual(
      (await others.sessions.end(parent.id, 10)).toSorted(),
      [parent.id, child.id].toSorted(),
    )
    assert.deepEqual(await ports.sessions.end(parent.id, 11), [])
    assert.equal(await ports.sessions.loadByHandle(moved), undefined)
    assert.equal((await ports.sessions.load(parent.id))?.endedAt, 10)
    await ports.sessions.prove(parent.id, touched(moved, 12))
    assert.equal(await ports.sessions.loadByHandle(moved), undefined, 'an ended one stays so')
    assert.deepEqual(await ports.sessions.listFor(owner.id), [])
  })

  test('are what their sign-in made them once the credential that confirmed them is removed', async () => {
    const owner = await stored()
    const [first, second] = [credential(owner), credential(owner)]
    for (const one of [first, second]) {
      await ports.credentials.register(one, { ...plain, now: 1 })
    }
    const facts = { ...session(owner).facts, credentialId: first.id }
    const parent = session(owner, { facts })
    await ports.sessions.open(parent, next('handle'), begun)
    const confirmation = { ...facts, credentialId: second.id }
    await ports.sessions.prove(parent.id, touchOf(confirmation)('h', 9))
    const before = lastPosition()
    await ports.credentials.remove(second.id, owner.id, { allowLast: false, now: 10 })
    const weakened = await others.sessions.load(parent.id)
    const { provedAt, endedAt } = weakened ?? {}
    assert.deepEqual([weakened?.confirmation, provedAt, endedAt], [undefined, 1, undefined])
    const told = others.revocations.since(before).map(({ kind, id }) => `${kind} ${id}`)
    assert.deepEqual(told, [`credential ${second.id}`, `proof ${parent.id}`])
  })

  test('leave revocations behind in one order for everybody', async () => {
    const start = others.revocations.since(0).at(-1)?.sequence ?? 0
    await ports.revocations.revoke('session', 'a', 1)
    await others.revocations.revoke('person', 'b', 2)
    const seen = ports.revocations.since(start)
    assert.deepEqual(
      seen.map(({ kind, id, at }) => [kind, id, at]),
      [
        ['session', 'a', 1],
        ['person', 'b', 2],
      ],
    )
    assert.deepEqual(others.revocations.since(seen.at(-1)?.sequence ?? 0), [])
  })
})

test('every port says unavailable when its database does not answer, and never an empty answer', async () => {
  const path = join(temporaryDirectory(), 'proofgate.db')
  const closed = Database.open(path, { create: true, durability: 'full' })
  const dead = portsOver(closed)
  closed.close()
  const owner = person()
  const calls: Record<string, () => unknown> = {
    'people.load': () => dead.people.load(owner.id),
    'people.loadByUsername': () => dead.people.loadByUsername('a'),
    'people.loadByUserHandle': () => dead.people.loadByUserHandle('a'),
    'people.list': () => dead.people.list(),
    'people.create': () => dead.people.create(owner),
    'people.update': () => dead.people.update(owner.id, { name: 'a' }),
    'credentials.load': () => dead.credentials.load('a' as CredentialId),
    'credentials.listFor': () => dead.credentials.listFor(owner.id),
    'credentials.list': () => dead.credentials.list(),
    'credentials.count': () => dead.credentials.count(),
    'credentials.register': () => dead.credentials.register(credential(owner), plain),
    'tickets.load': () => dead.tickets.load('a'),
    'tickets.revokeFor': () => dead.tickets.revokeFor(owner.id, 1),
    'ceremonies.take': () => dead.ceremonies.take('a', 1),
    'handoffs.take': () => dead.handoffs.take('a', 1),
    'sessions.load': () => dead.sessions.load('a' as SessionId),
    'sessions.loadByHandle': () => dead.sessions.loadByHandle('a'),
    'sessions.open': () => dead.sessions.open(session(owner), 'a', begun),
    'sessions.end': () => dead.sessions.end('a' as SessionId, 1),
    'revocations.since': () => dead.revocations.since(0),
    'revocations.revoke': () => dead.revocations.revoke('person', 'a', 1),
    'objects.find': () => dead.objects.find('a', 'b', 1),
    'objects.save': () => dead.objects.save(object()),
    'objects.saveOnce': () => dead.objects.saveOnce(object()),
    'objects.consume': () => dead.objects.consume('a', 'b', 1),
    'objects.revokeByGrant': () => dead.objects.revokeByGrant('a'),
    'links.sessionOf': () => dead.links.sessionOf('a'),
    'replays.take': () => dead.replays.take('a', 1),
  }
  for (const [name, work] of Object.entries(calls)) {
    await assert.rejects(async () => work(), { code: 'storage.unavailable' }, name)
  }
})
