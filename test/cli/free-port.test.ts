import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { once } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { withRealPorts } from '../../src/cli/serving.ts'
import { freePort } from '../kit/ports.ts'

/** From now on chance draws these numbers, one after the other, and then the last one for ever. */
function loaded(t: TestContext): (...numbers: readonly number[]) => void {
  let left: readonly number[] = []
  t.mock.method(crypto, 'randomInt', () => {
    const [first = 0, ...others] = left
    if (others.length > 0) left = others
    return first
  })
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  return (...numbers) => {
    left = numbers
  }
}

test('two ports that are picked are never one, and neither is one that was named', async (t) => {
  const [one, other] = [await freePort(), await freePort()]
  const draw = loaded(t)
  for (const [given, numbers, picked] of [
    [{ port: 0, adminPort: 0 }, [one, one, other], { port: one, adminPort: other }],
    [{ port: one, adminPort: 0 }, [one, other], { port: one, adminPort: other }],
    [{ port: 0, adminPort: one }, [one, other], { port: other, adminPort: one }],
  ] as const) {
    draw(...numbers)
    assert.deepEqual((await withRealPorts({ overrides: given })).overrides, picked)
  }
})

test('a port that somebody listens on is not picked, and what was not asked for is left alone', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  t.after(() => taken.close())
  await once(taken, 'listening')
  const free = await freePort()
  loaded(t)((taken.address() as AddressInfo).port, free)
  assert.deepEqual(await withRealPorts({ overrides: { port: 0 } }), { overrides: { port: free } })
  assert.deepEqual(await withRealPorts({ overrides: {} }), { overrides: {} })
})
