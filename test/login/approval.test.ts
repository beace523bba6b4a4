import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AuditEntry } from '../../src/audit/index.ts'
import { isRefusal } from '../../src/core/index.ts'
import { ageless, Directory } from '../../src/identity/index.ts'
import { Ceremonies } from '../../src/login/index.ts'
import type { Caller, Ceremony } from '../../src/login/index.ts'
import type { Session } from '../../src/session/index.ts'
import { temporaryDirectory } from '../kit/gateway.ts'
import { codeOf, proofOrigin, proofParty, ProofWorld } from '../kit/proofs.ts'

const world = new ProofWorld(join(temporaryDirectory(), 'approval.sqlite'))
after(() => {
  world.close()
})
const alice = await world.somebody('alice')

/** Approvals whose log takes what `record` takes. */
function approvals(record: (entry: AuditEntry) => Promise<void>): Ceremonies['approval'] {
  const opened = new Map<string, Ceremony>()
  return new Ceremonies({
    ceremonies: {
      open: async (ceremony) => {
        opened.set(ceremony.challenge, { ...ceremony, asOf: 0 })
      },
      take: async (challenge) => {
        const value = opened.get(challenge)
        opened.delete(challenge)
        return value === undefined ? { outcome: 'unknown' } : { outcome: 'taken', value }
      },
    },
    people: world.people,
    credentials: world.credentials,
    directory: new Directory({
      people: world.people,
      tickets: undefined as never,
      clock: world.clock,
      configuredGroups: () => [],
    }),
    proofs: world.proofs,
    clock: world.clock,
    relyingParty: () => ({ ...proofParty, name: 'Test' }),
    authenticators: () => assert.fail('no rules for registration are asked for'),
    ageing: () => ageless,
    record,
  }).approval
}

const caller: Caller = {
  address: '127.0.0.1',
  userAgent: 'test',
  binding: 'b'.repeat(43),
  session: { id: 'another-session', personId: alice.person.id } as Session,
}

async function approve(
  approval: Ceremonies['approval'],
  id: string,
): ReturnType<Ceremonies['approval']['finish']> {
  const options = await approval.begin(caller, id)
  assert.ok(!isRefusal(options), codeOf(options))
  const answer = alice.key.get(options.publicKey, { origin: proofOrigin })
  return approval.finish(caller, id, answer)
}

test('a touch counts once its evidence is in the log', async () => {
  const entries: AuditEntry[] = []
  const proof = await world.opened(alice)
  const approval = approvals(async (entry) => {
    entries.push(entry)
  })
  assert.deepEqual(await approve(approval, proof.id), { complete: true })
  assert.deepEqual(
    entries.map(({ action, outcome }) => [action, outcome]),
    [['proof.approve', 'success']],
  )
  assert.equal(codeOf(await world.redeem(proof.id, alice)), 'none')
})

test('a touch whose evidence the log does not take lets nothing through', async () => {
  const proof = await world.opened(alice)
  const approval = approvals(async () => {
    throw new Error('the log is full')
  })
  await assert.rejects(approve(approval, proof.id), /the log is full/)
  assert.equal(codeOf(await world.redeem(proof.id, alice)), 'proof.denied')
})

test('who asked as a stranger is out before anybody hears of the no', async () => {
  const happened: string[] = []
  const { promise: written, resolve: write } = Promise.withResolvers<void>()
  const approval = approvals(() => written)
  const denied = async (because: 'stranger' | 'denied', id: string): Promise<unknown> => {
    const open = await approval.find(id, alice.person)
    assert.ok(!isRefusal(open), codeOf(open))
    const endAskers = async (): Promise<void> => {
      happened.push(`ended, ${(await world.store.load(id))?.state ?? ''}`)
    }
    const signedIn = { person: alice.person, session: caller.session as Session }
    return approval.deny(caller, signedIn, { open, because, endAskers })
  }
  const [strange, own] = [await world.opened(alice), await world.opened(alice)]
  const slow = Promise.all([denied('stranger', strange.id), denied('denied', own.id)])
  for (let turns = 0; turns < 10; turns++) await nextTurn()
  assert.deepEqual(happened, ['ended, denied'], 'of the stranger alone, and before it is on record')
  write()
  assert.deepEqual(await slow, [undefined, undefined])
  const again = await denied('stranger', strange.id)
  assert.ok(isRefusal(again), 'it was denied already')
  assert.equal(happened.length, 1)
})
