import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isRefusal } from '../../src/core/index.ts'
import type { PersonId } from '../../src/identity/index.ts'
import type { OpenedProof, Proofs } from '../../src/proof/index.ts'
import type { AuthenticationResponse } from '../../src/webauthn/index.ts'
import { alone, codeOf, presentedFor, proofRequest, ProofWorld, twoOthers } from '../kit/proofs.ts'
import type { Somebody } from '../kit/proofs.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'
import type { AuthenticationHooks } from '../kit/soft-authenticator.ts'

const directory = mkdtempSync(join(tmpdir(), 'proofgate-proofs-'))
const world = new ProofWorld(join(directory, 'p.sqlite'))
const { clock, credentials, groups, proofs } = world
Object.assign(groups, { bob: ['ops'], carol: ['ops'] })

after(() => {
  world.close()
  rmSync(directory, { recursive: true })
})

const alice = await world.somebody('alice')
const bob = await world.somebody('bob')
const carol = await world.somebody('carol')
const dan = await world.somebody('dan')

test('what was approved is let through once', async () => {
  const proof = await world.opened(alice)
  assert.equal(
    codeOf(await proofs.redeem(presentedFor((await world.opened(alice)).id, alice))),
    'proof.pending',
  )
  assert.deepEqual(codeOf(await world.touch(proof, alice)), 'none')
  const redeemed = await proofs.redeem(presentedFor(proof.id, alice))
  assert.ok(!isRefusal(redeemed))
  assert.equal(redeemed.evidence.length, 1)
  assert.equal(redeemed.statement.sentence, 'Delete order “7”')
  assert.equal(codeOf(await proofs.redeem(presentedFor(proof.id, alice))), 'proof.spent')
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
    const proof = await world.opened(alice)
    await world.touch(proof, alice)
    assert.equal(codeOf(await proofs.redeem({ ...presentedFor(proof.id, alice), ...change })), code)
    const again = await proofs.redeem(presentedFor(proof.id, alice))
    // Whoever is not its holder cannot use it up either.
    assert.equal(codeOf(again), code === 'proof.unknown' ? 'none' : 'proof.spent')
  })
}

test('it expires, approved or not', async () => {
  const proof = await world.opened(alice)
  await world.touch(proof, alice)
  clock.advance(120_000)
  assert.equal(codeOf(await proofs.redeem(presentedFor(proof.id, alice))), 'proof.expired')
  assert.equal(codeOf(await world.touch(await world.opened(alice), dan)), 'proof.unknown')
})

test('a touch over another statement or nonce does not count', async () => {
  const [proof, other] = [await world.opened(alice), await world.opened(alice)]
  assert.match(
    codeOf(await world.touch(proof, alice, { statement: other.statement })),
    /^webauthn\./,
  )
  const nonce = new Uint8Array(32).fill(8)
  assert.match(codeOf(await world.touch(proof, alice, { nonce })), /^webauthn\./)
  assert.equal(codeOf(await proofs.redeem(presentedFor(proof.id, alice))), 'proof.pending')
})

test('the browser session that asked cannot approve', async () => {
  const proof = await world.opened(alice)
  assert.equal(
    codeOf(await world.touch(proof, alice, { session: 'browser-session' })),
    'proof.same_session',
  )
  const free = await world.opened(alice, { ...alone, separate: false })
  assert.equal(codeOf(await world.touch(free, alice, { session: 'browser-session' })), 'none')
})

test('a key without verified attestation cannot approve, unless that is allowed', async () => {
  const erin = await world.somebody('erin', false)
  const early = await proofs.open(proofRequest(erin))
  assert.equal(codeOf(early), 'proof.attestation_required')
  const free = await world.opened(erin, { ...alone, attested: false })
  assert.equal(codeOf(await world.touch(free, erin)), 'none')

  const hana = await world.somebody('hana', false)
  await world.register(hana.person, new SoftAuthenticator())
  const proof = await world.opened(hana)
  assert.equal(codeOf(await world.touch(proof, hana)), 'proof.attestation_required')
})

