import type { IncomingHttpHeaders } from 'node:http'
import type { Stream } from '../../http2/index.ts'
import type { CallerRequest } from '../../gateway/index.ts'
import type { RequestFields } from './fields.ts'

/** A request that came by HTTP/2. */
export class Http2Request implements CallerRequest {
  readonly method: string
  url: string
  readonly httpVersionMajor = 2
  readonly httpVersionMinor = 0
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly hasBody: boolean
  readonly #stream: Stream
  #onData: ((chunk: Buffer) => void)[] = none
  #onEnd: (() => void)[] = none

  constructor(stream: Stream, fields: RequestFields) {
    this.#stream = stream
    this.method = fields.method
    this.url = fields.target
    this.headers = fields.headers
    this.rawHeaders = fields.rawHeaders
    this.hasBody = !stream.receivedAll
  }

  get complete(): boolean {
    return this.#stream.receivedAll
  }

  get rawTrailers(): readonly string[] {
    return this.#stream.trailers
  }

  isPaused(): boolean {
    return this.#stream.isPaused
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  /** Who listens for data lets it flow. That it breaks off is said by the life of the request. */
  on(event: 'data', listener: (chunk: Buffer) => void): void
  on(event: 'end', listener: () => void): void
  on(event: 'error', listener: (error: Error) => void): void
  on(event: string, listener: (value: never) => void): void {
    if (event === 'data') {
      this.#onData = [...this.#onData, listener as (chunk: Buffer) => void]
      this.#stream.resume()
    } else if (event === 'end') this.#onEnd = [...this.#onEnd, listener as () => void]
  }

  /** For its stream: a piece of body. */
  take(piece: Buffer): void {
    for (const listener of this.#onData) listener(piece)
  }

  /** For its stream: the message is whole. */
  end(): void {
    for (const listener of this.#onEnd) listener()
  }
}

const none: never[] = []
