import assert from 'node:assert/strict'
import test from 'node:test'
import { manualClock } from '../../src/core/index.ts'
import { Revocations } from '../../src/session/index.ts'
import type { Revocation, RevocationStore } from '../../src/session/index.ts'

function memoryStore(): RevocationStore {
  const all: Revocation[] = []
  return {
    revoke: (kind, id, at) => {
      all.push({ sequence: all.length + 1, kind, id, at })
      return Promise.resolve()
    },
    since: (sequence) => all.slice(sequence),
  }
}

const start = 1_700_000_000_000
const token = { session: 's', credential: 'c', person: 'p', issuedAt: start - 1 }

test('each of session, credential and person ends a token, with nothing of the others revoked', async () => {
  for (const [kind, id] of [
    ['session', 's'],
    ['credential', 'c'],
    ['credential_until', 'c'],
    ['person', 'p'],
  ] as const) {
    const revocations = new Revocations(memoryStore(), manualClock(start + 2000))
    assert.ok(!revocations.isRevoked(token))
    await revocations.revoke(kind, `another ${id}`)
    assert.ok(!revocations.isRevoked(token), kind)
    await revocations.revoke(kind, id)
    assert.ok(revocations.isRevoked(token), kind)
    const nobody = { ...token, session: undefined, credential: undefined, person: 'q' }
    assert.ok(!revocations.isRevoked(nobody), kind)
  }
})

test('what is of unknown age counts as old, and what is newer than a word about its person stands', async () => {
  const revocations = new Revocations(memoryStore(), manualClock(start))
  await revocations.revoke('person', 'p')
  const since = (issuedAt: number | undefined): boolean =>
    revocations.isRevoked({ ...token, issuedAt })
  assert.deepEqual([since(undefined), since(start), since(start + 1)], [true, true, false])
  await revocations.revoke('credential_until', 'c')
  assert.deepEqual([since(undefined), since(start + 1)], [true, false])
  await revocations.revoke('credential', 'c')
  assert.deepEqual([since(undefined), since(start + 1)], [true, true])
})