test("a key of somebody else counts for nobody, whoever's page it was touched on", async () => {
  const proof = await world.opened(alice)
  const open = await proofs.find(proof.id, { person: alice.person, groups: [] })
  assert.ok(!isRefusal(open))
  const nonce = new Uint8Array(32).fill(9)
  const touch = {
    response: await world.assertion(proof.statement, nonce, bob),
    nonce,
    approver: { person: alice.person, credential: await bob.credential(), groups: [] },
    session: 'another-session',
  }
  assert.equal(codeOf(await proofs.approve(open, touch)), 'proof.not_an_approver')
  assert.equal(codeOf(await world.redeem(proof.id, alice)), 'proof.pending')
})

test('a counter that goes back is refused as at sign-in, and the touch does not count', async () => {
  const ivan = await world.somebody('ivan')
  const proof = await world.opened(ivan)
  assert.equal(codeOf(await world.touch(await world.opened(ivan), ivan)), 'none')
  const hooks = { signCount: 1 }
  assert.equal(codeOf(await world.touch(proof, ivan, { hooks })), 'proof.clone_suspected')
  assert.equal(codeOf(await world.redeem(proof.id, ivan)), 'proof.pending')
  assert.equal(codeOf(await world.touch(proof, ivan)), 'none')
})

test('nobody else can approve, or see it', async () => {
  assert.equal(codeOf(await world.touch(await world.opened(alice), bob)), 'proof.unknown')
})

test('a quorum takes as many other people of the group, and the one who asks is none', async () => {
  const proof = await world.opened(alice, twoOthers)
  assert.equal(codeOf(await world.touch(proof, alice)), 'proof.unknown')
  assert.equal(codeOf(await world.touch(proof, dan)), 'proof.unknown')
  assert.deepEqual(await world.touch(proof, bob), await sameButEvidence(proof, bob, false))
  assert.equal(codeOf(await world.touch(proof, bob)), 'proof.already_approved')
  assert.equal(codeOf(await proofs.redeem(presentedFor(proof.id, alice))), 'proof.pending')
  const last = await world.touch(proof, carol)
  assert.ok(!isRefusal(last) && last.complete)
  const redeemed = await proofs.redeem(presentedFor(proof.id, alice))
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
  const proof = await world.opened(alice, twoOthers)
  await world.touch(proof, bob)
  await world.touch(proof, carol)
  groups['carol'] = []
  const redeemed = await proofs.redeem(presentedFor(proof.id, alice))
  groups['carol'] = ['ops']
  assert.equal(codeOf(redeemed), 'proof.withdrawn')

  const left = await world.opened(alice, twoOthers)
  Object.assign(groups, { bob: ['ops', 'seniors'] })
  await world.touch(left, bob)
  await world.touch(left, carol)
  Object.assign(groups, { bob: ['ops'], carol: ['ops', 'seniors'] })
  const kept = await proofs.redeem(presentedFor(left.id, alice))
  groups['carol'] = ['ops']
  assert.ok(!isRefusal(kept))
  const counted = kept.evidence.map((touch) => touch.groups)
  assert.deepEqual(counted, [['ops'], ['ops']], 'those they were in then, and still are')

  const frank = await world.somebody('frank')
  const own = await world.opened(frank)
  await world.touch(own, frank)
  const { id } = await frank.credential()
  await credentials.remove(id, frank.person.id, { allowLast: true, now: clock.now() })
  assert.equal(codeOf(await proofs.redeem(presentedFor(own.id, frank))), 'proof.withdrawn')
})

test('a touch of a key that was suspended afterwards counts no more', async () => {
  const gina = await world.somebody('judy')
  const proof = await world.opened(gina)
  await world.touch(proof, gina)
  const { id } = await gina.credential()
  const change = { reason: 'lost', allowLast: true, now: clock.now() }
  assert.equal(await credentials.suspend(id, change), 'suspended')
  assert.equal(codeOf(await proofs.redeem(presentedFor(proof.id, gina))), 'proof.withdrawn')
})

