import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRefusal, manualClock } from '../../src/core/index.ts'
import { ApiSessions } from '../../src/gateway/index.ts'
import type { Principal } from '../../src/gateway/caller/principal.ts'
import type { Session } from '../../src/session/index.ts'

type Parts = ConstructorParameters<typeof ApiSessions>[0]

const session = { id: 's-1', audience: 'orders', expiresAt: Infinity } as unknown as Session

/** Each look-up waits until it is let go on, and finds the groups of its beginning. */
function setUp() {
  const looked: { go: () => void }[] = []
  const groups = ['admins']
  const parts = {
    clock: manualClock(1_800_000_000_000),
    sessions: { seenEvery: 60_000, load: () => Promise.resolve(session) },
    revocations: { isRevoked: () => false },
    principals: {
      ofSession: () => {
        const { promise, resolve } = Promise.withResolvers<Principal>()
        const found = { session: 's-1', groups: [...groups], proof: {} } as unknown as Principal
        looked.push({ go: () => resolve(found) })
        return promise
      },
    },
  } as unknown as Parts
  const sessions = new ApiSessions(parts)
  const find = async (): Promise<readonly string[]> => {
    const before = looked.length
    const found = sessions.find('handle', 'orders')
    if (found instanceof Promise) {
      while (looked.length === before) await Promise.resolve()
    }
    looked.at(-1)?.go()
    const principal = await found
    return isRefusal(principal) ? [principal.code] : principal.groups
  }
  return { sessions, looked, groups, find }
}

const changes: readonly [string, (sessions: ApiSessions) => void][] = [
  ['groups', (sessions) => sessions.forget()],
  ['the handle', (sessions) => sessions.forgetSessions(new Set(['s-1']))],
]
for (const [what, forget] of changes) {
  test(`what was looked up before ${what} changed is not remembered after it`, async () => {
    const { sessions, looked, groups, find } = setUp()
    const first = sessions.find('handle', 'orders')
    while (looked.length === 0) await Promise.resolve()
    groups.pop()
    forget(sessions)
    looked[0]?.go()
    assert.ok(!isRefusal(await first))
    assert.deepEqual(await find(), [])
    assert.equal(looked.length, 2)
    await find()
    assert.equal(looked.length, 2, 'what nothing has changed since is remembered')
  })
}
