import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { millis, systemClock } from '../../src/core/index.ts'
import type { GatewayParts, GatewayTable } from '../../src/gateway/gateway.ts'
import { Doors } from '../../src/listener/doors.ts'
import { Http1Server } from '../../src/listener/http1/server.ts'
import type { ListenerLimits } from '../../src/listener/listener.ts'
import { Reception } from '../../src/gateway/incoming/reception.ts'

const limits = {
  headerBytes: 16_384,
  headerCount: 100,
  connections: 100,
  requestHeaderTimeout: millis(30_000),
  requestIdle: millis(30_000),
  keepAlive: millis(30_000),
  halfClose: false,
} as ListenerLimits

const request = 'GET /x HTTP/1.1\r\nHost: a.localhost\r\n\r\n'

/** A server whose only host is one of our own surfaces, which answers at once. */
async function start(context: TestContext): Promise<{ server: Http1Server; port: number }> {
  const table = { apis: new Map(), isTrustedProxy: () => false } as unknown as GatewayTable
  const parts = { clock: systemClock(), table: () => table } as GatewayParts
  const surface = {
    serve: async (_: unknown, response: { end: (text: string) => unknown }) => {
      response.end('served')
    },
  }
  const server = new Http1Server(
    new Reception({ parts, limits, findSurface: () => surface }),
    limits,
  )
  server.begin()
  const doors = new Doors(limits.connections, server)
  const port = await doors.open({ address: '127.0.0.1', port: 0, reusePort: false })
  context.after(async () => {
    server.destroyAll()
    server.stop()
    await doors.close()
  })
  return { server, port }
}

interface Caller {
  readonly socket: Socket
  /** Whether the system has reset its connection. */
  readonly wasReset: () => boolean
  readonly read: () => string
  readonly closed: Promise<unknown>
}

/** On a connection that has been served once. */
async function call(port: number, allowHalfOpen = false): Promise<Caller> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen })
  let wasReset = false
  socket.on('error', () => (wasReset = true))
  let text = ''
  socket.setEncoding('latin1').on('data', (piece: string) => (text += piece))
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write(request)
  while (!text.includes('served')) await once(socket, 'data')
  assert.match(text, /^HTTP\/1\.1 200 /)
  text = ''
  return { socket, wasReset: () => wasReset, read: () => text, closed }
}

test('a request that waits in the system’s buffers when idle connections are closed is answered', async (context) => {
  const { server, port } = await start(context)
  const caller = await call(port)
  server.drain(() => false)
  await new Promise(setImmediate)
  caller.socket.write(request)
  // Past the moment at which they are closed, without a chance to read.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
  await caller.closed
  assert.match(caller.read(), /^HTTP\/1\.1 200 .*\r\nconnection: close\r\n.*served$/is)
})

test('a connection on which a header has begun to arrive is not idle when a server drains', async (context) => {
  const { server, port } = await start(context)
  const [begun, idle] = [await call(port), await call(port)]
  begun.socket.write(request.slice(0, 20))
  server.drain(() => false)
  await idle.closed
  assert.equal(idle.read(), '')
  begun.socket.write(request.slice(20))
  await begun.closed
  assert.match(begun.read(), /^HTTP\/1\.1 200 .*\r\nconnection: close\r\n.*served$/is)
})

test('idle connections stay while something else is waited for, and whoever uses one is answered', async (context) => {
  const { server, port } = await start(context)
  const [used, idle] = [await call(port), await call(port)]
  let isBusy = true
  server.drain(() => isBusy)
  // Twice as long as idle connections are kept otherwise.
  await delay(600)
  used.socket.write(request)
  await used.closed
  assert.match(used.read(), /^HTTP\/1\.1 200 .*\r\nconnection: close\r\n.*served$/is)
  assert.equal(idle.socket.readableEnded, false)
  isBusy = false
  await idle.closed
  assert.equal(idle.read(), '')
})

/** A process that stands still for seconds resets connections all the same: one of several is enough. */
const several = 5

/** Sends another request when the other side has ended, and counts who is reset for it. */
async function resetsOf(callers: readonly Caller[]): Promise<number> {
  const crossing = callers.map(async ({ socket, closed }) => {
    await once(socket, 'end')
    socket.write(request)
    // A reset that the first piece was answered with is what becomes of the second one.
    setTimeout(() => socket.end(request), 10)
    await closed
  })
  await Promise.all(crossing)
  return callers.filter(({ wasReset }) => wasReset()).length
}

test('a request that crosses the end of an idle connection is not answered, nor with a reset', async (context) => {
  const { server, port } = await start(context)
  const callers = await Promise.all(Array.from({ length: several }, () => call(port, true)))
  server.drain(() => false)
  assert.ok((await resetsOf(callers)) < several)
  for (const { read } of callers) assert.equal(read(), '')
})

test('a request that crosses the last answer does not cost its caller that answer', async (context) => {
  const { server, port } = await start(context)
  const callers = await Promise.all(Array.from({ length: several }, () => call(port, true)))
  server.drain(() => true)
  for (const { socket } of callers) socket.write(request)
  assert.ok((await resetsOf(callers)) < several)
  for (const { read } of callers) {
    assert.match(read(), /^HTTP\/1\.1 200 .*\r\nconnection: close\r\n.*served$/is)
  }
})
