import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { millis, systemClock } from '../../../src/core/index.ts'
import type { GatewayParts, GatewayTable } from '../../../src/gateway/gateway.ts'
import { Reception } from '../../../src/gateway/incoming/reception.ts'
import { Http1Server } from '../../../src/listener/http1/server.ts'
import { introduce } from '../../../src/listener/peer.ts'
import type { ListenerLimits } from '../../../src/listener/listener.ts'

const limits = {
  headerBytes: 16_384,
  headerCount: 100,
  connections: 100,
  requestHeaderTimeout: millis(30_000),
  requestIdle: millis(30_000),
  keepAlive: millis(1000),
  halfClose: false,
} as ListenerLimits

/**
 * A server whose sockets cannot end: what TLS says at the end needs room in the system's buffers, which a caller
 * that reads nothing any more never makes.
 */
async function start(context: TestContext): Promise<{ port: number; sockets: Socket[] }> {
  const table = { apis: new Map(), isTrustedProxy: () => false } as unknown as GatewayTable
  const parts = { clock: systemClock(), table: () => table } as GatewayParts
  const surface = {
    serve: async (_: unknown, response: { end: (text: string) => unknown }) => {
      response.end('served')
    },
  }
  const findSurface = (): typeof surface => surface
  const server = new Http1Server(new Reception({ parts, limits, findSurface }), limits)
  server.begin()
  const sockets: Socket[] = []
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket._final = () => undefined
    sockets.push(socket)
    introduce(socket, { address: '127.0.0.1', encrypted: true })
    server.accept(socket)
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.destroyAll()
    server.stop()
    listener.close()
  })
  return { port: (listener.address() as AddressInfo).port, sockets }
}

for (const [what, lines] of [
  ['its last answer', 'Connection: close\r\n'],
  ['lying idle for as long as it may', ''],
] as const) {
  test(
    `a connection that cannot be ended behind ${what} is cut`,
    { timeout: 60_000 },
    async (context) => {
      const { port, sockets } = await start(context)
      const caller = connect(port, '127.0.0.1')
      caller.on('error', () => undefined)
      caller.write(`GET /x HTTP/1.1\r\nHost: a.localhost\r\n${lines}\r\n`)
      const [answer] = await once(caller, 'data')
      assert.match(String(answer), /^HTTP\/1\.1 200 /)
      const [socket] = sockets
      assert.ok(socket !== undefined)
      if (!socket.destroyed) await once(socket, 'close')
      caller.destroy()
    },
  )
}
