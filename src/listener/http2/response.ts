import { invariant } from '../../core/index.ts'
import { ErrorCode } from '../../http2/index.ts'
import type { Stream } from '../../http2/index.ts'
import type { CallerResponse } from '../../gateway/index.ts'
import { answerFields, dateNow } from './answer-fields.ts'

/** An answer over HTTP/2. */
export class Http2Response implements CallerResponse {
  statusCode = 200
  sendDate = true
  headersSent = false
  writableEnded = false
  readonly #stream: Stream
  readonly #isHead: boolean
  /** It has a body as far as HTTP knows, and none of a known length. */
  #mayTrail = false
  #isBodiless = false
  #trailers: readonly string[] | undefined
  #onDrain: (() => void)[] = none
  #onClose: (() => void)[] = none

  constructor(stream: Stream, method: string) {
    this.#stream = stream
    this.#isHead = method === 'HEAD'
  }

  get destroyed(): boolean {
    return this.#stream.isOver
  }

  get writableLength(): number {
    return this.#stream.unsent
  }

  get chunkedEncoding(): boolean {
    return this.#mayTrail
  }

  writeHead(status: number, headers: Record<string, string | string[]>): void
  writeHead(
    status: number,
    reason: string,
    headers: readonly string[],
    own?: readonly string[],
  ): void
  writeHead(
    status: number,
    second: string | Record<string, string | string[]>,
    flat: readonly string[] = [],
    own: readonly string[] = none,
  ): void {
    const headers = own.length === 0 ? flat : [...flat, ...own]
    const fields = answerFields(status, typeof second === 'string' ? headers : flatOf(second))
    this.#isBodiless = this.#isHead || bodiless.has(status)
    this.#mayTrail = !this.#isBodiless && !fields.isSized
    this.#begin(status, fields.list, fields.isDated)
  }

  endWithHead(status: number, headers: string[]): void {
    const fields = answerFields(status, headers)
    this.#isBodiless = true
    this.#begin(status, fields.list, fields.isDated)
    this.end()
  }

  /** 1xx other than 101 (RFC 9113 8.1). Flat name, value pairs. */
  writeInformation(status: number, flat: readonly string[]): void {
    if (!this.headersSent) this.#stream.inform(answerFields(status, flat).list)
  }

  writeContinue(): void {
    this.writeInformation(100, [])
  }

  /** The header leaves with this turn of the event loop. */
  flushHeaders(): void {
    if (!this.headersSent) this.writeHead(this.statusCode, {})
  }

  write(chunk: Buffer): boolean {
    return this.#isBodiless || this.writableEnded || this.#stream.write(chunk)
  }

  end(chunk?: string | Uint8Array, encoding: BufferEncoding = 'utf8'): void {
    if (this.writableEnded) return
    this.flushHeaders()
    this.writableEnded = true
    if (chunk !== undefined && !this.#isBodiless) this.#stream.write(pieceOf(chunk, encoding))
    this.#stream.end(this.#trailers)
  }

  addTrailers(trailers: [string, string][]): void {
    if (this.#mayTrail) this.#trailers = answerFields(undefined, trailers.flat()).list
  }

  /** Ends the stream as broken (RFC 9113 5.4.2): the caller never takes what it has for the whole. */
  destroy(): void {
    this.#stream.reset(ErrorCode.internal)
  }

  on(event: 'drain' | 'close', listener: () => void): void {
    if (event === 'drain') this.#onDrain = [...this.#onDrain, listener]
    else this.#onClose = [...this.#onClose, listener]
  }

  /** For its stream: all that was written has left. */
  drained(): void {
    for (const listener of this.#onDrain) listener()
  }

  /** For its stream: it is over. */
  closed(): void {
    for (const listener of this.#onClose) listener()
  }

  #begin(status: number, list: string[], isDated: boolean): void {
    invariant(!this.headersSent, 'an answer begins once')
    this.statusCode = status
    this.headersSent = true
    if (this.sendDate && !isDated) list.push('date', dateNow())
    this.#stream.begin(list)
  }
}

const none: never[] = []
const bodiless: ReadonlySet<number> = new Set([204, 205, 304])

function pieceOf(chunk: string | Uint8Array, encoding: BufferEncoding): string | Buffer {
  if (typeof chunk === 'string') return encoding === 'latin1' ? chunk : Buffer.from(chunk, encoding)
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
}

function flatOf(headers: Record<string, string | string[]>): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => [name, one]),
  )
}
