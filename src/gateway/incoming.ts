import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Instant } from '../core/index.ts'
import type { Life } from './listen/life.ts'

/** One request as it arrived, before anything about it is believed. */
export interface Incoming {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Names the request in answers, logs and the audit trail. */
  readonly requestId: string
  readonly receivedAt: Instant
  /** The caller's address: the peer, or what a trusted proxy says of it. */
  readonly address: string
  readonly method: string
  /** The socket and first bytes of a request to change protocols. */
  readonly upgrade: { readonly head: Buffer } | undefined
  /** The caller waits for `100 Continue` before it sends the body (RFC 9110 10.1.1). */
  readonly expectsContinue: boolean
  readonly life: Life
}
