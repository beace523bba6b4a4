import type { OutgoingHttpHeaders } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { CallerResponse } from '../incoming.ts'
import { cutOff } from './cut-off.ts'
import { errorCode } from './frames.ts'
import type { Http2Request } from './request.ts'

/** RFC 9113 8.2.2: they speak of a connection of HTTP/1.1 and have no place here. */
const connectionSpecific: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'te',
])

/** An answer over HTTP/2. */
export class Http2Response implements CallerResponse {
  statusCode = 200
  sendDate = true
  readonly #stream: ServerHttp2Stream
  readonly #request: Http2Request
  #trailers: [string, string][] = []
  #mayTrail = false
  #ended = false

  constructor(stream: ServerHttp2Stream, request: Http2Request) {
    this.#stream = stream
    this.#request = request
  }

  get headersSent(): boolean {
    return this.#stream.headersSent
  }

  get writableEnded(): boolean {
    return this.#ended
  }

  get destroyed(): boolean {
    return this.#stream.destroyed || this.#stream.closed
  }

  get writableLength(): number {
    return this.#stream.writableLength
  }

  get chunkedEncoding(): boolean {
    return this.#mayTrail
  }

  writeHead(status: number, headers: Record<string, string | string[]>): void
  writeHead(status: number, reason: string, headers: string[]): void
  writeHead(
    status: number,
    second: string | Record<string, string | string[]>,
    flat: string[] = [],
  ): void {
    const headers = answerHeaders(status, typeof second === 'string' ? flat : flatOf(second))
    this.statusCode = status
    this.#mayTrail =
      !('content-length' in headers) && this.#request.method !== 'HEAD' && !bodiless.has(status)
    if (this.#mayTrail) this.#stream.once('wantTrailers', () => this.#sendTrailers())
    this.#stream.once('finish', () => this.#finished())
    const options = { sendDate: this.sendDate, waitForTrailers: this.#mayTrail }
    this.#stream.respond(headers, options)
  }

  endWithHead(status: number, headers: string[]): void {
    this.statusCode = status
    this.#ended = true
    this.#stream.once('finish', () => this.#finished())
    const options = { sendDate: this.sendDate, endStream: true }
    this.#stream.respond(answerHeaders(status, headers), options)
  }

  /** 1xx other than 101 (RFC 9113 8.1). Flat name, value pairs. */
  writeInformation(status: number, flat: readonly string[]): void {
    if (this.destroyed || this.headersSent) return
    this.#stream.additionalHeaders(answerHeaders(status, flat))
  }

  writeContinue(): void {
    this.writeInformation(100, [])
  }

  /** The header left with `writeHead`. */
  flushHeaders(): void {
    if (!this.headersSent) this.writeHead(this.statusCode, {})
  }

  write(chunk: Buffer): boolean {
    if (this.#takesBody()) return this.#stream.write(chunk)
    return true
  }

  end(chunk?: string | Uint8Array, encoding?: BufferEncoding): void {
    if (this.#ended) return
    this.#ended = true
    if (!this.#takesBody()) return
    if (chunk === undefined || chunk.length === 0) this.#stream.end()
    else if (encoding === undefined) this.#stream.end(chunk)
    else this.#stream.end(chunk, encoding)
  }

  addTrailers(trailers: [string, string][]): void {
    this.#trailers = trailers
  }

  /** Ends the stream as broken (RFC 9113 5.4.2): the caller never takes what it has for the whole. */
  destroy(): void {
    if (!this.destroyed) cutOff(this.#stream, errorCode.internalError)
  }

  on(event: 'drain' | 'close', listener: () => void): void {
    this.#stream.on(event, listener)
  }

  /** An answer to HEAD, or one that has no body, was ended with its header. */
  #takesBody(): boolean {
    return !this.destroyed && !this.#stream.writableEnded
  }

  /** Called by the runtime: what is thrown here would end the process. */
  #sendTrailers(): void {
    try {
      this.#stream.sendTrailers(answerHeaders(undefined, this.#trailers.flat()))
    } catch {
      cutOff(this.#stream, errorCode.internalError)
      return
    }
    // The runtime sends them in its next turn.
    setImmediate(() => setImmediate(() => this.stopRequest()))
  }

  #finished(): void {
    if (!this.#mayTrail) this.stopRequest()
  }

  /** Nobody reads what the caller still sends: RFC 9113 8.1 has a code for that. */
  stopRequest(): void {
    if (this.#stream.destroyed) return
    if (!this.#request.complete) this.#stream.close(errorCode.noError)
    this.#request.discard()
  }
}

const bodiless: ReadonlySet<number> = new Set([204, 205, 304])

/** One value each: lines of the same name are put together, as RFC 9110 5.3 allows everybody on the way. */
const singular: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'age',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'content-type',
  'date',
  'etag',
  'expires',
  'last-modified',
  'location',
  'retry-after',
  'x-content-type-options',
])

const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
const legalValue = /^[\t -~\u0080-\u00ff]*$/

/**
 * @param flat - name, value pairs.
 * @throws TypeError for what may not stand in a header: the runtime looks at none of it here.
 */
function answerHeaders(status: number | undefined, flat: readonly string[]): OutgoingHttpHeaders {
  const headers = Object.create(null) as Record<string, number | string | string[]>
  if (status !== undefined) headers[':status'] = status
  for (let at = 0; at < flat.length; at += 2) {
    const name = (flat[at] ?? '').toLowerCase()
    if (connectionSpecific.has(name)) continue
    const value = flat[at + 1] ?? ''
    if (!token.test(name) || !legalValue.test(value)) {
      throw new TypeError('a header that HTTP does not allow')
    }
    const before = headers[name]
    if (before === undefined) headers[name] = value
    else if (singular.has(name)) headers[name] = `${String(before)}, ${value}`
    else if (Array.isArray(before)) before.push(value)
    else headers[name] = [String(before), value]
  }
  return headers
}

function flatOf(headers: Record<string, string | string[]>): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => [name, one]),
  )
}
