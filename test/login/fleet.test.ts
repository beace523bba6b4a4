import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AuditEntry } from '../../src/audit/index.ts'
import { writeDurably } from '../../src/compose/data-directory.ts'
import { isRefusal, manualClock, millis } from '../../src/core/index.ts'
import { ageless, Directory } from '../../src/identity/index.ts'
import type { Credential, CredentialId, FindingAct, Person } from '../../src/identity/index.ts'
import { Fleet } from '../../src/login/index.ts'
import type { AuthenticatorRules, FleetState } from '../../src/login/index.ts'
import { Metadata, RevocationLists } from '../../src/metadata/index.ts'
import { Revocations, Sessions } from '../../src/session/index.ts'
import {
  Database,
  sqliteCredentials,
  sqlitePeople,
  sqliteRevocationLists,
  sqliteRevocations,
  sqliteSessions,
  sqliteTickets,
} from '../../src/storage/index.ts'
import { certificateAnchor } from '../../src/webauthn/index.ts'
import type { TrustAnchor } from '../../src/webauthn/index.ts'
import { newRoot } from '../kit/attestation/authority.ts'
import { attesting } from '../kit/attestation/statements.ts'
import { temporaryDirectory } from '../kit/gateway.ts'
import {
  entryOf,
  mintBlob,
  mintRevocationList,
  newFloor,
  newSigner,
  signerName,
} from '../kit/metadata.ts'
import type { Device } from '../kit/soft-authenticator.ts'
import { accepted, register } from '../webauthn/fixture.ts'

const now = Date.UTC(2030, 0, 1)
const maker = newRoot('Maker Root')
const signer = newSigner()
const model = Buffer.alloc(16, 0x11)
const uuid = '11111111-1111-1111-1111-111111111111'
const attested: Partial<Device> = {
  aaguid: model,
  algorithms: [-7],
  attest: attesting('packed', maker),
}
const noTicket = { ticket: undefined, replaces: undefined, session: undefined, asOf: 0, now }
const everything: AuthenticatorRules = {
  allow: 'any',
  algorithms: [-7],
  models: { allow: [], deny: { aaguids: [], makers: [] } },
  certification: undefined,
  serials: undefined,
}

interface House {
  rules: AuthenticatorRules
  anchors: readonly TrustAnchor[]
  acts: { reported: FindingAct; refused: FindingAct }
  obstacle: string | undefined
  basis: string
}

