import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { CredentialId, PersonId } from '../../src/identity/index.ts'
import type { ProofFacts, Session, SessionId, SessionOrigin } from '../../src/session/index.ts'
import {
  Database,
  sqliteCeremonies,
  sqliteCredentials,
  sqlitePeople,
  sqliteRevocations,
  sqliteSessions,
  sqliteTickets,
} from '../../src/storage/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'proofgate-origins-'))
const path = join(folder, 'proofgate.db')
const portsOf = (database: Database) => ({
  people: sqlitePeople(database),
  credentials: sqliteCredentials(database),
  sessions: sqliteSessions(database),
  ceremonies: sqliteCeremonies(database),
  revocations: sqliteRevocations(database),
  tickets: sqliteTickets(database),
})
const database = Database.open(path, { create: true, durability: 'process' })
const second = Database.open(path, { create: false, durability: 'process' })
/** This process, and one that administers meanwhile. */
const [ports, others] = [portsOf(database), portsOf(second)]
after(() => {
  database.close()
  second.close()
  rmSync(folder, { recursive: true })
})

let count = 0
const next = (what: string): string => `${what}-${count++}`

async function begin() {
  const person = next('person') as PersonId
  await ports.people.create({
    id: person,
    username: person,
    name: 'Somebody',
    groups: [],
    userHandle: next('handle'),
    disabled: false,
    createdAt: 1,
  })
  const credential = credentialOf(person)
  const { id, aaguid } = credential
  const facts: ProofFacts = {
    credentialId: id,
    aaguid,
    userVerified: true,
    backupEligible: false,
    backupState: false,
    attestationFormat: 'none',
    attestationTrusted: true,
  }
  const options = { ticket: undefined, replaces: undefined, session: undefined, asOf: 0, now: 1 }
  await ports.credentials.register(credential, options)
  return { person, id, facts, asOf: await beginCeremony() }
}

function credentialOf(person: PersonId) {
  return {
    id: next('key') as CredentialId,
    personId: person,
    name: 'Key',
    publicKey: new Uint8Array([1]),
    algorithm: -7,
    signCount: 0,
    userVerified: true,
    backupEligible: false,
    backupState: false,
    transports: [],
    aaguid: '00000000-0000-0000-0000-000000000000',
    attestationFormat: 'none',
    attestationTrusted: true,
    serial: undefined,
    attestationObject: new Uint8Array([2]),
    clientDataJSON: new Uint8Array([3]),
    createdAt: 1,
    lastUsedAt: undefined,
    suspension: undefined,
    sealedAt: undefined,
    finding: undefined,
  }
}

type Begun = Awaited<ReturnType<typeof begin>>

async function beginCeremony(): Promise<number> {
  const challenge = next('challenge')
  await ports.ceremonies.open({
    challenge,
    purpose: 'sign-in',
    bindingHash: 'b',
    personId: undefined,
    sessionId: undefined,
    ticketHash: undefined,
    replaces: undefined,
    proof: undefined,
    allowCredentials: [],
    algorithms: [-7],
    expiresAt: 10_000,
  })
  const taken = await ports.ceremonies.take(challenge, 2)
  return taken.outcome === 'taken' ? taken.value.asOf : assert.fail(taken.outcome)
}

function sessionOf({ person, facts }: Begun, more: Partial<Session> = {}): Session {
  return {
    id: next('session') as SessionId,
    kind: 'browser',
    personId: person,
    facts,
    confirmation: undefined,
    authenticatedAt: 5000,
    provedAt: 5000,
    createdAt: 5000,
    lastSeenAt: 5000,
    expiresAt: 100_000,
    endedAt: undefined,
    audience: undefined,
    parentId: undefined,
    name: 'Browser',
    address: '127.0.0.1',
    ...more,
  }
}

async function open(begun: Begun, origin: SessionOrigin = begun): Promise<string> {
  const session = sessionOf(begun)
  const handle = next('handle')
  const outcome = await ports.sessions.open(session, handle, origin)
  const kept = await others.sessions.loadByHandle(handle)
  assert.equal(kept?.id, outcome === 'opened' ? session.id : undefined)
  return outcome
}

const now = 4000
const suspension = { reason: 'lost', allowLast: true, now }
const happenings: readonly (readonly [string, (begun: Begun) => Promise<unknown>])[] = [
  [
    'the person was disabled and enabled again',
    async ({ person }) => {
      await others.people.update(person, { disabled: true })
      await others.revocations.revoke('person', person, now)
      await others.people.update(person, { disabled: false })
    },
  ],
  ['the person is disabled', ({ person }) => others.people.update(person, { disabled: true })],
  ['the passkey was sealed', ({ id }) => others.credentials.seal(id, { sealedAt: now, now })],
  [
    'the passkey was sealed and unsealed',
    async ({ id }) => {
      await others.credentials.seal(id, { sealedAt: now, now })
      await others.credentials.seal(id, { sealedAt: undefined, now })
    },
  ],
  [
    'the passkey was suspended and restored',
    async ({ id }) => {
      await others.credentials.suspend(id, suspension)
      await others.credentials.restore(id, now)
    },
  ],
  [
    'the passkey was removed',
    ({ id, person }) => others.credentials.remove(id, person, { allowLast: true, now }),
  ],
]

