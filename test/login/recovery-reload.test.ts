import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { AuditEntry } from '../../src/audit/index.ts'
import { isRefusal, millis } from '../../src/core/index.ts'
import { ageless, Directory, Recoveries } from '../../src/identity/index.ts'
import type { PersonId, Retirement } from '../../src/identity/index.ts'
import { Ceremonies, IdentitySurface } from '../../src/login/index.ts'
import type { CeremonyParts, IdentityParts } from '../../src/login/index.ts'
import { Revocations, Sessions } from '../../src/session/index.ts'
import {
  Database,
  sqliteCeremonies,
  sqliteRecoveries,
  sqliteRevocations,
  sqliteSessions,
  sqliteTickets,
} from '../../src/storage/index.ts'
import { MemoryBuckets } from '../../src/throttle/index.ts'
import { temporaryDirectory } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { proofOrigin, proofParty, ProofWorld } from '../kit/proofs.ts'
import type { Somebody } from '../kit/proofs.ts'

/* What becomes of old passkeys when the configuration changes while a recovery is being approved. */

/** The setting that a reload changes. */
let oldPasskeys: Retirement = 'suspend'
/** Told of each record before it is kept. */
let onRecord: (entry: AuditEntry) => void = () => undefined
let bob: Somebody
let cookies = ''

const path = join(temporaryDirectory(), 'reload.sqlite')
const world = new ProofWorld(path)
const { clock, people, credentials, proofs } = world
const database = Database.open(path, { create: false, durability: 'process' })
const tickets = sqliteTickets(database)
const revocations = new Revocations(sqliteRevocations(database), clock)
const hour = millis(3_600_000)
const sessions = new Sessions({
  store: sqliteSessions(database),
  revocations,
  clock,
  lifetimes: () => ({ idle: hour, absolute: hour, proofFreshness: hour }),
  ageing: () => ageless,
})
const directory = new Directory({ people, tickets, clock, configuredGroups: () => ['admins'] })
const recoveries = new Recoveries(sqliteRecoveries(database), clock)

const record = async (entry: AuditEntry): Promise<void> => onRecord(entry)
/** What approving a recovery needs; the rest is of other ceremonies and pages. */
const ceremonyParts = {
  ceremonies: sqliteCeremonies(database),
  people,
  credentials,
  directory,
  proofs,
  clock,
  relyingParty: () => ({ ...proofParty, name: 'Test' }),
  authenticators: () => ({ signIn: 'any' }),
  record,
} as unknown as CeremonyParts
const surface = new IdentitySurface({
  settings: () => ({
    origin: proofOrigin,
    base: '',
    restrictedCredentials: new Set(),
    recovery: { approvers: 'admins', oldPasskeys },
  }),
  ceremonies: new Ceremonies(ceremonyParts),
  sessions,
  people,
  directory,
  recoveries,
  buckets: new MemoryBuckets(),
  clock,
  record,
  onError: (error: unknown) => console.error(error),
} as unknown as IdentityParts)
const server = createServer((request, response) => {
  void surface.serve(request, response, { requestId: 'one', address: '127.0.0.1' })
})

before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  bob = await world.somebody('bob')
  const { id, aaguid } = await bob.credential()
  const opened = await sessions.open({
    personId: bob.person.id,
    facts: { credentialId: id, aaguid } as never,
    name: 'Browser',
    address: '127.0.0.1',
    asOf: revocations.position,
  })
  cookies = `pg_session=${opened?.handle}`
})
after(() => {
  server.closeAllConnections()
  server.close()
  revocations.close()
  database.close()
  world.close()
})

async function post(target: string, body: object): Promise<Answer> {
  const { port } = server.address() as AddressInfo
  const answer = await call(`http://127.0.0.1:${port}${target}`, {
    method: 'POST',
    headers: { origin: proofOrigin, cookie: cookies, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  for (const line of answer.headers['set-cookie'] ?? []) cookies += `; ${line.split(';')[0]}`
  return answer
}

let count = 0
/** Asks for a recovery, and for what its touch signs. */
async function asked(): Promise<{ id: string; ticket: string; touch: object; person: PersonId }> {
  const { person } = await world.somebody(`person-${count++}`)
  const requested = await recoveries.request(person, 'lost her key')
  assert.ok(!isRefusal(requested))
  const { id, ticketHash: ticket } = requested.recovery
  const options = await post(`/recoveries/${id}/options`, {})
  assert.equal(options.status, 200, options.text)
  const touch = bob.key.get(options.json().publicKey, { origin: proofOrigin })
  return { id, ticket, touch, person: person.id }
}

for (const [signed, later] of [
  ['suspend', 'remove'],
  ['remove', 'suspend'],
] as const) {
  test(`a reload behind the touch changes nothing of what was signed: ${signed}, not ${later}`, async () => {
    oldPasskeys = signed
    const { id, ticket, touch } = await asked()
    const actions: string[] = []
    onRecord = ({ action, outcome, what }) => {
      actions.push(`${action} ${outcome}`)
      if (action !== 'recovery.touch') return
      assert.match([what?.['statement']].flat().join(''), new RegExp(`"oldPasskeys":"${signed}"`))
      oldPasskeys = later
    }
    const answer = await post(`/recoveries/${id}/approve`, touch)
    assert.equal(answer.status, 200, answer.text)
    assert.deepEqual(actions, ['recovery.touch success', 'recovery.approve success'])
    assert.equal(oldPasskeys, later)
    assert.equal((await tickets.load(ticket))?.retires, signed)
  })

  test(`a reload before the touch is taken makes it worth nothing: ${signed} was signed, not ${later}`, async () => {
    onRecord = () => undefined
    oldPasskeys = signed
    const { id, ticket, touch, person } = await asked()
    oldPasskeys = later
    const refused = await post(`/recoveries/${id}/approve`, touch)
    assert.notEqual(refused.status, 200)
    assert.equal(await tickets.load(ticket), undefined)
    const open = await recoveries.listOpen()
    assert.ok(open.some((one) => one.personId === person))
    const options = await post(`/recoveries/${id}/options`, {})
    const again = bob.key.get(options.json().publicKey, { origin: proofOrigin })
    assert.equal((await post(`/recoveries/${id}/approve`, again)).status, 200)
    assert.equal((await tickets.load(ticket))?.retires, later)
  })
}
