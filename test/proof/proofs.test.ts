import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isRefusal, manualClock, millis, toBase64url } from '../../src/core/index.ts'
import type { Refusal } from '../../src/core/index.ts'
import type { Credential, CredentialId, Person, PersonId } from '../../src/identity/index.ts'
import { challengeFor, Proofs } from '../../src/proof/index.ts'
import type { Approvers, OpenedProof, ProofRequest } from '../../src/proof/index.ts'
import { Database, sqliteCredentials, sqlitePeople, sqliteProofs } from '../../src/storage/index.ts'
import {
  creationOptions,
  parseAuthenticationResponse,
  parseRegistrationResponse,
  verifyRegistration,
} from '../../src/webauthn/index.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'

const origin = 'http://localhost:8080'
const party = { id: 'localhost', origins: [origin] }
const clock = manualClock(1_800_000_000_000)
const directory = mkdtempSync(join(tmpdir(), 'proofgate-proofs-'))
const database = Database.open(join(directory, 'p.sqlite'), { create: true, durability: 'process' })
const people = sqlitePeople(database)
const credentials = sqliteCredentials(database)
const groups: Record<string, readonly string[]> = { bob: ['ops'], carol: ['ops'], dan: [] }
const proofs = new Proofs({
  store: sqliteProofs(database),
  people,
  credentials,
  groupsOf: (person) => groups[person.username] ?? [],
  party: () => party,
  clock,
})

after(() => {
  database.close()
  rmSync(directory, { recursive: true })
})

interface Somebody {
  readonly person: Person
  readonly key: SoftAuthenticator
  readonly credential: () => Promise<Credential>
}

async function somebody(username: string, trusted = true): Promise<Somebody> {
  const handle = new Uint8Array(32).fill(username.charCodeAt(0))
  const person: Person = {
    id: `person-${username}-${trusted}` as PersonId,
    username,
    name: username,
    groups: [],
    userHandle: toBase64url(handle),
    disabled: false,
    createdAt: clock.now(),
  }
  await people.create(person)
  const key = new SoftAuthenticator()
  const challenge = new Uint8Array(32).fill(7)
  const options = creationOptions({
    rp: { id: party.id, name: 'Test' },
    user: { handle, name: username, displayName: username },
    challenge,
    excludeCredentials: [],
    timeoutMillis: 1000,
    algorithms: [-7],
    attestation: 'none',
  })
  const response = parseRegistrationResponse(key.create(options, { origin }))
  assert.ok(!isRefusal(response))
  const verified = verifyRegistration(response, {
    challenge: toBase64url(challenge),
    origins: party.origins,
    rpId: party.id,
    userVerification: 'required',
    algorithms: [-7],
  })
  assert.ok(!isRefusal(verified))
  const { statement: _statement, ...registration } = verified
  const id = verified.credentialId as CredentialId
  const outcome = await credentials.register(
    {
      ...registration,
      attestationTrusted: trusted,
      id,
      personId: person.id,
      name: 'key',
      createdAt: clock.now(),
      lastUsedAt: undefined,
      suspension: undefined,
    },
    { ticket: undefined, replaces: undefined, now: 0 },
  )
  assert.equal(outcome, 'registered')
  const credential = async (): Promise<Credential> => {
    const found = await credentials.load(id)
    assert.ok(found !== undefined)
    return found
  }
  return { person, key, credential }
}

const alone: Approvers = { self: true, others: 0, groups: [], attested: true, separate: true }
const twoOthers: Approvers = { ...alone, self: false, others: 2, groups: ['ops'] }

function request(asker: Somebody, approvers = alone): ProofRequest {
  return {
    holder: { key: asker.person.id, session: 'api-session', token: '' },
    browserSession: 'browser-session',
    validFor: millis(120_000),
    statement: {
      request: 'digest-of-the-request',
      method: 'DELETE',
      authority: 'api.localhost:8080',
      target: '/orders/7',
      sentence: 'Delete order “7”',
      audience: 'http://api.localhost:8080',
      subject: asker.person.id,
      name: asker.person.name,
      client: '',
      address: '127.0.0.1',
      configuration: 'version-1',
      decision: 'policy.allowed',
      approvers,
    },
  }
}

function presentedFor({ id }: OpenedProof, asker: Somebody): Parameters<Proofs['redeem']>[0] {
  return {
    id,
    holder: request(asker).holder,
    request: 'digest-of-the-request',
    audience: 'http://api.localhost:8080',
    configuration: 'version-1',
    decision: 'policy.allowed',
  }
}

async function opened(asker: Somebody, approvers = alone): Promise<OpenedProof> {
  const proof = await proofs.open(request(asker, approvers))
  assert.ok(!isRefusal(proof), isRefusal(proof) ? proof.code : '')
  return proof
}