/** A data directory of somebody, with metadata that vouches for the model. */
async function begin(changes: Partial<House> = {}) {
  const folder = temporaryDirectory()
  const path = join(folder, 'proofgate.db')
  const database = Database.open(path, { create: true, durability: 'process' })
  const clock = manualClock(now)
  const house: House = {
    rules: everything,
    anchors: [],
    acts: { reported: 'suspend', refused: 'warn' },
    obstacle: undefined,
    basis: 'one',
    ...changes,
  }
  const settings = {
    roots: [certificateAnchor('root', signer.root.certificate)!],
    revocationLists: [],
    signer: signerName,
    warnAfter: millis(86_400_000),
    refuseAfter: millis(86_400_000),
  }
  const metadata = new Metadata({
    path: join(folder, 'metadata.json'),
    write: writeDurably,
    clock,
    settings: () => settings,
    floor: newFloor(),
  })
  const revocationLists = new RevocationLists(sqliteRevocationLists(database), clock)
  const people = sqlitePeople(database)
  const credentials = sqliteCredentials(database)
  const directory = new Directory({
    people,
    tickets: sqliteTickets(database),
    clock,
    configuredGroups: () => [],
  })
  const revocations = new Revocations(sqliteRevocations(database), clock)
  const lifetimes = { idle: millis(1e9), absolute: millis(1e9), proofFreshness: millis(1e6) }
  const sessions = new Sessions({
    store: sqliteSessions(database),
    revocations,
    clock,
    lifetimes: () => lifetimes,
    ageing: () => ageless,
  })
  const person = (await directory.create({ username: 'ada', groups: [] })) as Person
  const records: AuditEntry[] = []
  let last: string | undefined
  const open = (): Fleet =>
    new Fleet({
      credentials,
      people,
      directory,
      revocations,
      clock,
      authenticators: () => ({
        attestation: 'direct',
        anchors: house.anchors,
        modelOf: (aaguid, statement) => metadata.modelOf(aaguid, statement),
        rulesFor: () => house.rules,
        certificationOf: () => undefined,
        revocationOf: (path) => revocationLists.problemOf(path),
        clone: 'block',
        signIn: 'any',
      }),
      acts: () => house.acts,
      obstacle: () => house.obstacle,
      basis: () => house.basis,
      lastBasis: {
        load: () => last,
        save: (basis) => {
          last = basis
        },
      },
      record: async (entry) => {
        records.push(entry)
      },
      onJudged: () => undefined,
      onError: (error) => {
        throw error
      },
    })
  const fleet = open()
  let lists = 0
  const finished = async (): Promise<FleetState> => {
    while (fleet.state.running) await new Promise((resolve) => setImmediate(resolve))
    return fleet.state
  }
  return {
    house,
    clock,
    credentials,
    sessions,
    fleet,
    person,
    finished,
    /** What the trail says since the last question. */
    acts: () => records.splice(0).map(({ action }) => action),
    bring: (...statuses: NonNullable<Parameters<typeof entryOf>[1]>[number][]) => {
      const file = join(folder, 'list.jwt')
      const content = { no: ++lists, nextUpdate: '2030-02-01' }
      const entry = entryOf(uuid, statuses, [maker.certificate])
      writeFileSync(file, mintBlob(signer, [entry], { content }))
      assert.ok(!isRefusal(metadata.importFile(file)))
    },
    revoke: (serials: readonly number[], nextUpdate?: string) => {
      const file = join(folder, 'list.crl')
      writeFileSync(
        file,
        mintRevocationList('Maker Root', maker.privateKey, { serials, nextUpdate }),
      )
      const anchors = [certificateAnchor('maker', maker.certificate)!]
      assert.ok(!isRefusal(revocationLists.importFile(file, anchors)))
    },
    judge: async (): Promise<FleetState> => {
      fleet.judge()
      return finished()
    },
    add: async (device: Partial<Device> = attested, trusted = true): Promise<CredentialId> => {
      const verified = register(device)
      accepted(verified)
      const { statement: _, ...rest } = verified
      const id = verified.credentialId as CredentialId
      const credential: Credential = {
        ...rest,
        attestationTrusted: trusted,
        id,
        personId: person.id,
        name: 'key',
        createdAt: now,
        lastUsedAt: undefined,
        suspension: undefined,
        sealedAt: undefined,
        finding: undefined,
        serial: undefined,
      }
      assert.equal(await credentials.register(credential, noTicket), 'registered')
      return id
    },
    signIn: async (id: CredentialId): Promise<string> => {
      const facts = {
        credentialId: id,
        aaguid: uuid,
        userVerified: true,
        backupEligible: false,
        backupState: false,
        attestationFormat: 'packed',
        attestationTrusted: true,
      }
      const who = { personId: person.id, name: 'b', address: 'a' }
      const opened = await sessions.open({ ...who, facts, asOf: revocations.position })
      assert.ok(opened !== undefined)
      clock.advance(2000)
      return opened.handle
    },
  }
}

const blocking = [
  'REVOKED',
  'USER_VERIFICATION_BYPASS',
  'ATTESTATION_KEY_COMPROMISE',
  'USER_KEY_REMOTE_COMPROMISE',
  'USER_KEY_PHYSICAL_COMPROMISE',
]

for (const status of blocking) {
  test(`${status}: a key of the model is suspended and trusted no more, and its session ends`, async () => {
    const { add, bring, judge, credentials, signIn, sessions, acts } = await begin()
    bring('FIDO_CERTIFIED_L1')
    const id = await add()
    const handle = await signIn(id)
    assert.deepEqual((await judge()).credentials, [])
    assert.deepEqual(acts(), [])
    bring('FIDO_CERTIFIED_L1', status)
    const state = await judge()
    const found = await credentials.load(id)
    assert.match(found?.suspension?.reason ?? '', new RegExp(`metadata reports ${status}`))
    assert.equal(found?.attestationTrusted, false)
    assert.equal(await sessions.load('browser', handle), undefined)
    assert.deepEqual(acts(), ['credential.trust_lost', 'credential.suspend'])
    assert.deepEqual(state.counts?.suspended, 1)
    assert.deepEqual(state.credentials?.[0]?.done, ['trust_lost', 'suspended'])
  })
}

