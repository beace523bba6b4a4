import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { AuditLog } from '../../src/audit/index.ts'
import { isRefusal, systemClock } from '../../src/core/index.ts'
import {
  parseRecoveryStatement,
  printRecoveryStatement,
  recordedEvidence,
  replayRecoveryTouch,
  replayTouch,
} from '../../src/proof/index.ts'
import type { RecordedMembers, RecoveryStatement } from '../../src/proof/index.ts'
import { proofgate, temporaryDirectory } from '../kit/gateway.ts'
import { alone, proofOrigin, proofParty, ProofWorld } from '../kit/proofs.ts'
import type { Somebody } from '../kit/proofs.ts'

/* Touches that let somebody in again, verified from the log alone. */

const world = new ProofWorld(join(temporaryDirectory(), 'recovery.sqlite'))
let bob: Somebody
/** What the log keeps of Bob's touch. */
let found: RecordedMembers

const said: RecoveryStatement = {
  id: 'a-recovery',
  person: 'person-alice',
  username: 'alice',
  name: 'Alice \u{202e}',
  ticket: 'hash-of-the-secret',
  code: '123456',
  reason: 'lost “her” key',
  oldPasskeys: 'suspend',
  approver: 'person-bob',
  issuedAt: 1_800_000_000_000,
  expiresAt: 1_800_000_086_400,
}

async function touchOver(
  who: Somebody,
  changes: Partial<RecoveryStatement> = {},
): Promise<RecordedMembers> {
  const statement = printRecoveryStatement({ ...said, ...changes })
  const id = changes.id ?? said.id
  const nonce = new Uint8Array(32).fill(5)
  const response = await world.assertion(statement, nonce, who)
  const approver = { person: who.person, credential: await who.credential(), groups: [] }
  const evidence = await world.proofs.touchOver({ id, statement }, { response, nonce, approver })
  assert.ok(!isRefusal(evidence))
  return { recovery: id, ...recordedEvidence({ id, statement }, evidence) }
}

before(async () => {
  bob = await world.somebody('bob')
  found = await touchOver(bob)
})
after(() => world.close())

const piecesOf = (statement: Partial<RecoveryStatement>): readonly string[] => [
  printRecoveryStatement({ ...said, ...statement }),
]

test('the statement of a recovery is read as it was printed, and as nothing else', () => {
  const text = printRecoveryStatement(said)
  assert.deepEqual(parseRecoveryStatement(text), said)
  for (const other of [
    '',
    '{}',
    `${text} `,
    text.replace('{', '{ '),
    text.replace('recovery/1', 'recovery/2'),
    text.replace('recovery/1', 'statement/1'),
    text.replace('"once"', '"always"'),
    text.replace('"code":"123456"', '"code":123456'),
    text.replace('1800000000000', '"1800000000000"'),
    text.replace('"approver":"person-bob",', ''),
    text.replace('}', ',"more":1}'),
    text.replace('"person":', '"person":"mallory","person":'),
  ]) {
    assert.notEqual(other, text)
    assert.equal(parseRecoveryStatement(other), undefined, other)
  }
})

test('a recorded touch verifies again, and says what was signed', () => {
  const touch = replayRecoveryTouch(found)
  assert.ok(typeof touch !== 'string')
  assert.deepEqual(touch.statement, said)
  assert.deepEqual(
    [touch.proof, touch.origin, touch.relyingParty],
    [said.id, proofOrigin, proofParty.id],
  )
  assert.equal(typeof replayRecoveryTouch(found, { origin: 'https://evil.example' }), 'string')
  assert.equal(typeof replayRecoveryTouch(found, { relyingParty: 'evil.example' }), 'string')
})

test('it does not verify once any byte of it is another', () => {
  for (const name of ['statement', 'clientData', 'authenticatorData', 'publicKey', 'signature']) {
    const text = [found[name]].flat().join('')
    for (let at = 5; at < text.length; at += Math.ceil(text.length / 40)) {
      const other = text[at] === 'A' ? 'B' : 'A'
      const changed = `${text.slice(0, at)}${other}${text.slice(at + 1)}`
      const judged = replayRecoveryTouch({ ...found, [name]: [changed] })
      assert.equal(typeof judged, 'string', `${name} at ${at}`)
    }
  }
})