interface Touch {
  readonly session?: string
  readonly statement?: string
  readonly nonce?: Uint8Array
}

async function touch(
  { id, statement }: OpenedProof,
  who: Somebody,
  change: Touch = {},
): Promise<{ complete: boolean } | Refusal> {
  const nonce = new Uint8Array(32).fill(9)
  const credential = await who.credential()
  const challenge = challengeFor(change.nonce ?? nonce, change.statement ?? statement)
  const response = parseAuthenticationResponse(
    who.key.get(
      {
        rpId: party.id,
        challenge: toBase64url(challenge),
        allowCredentials: [{ id: credential.id }],
      },
      { origin },
    ),
  )
  assert.ok(!isRefusal(response))
  const mine = groups[who.person.username] ?? []
  const open = await proofs.find(id, { person: who.person, groups: mine })
  if (isRefusal(open)) return open
  return proofs.approve(open, {
    response,
    nonce,
    approver: { person: who.person, credential, groups: mine },
    session: change.session ?? 'another-session',
  })
}

function codeOf(value: unknown): string {
  return isRefusal(value) ? value.code : 'none'
}

const alice = await somebody('alice')
const bob = await somebody('bob')
const carol = await somebody('carol')
const dan = await somebody('dan')

test('what was approved is let through once', async () => {
  const proof = await opened(alice)
  assert.equal(
    codeOf(await proofs.redeem(presentedFor(await opened(alice), alice))),
    'proof.pending',
  )
  assert.deepEqual(codeOf(await touch(proof, alice)), 'none')
  const redeemed = await proofs.redeem(presentedFor(proof, alice))
  assert.ok(!isRefusal(redeemed))
  assert.equal(redeemed.evidence.length, 1)
  assert.equal(redeemed.statement.sentence, 'Delete order “7”')
  assert.equal(codeOf(await proofs.redeem(presentedFor(proof, alice))), 'proof.spent')
})

const changes: readonly [string, Partial<Parameters<Proofs['redeem']>[0]>, string][] = [
  ['another request', { request: 'another' }, 'proof.mismatch'],
  ['another API', { audience: 'http://other' }, 'proof.mismatch'],
  ['another configuration', { configuration: 'version-2' }, 'proof.mismatch'],
  ['another decision', { decision: 'policy.other' }, 'proof.mismatch'],
  [
    'another session',
    { holder: { key: alice.person.id, session: 'other', token: '' } },
    'proof.unknown',
  ],
  [
    'another token',
    { holder: { key: alice.person.id, session: 'api-session', token: 'x' } },
    'proof.unknown',
  ],
  [
    'another person',
    { holder: { key: bob.person.id, session: 'api-session', token: '' } },
    'proof.unknown',
  ],
]
for (const [what, change, code] of changes) {
  test(`it is worth nothing for ${what}`, async () => {
    const proof = await opened(alice)
    await touch(proof, alice)
    assert.equal(codeOf(await proofs.redeem({ ...presentedFor(proof, alice), ...change })), code)
    const again = await proofs.redeem(presentedFor(proof, alice))
    // Whoever is not its holder cannot use it up either.
    assert.equal(codeOf(again), code === 'proof.unknown' ? 'none' : 'proof.spent')
  })
}

test('it expires, approved or not', async () => {
  const proof = await opened(alice)
  await touch(proof, alice)
  clock.advance(120_000)
  assert.equal(codeOf(await proofs.redeem(presentedFor(proof, alice))), 'proof.expired')
  assert.equal(codeOf(await touch(await opened(alice), dan)), 'proof.unknown')
})

test('a touch over another statement or nonce does not count', async () => {
  const [proof, other] = [await opened(alice), await opened(alice)]
  assert.match(codeOf(await touch(proof, alice, { statement: other.statement })), /^webauthn\./)
  const nonce = new Uint8Array(32).fill(8)
  assert.match(codeOf(await touch(proof, alice, { nonce })), /^webauthn\./)
  assert.equal(codeOf(await proofs.redeem(presentedFor(proof, alice))), 'proof.pending')
})

test('the browser session that asked cannot approve', async () => {
  const proof = await opened(alice)
  assert.equal(
    codeOf(await touch(proof, alice, { session: 'browser-session' })),
    'proof.same_session',
  )
  const free = await opened(alice, { ...alone, separate: false })
  assert.equal(codeOf(await touch(free, alice, { session: 'browser-session' })), 'none')
})

