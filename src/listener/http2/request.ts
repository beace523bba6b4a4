import type { IncomingHttpHeaders } from 'node:http'
import type { Stream } from '../../http2/index.ts'
import type { CallerRequest } from '../../gateway/index.ts'
import type { RequestFields } from './fields.ts'

type OnData = (chunk: Buffer, isSole: boolean) => void

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
  #onData: OnData[] = none
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
  on(event: 'data', listener: OnData): void
  on(event: 'end', listener: () => void): void
  on(event: 'error', listener: (error: Error) => void): void
  on(event: string, listener: (value: never, isSole: boolean) => void): void {
    if (event === 'data') {
      this.#onData = [...this.#onData, listener as OnData]
      this.#stream.resume()
    } else if (event === 'end') this.#onEnd = [...this.#onEnd, listener as () => void]
  }

  /** For its stream: a piece of body. */
  take(piece: Buffer, isSole: boolean): void {
    const isOnly = isSole && this.#onData.length === 1
    for (const listener of this.#onData) listener(piece, isOnly)
  }

  /** For its stream: the message is whole. */
  end(): void {
    for (const listener of this.#onEnd) listener()
  }
}

const none: never[] = []
