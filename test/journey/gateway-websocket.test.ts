import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { Client } from '../kit/http.ts'
import { until } from '../kit/operations.ts'
import { SoftPerson } from '../kit/person.ts'
import { head, problemIn, raw } from '../kit/raw.ts'
import { encodeFrame, WebSocketCaller, WebSocketService } from '../kit/websocket.ts'

const mebibyte = 1024 * 1024
const navigation = {
  accept: 'text/html,application/xhtml+xml',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-site': 'none',
}

describe('WebSockets through the gateway', { timeout: 300_000 }, () => {
  const service = new WebSocketService()
  let plane: DataPlane
  let api: string
  let person: SoftPerson

  before(async () => {
    plane = await startDataPlane({
      upstream: await service.listen(),
      // What waits to be collected is not what a connection costs, and is as much as the runtime likes.
      environment: { NODE_OPTIONS: '--max-semi-space-size=4' },
      routes: `      - method: GET
        path: '/edited/{rest+}'
        authorizer: open
        websocket: true
        headers: { response: { remove: [x-inside, set-cookie], set: { x-by: '{context:route}' } } }
`,
    })
    api = plane.gateway.api
    person = new SoftPerson(plane.gateway)
    await person.enrolByLink(plane.gateway.enrolment?.link ?? '')
  })
  after(async () => {
    await plane.finish().finally(() => service.close())
  })

  /** The person's browser, with its session at the API host. */
  async function browser(): Promise<string> {
    const client = new Client()
    const handle = person.client.cookie(plane.gateway.identity, 'pg_session') ?? ''
    client.setCookie(plane.gateway.identity, 'pg_session', handle)
    const begun = await client.call(`${api}/app/x`, { headers: navigation })
    const handedOff = await client.call(String(begun.headers.location), { headers: navigation })
    await client.call(String(handedOff.headers.location), { headers: navigation })
    return client.cookie(api, 'pg_api') ?? ''
  }

  const open = (headers: Readonly<Record<string, string>>): Promise<WebSocketCaller | string> =>
    WebSocketCaller.open(plane.port, '/ws/x', { host: plane.host, ...headers })

  async function opened(headers: Readonly<Record<string, string>> = {}): Promise<WebSocketCaller> {
    const authorization = `Bearer ${plane.mint.token(plane.alice)}`
    const caller = await open({ authorization, ...headers })
    if (typeof caller === 'string') throw new Error(caller)
    return caller
  }

  function resident(): number {
    const text = readFileSync(`/proc/${plane.gateway.child.pid}/status`, 'latin1')
    return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1024
  }

  async function tunnels(): Promise<number> {
    const text = await (await fetch(`${plane.gateway.admin}/metrics`)).text()
    return Number(/^proofgate_tunnels (\d+)/m.exec(text)?.[1])
  }

  it('open with a session from the API’s own pages, and from nowhere else', async () => {
    const cookie = `pg_api=${await browser()}`
    const before = service.sockets.length
    for (const headers of [
      {},
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: api.replace('api.', 'auth.') },
      { origin: `${api}.evil.example` },
      { origin: api.toUpperCase() },
      { origin: api, 'sec-fetch-site': 'cross-site' },
      { origin: api, 'sec-fetch-site': 'same-site' },
    ] as Record<string, string>[]) {
      const records = await decisionsDuring(plane, async () => {
        const refused = await open({ cookie, ...headers })
        assert.ok(typeof refused === 'string')
        assert.match(refused, /^HTTP\/1\.1 403 /, JSON.stringify(headers))
      })
      assert.deepEqual(
        records.map(({ reason }) => reason),
        ['gateway.cross_site'],
      )
    }
    assert.equal(service.sockets.length, before, 'no handshake reached the service')
    const own = await open({ cookie, origin: api, 'sec-fetch-site': 'same-origin' })
    assert.ok(own instanceof WebSocketCaller)
    assert.equal(service.handshakes.at(-1)?.headers.cookie, undefined)
    own.socket.destroy()
  })

  it('end with the session they were opened in', async () => {
    const handle = await browser()
    const cookie = `pg_api=${handle}`
    const socket = await open({ cookie, origin: api })
    assert.ok(socket instanceof WebSocketCaller)
    const client = new Client()
    client.setCookie(api, 'pg_api', handle)
    await client.call(`${api}/.proofgate/session/end`, { method: 'POST', headers: { origin: api } })
    const closing = await socket.closed
    assert.deepEqual([closing.code, closing.reason], [1008, 'gateway.revoked'])
  })

  it('leave protocols and extensions to the two sides', async () => {
    service.more =
      'Sec-WebSocket-Protocol: chat.v2\r\nSec-WebSocket-Extensions: permessage-deflate\r\n'
    const deflated = Buffer.from([0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00])
    service.serve = (socket) => socket.write(deflated)
    const socket = await opened({
      'sec-websocket-protocol': 'chat.v2, chat.v1',
      'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits',
    })
    service.more = ''
    assert.match(socket.head, /^sec-websocket-protocol: chat\.v2\r?$/im)
    assert.match(socket.head, /^sec-websocket-extensions: permessage-deflate\r?$/im)
    const seen = service.handshakes.at(-1)?.headers
    assert.equal(seen?.['sec-websocket-protocol'], 'chat.v2, chat.v1')
    assert.equal(seen['sec-websocket-extensions'], 'permessage-deflate; client_max_window_bits')
    assert.equal(seen['sec-websocket-version'], '13')
    await socket.received(1)
    assert.deepEqual(socket.frames[0]?.payload, deflated.subarray(2))
    socket.socket.destroy()
    service.serve = () => undefined
  })

  it('are accepted with the headers that the route leaves and sets', async () => {
    service.more =
      'X-Inside: 10.0.0.1\r\nX_Inside: 1\r\nSet-Cookie: a=1\r\nX-By: service\r\nX-Kept: 1\r\n'
    const caller = await WebSocketCaller.open(plane.port, '/edited/x', { host: plane.host })
    service.more = ''
    assert.ok(typeof caller !== 'string')
    assert.doesNotMatch(caller.head, /inside|set-cookie|service/i)
    assert.match(caller.head, /^x-by: GET%20/im)
    assert.match(caller.head, /^X-Kept: 1$/im)
    assert.match(caller.head, /^Sec-WebSocket-Accept: /im)
    caller.socket.destroy()
  })

  it('refuse bytes that come before the answer to the handshake', async () => {
    const before = service.sockets.length
    const handshake = head(
      'GET /ws/x HTTP/1.1',
      `Host: ${plane.host}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      `Authorization: Bearer ${plane.mint.token(plane.alice)}`,
    )
    for (const early of [
      encodeFrame('early'),
      Buffer.from(head('GET /admin/x HTTP/1.1', 'Host: gw')),
    ]) {
      const records = await decisionsDuring(plane, async () => {
        const bytes = Buffer.concat([Buffer.from(handshake), early])
        const answer = await raw(plane.port, bytes, { quiet: 10_000 })
        assert.deepEqual(answer.statuses, [400])
        assert.equal(problemIn(answer).code, 'gateway.malformed')
        assert.ok(answer.closed)
      })
      assert.deepEqual(
        records.map(({ outcome }) => outcome),
        ['deny'],
      )
    }
    assert.equal(service.sockets.length, before)
  })

  it('read each side only as fast as the other takes it', async () => {
    const piece = encodeFrame(Buffer.alloc(mebibyte), { opcode: 2, masked: false })
    for (const direction of ['down', 'up'] as const) {
      const start = resident()
      let sent = 0
      const flood = (socket: NodeJS.WritableStream): void => {
        const write = (): void => {
          while (sent < 256 && socket.write(piece)) sent += 1
          socket.once('drain', write)
        }
        write()
      }
      service.serve = (socket) => {
        if (direction === 'down') flood(socket)
        else setImmediate(() => socket.pause())
      }
      const caller = await opened()
      if (direction === 'down') caller.socket.pause()
      else flood(caller.socket)
      await delay(1500)
      const held = sent
      assert.ok(held < 32, `${direction}: ${held} MiB were taken from a side nobody reads`)
      assert.ok(resident() - start < 48, `${direction}: grew by ${resident() - start} MiB`)
      caller.socket.resume()
      service.sockets.at(-1)?.resume()
      await until('it goes on', () => sent > held + 8)
      caller.socket.destroy()
      service.sockets.at(-1)?.destroy()
    }
    service.serve = () => undefined
  })

  it('are over for both sides when one ends, resets, or only stops sending', async () => {
    await until('none is open', async () => (await tunnels()) === 0)
    for (const leave of [
      (caller: WebSocketCaller) => caller.socket.destroy(),
      (caller: WebSocketCaller) => caller.socket.resetAndDestroy(),
      (caller: WebSocketCaller) => caller.socket.end(),
      () => service.sockets.at(-1)?.destroy(),
      () => service.sockets.at(-1)?.resetAndDestroy(),
      () => service.sockets.at(-1)?.end(),
    ]) {
      const caller = await opened()
      caller.send('hello')
      assert.equal(await tunnels(), 1)
      leave(caller)
      await caller.closed
      await until('the service is told', () => service.sockets.at(-1)?.destroyed === true)
      await until('it is forgotten', async () => (await tunnels()) === 0)
    }
  })

  it('are cut off when the other side keeps its half open for ever', async () => {
    // It hears the end and does not answer it.
    const stubborn = connect({ port: plane.port, host: '127.0.0.1', allowHalfOpen: true })
    stubborn.on('error', () => undefined)
    stubborn.write(
      head(
        'GET /ws/x HTTP/1.1',
        `Host: ${plane.host}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        `Authorization: Bearer ${plane.mint.token(plane.alice)}`,
      ),
    )
    await new Promise((resolve) => stubborn.once('data', resolve))
    service.sockets.at(-1)?.end()
    await until('the gateway lets go of it', async () => (await tunnels()) === 0)
    stubborn.destroy()
  })

  it('cost little: a thousand of them', async () => {
    service.serve = (socket, index) => {
      socket.on('data', () => {
        if ((service.frames[index]?.length ?? 0) > 0) {
          socket.write(encodeFrame('there', { masked: false }))
        }
      })
    }
    const start = resident()
    const callers: WebSocketCaller[] = []
    for (let round = 0; round < 20; round++) {
      callers.push(...(await Promise.all(Array.from({ length: 50 }, () => opened()))))
    }
    assert.equal(await tunnels(), 1000)
    for (const caller of callers) caller.send('here')
    await Promise.all(callers.map((caller) => caller.received(1)))
    const each = ((resident() - start) * 1024) / callers.length
    assert.ok(each < 100, `${each} KiB for each`)
    for (const caller of callers) caller.socket.destroy()
    await until('all are gone', async () => (await tunnels()) === 0)
    service.serve = () => undefined
  })
})