const harmless: readonly (readonly [string, readonly string[]])[] = [
  ['RETIRED', ['credential.warn']],
  ['UPDATE_AVAILABLE', ['credential.warn']],
  ['NOT_FIDO_CERTIFIED', []],
  ['SOMETHING_NEW', []],
  ['FIDO_CERTIFIED_L3', []],
]

for (const [status, expected] of harmless) {
  test(`${status}: a key of the model goes on, trusted`, async () => {
    const { add, bring, judge, credentials, signIn, sessions, acts } = await begin()
    bring(status)
    const id = await add()
    const handle = await signIn(id)
    await judge()
    const found = await credentials.load(id)
    assert.equal(found?.suspension, undefined)
    assert.equal(found?.attestationTrusted, true)
    assert.ok(await sessions.load('browser', handle))
    assert.deepEqual(acts(), expected)
  })
}

test('a report counts from its first day on and before its last', async () => {
  const { add, bring, judge, credentials, clock } = await begin()
  const id = await add()
  bring({ status: 'REVOKED', effectiveDate: '2030-01-03', sunsetDate: '2030-01-05' })
  await judge()
  assert.equal((await credentials.load(id))?.suspension, undefined)
  clock.advance(2 * 86_400_000)
  await judge()
  assert.notEqual((await credentials.load(id))?.suspension, undefined)
})

test('a key that only claims the model of a report is suspended too', async () => {
  const { add, bring, judge, credentials } = await begin()
  const claimed = await add({ aaguid: model }, false)
  const other = await add({ aaguid: Buffer.alloc(16, 0x55) }, false)
  bring('REVOKED')
  await judge()
  assert.notEqual((await credentials.load(claimed))?.suspension, undefined)
  assert.equal((await credentials.load(other))?.suspension, undefined)
})

test('judging twice does nothing twice, and the report says it again', async () => {
  const { add, bring, judge, acts } = await begin()
  await add()
  bring('REVOKED')
  await judge()
  assert.equal(acts().length, 2)
  const again = await judge()
  assert.deepEqual(acts(), [])
  assert.match(again.credentials?.[0]?.finding ?? '', /REVOKED/)
  assert.deepEqual(again.credentials?.[0]?.done, [])
})

test('what an administrator restored stays restored until there is something new', async () => {
  const { add, bring, judge, credentials, clock } = await begin()
  const id = await add()
  bring('REVOKED')
  await judge()
  await credentials.restore(id, clock.now())
  await judge()
  assert.equal((await credentials.load(id))?.suspension, undefined)
  bring('REVOKED', 'USER_KEY_REMOTE_COMPROMISE')
  await judge()
  assert.notEqual((await credentials.load(id))?.suspension, undefined)
})

test('a report that is taken back is told, and the key stays suspended until somebody restores it', async () => {
  const { add, bring, judge, credentials, acts } = await begin()
  const id = await add()
  bring('REVOKED')
  await judge()
  acts()
  bring('FIDO_CERTIFIED')
  await judge()
  assert.deepEqual(acts(), ['credential.trust_gained', 'credential.clear'])
  const found = await credentials.load(id)
  assert.notEqual(found?.suspension, undefined)
  assert.equal(found?.attestationTrusted, true)
})

test('the configuration says what is done: kept, kept on record, suspended; more may be done later', async () => {
  const { add, bring, judge, credentials, house, acts } = await begin({
    acts: { reported: 'keep', refused: 'keep' },
  })
  const id = await add()
  bring('REVOKED')
  const state = await judge()
  assert.deepEqual(acts(), ['credential.trust_lost'])
  assert.match(state.credentials?.[0]?.finding ?? '', /REVOKED/)
  house.acts = { reported: 'warn', refused: 'keep' }
  await judge()
  assert.deepEqual(acts(), ['credential.warn'])
  house.acts = { reported: 'suspend', refused: 'keep' }
  await judge()
  assert.deepEqual(acts(), ['credential.suspend'])
  assert.notEqual((await credentials.load(id))?.suspension, undefined)
})

