import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { dataPlaneText, decisionsDuring } from '../kit/data-plane.ts'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { Mint, personId } from '../kit/minting.ts'
import { proxyV2, tlv } from '../kit/proxy-protocol.ts'
import { head, problemIn, raw } from '../kit/raw.ts'
import type { RawAnswer } from '../kit/raw.ts'
import { headerOf, RecordingUpstream } from '../kit/upstream.ts'

const v1 = (source: string): string => `PROXY TCP4 ${source} 198.51.100.1 5 443\r\n`

describe('a gateway behind a proxy that speaks the PROXY protocol', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let gateway: GatewayProcess
  let port: number
  let host: string
  let bob: string

  before(async () => {
    const readers = "Resource: 'arn:aws:execute-api:*:*:app/default/*/app/*' }"
    const condition = `Resource: 'arn:aws:execute-api:*:*:app/default/*/app/*', Condition: { IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } } }`
    const text = dataPlaneText({
      upstream: await upstream.listen(),
      throttles:
        '{ address: { rate: 0.001, burst: 3 }, principal: { rate: 100000, burst: 100000 } }',
      more: `listeners: { public: { proxyProtocol: { from: [127.0.0.0/8] } } }
trustedProxies: [10.0.0.0/8]
forwardedHeader: forwarded`,
    }).replace(readers, condition)
    gateway = await startGateway({ command: ['serve', '--config', configurationFile(text)] })
    ;({ host } = new URL(gateway.api))
    port = Number(new URL(gateway.api).port)
    bob = new Mint(gateway).token(personId(gateway, 'bob'))
  })
  after(async () => {
    assert.equal(await gateway.stop(), 0, gateway.errors())
    upstream.close()
  })

  const ask = (
    header: string | Buffer,
    path: string,
    ...lines: readonly string[]
  ): Promise<RawAnswer> => {
    const text = head(`GET ${path} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...lines)
    return raw(port, Buffer.concat([Buffer.from(header), Buffer.from(text)]), { quiet: 2000 })
  }

  it('decides, limits, records and forwards by the address the proxy names', async () => {
    const authorization = `Authorization: Bearer ${bob}`
    const records = await decisionsDuring(
      { gateway },
      async () => {
        assert.deepEqual((await ask(v1('203.0.113.7'), '/app/x', authorization)).statuses, [200])
        assert.deepEqual((await ask(v1('198.51.100.7'), '/app/x', authorization)).statuses, [403])
        const two = proxyV2({ source: '203.0.113.8', rest: tlv(4, 'padding') })
        assert.deepEqual((await ask(two, '/app/x', authorization)).statuses, [200])
      },
      3,
    )
    assert.deepEqual(
      records.map((record) => record.where?.address),
      ['203.0.113.7', '198.51.100.7', '203.0.113.8'],
    )
    const seen = upstream.take()
    assert.deepEqual(
      seen.map((one) => headerOf(one, 'x-forwarded-for')),
      [['203.0.113.7'], ['203.0.113.8']],
    )
    for (const status of [200, 200, 200, 429]) {
      const answer = await ask(v1('192.0.2.77'), '/public/x')
      assert.deepEqual(answer.statuses, [status])
    }
    assert.deepEqual((await ask(v1('192.0.2.78'), '/public/x')).statuses, [200])
    upstream.take()
  })

  it('D06: believes Forwarded of a trusted proxy behind it, and of nobody else', async () => {
    const addressOf = async (source: string, ...lines: string[]): Promise<string[]> => {
      assert.deepEqual((await ask(v1(source), '/public/x', ...lines)).statuses, [200])
      const [seen] = upstream.take()
      assert.deepEqual(headerOf(seen, 'forwarded'), [])
      return headerOf(seen, 'x-forwarded-for')
    }
    assert.deepEqual(await addressOf('10.0.0.1', 'Forwarded: for=192.0.2.11'), ['192.0.2.11'])
    assert.deepEqual(
      await addressOf('10.0.0.2', 'Forwarded: for="', 'Forwarded: for=192.0.2.12;proto=http'),
      ['192.0.2.12'],
    )
    assert.deepEqual(await addressOf('10.0.0.3', 'X-Forwarded-For: 192.0.2.13'), ['10.0.0.3'])
    assert.deepEqual(await addressOf('192.0.2.14', 'Forwarded: for=192.0.2.15'), ['192.0.2.14'])
  })

  it('answers nobody who does not say whom it speaks for, and counts them', async () => {
    for (const header of ['', 'PROXY TCP4 203.0.113.7\r\n', v1('203.0.113.256')]) {
      const answer = await ask(header, '/public/x')
      assert.deepEqual([answer.text, answer.closed], ['', true])
    }
    assert.deepEqual(upstream.take(), [])
    const metrics = await (await fetch(`${gateway.admin}/metrics`)).text()
    assert.match(metrics, /proofgate_connections_refused_total\{reason="proxy"\} 3\n/)
  })

  it('refuses what is malformed behind the header under the address it names', async () => {
    const records = await decisionsDuring({ gateway }, async () => {
      const answer = await raw(port, `${v1('203.0.113.9')}nonsense\r\n\r\n`)
      assert.equal(problemIn(answer).code, 'gateway.malformed')
    })
    assert.equal(records[0]?.where?.address, '203.0.113.9')
    const second = await decisionsDuring({ gateway }, async () => {
      const answer = await raw(port, `${v1('203.0.113.9')}${v1('203.0.113.10')}`)
      assert.deepEqual(answer.statuses, [400])
    })
    assert.equal(second[0]?.where?.address, '203.0.113.9')
  })
})
