import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import type { HeaderSection } from '../../http1/index.ts'
import type { Instant, Refusal } from '../../core/index.ts'
import type { Life } from './life.ts'
import type { Peer } from './peer.ts'

/**
 * What the pipeline uses of a request, whichever protocol brought it.
 */
export interface CallerRequest {
  readonly method?: string | undefined
  url?: string | undefined
  readonly httpVersionMajor: number
  readonly httpVersionMinor: number
  /** By lower-case name. Never a pseudo-header field. */
  readonly headers: IncomingHttpHeaders
  /** Flat name, value pairs as received. Never a pseudo-header field. */
  readonly rawHeaders: readonly string[]
  /** The same object for all requests whose header sections are the same byte for byte. Over HTTP/1.x only. */
  readonly section?: HeaderSection
  /** Filled by the time the body has ended. */
  readonly rawTrailers: readonly string[]
  /** Only said where no header tells: a body follows, whether its length is declared or not. */
  readonly hasBody?: boolean
  /** The whole message was received. */
  readonly complete: boolean
  isPaused(): boolean
  pause(): unknown
  resume(): unknown
  /** `isSole` is only said where it is known: nothing else is in the memory of the chunk, which may be freed. */
  on(event: 'data', listener: (chunk: Buffer, isSole?: boolean) => void): unknown
  on(event: 'end', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** What the pipeline uses of an answer, whichever protocol takes it. */
export interface CallerResponse {
  statusCode: number
  sendDate: boolean
  readonly headersSent: boolean
  readonly writableEnded: boolean
  readonly destroyed: boolean
  /** Bytes that were written and have not left. */
  readonly writableLength: number
  /** Trailers can follow the body: in HTTP/1.1 behind a chunked one only. */
  readonly chunkedEncoding: boolean
  /** Connection-specific lines have no meaning in HTTP/2 and are left out there. */
  writeHead(status: number, headers: Record<string, string | string[]>): unknown
  /**
   * Flat name, value pairs.
   *
   * @param own - stands behind `headers`, which is then the same array, never changed, for many answers: what is
   *   made of it may be kept.
   */
  writeHead(
    status: number,
    reason: string,
    headers: readonly string[],
    own?: readonly string[],
  ): unknown
  /**
   * Answers with a header and nothing else, so that the caller can see it from the header alone: how gRPC
   * ends a call without messages. In HTTP/2 only. Flat name, value pairs.
   */
  endWithHead?(status: number, headers: string[]): void
  flushHeaders(): void
  /** @returns `false` when the writer should wait for `drain`. */
  write(chunk: Buffer): boolean
  end(): unknown
  end(chunk: string | Uint8Array): unknown
  end(chunk: string, encoding: BufferEncoding): unknown
  addTrailers(trailers: [string, string][]): void
  /** Sends an answer before the answer: 1xx other than 101. Flat name, value pairs. */
  writeInformation(status: number, headers: readonly string[]): void
  /** Sends `100 Continue`. */
  writeContinue(): void
  /** Cuts the answer short, so that the caller can see that it is not whole. */
  destroy(): unknown
  on(event: 'drain', listener: () => void): unknown
  on(event: 'close', listener: () => void): unknown
}

/** One request as it arrived, before anything about it is believed. */
export interface Incoming {
  readonly request: CallerRequest
  readonly response: CallerResponse
  readonly protocol: 'http/1.1' | 'h2'
  /** Names the request in answers, logs and the audit trail. */
  readonly requestId: string
  /** When its turn on its connection came: it may have waited behind others for long. */
  receivedAt: Instant
  /** The connection it came by. */
  readonly peer: Peer
  /** The caller's address: the peer, or what a trusted proxy says of it. */
  readonly address: string
  readonly method: string
  /** The host asked for, as written: the `Host` line, or `:authority`. Empty when there is none. */
  readonly authority: string
  readonly upgrade: Upgrade | undefined
  /** The caller waits for `100 Continue` before it sends the body (RFC 9110 10.1.1). */
  readonly expectsContinue: boolean
  /** What the server of its protocol found wrong with it already. */
  readonly flaw: Refusal | undefined
  readonly life: Life
}

/** A request to change protocols. */
export interface Upgrade {
  /** Bytes stand behind the request already, before it is answered. */
  readonly hasMore: boolean
  /** Takes the connection from HTTP. Nothing is answered by HTTP's means afterwards. */
  take(): Duplex
}
