import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Evidence, ProofRecord, ProofStore } from '../../src/proof/index.ts'
import { Database, sqliteProofs, sweepExpired } from '../../src/storage/index.ts'
import { temporaryDirectory } from '../kit/gateway.ts'

const now = 1_800_000_000_000
const limits = { ofOwner: 3, ofAll: 1000, now }

let path: string
let database: Database
let otherDatabase: Database
let proofs: ProofStore
let others: ProofStore

before(() => {
  path = join(temporaryDirectory(), 'proofgate.db')
  database = Database.open(path, { create: true, durability: 'full' })
  otherDatabase = Database.open(path, { create: false, durability: 'process' })
  proofs = sqliteProofs(database)
  others = sqliteProofs(otherDatabase)
})
after(() => {
  database.close()
  otherDatabase.close()
})

let count = 0

function proof(more: Partial<ProofRecord> = {}): Parameters<ProofStore['open']>[0] {
  const id = `proof-${count++}`
  return {
    id,
    holder: `holder-${id}`,
    owner: `owner-${id}`,
    statement: 'the statement',
    browserSession: undefined,
    nonce: 'nonce',
    expiresAt: now + 1000,
    ...more,
  }
}

async function opened(more: Partial<ProofRecord> = {}): ReturnType<typeof open> {
  return open(proof(more))
}

async function open(one: ReturnType<typeof proof>) {
  assert.equal(await proofs.open(one, limits), 'opened')
  return one
}

function touch(approver: string): Evidence {
  return {
    approver,
    username: approver,
    groups: ['ops'],
    credentialId: 'credential',
    publicKey: 'key',
    algorithm: -7,
    attestation: { format: 'packed', trusted: true, aaguid: 'model' },
    nonce: 'nonce',
    clientDataJSON: 'client',
    authenticatorData: 'data',
    signature: 'signature',
    at: now,
  }
}

/** Enough are so many touches. */
function rule(wanted: number, at = now) {
  return { isEnough: (touches: readonly Evidence[]) => touches.length >= wanted, now: at }
}

async function approved(more: Partial<ProofRecord> = {}): ReturnType<typeof open> {
  const one = await opened(more)
  assert.equal(await proofs.approve(one.id, touch('alice'), rule(1)), 'approved')
  return one
}

function from(one: { holder: string }, at = now) {
  return { holder: one.holder, states: ['approved'] as const, now: at }
}

function inline(one: { holder: string }, at = now) {
  return { holder: one.holder, states: ['approved', 'pending'] as const, now: at }
}

