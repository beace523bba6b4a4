import { EventEmitter } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { Readable, Writable } from 'node:stream'
import type { Peer, SurfacePair } from '../../gateway/index.ts'
import type { Http2Exchange } from './exchange.ts'
import type { Http2Request } from './request.ts'
import type { Http2Response } from './response.ts'

/** What Koa and our pages take for the objects of HTTP/1.1. */
export function surfacePair(exchange: Http2Exchange, peer: Peer): SurfacePair {
  const socket = new StandInSocket(peer)
  const request = new SurfaceRequest(exchange.request, socket)
  const response = new SurfaceResponse(exchange.response, request)
  exchange.response.on('close', () => {
    socket.close()
    if (!request.readableEnded) request.destroy(exchange.request.complete ? undefined : gone())
    response.destroy()
  })
  return {
    request: request as unknown as IncomingMessage,
    response: response as unknown as ServerResponse,
  }
}

function gone(): Error {
  return Object.assign(new Error('the caller went away'), { code: 'ECONNRESET' })
}

/** What libraries ask a connection for. Nothing goes through it. */
class StandInSocket extends EventEmitter {
  readonly encrypted: boolean
  readonly remoteAddress: string
  readable = true
  writable = true
  destroyed = false

  constructor({ encrypted, address }: Peer) {
    super()
    this.encrypted = encrypted
    this.remoteAddress = address
  }

  close(): void {
    this.readable = false
    this.writable = false
    this.destroyed = true
    this.emit('close')
  }
}

/** A request in the form of HTTP/1.1's, with what our pages and their libraries use of it. */
class SurfaceRequest extends Readable {
  readonly httpVersion = '2.0'
  readonly httpVersionMajor = 2
  readonly httpVersionMinor = 0
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly method: string
  readonly socket: StandInSocket
  url: string
  readonly #request: Http2Request
  #begun = false

  constructor(request: Http2Request, socket: StandInSocket) {
    super()
    this.#request = request
    this.socket = socket
    this.method = request.method
    this.url = request.url
    this.rawHeaders = request.rawHeaders
    // Koa and its like see by the lines of HTTP/1.1 that there is a body.
    const isUndeclared = request.hasBody && request.headers['content-length'] === undefined
    this.headers = isUndeclared
      ? { ...request.headers, 'transfer-encoding': 'chunked' }
      : request.headers
    // Without a listener an error of one request would end the process.
    this.on('error', () => undefined)
  }

  get complete(): boolean {
    return this.#request.complete
  }

  get connection(): StandInSocket {
    return this.socket
  }

  override _read(): void {
    if (this.#begun) {
      this.#request.resume()
      return
    }
    this.#begun = true
    this.#request.on('end', () => this.push(null))
    this.#request.on('data', (piece) => {
      if (!this.push(piece)) this.#request.pause()
    })
  }
}

type Values = Record<string, string | string[]>

/** An answer in the form of HTTP/1.1's, with what our pages and their libraries use of it. */
class SurfaceResponse extends Writable {
  readonly req: SurfaceRequest
  readonly socket: StandInSocket
  statusCode = 200
  statusMessage = ''
  sendDate = true
  readonly #response: Http2Response
  readonly #values = new Map<string, string | string[]>()
  #onward: (() => void) | undefined

  constructor(response: Http2Response, req: SurfaceRequest) {
    super({ decodeStrings: true })
    this.req = req
    this.socket = req.socket
    this.#response = response
    response.on('drain', () => this.#goOn())
    this.on('error', () => undefined)
  }

  get headersSent(): boolean {
    return this.#response.headersSent
  }

  get finished(): boolean {
    return this.writableEnded
  }

  get connection(): StandInSocket {
    return this.socket
  }

  setHeader(name: string, value: number | string | readonly string[]): this {
    if (this.headersSent) throw new Error('the header was sent already')
    this.#values.set(name.toLowerCase(), valueOf(value))
    return this
  }

  appendHeader(name: string, value: string | readonly string[]): this {
    const before = this.getHeader(name)
    return this.setHeader(name, before === undefined ? value : [before, valueOf(value)].flat())
  }

  getHeader(name: string): string | string[] | undefined {
    return this.#values.get(name.toLowerCase())
  }

  getHeaders(): Values {
    return Object.fromEntries(this.#values)
  }

  getHeaderNames(): string[] {
    return [...this.#values.keys()]
  }

  hasHeader(name: string): boolean {
    return this.#values.has(name.toLowerCase())
  }

  removeHeader(name: string): void {
    this.#values.delete(name.toLowerCase())
  }

  writeHead(status: number, second?: string | Values, third?: Values): this {
    const more = typeof second === 'string' ? third : second
    for (const [name, value] of Object.entries(more ?? {})) this.setHeader(name, value)
    this.statusCode = status
    this.#response.sendDate = this.sendDate
    this.#response.writeHead(status, this.getHeaders())
    return this
  }

  flushHeaders(): void {
    if (!this.headersSent && !this.destroyed) this.writeHead(this.statusCode)
  }

  writeContinue(): void {
    this.#response.writeContinue()
  }

  override _write(chunk: Buffer, _encoding: unknown, done: () => void): void {
    this.flushHeaders()
    if (this.#response.write(chunk)) done()
    else this.#onward = done
  }

  override _final(done: () => void): void {
    this.flushHeaders()
    this.#response.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#response.writableEnded) this.#response.destroy()
    this.#goOn()
    done(error)
  }

  #goOn(): void {
    const onward = this.#onward
    this.#onward = undefined
    onward?.()
  }
}

function valueOf(value: number | string | readonly string[]): string | string[] {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' ? value : [...value]
}