test('an anchor that goes takes trust with it and what was opened by it, one that comes gives it', async () => {
  const { add, judge, credentials, house, signIn, sessions, clock, acts } = await begin({
    anchors: [certificateAnchor('maker', maker.certificate)!],
  })
  const id = await add()
  const handle = await signIn(id)
  await judge()
  assert.ok(await sessions.load('browser', handle))
  const { anchors } = house
  house.anchors = []
  await judge()
  assert.equal((await credentials.load(id))?.attestationTrusted, false)
  assert.equal(await sessions.load('browser', handle), undefined)
  const late = await signIn(id)
  assert.equal(await sessions.load('browser', late), undefined, 'it had begun before')
  clock.advance(10_000)
  const next = await signIn(id)
  assert.ok(await sessions.load('browser', next), 'it signs in again, as what it is now')
  house.anchors = anchors
  await judge()
  assert.equal((await credentials.load(id))?.attestationTrusted, true)
  assert.ok(await sessions.load('browser', next))
  assert.deepEqual(acts(), ['credential.trust_lost', 'credential.trust_gained'])
})

test('certificates that ended since the registration take nothing back', async () => {
  const { add, judge, credentials, clock } = await begin({
    anchors: [certificateAnchor('maker', maker.certificate)!],
  })
  const id = await add()
  clock.advance(100 * 365 * 86_400_000)
  await judge()
  assert.equal((await credentials.load(id))?.attestationTrusted, true)
})

const stricter: readonly (readonly [string, Partial<AuthenticatorRules>])[] = [
  ['only hardware', { allow: 'hardware-only' }],
  ['a denied model', { models: { allow: [], deny: { aaguids: [uuid], makers: [] } } }],
  [
    'other models only',
    { models: { allow: [{ aaguids: [], makers: [] }], deny: { aaguids: [], makers: [] } } },
  ],
  ['a certified model', { certification: 'L1' }],
  ['another algorithm', { algorithms: [-8] }],
]

for (const [what, rule] of stricter) {
  test(`rules that got stricter (${what}) warn of a key, or suspend it when told to`, async () => {
    const { add, judge, credentials, house, acts } = await begin()
    const id = await add({ aaguid: model, algorithms: [-7] }, false)
    await judge()
    assert.deepEqual(acts(), [])
    house.rules = { ...everything, ...rule }
    await judge()
    assert.deepEqual(acts(), ['credential.warn'])
    assert.equal((await credentials.load(id))?.suspension, undefined)
    house.acts = { reported: 'suspend', refused: 'suspend' }
    await judge()
    assert.deepEqual(acts(), ['credential.suspend'])
    assert.notEqual((await credentials.load(id))?.suspension, undefined)
  })
}

test('evidence that was damaged proves nothing any more', async () => {
  const { add, judge, credentials } = await begin({
    anchors: [certificateAnchor('maker', maker.certificate)!],
  })
  const id = await add()
  const page = credentials.page.bind(credentials)
  credentials.page = async (after, limit) =>
    (await page(after, limit)).map((one) => ({ ...one, clientDataJSON: new Uint8Array([1]) }))
  await judge()
  const found = await credentials.load(id)
  assert.equal(found?.attestationTrusted, false)
  assert.match(found?.finding?.what ?? '', /does not verify any more/)
})

test('nothing is judged while the list that it takes does not count', async () => {
  const { add, judge, credentials, house, acts } = await begin({ obstacle: 'metadata is overdue' })
  const id = await add()
  const state = await judge()
  assert.equal(state.problem, 'metadata is overdue')
  assert.equal((await credentials.load(id))?.attestationTrusted, true)
  assert.deepEqual(acts(), [])
  house.obstacle = undefined
  await judge()
  assert.equal((await credentials.load(id))?.attestationTrusted, false)
})

