import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { openUpstream, upstreamAuthority } from '../../src/compose/upstreams.ts'
import { upstreamMetrics } from '../../src/compose/metrics/upstream-metrics.ts'
import type { ConfiguredUpstream } from '../../src/config/index.ts'
import { millis } from '../../src/core/index.ts'
import { configurationOf } from '../config/given.ts'
import { RecordingUpstream } from '../kit/upstream.ts'
import { Upstream } from '../../src/upstream/index.ts'

function read(rest: string): ConfiguredUpstream {
  const [found] = configurationOf(`version: 1\nupstreams:\n  a: { ${rest} }\n`).upstreams
  assert.ok(found !== undefined)
  return found
}

async function service(t: TestContext): Promise<{ seen: RecordingUpstream; url: string }> {
  const seen = new RecordingUpstream()
  const url = `http://127.0.0.1:${await seen.listen()}`
  t.after(() => seen.close())
  return { seen, url }
}

test('one URL without anything more is a pool of connections and nothing around it', () => {
  const pool = openUpstream(read('url: http://127.0.0.1:1'), () => undefined)
  assert.ok(pool instanceof Upstream)
  assert.ok(!('targets' in pool))
})

test('a target is checked while a server runs, and not when it is only asked about', async (t) => {
  const { seen, url } = await service(t)
  const configured = read(`url: '${url}', health: { path: /healthz, interval: 100ms }`)
  const asked = openUpstream(configured, undefined)
  await delay(150)
  assert.equal(seen.seen.length, 0)
  await asked.close(millis(0))
  const running = openUpstream(configured, () => undefined)
  while (seen.seen.length < 2) await delay(5)
  assert.equal(seen.seen[0]?.url, '/healthz')
  await running.close(millis(100))
})

test('requests carry the host of the URL unless another is given', () => {
  assert.equal(upstreamAuthority(read('url: https://a.example:8443')), 'a.example:8443')
  assert.equal(upstreamAuthority(read('url: https://a.example, host: b.example')), 'b.example')
  assert.equal(upstreamAuthority(read('url: unix:/run/a.sock')), 'localhost')
})

test('metrics name each upstream, and each target where there are several', async (t) => {
  const { url } = await service(t)
  const single = openUpstream(read(`url: '${url}'`), () => undefined)
  const pair = openUpstream(
    read(`targets: [{ url: '${url}' }, { url: http://127.0.0.1:1 }]`),
    () => undefined,
  )
  const alone = upstreamMetrics([single]).join('\n')
  assert.match(alone, /^proofgate_upstream_requests_total{upstream="a"} 0$/m)
  assert.doesNotMatch(alone, /proofgate_target/)
  const both = upstreamMetrics([single, pair]).join('\n')
  assert.match(
    both,
    /^proofgate_target_condition{upstream="a",target="http:\/\/127\.0\.0\.1:1",condition="healthy"} 1$/m,
  )
  assert.equal(both.match(/condition="ejected"} 0/g)?.length, 2)
  await Promise.all([single, pair].map((pool) => pool.close(millis(0))))
})
