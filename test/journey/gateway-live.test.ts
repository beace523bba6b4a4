import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { StoredRecord } from '../../src/audit/index.ts'
import { dataPlaneText } from '../kit/data-plane.ts'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import { Mint, personId, recordsOf } from '../kit/minting.ts'
import { answerOf, beginHttp2, openHttp2 } from '../kit/http2.ts'
import type { Http2Call } from '../kit/http2.ts'
import { callAdmin, until } from '../kit/operations.ts'
import { WebSocketCaller, WebSocketService } from '../kit/websocket.ts'

/** From the event to the end of the connection, with room for a busy machine. */
const soon = 10_000

describe('connections that last', { timeout: 300_000 }, () => {
  const service = new WebSocketService()
  const streams = createServer((incoming, response) => {
    const headers = incoming.url?.includes('file')
      ? { 'content-length': '100000' }
      : { 'content-type': incoming.url?.includes('events') ? 'text/event-stream' : 'text/plain' }
    response.writeHead(200, headers)
    response.on('error', () => undefined)
    const timer = setInterval(() => response.write('data: 1\n\n'), 200)
    response.once('close', () => clearInterval(timer))
  })
  let gateway: GatewayProcess
  let mint: Mint
  let text = ''
  let file = ''

  before(async () => {
    service.echo()
    const upstream = await service.listen()
    await new Promise<void>((resolve) => {
      streams.listen(0, '127.0.0.1', resolve)
    })
    streams.unref()
    text = dataPlaneText({
      upstream,
      upstreamKeys: `timeouts: { connect: 10s, headers: 30s, idle: 30s }
  streams: { url: 'http://127.0.0.1:${(streams.address() as AddressInfo).port}' }`,
      routes: `      - { method: GET, path: /old, websocket: { maxAge: 2s } }
      - { method: GET, path: /idle, websocket: { idle: 2s } }
      - { method: GET, path: /busy, websocket: { idle: 4s } }
      - { method: GET, path: /small, websocket: { maxMessage: 1000 } }
      - { method: GET, path: /outlives, websocket: { outlivesToken: true } }
      - { method: GET, path: /open, websocket: true, authorizer: open }
  streams:
    host: streams.proofgate.localhost
    upstream: streams
    audience: http://api.proofgate.localhost
    routes:
      - { method: GET, path: /events }
      - { method: GET, path: /events/short, streams: { maxAge: 2s } }
      - { method: GET, path: /lines }
      - { method: GET, path: /file }`,
      limits: '{ drain: 1s, reauthorizeEvery: 1s }',
      more: 'listeners: { public: { h2c: true } }',
    })
    text = text.replace(
      'policies:\n',
      `policies:
  fresh:
    Version: '2012-10-17'
    Statement:
      - Effect: Allow
        Action: execute-api:Invoke
        Resource: '*'
        Condition: { NumericLessThan: { 'proofgate:AuthAge': '4' } }
`,
    )
    text = text.replace('groups:\n  admins:', 'groups:\n  fresh: { policies: [fresh] }\n  admins:')
    text = text.replace(
      '    host: api.proofgate.localhost\n',
      '    host: api.proofgate.localhost\n    audience: http://api.proofgate.localhost\n',
    )
    file = configurationFile(text)
    gateway = await startGateway({ command: ['serve', '--config', file] })
    mint = new Mint(gateway)
  })
  after(async () => {
    await gateway.kill()
    service.close()
    streams.closeAllConnections()
    streams.close()
  })

  /** Somebody new, in these groups. */
  async function somebody(username: string, groups: readonly string[]): Promise<string> {
    const created = await callAdmin(gateway, '/v1/people', {
      method: 'POST',
      body: JSON.stringify({ username, groups }),
      headers: { 'content-type': 'application/json' },
    })
    assert.equal(created.status, 200, created.text)
    return personId(gateway, username)
  }

  function administer(path: string, body: object = {}): Promise<{ status: number; text: string }> {
    return callAdmin(gateway, path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
  }

  async function openSocket(path: string, token?: string): Promise<WebSocketCaller> {
    const { host, port } = new URL(gateway.api)
    const caller = await WebSocketCaller.open(Number(port), path, {
      host,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    })
    if (typeof caller === 'string') throw new Error(caller)
    return caller
  }

  interface Stream {
    readonly answer: IncomingMessage
    readonly closed: Promise<{ at: number; whole: boolean }>
  }

  function openStream(path: string, token: string): Promise<Stream> {
    const { port } = new URL(gateway.api)
    return new Promise((resolve, reject) => {
      const headers = {
        host: `streams.proofgate.localhost:${port}`,
        authorization: `Bearer ${token}`,
      }
      request({ host: '127.0.0.1', port, path, headers }, (answer) => {
        answer.resume()
        answer.on('error', () => undefined)
        const closed = new Promise<{ at: number; whole: boolean }>((ended) => {
          answer.once('close', () => ended({ at: performance.now(), whole: answer.complete }))
        })
        if (answer.statusCode === 200) resolve({ answer, closed })
        else reject(new Error(`${answer.statusCode} for ${path}`))
      })
        .on('error', reject)
        .end()
    })
  }

  const requestIdIn = (caller: WebSocketCaller): string =>
    /^x-request-id: (\S+)/im.exec(caller.head)?.[1] ?? ''

  /** The one record of an early end, beside the one that let it begin. */
  async function closingOf(requestId: string): Promise<StoredRecord> {
    let found: StoredRecord[] = []
    await until('it is on record', async () => {
      found = (await recordsOf(gateway)).filter(
        ({ action, what }) => action === 'connection.close' && what?.['request'] === requestId,
      )
      return found.length > 0
    })
    await delay(700)
    const again = (await recordsOf(gateway)).filter(({ what }) => what?.['request'] === requestId)
    assert.equal(again.length, 1)
    const begun = (await recordsOf(gateway)).filter(({ id }) => id === requestId)
    assert.deepEqual(
      begun.map(({ outcome }) => outcome),
      ['allow'],
    )
    return found[0] as StoredRecord
  }

  it('end when the person is disabled: WebSocket, events, and an answer that lasts', async () => {
    const carol = await somebody('carol', ['admins'])
    const other = await openSocket('/ws/x', mint.token(personId(gateway, 'alice')))
    const token = mint.token(carol)
    const file = await openStream('/file', token)
    await delay(5500)
    const socket = await openSocket('/ws/x', token)
    socket.send('hello')
    await socket.received(1)
    assert.equal(socket.frames[0]?.payload.toString(), 'hello')
    const events = await openStream('/events', token)
    const at = performance.now()
    assert.equal((await administer('/v1/people/carol/disable')).status, 200)
    const closing = await socket.closed
    assert.deepEqual([closing.code, closing.reason], [1008, 'gateway.revoked'])
    assert.equal(closing.rest.length, 0)
    for (const closed of [closing, await events.closed, await file.closed]) {
      assert.ok(closed.at - at < soon, `after ${closed.at - at} ms`)
    }
    assert.equal((await events.closed).whole, false)
    assert.equal((await file.closed).whole, false)
    const requestId = requestIdIn(socket)
    const record = await closingOf(requestId)
    assert.deepEqual(
      [record.kind, record.outcome, record.reason, record.who?.username],
      ['session', 'deny', 'gateway.revoked', 'carol'],
    )
    assert.equal(record.what?.['connection'], 'tunnel')
    assert.equal(record.what['path'], '/ws/x')
    for (const { answer } of [events, file]) {
      await closingOf(String(answer.headers['x-request-id']))
    }
    assert.equal(other.socket.destroyed, false, 'others go on')
    other.socket.destroy()
    const metrics = await (await fetch(`${gateway.admin}/metrics`)).text()
    assert.match(metrics, /proofgate_closed_total\{reason="revoked"\} 3\n/)
    await until('the services are told', () => service.sockets.every((one) => one.destroyed))
  })

  it('end when the token expires, unless the route lets them outlive it', async () => {
    const alice = personId(gateway, 'alice')
    const now = Math.floor(Date.now() / 1000)
    const token = mint.token(alice, { iat: now, exp: now + 4 })
    const [socket, outlives, events, lines, file] = await Promise.all([
      openSocket('/ws/x', token),
      openSocket('/outlives', token),
      openStream('/events', token),
      openStream('/lines', token),
      openStream('/file', token),
    ])
    const closing = await socket.closed
    assert.deepEqual([closing.code, closing.reason], [1008, 'gateway.expired'])
    const late = Date.now() - (now + 4) * 1000
    assert.ok(late >= 0 && late < soon, `${late} ms after its end`)
    await events.closed
    assert.equal((await closingOf(requestIdIn(socket))).reason, 'gateway.expired')
    await lines.closed
    const since = Date.now() - now * 1000
    assert.ok(since >= 5000, 'what has not lasted yet is not looked at')
    assert.equal(outlives.socket.destroyed, false)
    assert.equal(file.answer.destroyed, false, 'an answer with a length ends by itself')
    outlives.socket.destroy()
    file.answer.destroy()
  })

  it('end when groups change so that the request would be refused now', async () => {
    const dave = await somebody('dave', ['admins'])
    const token = mint.token(dave)
    const socket = await openSocket('/ws/x', token)
    const events = await openStream('/events', token)
    await delay(600)
    assert.equal(socket.socket.destroyed, false)
    const at = performance.now()
    assert.equal((await administer('/v1/people/dave/groups', { groups: ['readers'] })).status, 200)
    const closing = await socket.closed
    assert.deepEqual([closing.code, closing.reason], [1008, 'gateway.policy_changed'])
    assert.ok(closing.at - at < soon)
    await events.closed
    assert.equal((await closingOf(requestIdIn(socket))).reason, 'gateway.policy_changed')
  })

  it('end when time alone makes the policy say no', async () => {
    const erin = await somebody('erin', ['fresh'])
    let socket: WebSocketCaller | undefined
    // On a busy machine the four seconds can be over before the handshake is.
    await until('it is open', async () => {
      socket = await openSocket('/ws/x', mint.token(erin)).catch(() => undefined)
      return socket !== undefined
    })
    const closing = await socket?.closed
    assert.deepEqual([closing?.code, closing?.reason], [1008, 'gateway.policy_changed'])
  })

  it('end when another configuration would not let them begin, and only then', async () => {
    const token = mint.token(personId(gateway, 'alice'))
    const open = await openSocket('/open')
    const socket = await openSocket('/ws/x', token)
    const events = await openStream('/events', token)
    const reload = async (content: string): Promise<void> => {
      writeFileSync(`${file}.new`, content)
      renameSync(`${file}.new`, file)
      const answer = await administer('/v1/reload')
      assert.equal(answer.status, 200, answer.text)
    }
    await reload(text.replace('path: /small, websocket: { maxMessage: 1000 }', 'path: /small'))
    await delay(1500)
    for (const one of [open, socket]) assert.equal(one.socket.destroyed, false)
    await reload(text.replace('path: /open, websocket: true', 'path: /open'))
    assert.equal((await open.closed).reason, 'gateway.policy_changed')
    assert.equal(socket.socket.destroyed, false)
    await reload(text.replaceAll("'*'", "'arn:aws:execute-api:*:*:nothing/*'"))
    assert.equal((await socket.closed).reason, 'gateway.policy_changed')
    await events.closed
    await reload(text)
  })

  it('end when they are too old or say nothing, with a word to both sides', async (t) => {
    const token = mint.token(personId(gateway, 'alice'))
    const busy = await openSocket('/busy', token)
    const busySince = performance.now()
    const pings = setInterval(() => busy.send('', { opcode: 9 }), 300)
    t.after(() => clearInterval(pings))
    const [old, idle] = [await openSocket('/old', token), await openSocket('/idle', token)]
    const served = service.frames.at(-1)
    const beats = setInterval(() => old.send('beat'), 200)
    t.after(() => clearInterval(beats))
    const oldClosing = await old.closed
    clearInterval(beats)
    assert.deepEqual([oldClosing.code, oldClosing.reason], [1001, 'gateway.too_old'])
    const idleClosing = await idle.closed
    assert.deepEqual([idleClosing.code, idleClosing.reason], [1001, 'gateway.idle'])
    const word = () => served?.find(({ opcode }) => opcode === 8)
    await until('the service is told', () => word() !== undefined)
    const told = word()
    assert.equal(told?.masked, true)
    assert.equal(told?.payload.readUInt16BE(0), 1001)
    assert.equal((await closingOf(requestIdIn(idle))).outcome, 'success')
    const short = await openStream('/events/short', token)
    assert.equal((await short.closed).whole, true, 'an event stream ends whole')
    await delay(Math.max(0, 5500 - (performance.now() - busySince)))
    assert.equal(busy.socket.destroyed, false, 'pings are bytes, too')
    clearInterval(pings)
    busy.socket.destroy()
  })

  it('end when a message is longer than its route takes, in one frame or in many', async () => {
    const token = mint.token(personId(gateway, 'alice'))
    for (const send of [
      (socket: WebSocketCaller) => socket.send('x'.repeat(1001)),
      (socket: WebSocketCaller) => {
        socket.send('x'.repeat(600), { final: false })
        socket.send('x'.repeat(401), { opcode: 0 })
      },
    ]) {
      const socket = await openSocket('/small', token)
      const index = service.frames.length - 1
      socket.send('x'.repeat(1000))
      await socket.received(1)
      send(socket)
      const closing = await socket.closed
      assert.deepEqual([closing.code, closing.reason], [1009, 'gateway.message_too_big'])
      const longest = Math.max(
        0,
        ...(service.frames[index] ?? []).map(({ payload }) => payload.length),
      )
      assert.ok(longest <= 1000, 'the service got nothing of it')
      await closingOf(requestIdIn(socket))
    }
  })

  it('are cut without a word where a word would stand within a frame', async () => {
    const frank = await somebody('frank', ['admins'])
    service.serve = (socket) => socket.write(Buffer.from([0x81, 126, 0x10, 0, 1, 2, 3]))
    const socket = await openSocket('/ws/x', mint.token(frank))
    await until('half a frame has come', () => socket.pending === 7)
    await administer('/v1/people/frank/disable')
    const closing = await socket.closed
    assert.equal(closing.code, undefined)
    assert.deepEqual(closing.rest, Buffer.from([0x81, 126, 0x10, 0, 1, 2, 3]))
    service.echo()
  })

  it('end over HTTP/2 like over HTTP/1.1, one stream and not its connection', async () => {
    const heidi = await somebody('heidi', ['admins'])
    const { port } = new URL(gateway.api)
    const session = openHttp2(Number(port))
    const call = (path: string, token: string): Http2Call => ({
      path,
      authority: `streams.proofgate.localhost:${port}`,
      headers: { authorization: `Bearer ${token}` },
    })
    const events = beginHttp2(session, call('/events', mint.token(heidi)))
    const other = beginHttp2(session, call('/events', mint.token(personId(gateway, 'alice'))))
    const short = beginHttp2(session, call('/events/short', mint.token(personId(gateway, 'alice'))))
    const answers = [answerOf(events), answerOf(short)]
    await new Promise((resolve) => events.once('data', resolve))
    const at = performance.now()
    await administer('/v1/people/heidi/disable')
    const [cut, whole] = await Promise.all(answers)
    assert.ok(performance.now() - at < 2 * soon)
    assert.equal(cut?.status, 200)
    assert.notEqual(cut.reset, 0, 'it is not ended as if it were whole')
    assert.deepEqual([whole?.status, whole?.reset, whole?.ended], [200, 0, true])
    assert.equal(other.destroyed, false)
    assert.equal((await closingOf(String(cut.headers['x-request-id']))).reason, 'gateway.revoked')
    session.destroy()
  })

  it('leave short requests alone, whatever is revoked while they are under way', async () => {
    const grace = await somebody('grace', ['admins'])
    const authorization = `Bearer ${mint.token(grace)}`
    const answer = call(`${gateway.api}/app/x`, { headers: { authorization } })
    assert.equal((await answer).status, 200)
    await administer('/v1/people/grace/disable')
    assert.equal(
      (await call(`${gateway.api}/app/x`, { headers: { authorization } })).json().code,
      'gateway.session_ended',
    )
  })
})
