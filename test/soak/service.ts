import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { largeBodyOf } from './bodies.ts'
import { numberOf } from './mixture.ts'

/** What the load is sent to: counts, echoes, streams and is slow, by path. */
export class LoadedService {
  readonly #server: Server
  /** Who waits for the request with this mark to arrive. */
  readonly #awaited = new Map<string, () => void>()

  constructor() {
    this.#server = createServer((request, response) => this.#serve(request, response))
    this.#server.keepAliveTimeout = 70_000
    this.#server.on('upgrade', (request, socket) => {
      const accept = createHash('sha1')
        .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest('base64')
      socket.on('error', () => socket.destroy())
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      )
      socket.pipe(socket)
    })
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve)
    })
    return (this.#server.address() as AddressInfo).port
  }

  /** Closes what carries no request. */
  rest(): void {
    this.#server.closeIdleConnections()
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  /** Resolves when a request with this mark in its path has arrived. */
  arrival(mark: string): Promise<void> {
    return new Promise((resolve) => this.#awaited.set(mark, resolve))
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? ''
    request.on('error', () => undefined)
    response.on('error', () => undefined)
    const mark = url.slice(url.lastIndexOf('/') + 1)
    this.#awaited.get(mark)?.()
    this.#awaited.delete(mark)
    if (url.startsWith('/public/events/')) streamEvents(response)
    else if (url.startsWith('/public/slow/')) setTimeout(() => response.end('slow'), 300)
    else if (url.startsWith('/public/never/')) request.resume()
    else if (url.startsWith('/public/large/')) response.end(largeBodyOf(numberOf(url) ?? 0))
    else if (request.method === 'POST') request.pipe(response)
    else response.end(url)
  }
}

function streamEvents(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write('data: 0\n\n')
  const timer = setInterval(() => response.write('data: more\n\n'), 20)
  response.once('close', () => clearInterval(timer))
}
