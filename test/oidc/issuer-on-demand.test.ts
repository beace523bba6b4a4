import assert from 'node:assert/strict'
import { test } from 'node:test'
import { issuerOnDemand } from '../../src/oidc/index.ts'
import type { IssuerParts, IssuerSettings } from '../../src/oidc/index.ts'

/** One whose settings cannot be had, and how often they were asked for. */
function broken(): { issuer: () => Promise<unknown>; asked: () => number } {
  let asked = 0
  const settings = (): IssuerSettings => {
    asked += 1
    throw new Error(`no keys, ${asked}`)
  }
  return { issuer: issuerOnDemand(settings, {} as IssuerParts), asked: () => asked }
}

test('nothing is built before somebody asks', async () => {
  const { issuer, asked } = broken()
  assert.equal(asked(), 0)
  await assert.rejects(issuer(), /no keys, 1/)
})

test('those who ask at once wait for one building, and all hear that it failed', async () => {
  const { issuer, asked } = broken()
  const outcomes = await Promise.allSettled([issuer(), issuer(), issuer()])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  )
  assert.equal(asked(), 1)
})

test('what failed is tried again for the next who asks', async () => {
  const { issuer } = broken()
  await assert.rejects(issuer(), /no keys, 1/)
  await assert.rejects(issuer(), /no keys, 2/)
})