test('a key that does not speak for its owner counts neither on a page, nor inline, nor later', async () => {
  const kim = await world.somebody('kim')
  const { id } = await kim.credential()
  const before = await world.opened(kim)
  const [proof, inline] = [await world.opened(kim, together), await world.opened(kim, together)]
  await world.touch(before, kim)
  world.restricted.add(id)
  assert.equal(codeOf(await world.redeem(before.id, kim)), 'proof.withdrawn')
  assert.equal(codeOf(await world.touch(proof, kim)), 'proof.not_an_approver')
  const assertion = await answered(inline, kim)
  assert.equal(codeOf(await world.redeem(inline.id, kim, { assertion })), 'proof.not_an_approver')
  assert.equal(codeOf(await proofs.open(proofRequest(kim))), 'proof.no_approver')
})

test('what was denied stays denied', async () => {
  const proof = await world.opened(alice)
  await world.touch(proof, alice)
  const open = await proofs.find(proof.id, { person: alice.person, groups: [] })
  assert.ok(!isRefusal(open))
  assert.equal(await proofs.deny(open), undefined)
  assert.equal(codeOf(await proofs.redeem(presentedFor(proof.id, alice))), 'proof.denied')
  assert.equal(codeOf(await proofs.deny(open)), 'proof.spent')
})

/** The caller's own answer to the proof it asked for. */
async function answered(
  { statement, nonce }: OpenedProof,
  who: Somebody,
  hooks: Partial<AuthenticationHooks> = {},
): Promise<AuthenticationResponse> {
  return world.assertion(statement, new Uint8Array(Buffer.from(nonce, 'base64url')), who, hooks)
}

const together = { ...alone, separate: false }

test('an assertion that comes with the request needs no page', async () => {
  const proof = await world.opened(alice, together)
  const assertion = await answered(proof, alice)
  const redeemed = await world.redeem(proof.id, alice, { assertion })
  assert.ok(!isRefusal(redeemed), codeOf(redeemed))
  assert.equal(redeemed.evidence[0]?.approver, alice.person.id)
  assert.equal(codeOf(await world.redeem(proof.id, alice, { assertion })), 'proof.spent')
})

test('a program that is no browser session may send its assertion itself', async () => {
  const request = { ...proofRequest(alice), browserSession: undefined }
  const proof = await proofs.open(request)
  assert.ok(!isRefusal(proof))
  const assertion = await answered(proof, alice)
  assert.equal(codeOf(await world.redeem(proof.id, alice, { assertion })), 'none')
})

test('the browser session that asked cannot answer with the request either', async () => {
  const proof = await world.opened(alice)
  const assertion = await answered(proof, alice)
  assert.equal(codeOf(await world.redeem(proof.id, alice, { assertion })), 'proof.same_session')
  assert.equal(codeOf(await world.redeem(proof.id, alice)), 'proof.spent')
})

test('what was approved on a page meanwhile may be answered as well', async () => {
  const proof = await world.opened(alice, together)
  await world.touch(proof, alice)
  const assertion = await answered(proof, alice)
  const redeemed = await world.redeem(proof.id, alice, { assertion })
  assert.ok(!isRefusal(redeemed), codeOf(redeemed))
  assert.equal(redeemed.evidence.length, 2)
})

test('an assertion counts for the caller alone, and others have to touch as well', async () => {
  const both = { ...twoOthers, self: true, separate: false }
  const proof = await world.opened(alice, both)
  await world.touch(proof, bob)
  const early = { assertion: await answered(proof, alice) }
  assert.equal(codeOf(await world.redeem(proof.id, alice, early)), 'proof.withdrawn')

  const next = await world.opened(alice, both)
  await world.touch(next, bob)
  await world.touch(next, carol)
  assert.equal(codeOf(await world.redeem(next.id, alice)), 'proof.pending')
  const redeemed = await world.redeem(next.id, alice, { assertion: await answered(next, alice) })
  assert.ok(!isRefusal(redeemed), codeOf(redeemed))
  assert.deepEqual(
    redeemed.evidence.map(({ username }) => username),
    ['bob', 'carol', 'alice'],
  )
})