for (const [what, happen] of happenings) {
  test(`nothing is opened by a ceremony that began before ${what}`, async () => {
    const begun = await begin()
    await happen(begun)
    assert.equal(await open(begun), 'overtaken')
  })
}

for (const [what, happen] of happenings.filter(([name]) => !name.startsWith('the person'))) {
  test(`nothing is made stronger by a ceremony that began before ${what}`, async () => {
    const [owner, touched] = [await begin(), await begin()]
    const session = sessionOf(owner)
    const handle = next('handle')
    assert.equal(await ports.sessions.open(session, handle, owner), 'opened')
    await happen(touched)
    const outcome = await ports.sessions.prove(session.id, {
      handleHash: next('handle'),
      provedAt: 6000,
      confirmation: touched.facts,
      asOf: touched.asOf,
    })
    assert.equal(outcome, 'overtaken')
    const kept = await others.sessions.loadByHandle(handle)
    assert.deepEqual([kept?.provedAt, kept?.confirmation], [5000, undefined])
  })
}

test('a ceremony that began afterwards opens a session, whatever happened before or to others', async () => {
  for (const [what, happen] of happenings) {
    if (what === 'the person is disabled' || what === 'the passkey was removed') continue
    const begun = await begin()
    const stranger = await begin()
    await happen(begun)
    assert.equal(await open(begun, { asOf: await beginCeremony() }), 'opened', what)
    assert.equal(await open(stranger), 'opened', what)
  }
})

test('nothing is opened from a session that has ended', async () => {
  const begun = await begin()
  const parent = sessionOf(begun)
  await ports.sessions.open(parent, next('handle'), begun)
  assert.equal(await open(begun, { parent: parent.id }), 'opened')
  await others.sessions.end(parent.id, now)
  assert.equal(await open(begun, { parent: parent.id }), 'overtaken')
  assert.equal(await open(begun, { parent: 'unknown' as SessionId }), 'overtaken')
})

test('a suspended passkey that is sealed opens as little as before', async () => {
  const { id } = await begin()
  await ports.credentials.suspend(id, suspension)
  const before = ports.revocations.since(0).at(-1)?.sequence ?? 0
  await ports.credentials.seal(id, { sealedAt: now, now })
  const later = ports.revocations.since(before).filter((one) => one.id === id)
  assert.deepEqual(later, [])
})

/** A link for somebody, and what becomes of a passkey that a ceremony wants to store by it or from a session. */
async function enrol(
  { person, asOf }: Pick<Begun, 'person' | 'asOf'>,
  by: { ticket?: string; session?: string },
): Promise<string> {
  const credential = credentialOf(person)
  const { ticket, session } = by
  const options = { ticket, session, asOf, replaces: undefined, now: 5000 }
  const outcome = await ports.credentials.register(credential, options)
  const stored = await others.credentials.load(credential.id)
  assert.equal(stored === undefined, outcome !== 'registered')
  return outcome
}

async function issue(person: PersonId): Promise<string> {
  const hash = next('ticket')
  const times = { createdAt: 1, expiresAt: 10_000, takenAt: undefined }
  await ports.tickets.issue({ hash, personId: person, retires: undefined, ...times })
  return hash
}

for (const [what, happen] of happenings) {
  const isPerson = what.startsWith('the person')
  test(`a link that was opened before ${what} stores ${isPerson ? 'nothing, and is not used up' : 'what it should'}`, async () => {
    const begun = await begin()
    const ticket = await issue(begun.person)
    await happen(begun)
    assert.equal(await enrol(begun, { ticket }), isPerson ? 'overtaken' : 'registered')
    assert.equal((await others.tickets.load(ticket))?.takenAt === undefined, isPerson)
  })

  test(`a session that wanted another passkey before ${what} stores nothing`, async () => {
    const begun = await begin()
    const session = sessionOf(begun)
    assert.equal(await ports.sessions.open(session, next('handle'), begun), 'opened')
    await happen(begun)
    assert.equal(await enrol(begun, { session: session.id }), 'overtaken')
  })
}

test('a session that has ended, or is of somebody else, stores no passkey; others do', async () => {
  const [begun, stranger] = [await begin(), await begin()]
  const session = sessionOf(begun)
  await ports.sessions.open(session, next('handle'), begun)
  assert.equal(await enrol(begun, { session: session.id }), 'registered')
  assert.equal(await enrol(stranger, { session: session.id }), 'overtaken')
  assert.equal(await enrol(begun, { session: 'unknown' }), 'overtaken')
  await others.sessions.end(session.id, now)
  assert.equal(await enrol(begun, { session: session.id }), 'overtaken')
})

test('a link that was opened after somebody was enabled again stores what it should', async () => {
  const begun = await begin()
  const [[, disableAndEnable] = assert.fail()] = happenings
  await disableAndEnable(begun)
  const ticket = await issue(begun.person)
  const opened = { person: begun.person, asOf: await beginCeremony() }
  assert.equal(await enrol(opened, { ticket }), 'registered')
  assert.equal(await enrol(opened, { ticket }), 'ticket_taken')
})