test('judging begins by itself when what it goes by has changed, and not otherwise', async () => {
  const { add, fleet, finished, house, acts } = await begin()
  await add()
  fleet.judgeIfChanged()
  await finished()
  assert.deepEqual(acts(), ['credential.trust_lost'])
  house.rules = { ...everything, allow: 'hardware-only' }
  fleet.judgeIfChanged()
  await finished()
  assert.deepEqual(acts(), [])
  house.basis = 'two'
  fleet.judgeIfChanged()
  await finished()
  assert.deepEqual(acts(), ['credential.warn'])
})

test('one that became something else meanwhile is left alone', async () => {
  const { add, bring, judge, credentials, clock, acts } = await begin()
  const id = await add()
  bring('REVOKED')
  const page = credentials.page.bind(credentials)
  credentials.page = async (after, limit) => {
    const found = await page(after, limit)
    if (after === undefined) {
      await credentials.suspend(id, { reason: 'mine', allowLast: true, now: clock.now() })
    }
    return found
  }
  await judge()
  assert.deepEqual(acts(), [])
  assert.equal((await credentials.load(id))?.suspension?.reason, 'mine')
})

test('many keys are judged to the last one while other work goes on', async () => {
  const { add, bring, fleet, finished, person, credentials } = await begin()
  const first = await credentials.load(await add())
  assert.ok(first !== undefined)
  for (let index = 0; index < 500; index++) {
    const id = Buffer.from(`key-${index}`).toString('base64url') as CredentialId
    await credentials.register({ ...first, id }, noTicket)
  }
  bring('REVOKED')
  fleet.judge()
  let turns = 0
  while (fleet.state.running) {
    await new Promise((resolve) => setImmediate(resolve))
    turns += 1
  }
  const state = await finished()
  assert.ok(turns > 10, `${turns} turns`)
  assert.equal(state.done, 501)
  assert.equal(state.counts?.suspended, 501)
  const all = await credentials.listFor(person.id)
  assert.ok(all.every(({ suspension }) => suspension !== undefined))
})

test('judging that is stopped ends early, and is done again after the next start', async () => {
  const { add, bring, fleet, credentials } = await begin()
  const first = await credentials.load(await add())
  assert.ok(first !== undefined)
  for (let index = 0; index < 300; index++) {
    const id = Buffer.from(`key-${index}`).toString('base64url') as CredentialId
    await credentials.register({ ...first, id }, noTicket)
  }
  bring('FIDO_CERTIFIED')
  fleet.judge()
  await fleet.stop()
  assert.ok(fleet.state.done < 301)
  assert.equal(fleet.state.running, false)
  fleet.judge()
  assert.equal(fleet.state.running, false)
})

test('a revocation list that names other certificates changes nothing', async () => {
  const { add, bring, judge, revoke, signIn, sessions, acts } = await begin()
  bring('FIDO_CERTIFIED')
  const id = await add()
  const handle = await signIn(id)
  revoke([2])
  await judge()
  assert.ok(await sessions.load('browser', handle), 'another certificate was taken back')
  assert.deepEqual(acts(), [])
})

test('a certificate of the path is revoked: not trusted any more, and on record', async () => {
  const { add, bring, judge, revoke, credentials, signIn, sessions, acts } = await begin()
  bring('FIDO_CERTIFIED')
  const id = await add()
  const handle = await signIn(id)
  revoke([1])
  await judge()
  assert.equal((await credentials.load(id))?.attestationTrusted, false)
  assert.equal(await sessions.load('browser', handle), undefined)
  assert.deepEqual(acts(), ['credential.trust_lost'])
})

test('a revocation list that is late takes no trust from registered keys', async () => {
  const { add, bring, judge, revoke, credentials, clock, acts } = await begin({
    rules: { ...everything, allow: 'hardware-only' },
    acts: { reported: 'suspend', refused: 'suspend' },
  })
  bring('FIDO_CERTIFIED')
  const id = await add()
  revoke([], '300102000000Z')
  clock.advance(86_400_000 + 1)
  await judge()
  const found = await credentials.load(id)
  assert.equal(found?.attestationTrusted, true)
  assert.equal(found?.suspension, undefined)
  assert.deepEqual(acts(), [])
})