const wrong: readonly [string, Partial<AuthenticationHooks>, string][] = [
  ['without the person', { flags: (flags) => flags & ~4 }, 'webauthn.assertion_user_not_verified'],
  ['without a touch', { flags: (flags) => flags & ~1 }, 'webauthn.assertion_user_not_present'],
  ['of another page', { origin: 'http://localhost:9999' }, 'webauthn.assertion_origin_not_allowed'],
  [
    'in a frame',
    { clientData: (members) => ({ ...members, crossOrigin: true }) },
    'webauthn.assertion_cross_origin',
  ],
  [
    'of a registration',
    { clientData: (members) => ({ ...members, type: 'webauthn.create' }) },
    'webauthn.assertion_type_mismatch',
  ],
  [
    'for another relying party',
    { rpIdHash: new Uint8Array(32) },
    'webauthn.assertion_rp_id_mismatch',
  ],
  [
    'with another signature',
    { signature: (bytes) => bytes.fill(1, 8, 12) },
    'webauthn.assertion_rejected',
  ],
  ['of somebody else', { userHandle: 'AAAA' }, 'webauthn.assertion_rejected'],
  ['whose backup flag changed', { flags: (flags) => flags | 8 }, 'webauthn.assertion_rejected'],
]
for (const [what, hooks, code] of wrong) {
  test(`a touch ${what} counts neither on a page nor with the request`, async () => {
    const proof = await world.opened(alice, together)
    assert.equal(codeOf(await world.touch(proof, alice, { hooks })), code)
    assert.equal(codeOf(await world.redeem(proof.id, alice)), 'proof.pending')
    const assertion = await answered(proof, alice, hooks)
    assert.equal(codeOf(await world.redeem(proof.id, alice, { assertion })), code)
    assert.equal(codeOf(await world.redeem(proof.id, alice)), 'proof.spent')
  })
}

test("an assertion of somebody else's key, or for another proof, is refused", async () => {
  const proof = await world.opened(alice, together)
  const other = await world.opened(alice, together)
  const foreign = { assertion: await answered(proof, bob) }
  assert.equal(codeOf(await world.redeem(proof.id, alice, foreign)), 'proof.withdrawn')
  const confused = { assertion: await answered(proof, alice) }
  assert.equal(
    codeOf(await world.redeem(other.id, alice, confused)),
    'webauthn.assertion_challenge_mismatch',
  )
})

test('each caller has a bounded number of proofs open', async () => {
  const gina = await world.somebody('gina')
  for (let count = 0; count < 16; count++) await world.opened(gina)
  assert.equal(codeOf(await proofs.open(proofRequest(gina))), 'proof.too_many')
  clock.advance(120_001)
  await world.opened(gina)
})

test('somebody without a passkey is not asked for a touch', async () => {
  const nobody = { ...alice, person: { ...alice.person, id: 'nobody' as PersonId } }
  assert.equal(codeOf(await proofs.open(proofRequest(nobody))), 'proof.no_approver')
})

test('a proof names only the keys of the caller whose touch would count, and so does its page', async () => {
  const several = await world.somebody('several')
  const [counts, sealed, bare] = [
    (await several.credential()).id,
    await world.register(several.person, new SoftAuthenticator()),
    await world.register(several.person, new SoftAuthenticator(), false),
  ]
  world.restricted.add(sealed)
  assert.deepEqual((await world.opened(several)).keys, [counts])
  const lenient = await world.opened(several, { ...alone, attested: false })
  assert.deepEqual(lenient.keys.toSorted(), [counts, bare].toSorted())
  const open = await world.proofs.find(lenient.id, { person: several.person, groups: [] })
  assert.ok(!isRefusal(open))
  const shown = await world.proofs.keysFor(open, several.person.id)
  assert.deepEqual(shown.map(({ id }) => id).toSorted(), [counts, bare].toSorted())
  world.restricted.delete(sealed)
})