test('what the approver signed for somebody or something else lets nobody in', () => {
  for (const changed of [
    { person: 'person-mallory' },
    { username: 'mallory' },
    { ticket: 'hash-of-another-secret' },
    { reason: 'because' },
    { oldPasskeys: 'remove' },
    { approver: 'person-carol' },
    { expiresAt: said.expiresAt + 1 },
  ]) {
    const judged = replayRecoveryTouch({ ...found, statement: piecesOf(changed) })
    assert.equal(typeof judged, 'string', JSON.stringify(changed))
  }
  for (const renamed of [{ recovery: 'another' }, { proof: 'another' }, { recovery: undefined }]) {
    assert.equal(typeof replayRecoveryTouch({ ...found, ...renamed }), 'string')
  }
  const both = { recovery: 'another', proof: 'another', statement: piecesOf({ id: 'another' }) }
  assert.equal(typeof replayRecoveryTouch({ ...found, ...both }), 'string')
})

test('a touch for a request lets nobody in, and the other way round', async () => {
  assert.equal(typeof replayTouch(found), 'string')
  const proof = await world.opened(bob, { ...alone, separate: false })
  assert.ok(!isRefusal(await world.touch(proof, bob)))
  const redeemed = await world.redeem(proof.id, bob)
  assert.ok(!isRefusal(redeemed))
  const [evidence] = redeemed.evidence
  assert.ok(evidence !== undefined)
  const recorded = recordedEvidence(proof, evidence)
  assert.equal(typeof replayTouch(recorded), 'object')
  assert.equal(typeof replayRecoveryTouch({ recovery: proof.id, ...recorded }), 'string')
})

test('`proofgate audit proofs` finds the touches of recoveries, and what is wrong with forged ones', async () => {
  const root = temporaryDirectory()
  const directory = join(root, 'audit')
  const log = await AuditLog.open({
    directory,
    keyDirectory: join(root, 'keys'),
    origin: 'gateway.test/audit',
    clock: systemClock(0),
  })
  let count = 0
  const record = (what: object, changes: object = {}): Promise<unknown> =>
    log.append({
      id: `record-${count++}`,
      kind: 'ceremony',
      action: 'recovery.touch',
      outcome: 'success',
      reason: 'recovery.touch.verified',
      who: { subject: 'person-bob', username: 'bob' },
      what: what as RecordedMembers,
      ...changes,
    })
  const forged = await touchOver(bob, { id: 'forged' })
  const other = await touchOver(bob, { id: 'carols', approver: 'person-carol' })
  await record(found)
  await record({ recovery: 'refused' }, { outcome: 'failure' })
  await record({ recovery: said.id, ...found }, { action: 'recovery.approve' })
  const audit = (...more: string[]): ReturnType<typeof proofgate> =>
    proofgate(['audit', 'proofs', ...more, '--directory', directory])
  const good = await audit()
  assert.equal(good.code, 0, good.stderr)
  assert.match(good.stdout, /a-recovery {2}ok {2}approved by bob, key attested/)
  assert.match(good.stdout, /lets alice in again: lost “her” key\n.*code 123456.*suspend/)
  await record({ ...forged, statement: piecesOf({ id: 'forged', person: 'person-mallory' }) })
  // Signed by Bob for a statement that names Carol, and for himself in another's name.
  await record(other)
  await record(found, { who: { subject: 'person-carol', username: 'carol' } })
  await record(found, { who: {} })
  await record({ ...found, proof: said.id }, { action: 'proof.approve' })
  await log.close()
  const all = await audit('--json')
  assert.equal(all.code, 1)
  const { approvals, verified, bad } = JSON.parse(all.stdout)
  assert.deepEqual([verified, bad], [1, 5])
  assert.deepEqual(
    approvals.map(({ of, proof }: { of: string; proof: string }) => [of, proof]),
    [
      ['recovery', 'a-recovery'],
      ['recovery', 'forged'],
      ['recovery', 'carols'],
      ['recovery', 'a-recovery'],
      ['recovery', 'a-recovery'],
      ['request', 'a-recovery'],
    ],
  )
  const one = await audit('forged')
  assert.equal(one.code, 1)
  assert.match(one.stdout, /forged {2}BAD/)
  assert.match((await audit('carols')).stdout, /BAD {2}the statement names another approver/)
})