test('a key without verified attestation cannot approve, unless that is allowed', async () => {
  const erin = await somebody('erin', false)
  assert.equal(codeOf(await touch(await opened(erin), erin)), 'proof.attestation_required')
  const free = await opened(erin, { ...alone, attested: false })
  assert.equal(codeOf(await touch(free, erin)), 'none')
})

test('nobody else can approve, or see it', async () => {
  assert.equal(codeOf(await touch(await opened(alice), bob)), 'proof.unknown')
})

test('a quorum takes as many other people of the group, and the one who asks is none', async () => {
  const proof = await opened(alice, twoOthers)
  assert.equal(codeOf(await touch(proof, alice)), 'proof.unknown')
  assert.equal(codeOf(await touch(proof, dan)), 'proof.unknown')
  assert.deepEqual(await touch(proof, bob), await sameButEvidence(proof, bob, false))
  assert.equal(codeOf(await touch(proof, bob)), 'proof.already_approved')
  assert.equal(codeOf(await proofs.redeem(presentedFor(proof, alice))), 'proof.pending')
  const last = await touch(proof, carol)
  assert.ok(!isRefusal(last) && last.complete)
  const redeemed = await proofs.redeem(presentedFor(proof, alice))
  assert.ok(!isRefusal(redeemed))
  assert.deepEqual(
    redeemed.evidence.map(({ username }) => username),
    ['bob', 'carol'],
  )
})

/** The answer of a touch without comparing what cannot be known before. */
async function sameButEvidence(
  proof: OpenedProof,
  who: Somebody,
  complete: boolean,
): Promise<object> {
  const open = await proofs.find(proof.id, { person: who.person, groups: ['ops'] })
  assert.ok(!isRefusal(open))
  return { complete, evidence: open.record.approvals.at(-1) }
}

test('an approver who left the group or lost the key counts no more', async () => {
  const proof = await opened(alice, twoOthers)
  await touch(proof, bob)
  await touch(proof, carol)
  groups['carol'] = []
  const redeemed = await proofs.redeem(presentedFor(proof, alice))
  groups['carol'] = ['ops']
  assert.equal(codeOf(redeemed), 'proof.withdrawn')

  const frank = await somebody('frank')
  const own = await opened(frank)
  await touch(own, frank)
  const { id } = await frank.credential()
  await credentials.remove(id, frank.person.id, { allowLast: true, now: clock.now() })
  assert.equal(codeOf(await proofs.redeem(presentedFor(own, frank))), 'proof.withdrawn')
})

test('a touch of a key that was suspended afterwards counts no more', async () => {
  const gina = await somebody('gina')
  const proof = await opened(gina)
  await touch(proof, gina)
  const { id } = await gina.credential()
  const change = { reason: 'lost', allowLast: true, now: clock.now() }
  assert.equal(await credentials.suspend(id, change), 'suspended')
  assert.equal(codeOf(await proofs.redeem(presentedFor(proof, gina))), 'proof.withdrawn')
})

test('what was denied stays denied', async () => {
  const proof = await opened(alice)
  await touch(proof, alice)
  const open = await proofs.find(proof.id, { person: alice.person, groups: [] })
  assert.ok(!isRefusal(open))
  assert.equal(await proofs.deny(open), undefined)
  assert.equal(codeOf(await proofs.redeem(presentedFor(proof, alice))), 'proof.denied')
  assert.equal(codeOf(await proofs.deny(open)), 'proof.spent')
})

test('an assertion that comes with the request needs no page', async () => {
  const proof = await opened(alice)
  const credential = await alice.credential()
  const nonce = Buffer.from(proof.nonce, 'base64url')
  const assertion = parseAuthenticationResponse(
    alice.key.get(
      {
        rpId: party.id,
        challenge: toBase64url(challengeFor(nonce, proof.statement)),
        allowCredentials: [{ id: credential.id }],
      },
      { origin },
    ),
  )
  assert.ok(!isRefusal(assertion))
  const redeemed = await proofs.redeem({ ...presentedFor(proof, alice), assertion })
  assert.ok(!isRefusal(redeemed), codeOf(redeemed))
  const again = await proofs.redeem({ ...presentedFor(proof, alice), assertion })
  assert.equal(codeOf(again), 'proof.spent')
})

test('each caller has a bounded number of proofs open', async () => {
  const gina = await somebody('gina')
  for (let count = 0; count < 16; count++) await opened(gina)
  assert.equal(codeOf(await proofs.open(request(gina))), 'proof.too_many')
  clock.advance(120_001)
  await opened(gina)
})

test('somebody without a passkey is not asked for a touch', async () => {
  const nobody = { ...alice, person: { ...alice.person, id: 'nobody' as PersonId } }
  assert.equal(codeOf(await proofs.open(request(nobody))), 'proof.no_approver')
})
