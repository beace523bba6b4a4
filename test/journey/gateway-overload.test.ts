import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { call } from '../kit/http.ts'
import { until } from '../kit/operations.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

describe('a gateway with more to do than it can', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane

  before(async () => {
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      limits: '{ drain: 1s, inFlight: 4, shedding: { eventLoopDelay: 150ms } }',
      routes: `      - { method: GET, path: /report, authorizer: open, priority: low }
      - { method: GET, path: /pay, authorizer: open, priority: high }
      - { method: GET, path: /own, priority: low }`,
    })
  })
  after(async () => {
    upstream.answer = () => false
    await plane.finish().finally(() => upstream.close())
  })

  const status = async (path: string): Promise<number> =>
    (await call(`${plane.gateway.api}${path}`)).status

  async function level(): Promise<number> {
    const text = await (await fetch(`${plane.gateway.admin}/metrics`)).text()
    return Number(/^proofgate_shedding_level (\d)/m.exec(text)?.[1])
  }

  it('holds requests under way to their bound, whatever their priority, and records each refusal', async () => {
    const held: ServerResponse[] = []
    upstream.answer = (_request, response) => held.push(response) > 0
    const slow = Array.from({ length: 4 }, () => status('/public/slow'))
    await until('they are under way', () => held.length === 4)
    const records = await decisionsDuring(
      plane,
      async () => {
        const answer = await call(`${plane.gateway.api}/pay`)
        assert.equal(answer.status, 503)
        assert.equal(answer.json().code, 'gateway.overloaded')
        assert.equal(answer.headers['retry-after'], '5')
        // Before anybody is asked who they are.
        assert.equal((await call(`${plane.gateway.api}/own`)).status, 503)
      },
      2,
    )
    assert.deepEqual(
      records.map(({ outcome, reason }) => [outcome, reason]),
      [
        ['deny', 'gateway.overloaded'],
        ['deny', 'gateway.overloaded'],
      ],
    )
    assert.equal((await call(`${plane.gateway.admin}/healthz`)).status, 200)
    for (const response of held) response.end('done')
    assert.deepEqual(await Promise.all(slow), [200, 200, 200, 200])
    upstream.answer = () => false
    assert.equal(await status('/pay'), 200)
    upstream.take()
  })

  it('refuses low priority first when it runs late, and serves it again when that is over', async () => {
    // The process is stopped and goes on again and again, as it would be on a machine that is too busy.
    await until('it has noticed', async () => {
      // Nothing is asked in between: a look that is in time would end the row of those that are late.
      for (let times = 0; times < 7; times++) {
        plane.gateway.child.kill('SIGSTOP')
        await delay(400)
        plane.gateway.child.kill('SIGCONT')
        await delay(10)
      }
      return (await status('/report')) === 503 && (await level()) >= 1
    })
    const metrics = await (await fetch(`${plane.gateway.admin}/metrics`)).text()
    assert.match(metrics, /^proofgate_shed_requests_total [1-9]/m)
    assert.equal((await call(`${plane.gateway.admin}/healthz`)).status, 200)
    await until('it is served again', async () => (await status('/report')) === 200)
    assert.equal(await status('/pay'), 200)
    upstream.take()
  })
})
