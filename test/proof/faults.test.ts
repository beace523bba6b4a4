import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { isRefusal } from '../../src/core/index.ts'
import type { ProofStore } from '../../src/proof/index.ts'
import { temporaryDirectory } from '../kit/gateway.ts'
import { codeOf, proofRequest, ProofWorld } from '../kit/proofs.ts'

type Call = keyof ProofStore
let fault: { call: Call; when: 'before' | 'after' } | undefined

/** Fails one call, before anything is stored or when everything is. */
function failing(store: ProofStore): ProofStore {
  const around =
    (call: Call) =>
    async (...values: unknown[]) => {
      const breaks = fault?.call === call ? fault.when : undefined
      if (breaks === 'before') throw new Error('the store fails')
      const method = store[call] as (...all: unknown[]) => Promise<unknown>
      const answer = await method(...values)
      if (breaks === 'after') throw new Error('the answer is lost')
      return answer
    }
  const calls: Call[] = ['open', 'load', 'listPending', 'approve', 'deny', 'take']
  return Object.fromEntries(calls.map((call) => [call, around(call)])) as unknown as ProofStore
}

const world = new ProofWorld(join(temporaryDirectory(), 'faults.sqlite'), failing)
after(() => {
  world.close()
})
const alice = await world.somebody('alice')

async function withFault(
  broken: NonNullable<typeof fault>,
  action: () => Promise<unknown>,
): Promise<void> {
  fault = broken
  await assert.rejects(action())
  fault = undefined
}

for (const when of ['before', 'after'] as const) {
  test(`a store that fails ${when} it opens a proof has opened none that anybody knows`, async () => {
    const somebody = await world.somebody(`somebody-${when}`)
    await withFault({ call: 'open', when }, () => world.proofs.open(proofRequest(somebody)))
    const asker = { person: somebody.person, groups: [] }
    const { waiting } = await world.proofs.listFor(asker, undefined)
    for (const { id } of waiting) {
      const open = await world.proofs.find(id, asker)
      assert.ok(!isRefusal(open))
      assert.equal(await world.proofs.deny(open), undefined)
    }
    assert.equal(waiting.length, when === 'before' ? 0 : 1)
  })

  test(`a store that fails ${when} it takes a proof lets nothing through`, async () => {
    const proof = await world.opened(alice)
    await world.touch(proof, alice)
    await withFault({ call: 'take', when }, () => world.redeem(proof.id, alice))
    const again = await world.redeem(proof.id, alice)
    // Whether it was taken was not known, so that it must not be taken twice.
    assert.equal(codeOf(again), when === 'before' ? 'none' : 'proof.spent')
    assert.equal(codeOf(await world.redeem(proof.id, alice)), 'proof.spent')
  })

  test(`a store that fails ${when} it adds a touch counts it once at most`, async () => {
    const proof = await world.opened(alice)
    await withFault({ call: 'approve', when }, () => world.touch(proof, alice))
    const again = await world.touch(proof, alice)
    assert.equal(codeOf(again), when === 'before' ? 'none' : 'proof.spent')
    const redeemed = await world.redeem(proof.id, alice)
    assert.ok(!isRefusal(redeemed))
    assert.equal(redeemed.evidence.length, 1)
  })

  test(`a store that fails ${when} it denies can be asked to deny again`, async () => {
    const proof = await world.opened(alice)
    await world.touch(proof, alice)
    const open = await world.proofs.find(proof.id, { person: alice.person, groups: [] })
    assert.ok(!isRefusal(open))
    await withFault({ call: 'deny', when }, () => world.proofs.deny(open))
    await world.proofs.deny(open)
    assert.equal(codeOf(await world.redeem(proof.id, alice)), 'proof.denied')
  })

  test(`a store that fails ${when} it loads a proof shows nothing`, async () => {
    const proof = await world.opened(alice)
    const { holder } = proofRequest(alice)
    const broken = { call: 'load', when } as const
    await withFault(broken, () => world.proofs.peek(proof.id, holder))
    await withFault(broken, () => world.proofs.stateFor(proof.id, holder))
    await withFault(broken, () => world.touch(proof, alice))
    assert.equal((await world.proofs.stateFor(proof.id, holder))?.state, 'pending')
  })
}
