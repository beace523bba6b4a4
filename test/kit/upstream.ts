import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import type { AddressInfo, Server as SocketServer, Socket } from 'node:net'

/** One request as an upstream saw it. */
export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: readonly string[]
  readonly body: string
}

/** An upstream that writes down what reaches it, and says it back. */
export class RecordingUpstream {
  readonly seen: Seen[] = []
  readonly #server: Server
  /** Answers instead of the echo when it returns true. */
  answer: (request: IncomingMessage, response: ServerResponse) => boolean = () => false
  connections = 0

  constructor() {
    this.#server = createServer((request, response) => this.#serve(request, response))
    this.#server.on('connection', () => (this.connections += 1))
    this.#server.on('upgrade', (request, socket) => this.#upgrade(request, socket as Socket))
    this.#server.keepAliveTimeout = 30_000
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve)
    })
    this.#server.unref()
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  /** What was seen since the last call. */
  take(): Seen[] {
    return this.seen.splice(0)
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    request.on('error', () => undefined)
    if (this.answer(request, response)) return
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const seen = this.#record(request, Buffer.concat(chunks).toString('latin1'))
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(seen))
    })
  }

  #record(request: IncomingMessage, body: string): Seen {
    const seen = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.rawHeaders,
      body,
    }
    this.seen.push(seen)
    return seen
  }

  /** The smallest WebSocket handshake (RFC 6455 4.2.2); afterwards every byte comes back. */
  #upgrade(request: IncomingMessage, socket: Socket): void {
    this.#record(request, '')
    socket.on('error', () => socket.destroy())
    if (request.url?.includes('refused') === true) {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno')
      return
    }
    const key = String(request.headers['sec-websocket-key'])
    const accept = createHash('sha1')
      .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    socket.pipe(socket)
  }
}

/** An upstream made of bytes: `serve` gets each connection and what arrived on it so far. */
export class RawUpstream {
  readonly #server: SocketServer
  readonly sockets = new Set<Socket>()
  connections = 0
  /** Called for each complete request head; `count` is its number on this connection, from 1. */
  serve: (socket: Socket, head: string, count: number) => void = () => undefined

  constructor() {
    this.#server = createSocketServer((socket) => {
      this.connections += 1
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket))
      socket.on('error', () => socket.destroy())
      let text = ''
      let count = 0
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1')
        for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
          const head = text.slice(0, end)
          text = text.slice(end + 4)
          count += 1
          this.serve(socket, head, count)
        }
      })
    })
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve)
    })
    this.#server.unref()
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy()
    this.#server.close()
  }
}

/** Values of one header of what was seen. */
export function headerOf(seen: Seen | undefined, name: string): string[] {
  const values: string[] = []
  for (let at = 0; at < (seen?.headers.length ?? 0); at += 2) {
    if (seen?.headers[at]?.toLowerCase() === name) values.push(seen.headers[at + 1] ?? '')
  }
  return values
}
