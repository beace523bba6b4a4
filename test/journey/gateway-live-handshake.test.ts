import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { personId } from '../kit/minting.ts'
import { callAdmin, until } from '../kit/operations.ts'
import { WebSocketCaller } from '../kit/websocket.ts'

describe('a handshake that a service answers late', { timeout: 300_000 }, () => {
  const waiting: { readonly key: string; readonly socket: Duplex }[] = []
  const service = createServer()
  let plane: DataPlane

  before(async () => {
    service.on('upgrade', ({ headers }, socket) => {
      socket.on('error', () => undefined)
      waiting.push({ key: String(headers['sec-websocket-key']), socket })
    })
    await new Promise<void>((resolve) => {
      service.listen(0, '127.0.0.1', resolve)
    })
    service.unref()
    plane = await startDataPlane({
      upstream: (service.address() as AddressInfo).port,
      limits: '{ drain: 1s, reauthorizeEvery: 1h }',
    })
  })
  after(async () => {
    await plane.gateway.kill()
    for (const { socket } of waiting) socket.destroy()
    service.close()
  })

  function accept(): void {
    const one = waiting.shift()
    assert.ok(one !== undefined)
    const accepted = createHash('sha1')
      .update(`${one.key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    one.socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accepted}\r\n\r\n`,
    )
  }

  async function administer(path: string, body: object): Promise<void> {
    const answer = await callAdmin(plane.gateway, path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
    assert.equal(answer.status, 200, answer.text)
  }

  /** A handshake that the service has and did not answer yet; not awaited to its end. */
  async function begin(person: string): Promise<{ opened: Promise<WebSocketCaller | string> }> {
    const headers = { host: plane.host, authorization: `Bearer ${plane.mint.token(person)}` }
    const opened = WebSocketCaller.open(plane.port, '/ws/x', headers)
    await until('the service is asked', () => waiting.length === 1)
    return { opened }
  }

  it('opens nothing that lasts for somebody who lost the right meanwhile', async () => {
    await administer('/v1/people', { username: 'dave', groups: ['admins'] })
    const { opened } = await begin(personId(plane.gateway, 'dave'))
    await administer('/v1/people/dave/groups', { groups: ['readers'] })
    await delay(700)
    accept()
    const caller = await opened
    assert.ok(typeof caller !== 'string')
    const closing = await Promise.race([caller.closed, delay(20_000, undefined, { ref: false })])
    assert.deepEqual([closing?.code, closing?.reason], [1008, 'gateway.policy_changed'])
  })

  it('stays open for everybody else', async () => {
    const { opened } = await begin(plane.alice)
    accept()
    const caller = await opened
    assert.ok(typeof caller !== 'string')
    await delay(1500)
    assert.equal(caller.socket.destroyed, false)
    caller.socket.destroy()
  })
})