describe('proofs', () => {
  test('are kept whole', async () => {
    const one = await opened({ browserSession: 'session' })
    assert.deepEqual(await others.load(one.id), { ...one, state: 'pending', approvals: [] })
    await proofs.approve(one.id, touch('alice'), rule(2))
    await others.approve(one.id, touch('bob'), rule(2))
    assert.deepEqual(await others.load(one.id), {
      ...one,
      state: 'approved',
      approvals: [touch('alice'), touch('bob')],
    })
    assert.equal(await proofs.load('nothing'), undefined)
  })

  test('are never replaced by another of the same id', async () => {
    const one = await opened()
    await assert.rejects(proofs.open({ ...one, holder: 'another' }, limits))
    assert.equal((await proofs.load(one.id))?.holder, one.holder)
  })

  test('are taken by one of many, over two connections', async () => {
    for (const [make, take] of [
      [approved, from],
      [opened, inline],
      [approved, inline],
    ] as const) {
      const one = await make()
      const tries = Array.from({ length: 50 }, (_, at) =>
        (at % 2 === 0 ? proofs : others).take(one.id, take(one)),
      )
      const outcomes = (await Promise.all(tries)).map(({ outcome }) => outcome)
      assert.equal(outcomes.filter((outcome) => outcome === 'taken').length, 1)
      assert.equal(outcomes.filter((outcome) => outcome === 'redeemed').length, 49)
    }
  })

  test('come with their touches when they are taken', async () => {
    const one = await approved()
    const taken = await others.take(one.id, from(one))
    assert.ok(taken.outcome === 'taken')
    assert.deepEqual(taken.proof.approvals, [touch('alice')])
  })

  test('are unknown to everybody but their holder, who can still take them', async () => {
    const one = await approved()
    for (const holder of ['another', '', `${one.holder} `, one.holder.toUpperCase()]) {
      assert.equal((await proofs.take(one.id, from({ holder }))).outcome, 'unknown')
    }
    assert.equal((await proofs.take('nothing', from(one))).outcome, 'unknown')
    assert.equal((await proofs.take(one.id, from(one))).outcome, 'taken')
  })

  test('wait for their touches, and are not used up by an early try', async () => {
    const one = await opened()
    assert.equal((await proofs.take(one.id, from(one))).outcome, 'pending')
    assert.equal(await proofs.approve(one.id, touch('alice'), rule(2)), 'added')
    assert.equal((await proofs.take(one.id, from(one))).outcome, 'pending')
    assert.equal(await proofs.approve(one.id, touch('bob'), rule(2)), 'approved')
    assert.equal((await proofs.take(one.id, from(one))).outcome, 'taken')
  })

  test('expire at their time, to the millisecond, in every state', async () => {
    const [waiting, done] = [await opened(), await approved()]
    const end = now + 1000
    assert.equal(await proofs.approve(waiting.id, touch('alice'), rule(1, end)), 'not_pending')
    assert.equal(await proofs.deny(waiting.id, end), 'not_open')
    assert.equal((await proofs.take(waiting.id, from(waiting, end))).outcome, 'expired')
    assert.equal((await proofs.take(waiting.id, inline(waiting, end))).outcome, 'expired')
    assert.equal((await proofs.take(done.id, from(done, end))).outcome, 'expired')
    const last = await approved()
    assert.equal((await proofs.take(last.id, from(last, end - 1))).outcome, 'taken')
  })

  test('count one touch of each person, over two connections', async () => {
    const one = await opened()
    const tries = Array.from({ length: 20 }, (_, at) =>
      (at % 2 === 0 ? proofs : others).approve(one.id, touch('alice'), rule(2)),
    )
    const outcomes = await Promise.all(tries)
    assert.equal(outcomes.filter((outcome) => outcome === 'added').length, 1)
    assert.equal(outcomes.filter((outcome) => outcome === 'already_approved').length, 19)
    assert.equal((await proofs.load(one.id))?.state, 'pending')
  })

  test('are approved by exactly one of the touches that come together', async () => {
    const one = await opened()
    const people = ['alice', 'bob', 'carol', 'dan']
    const outcomes = await Promise.all(
      people.map((name, at) =>
        (at % 2 === 0 ? proofs : others).approve(one.id, touch(name), rule(2)),
      ),
    )
    assert.deepEqual(outcomes.toSorted(), ['added', 'approved', 'not_pending', 'not_pending'])
    assert.equal((await proofs.load(one.id))?.approvals.length, 2)
  })

  test('that were denied, approved or used take no more touches', async () => {
    const [denied, done, used] = [await opened(), await approved(), await approved()]
    assert.equal(await proofs.deny(denied.id, now), 'denied')
    await proofs.take(used.id, from(used))
    for (const { id } of [denied, done, used, { id: 'nothing' }]) {
      assert.equal(await others.approve(id, touch('bob'), rule(1)), 'not_pending')
    }
  })

  test('are denied until they are used, and stay denied', async () => {
    const [waiting, done, used] = [await opened(), await approved(), await approved()]
    await proofs.take(used.id, from(used))
    assert.equal(await others.deny(waiting.id, now), 'denied')
    assert.equal(await others.deny(done.id, now), 'denied')
    assert.equal(await others.deny(used.id, now), 'not_open')
    assert.equal(await others.deny(done.id, now), 'not_open')
    assert.equal((await proofs.take(waiting.id, inline(waiting))).outcome, 'denied')
    assert.equal((await proofs.take(done.id, from(done))).outcome, 'denied')
    assert.equal((await proofs.load(used.id))?.state, 'redeemed')
  })

  test('of one owner are bounded, and those of others are not held up by them', async () => {
    const owner = `owner-${count++}`
    const mine = [await opened({ owner }), await approved({ owner }), await opened({ owner })]
    assert.equal(await others.open(proof({ owner }), limits), 'too_many')
    await opened()
    await proofs.deny(mine[0]?.id ?? '', now)
    await opened({ owner })
    assert.equal(await others.open(proof({ owner }), limits), 'too_many')
    const later = { ...limits, now: now + 1000 }
    assert.equal(await others.open(proof({ owner, expiresAt: now + 2000 }), later), 'opened')
  })

  test('of all together are bounded', async () => {
    assert.equal(await proofs.open(proof(), { ...limits, ofAll: 1 }), 'too_many')
  })

  /** What is read of a statement to find whom it waits for. */
  const statement = (subject: string, approvers: object): string =>
    JSON.stringify({ subject, approvers: { self: true, others: 0, groups: [], ...approvers } })

  const asked = { person: 'me', groups: ['ops', 'team'], after: undefined, limit: 100 }

  test('are listed while they wait, those that end first before others', async () => {
    const at = now + 5000
    const mine = { statement: statement('me', {}) }
    const second = await opened({ ...mine, expiresAt: at + 20 })
    const first = await opened({ ...mine, expiresAt: at + 10 })
    await approved({ ...mine, expiresAt: at + 15 })
    const listed = await others.listPending({ ...asked, now: at })
    assert.deepEqual(
      listed,
      [first, second].map(({ id, expiresAt }) => ({ id, expiresAt, ...mine })),
    )
    assert.deepEqual(await others.listPending({ ...asked, now: at + 20 }), [])
  })

  test('are listed for those whose touch can be missing, and for nobody else', async () => {
    const at = now + 6000
    const ids = async (person: string, groups: readonly string[]): Promise<readonly string[]> =>
      (await others.listPending({ ...asked, person, groups, now: at })).map(({ id }) => id)
    const add = async (text: string): Promise<string> => {
      const one = await opened({ statement: text, expiresAt: at + 10 })
      return one.id
    }
    const alone = await add(statement('asker', {}))
    const byTeam = await add(statement('asker', { others: 1, groups: ['team', 'night'] }))
    const notSelf = await add(statement('asker', { self: false, others: 1, groups: ['ops'] }))
    await add(statement('asker', { self: false, others: 0, groups: ['ops', 'team'] }))
    await add('no statement')
    assert.deepEqual(await ids('asker', ['ops', 'team']), [alone, byTeam])
    assert.deepEqual(await ids('other', ['team']), [byTeam])
    assert.deepEqual(await ids('other', ['ops', 'night']), [byTeam, notSelf])
    assert.deepEqual(await ids('other', ['tea', 'eam', '']), [])
    assert.deepEqual(await ids('other', []), [])
    const rule = { isEnough: () => false, now: at }
    assert.equal(await proofs.approve(byTeam, touch('other'), rule), 'added')
    assert.deepEqual(await ids('other', ['ops', 'night']), [notSelf])
    assert.deepEqual(await ids('third', ['night']), [byTeam])
  })

  test('are listed page by page, each once, those that end at once too', async () => {
    const at = now + 7000
    const added: string[] = []
    for (const later of [10, 10, 10, 20, 20]) {
      added.push((await opened({ statement: statement('me', {}), expiresAt: at + later })).id)
    }
    const seen: string[] = []
    let after: { readonly expiresAt: number; readonly id: string } | undefined
    for (let page = 0; page < 4; page++) {
      const listed = await others.listPending({ ...asked, now: at, after, limit: 2 })
      assert.equal(listed.length, [2, 2, 1, 0][page])
      seen.push(...listed.map(({ id }) => id))
      after = listed.at(-1)
    }
    assert.deepEqual(seen.toSorted(), added.toSorted())
  })

  test('that are over are swept later, with their touches, and others are not', async () => {
    const one = await approved()
    const current = await approved({ expiresAt: now + 400 * 24 * 3_600_000 })
    sweepExpired(database, now + 100 * 24 * 3_600_000)
    assert.equal(await others.load(one.id), undefined)
    assert.equal((await others.load(current.id))?.approvals.length, 1)
    const touches = database.all<{ proof_id: string }>('SELECT proof_id FROM request_proof_touch')
    assert.ok(touches.every(({ proof_id: id }) => id !== one.id))
  })

  test('outlive the process', async () => {
    const one = await approved({ expiresAt: now + 400 * 24 * 3_600_000 })
    const again = Database.open(path, { create: false, durability: 'full' })
    const reopened = sqliteProofs(again)
    assert.equal((await reopened.take(one.id, from(one))).outcome, 'taken')
    again.close()
    assert.equal((await proofs.take(one.id, from(one))).outcome, 'redeemed')
  })
})
