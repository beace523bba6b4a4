import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { encodeRecord, parseRecord } from '../../src/audit/encoding.ts'
import { isRefusal } from '../../src/core/index.ts'
import { recordedEvidence } from '../../src/proof/index.ts'
import { temporaryDirectory } from '../kit/gateway.ts'
import { alone, codeOf, proofRequest, ProofWorld } from '../kit/proofs.ts'

const world = new ProofWorld(join(temporaryDirectory(), 'recorded.sqlite'))
after(() => {
  world.close()
})
const together = { ...alone, separate: false }

/** A statement with this sentence, if it is asked for at all. */
async function openedWith(who: Parameters<typeof proofRequest>[0], sentence: string) {
  const request = proofRequest(who, together)
  return world.proofs.open({ ...request, statement: { ...request.statement, sentence } })
}

test('what cannot be kept whole is not asked for', async () => {
  const alice = await world.somebody('alice')
  for (const sentence of ['x'.repeat(5000), '“'.repeat(800), '"'.repeat(1500), '\n'.repeat(1500)]) {
    assert.equal(codeOf(await openedWith(alice, sentence)), 'proof.too_long')
  }
})

for (const [name, algorithm] of [
  ['ES256', -7],
  ['RS256', -257],
  ['ML-DSA-87', -50],
] as const) {
  test(`the longest statement is recorded whole with a touch of ${name}`, async () => {
    const who = await world.somebody(name.toLowerCase(), true, { algorithms: [algorithm] })
    const empty = await openedWith(who, '')
    assert.ok(!isRefusal(empty))
    const longest = 5000 - JSON.stringify(empty.statement).length
    assert.equal(codeOf(await openedWith(who, 'x'.repeat(longest + 1))), 'proof.too_long')
    const proof = await openedWith(who, 'x'.repeat(longest))
    assert.ok(!isRefusal(proof))
    assert.equal(codeOf(await world.touch(proof, who)), 'none')
    const redeemed = await world.redeem(proof.id, who)
    assert.ok(!isRefusal(redeemed))
    const [evidence] = redeemed.evidence
    assert.ok(evidence !== undefined)
    const what = recordedEvidence({ id: proof.id, statement: proof.statement }, evidence)
    const entry = { kind: 'ceremony', action: 'proof.approve', outcome: 'success', reason: 'x' }
    const line = encodeRecord({ id: 'id', ...entry, what } as never, 1, '2026-01-01T00:00:00.000Z')
    const kept = parseRecord(line)
    assert.equal(kept?.truncated, undefined)
    assert.deepEqual(kept?.what, what)
    assert.deepEqual([what['statement']].flat().join(''), proof.statement)
    assert.deepEqual([what['signature']].flat().join(''), evidence.signature)
  })
}

test('a touch that comes with more than can be kept does not count', async () => {
  const bob = await world.somebody('bob', true, { algorithms: [-50] })
  const padded = { clientData: (members: object) => ({ ...members, more: 'x'.repeat(3800) }) }
  const proof = await openedWith(bob, 'x'.repeat(3000))
  assert.ok(!isRefusal(proof))
  assert.equal(codeOf(await world.touch(proof, bob, { hooks: padded })), 'proof.too_long')
  const nonce = new Uint8Array(Buffer.from(proof.nonce, 'base64url'))
  const assertion = await world.assertion(proof.statement, nonce, bob, padded)
  assert.equal(codeOf(await world.redeem(proof.id, bob, { assertion })), 'proof.too_long')
})
