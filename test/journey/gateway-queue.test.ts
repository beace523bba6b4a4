import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import { Mint, personId } from '../kit/minting.ts'
import { head, raw } from '../kit/raw.ts'

/** Longer than what is left of the sign-in's freshness below. */
const held = 7000

let service: Server
let gateway: GatewayProcess

before(async () => {
  service = createServer((request, response) => {
    setTimeout(() => response.end('ok'), request.url === '/open/slow' ? held : 0)
  })
  await new Promise<void>((resolve) => {
    service.listen(0, '127.0.0.1', resolve)
  })
  service.unref()
  const { port } = service.address() as AddressInfo
  const file = configurationFile(`version: 1
upstreams: { main: { url: 'http://127.0.0.1:${port}' } }
apis:
  main:
    upstream: main
    routes:
      - { method: GET, path: '/open/{rest+}', authorizer: open }
      - { method: GET, path: /fresh }
people: [{ username: alice, name: Alice, groups: [fresh] }]
groups: { fresh: { policies: [fresh] } }
policies:
  fresh:
    Version: '2012-10-17'
    Statement:
      - Effect: Allow
        Action: execute-api:Invoke
        Resource: arn:aws:execute-api:local:000000000000:main/*
        Condition: { NumericLessThan: { 'proofgate:AuthAge': '10' } }
`)
  gateway = await startGateway({ command: ['serve', '--config', file] })
})
after(async () => {
  await gateway.stop()
  service.close()
})

test('a request that waits behind others is judged by the time its turn comes', async () => {
  const { host, port } = new URL(gateway.api)
  const signedIn = Math.floor(Date.now() / 1000) - 5
  const token = new Mint(gateway).token(personId(gateway, 'alice'), { auth_time: signedIn })
  const authorization = `Bearer ${token}`
  const now = await call(`${gateway.api}/fresh`, { headers: { authorization } })
  assert.equal(now.status, 200)
  const ahead = Array.from({ length: 31 }, () => head('GET /open/x HTTP/1.1', `Host: ${host}`))
  const bytes = [
    head('GET /open/slow HTTP/1.1', `Host: ${host}`),
    ...ahead,
    head(
      'GET /fresh HTTP/1.1',
      `Host: ${host}`,
      `Authorization: ${authorization}`,
      'Connection: close',
    ),
  ].join('')
  const { statuses } = await raw(Number(port), bytes, { quiet: 20_000, limit: 30_000 })
  // A fresh sign-in would help, which is what it is told (RFC 9470).
  assert.deepEqual(statuses, [...Array.from({ length: 32 }, () => 200), 401])
})
