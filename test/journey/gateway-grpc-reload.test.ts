import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { dataPlaneText } from '../kit/data-plane.ts'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import { GrpcClient, GrpcService } from '../kit/grpc.ts'
import { callAdmin, until } from '../kit/operations.ts'

const service = new GrpcService()
const upstream = await service.listen()
const keys = (headers: string): string => `protocol: h2\n    timeouts: { headers: ${headers} }`
const text = (headers: string, more = ''): string =>
  dataPlaneText({
    upstream,
    withoutWebSocket: true,
    upstreamKeys: keys(headers),
    limits: '{ drain: 2s }',
    more: `listeners: { public: { h2c: true } }\n${more}`,
  })
const file = configurationFile(text('60s'))
const gateway = await startGateway({ command: ['serve', '--config', file] })
const { host, port } = new URL(gateway.api)
const client = new GrpcClient(Number(port), host)

after(async () => {
  client.close()
  await gateway.kill()
  service.close()
})

async function reload(changed: string): Promise<void> {
  writeFileSync(file, changed)
  assert.equal((await callAdmin(gateway, '/v1/reload', { method: 'POST' })).status, 200)
}

test('calls that are open over a reload go on, whether their upstream changed or not', async () => {
  for (const [changed, sessions] of [
    [text('60s', 'log: { level: warn }\n'), 1],
    [text('61s', 'log: { level: warn }\n'), 2],
  ] as const) {
    service.serve = (call) => {
      call.onMessage = (message) => call.send(`re ${message.toString()}`)
      void call.whole.then(() => call.finish(0))
    }
    const open = client.call('/public/Talk')
    open.send('before')
    await until('the call is open', async () => open.messages.length === 1)
    await reload(changed)
    const next = await client.unary('/public/Talk', 'next')
    assert.deepEqual([next.status, next.messages], [0, ['re next']])
    assert.equal(service.sessions.size, sessions)
    open.send('after')
    open.end()
    const outcome = await open.outcome
    assert.deepEqual([outcome.status, outcome.messages], [0, ['re before', 're after']])
  }
})

test('a session that nothing is left on is closed in its time', async () => {
  await until('the session of the former upstream is gone', async () => service.sessions.size === 1)
})
