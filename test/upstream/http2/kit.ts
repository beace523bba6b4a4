import { once } from 'node:events'
import { createServer as createHttp2Server } from 'node:http2'
import type { Http2Server, ServerHttp2Session, ServerOptions } from 'node:http2'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { TestContext } from 'node:test'

import { millis } from '../../../src/core/index.ts'
import { Http2Upstream } from '../../../src/upstream/http2/http2-upstream.ts'
import type { Http2Options } from '../../../src/upstream/http2/http2-upstream.ts'
import { frame, frameTypes, preface, settings } from '../../kit/h2-frames.ts'
import type { Frame } from '../../kit/h2-frames.ts'

/** One connection to a service made of frames. */
export interface RawConnection {
  readonly socket: Socket
  readonly index: number
  readonly frames: Frame[]
  send(...bytes: readonly Buffer[]): void
}

export interface RawService {
  readonly port: number
  readonly connections: RawConnection[]
}

export interface RawScript {
  /** What it says first; its settings and the acknowledgement of ours when absent. */
  readonly begin?: (connection: RawConnection) => void
  /** Called for each frame after the preface; `stream` is 0 for those of the connection. */
  readonly on?: (frame: Frame, connection: RawConnection) => void
  /** Called for each complete header section of a request. */
  readonly request?: (stream: number, connection: RawConnection) => void
}

/** A service that says whatever the test wants, in frames. Flow-control windows are the test's concern. */
export async function rawService(t: TestContext, script: RawScript): Promise<RawService> {
  const connections: RawConnection[] = []
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    const connection: RawConnection = {
      socket,
      index: connections.length,
      frames: [],
      send: (...bytes) => {
        if (!socket.destroyed) socket.write(Buffer.concat(bytes))
      },
    }
    connections.push(connection)
    const begin = script.begin ?? ((one) => one.send(settings({ 3: 100 }), settingsAck))
    begin(connection)
    let rest = Buffer.alloc(0)
    let greeted = false
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      if (!greeted && rest.length >= preface.length) {
        greeted = true
        rest = rest.subarray(preface.length)
      }
      if (!greeted) return
      while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
        const length = rest.readUIntBE(0, 3)
        const one = {
          type: rest[3] ?? 0,
          flags: rest[4] ?? 0,
          stream: rest.readUInt32BE(5),
          payload: Buffer.from(rest.subarray(9, 9 + length)),
        }
        rest = rest.subarray(9 + length)
        connection.frames.push(one)
        script.on?.(one, connection)
        if (one.type === frameTypes.headers) script.request?.(one.stream, connection)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const { socket } of connections) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, connections }
}

export const settingsAck = frame(frameTypes.settings, 1, 0)

export function goaway(lastStream: number, code: number): Buffer {
  const payload = Buffer.alloc(8)
  payload.writeUInt32BE(lastStream)
  payload.writeUInt32BE(code, 4)
  return frame(frameTypes.goaway, 0, 0, payload)
}

/** A service on the runtime's own HTTP/2. */
export async function service(
  t: TestContext,
  onStream: Parameters<Http2Server['on']>[1],
  options: ServerOptions = {},
): Promise<{ port: number; server: Http2Server; sessions: Set<ServerHttp2Session> }> {
  const server = createHttp2Server(options)
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
    session.on('error', () => undefined)
  })
  server.on('stream', onStream)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, server, sessions }
}

export function http2To(
  t: TestContext,
  port: number,
  changes: Partial<Http2Options> = {},
): Http2Upstream {
  const upstream = new Http2Upstream({
    name: 'test',
    url: new URL(`http://127.0.0.1:${port}`),
    allowPrivateAddresses: true,
    connectTimeout: millis(20_000),
    headersTimeout: millis(20_000),
    idleTimeout: millis(20_000),
    maxConnections: 4,
    keepAliveTimeout: millis(60_000),
    maxHeaderBytes: 16_384,
    ...changes,
  })
  t.after(() => upstream.close(millis(0)))
  return upstream
}
