import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'

import { millis } from '../../src/core/index.ts'
import type { ResponseHead, Upstream } from '../../src/upstream/index.ts'
import { fetchOver, get, ok, rawServer, Recorder, until, upstreamTo } from './kit.ts'

const switching =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

class UpgradeRecorder extends Recorder {
  socket: Duplex | undefined
  leftover = ''
  onUpgrade(head: ResponseHead, socket: Duplex, leftover: Buffer): void {
    this.head = head
    this.socket = socket
    this.leftover = leftover.toString('latin1')
    this.events.push('upgrade')
  }
}

function ask(upstream: Upstream): UpgradeRecorder {
  const recorder = new UpgradeRecorder()
  upstream.upgrade({ ...get('/chat'), framing: { kind: 'none' }, protocol: 'websocket' }, recorder)
  return recorder
}

test('an accepted upgrade hands the tunnel over with its first bytes', async (t) => {
  const server = await rawServer(t, (socket, received) => {
    if (received.endsWith('\r\n\r\n')) socket.write(`${switching}first`)
    if (received.endsWith('ping')) socket.end('pong')
  })
  const upstream = upstreamTo(t, server.port)
  const recorder = ask(upstream)
  await until(() => recorder.socket !== undefined)
  assert.equal(recorder.head?.status, 101)
  assert.deepEqual(recorder.head?.headers, ['Upgrade', 'websocket'])
  assert.equal(recorder.leftover, 'first')
  assert.ok(server.received[0]?.includes('connection: upgrade\r\nupgrade: websocket\r\n'))
  assert.equal(upstream.stats.open, 0)
  assert.equal(upstream.stats.upgraded, 1)
  const { socket } = recorder
  assert.ok(socket !== undefined)
  assert.ok(socket.isPaused())
  socket.write('ping')
  const [chunk] = (await once(socket.resume(), 'data')) as [Buffer]
  assert.equal(chunk.toString(), 'pong')
  await once(socket, 'close')
  assert.deepEqual(recorder.events, ['upgrade'])
})

test('a refused upgrade is a response like any other, and its connection serves nothing else', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(ok('no tunnel')))
  const upstream = upstreamTo(t, server.port)
  const recorder = ask(upstream)
  await recorder.settled
  assert.equal(recorder.body, 'no tunnel')
  assert.equal(recorder.socket, undefined)
  assert.equal(upstream.stats.open, 0)
  await fetchOver(upstream, get())
  assert.equal(server.sockets.length, 2)
})

test('a switch to another protocol, or one that was not asked for, is malformed', async (t) => {
  const server = await rawServer(t, (socket) => {
    socket.write(switching.replace('websocket', 'h2c'))
  })
  const upstream = upstreamTo(t, server.port)
  const recorder = ask(upstream)
  await recorder.settled
  assert.equal(recorder.failure?.kind, 'malformed')
  assert.equal(recorder.socket, undefined)
  assert.equal((await fetchOver(upstream, get())).failure?.kind, 'malformed')
  assert.equal(upstream.stats.open, 0)
})

test('an upgrade takes a fresh connection, making room for it if need be, and is never retried', async (t) => {
  const server = await rawServer(t, (socket, received, connection) => {
    if (received.includes('upgrade')) socket.destroy()
    else socket.write(ok(`${connection}`))
  })
  const upstream = upstreamTo(t, server.port, { maxConnections: 1 })
  await fetchOver(upstream, get())
  const recorder = ask(upstream)
  await recorder.settled
  assert.equal(recorder.failure?.kind, 'reset')
  assert.equal(server.sockets.length, 2)
  assert.ok(!server.received[0]?.includes('upgrade'))
})

test('an upgrade that made room for itself is still given up when nothing answers', async (t) => {
  const server = await rawServer(t, (socket, received) => {
    if (!received.includes('upgrade')) socket.write(ok('x'))
  })
  const upstream = upstreamTo(t, server.port, { maxConnections: 1, headersTimeout: millis(50) })
  await fetchOver(upstream, get())
  const recorder = ask(upstream)
  await recorder.settled
  assert.equal(recorder.failure?.kind, 'headers_timeout')
})

test('an upgrade that waits gets a fresh connection when one is freed', async (t) => {
  const server = await rawServer(t, (socket, received, connection) => {
    if (connection === 0) setTimeout(() => socket.write(ok('x')), 20)
    else if (received.includes('upgrade')) socket.write(switching)
  })
  const upstream = upstreamTo(t, server.port, { maxConnections: 1 })
  const running = fetchOver(upstream, get())
  const recorder = ask(upstream)
  await until(() => recorder.socket !== undefined)
  recorder.socket?.destroy()
  assert.equal((await running).body, 'x')
  assert.equal(server.sockets.length, 2)
})

test('an upstream that disconnects a tunnel with a reset does not bring the process down', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(switching))
  const upstream = upstreamTo(t, server.port)
  const recorder = ask(upstream)
  await until(() => recorder.socket !== undefined)
  const closed = once(recorder.socket?.resume() as Duplex, 'close')
  server.sockets[0]?.resetAndDestroy()
  await closed.catch(() => undefined)
  assert.equal(recorder.socket?.destroyed, true)
})
