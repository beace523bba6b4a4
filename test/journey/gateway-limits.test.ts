import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { head, raw } from '../kit/raw.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

describe('limits at the gateway', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane

  before(async () => {
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      throttles: '{ address: { rate: 1, burst: 200 }, principal: { rate: 5, burst: 20 } }',
      routes: `      - { method: GET, path: '/whole/{x}', throttle: { principal: { rate: 1000, burst: 1000 }, route: { rate: 1, burst: 10 } } }`,
      more: "trustedProxies: ['127.0.0.1/32']",
    })
  })
  after(async () => {
    await plane.finish().finally(() => upstream.close())
  })

  const admitted = (answers: readonly Answer[]): number =>
    answers.filter(({ status }) => status === 200).length

  it('admits no more than burst and rate of one principal at one route, however it is spelled', async () => {
    const begun = performance.now()
    const spellings = ['/app/x', '/app/%78', '/%61pp/x', '/app/x?a=1', '/app/y', '/app/a/b']
    const records = await decisionsDuring(
      plane,
      async () => {
        const answers = await Promise.all(
          Array.from({ length: 120 }, (_, n) =>
            call(`${plane.gateway.api}${spellings[n % spellings.length]}`, {
              headers: {
                authorization: `Bearer ${plane.mint.token(plane.alice)}`,
                'x-forwarded-for': `192.0.2.${n}`,
                'user-agent': String(n),
              },
            }),
          ),
        )
        const most = 20 + Math.ceil(((performance.now() - begun) / 1000) * 5) + 1
        assert.ok(admitted(answers) >= 20, String(admitted(answers)))
        assert.ok(admitted(answers) <= most, `${admitted(answers)} > ${most}`)
        const refused = answers.find(({ status }) => status === 429)
        assert.equal(refused?.headers['content-type'], 'application/problem+json')
        assert.match(String(refused?.headers['retry-after']), /^[1-9]\d*$/)
      },
      120,
    )
    assert.equal(records.length, 120)
    assert.equal(
      upstream.take().length,
      records.filter(({ outcome }) => outcome === 'allow').length,
    )
  })

  it('gives each principal and each route a bucket of their own', async () => {
    const bob = { authorization: `Bearer ${plane.mint.token(plane.bob)}` }
    assert.equal((await call(`${plane.gateway.api}/app/x`, { headers: bob })).status, 200)
    const alice = { authorization: `Bearer ${plane.mint.token(plane.alice)}` }
    assert.equal((await call(`${plane.gateway.api}/admin/x`, { headers: alice })).status, 200)
    upstream.take()
  })

  it('holds a route as a whole to its limit', async () => {
    const alice = { authorization: `Bearer ${plane.mint.token(plane.alice)}` }
    const begun = performance.now()
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        call(`${plane.gateway.api}/whole/${n}`, { headers: alice }),
      ),
    )
    const most = 10 + Math.ceil((performance.now() - begun) / 1000) + 1
    assert.ok(admitted(answers) >= 10, String(admitted(answers)))
    assert.ok(admitted(answers) <= most, `${admitted(answers)} > ${most}`)
    upstream.take()
  })

  it('counts IPv6 callers by their /64, behind a trusted proxy', async () => {
    const from = (address: string): Promise<Answer> =>
      call(`${plane.gateway.api}/nowhere`, { headers: { 'x-forwarded-for': address } })
    const many = await Promise.all(
      Array.from({ length: 300 }, (_, n) => from(`2001:db8:1:2:${n.toString(16)}::1`)),
    )
    assert.ok(many.some(({ status }) => status === 429))
    assert.equal((await from('2001:db8:1:3::1')).status, 404, 'another network has its own')
    // Many, because each second lets one more in.
    const again = await Promise.all(Array.from({ length: 100 }, () => from('2001:DB8:1:2:ffff::9')))
    assert.ok(again.some(({ status }) => status === 429))
  })

  it('limits its own addresses too', async () => {
    const answers = await Promise.all(
      Array.from({ length: 300 }, () =>
        call(`${plane.gateway.api}/.proofgate/session/callback?ticket=x`, {
          headers: { 'x-forwarded-for': '198.51.100.7' },
        }),
      ),
    )
    assert.ok(answers.some(({ status }) => status === 429))
  })

  it('survives what a trusted proxy says about addresses that are none', async () => {
    for (const value of [
      '',
      ',',
      'x',
      'fe80::1%eth0',
      '::ffff:10.0.0.1',
      '::ffff:7f00:1',
      '127.0.0.1, 127.0.0.1',
      '203.0.113.9, fe80::1%1',
      '256.1.1.1',
      '0x7f.1',
      `${'1.1.1.1,'.repeat(900)}127.0.0.1`,
      '"203.0.113.9"',
      '203.0.113.9:1234',
      '[2001:db8::1]:443',
    ]) {
      const answer = await raw(
        plane.port,
        head(
          'GET /public/x HTTP/1.1',
          `Host: ${plane.host}`,
          `X-Forwarded-For: ${value}`,
          'Connection: close',
        ),
      )
      assert.deepEqual(answer.statuses, [200], `${value}: ${answer.text}`)
    }
    upstream.take()
  })
})
