import type { IncomingHttpHeaders } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { CallerRequest } from '../incoming.ts'
import { cutOff } from './cut-off.ts'
import type { RequestFields } from './fields.ts'
import { errorCode } from './frames.ts'
import type { StreamTraffic } from './traffic.ts'

/** A request that came by HTTP/2. */
export class Http2Request implements CallerRequest {
  readonly method: string
  url: string
  readonly httpVersionMajor = 2
  readonly httpVersionMinor = 0
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly hasBody: boolean
  rawTrailers: readonly string[] = []
  readonly #stream: ServerHttp2Stream
  readonly #traffic: StreamTraffic
  #discards = false

  constructor(stream: ServerHttp2Stream, traffic: StreamTraffic, fields: RequestFields) {
    this.#stream = stream
    this.#traffic = traffic
    this.method = fields.method
    this.url = fields.target
    this.headers = fields.headers
    this.rawHeaders = fields.rawHeaders
    this.hasBody = !stream.endAfterHeaders
    if (this.hasBody) {
      stream.once('trailers', (_headers, _flags, trailers: string[]) => {
        this.rawTrailers = trailers
      })
    }
  }

  get complete(): boolean {
    return this.#traffic.ended
  }

  isPaused(): boolean {
    return this.#stream.isPaused()
  }

  pause(): void {
    if (!this.#discards) this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  /** Reads what is left to nowhere: while some of it waits, the stream counts as open. */
  discard(): void {
    this.#discards = true
    this.#stream.removeAllListeners('data')
    this.#stream.resume()
  }

  on(event: 'data', listener: (chunk: Buffer) => void): void
  on(event: 'end', listener: () => void): void
  on(event: 'error', listener: (error: Error) => void): void
  on(event: string, listener: (value: never) => void): void {
    if (event === 'end') this.#onEnd(() => this.#ended(listener as () => void))
    else this.#stream.on(event, listener as (value: unknown) => void)
  }

  /** An empty body has ended before anybody listens. */
  #onEnd(listener: () => void): void {
    if (this.#stream.readableEnded) process.nextTick(listener)
    else this.#stream.on('end', listener)
  }

  /**
   * Invariant: a message is whole only when the caller said so. The runtime ends a stream that was reset
   * without an error as if it were.
   */
  #ended(listener: () => void): void {
    const { ended, trailerFields } = this.#traffic
    if (!ended) return
    // A trailer that the runtime dropped: the message is not the one that was sent.
    if ((trailerFields ?? 0) !== this.rawTrailers.length / 2)
      cutOff(this.#stream, errorCode.protocolError)
    else listener()
  }
}
