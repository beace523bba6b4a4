import type { Refusal } from '../core/index.ts'

/** What is needed of a response to answer with it; the runtime's own are one, of either protocol. */
export interface Answer {
  readonly headersSent: boolean
  readonly destroyed: boolean
  writeHead(status: number, headers: Record<string, string | string[]>): unknown
  end(body: string | Uint8Array): unknown
}

/** The members of a problem document (RFC 9457), and the only thing a refusal discloses. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: string
  readonly requestId: string
}

export function problemOf(refusal: Refusal, requestId: string): Problem {
  return {
    type: `urn:proofgate:error:${refusal.code}`,
    title: refusal.title,
    status: refusal.status,
    code: refusal.code,
    requestId,
  }
}

/**
 * Answers a refusal as `application/problem+json`. The one place where our own surfaces disclose an
 * error: `detail` never leaves (the admin listener adds it, for whoever may administer).
 */
export function sendProblem(
  response: Answer,
  refusal: Refusal,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  sendJson(response, refusal.status, problemOf(refusal, requestId), {
    ...refusal.headers,
    ...headers,
    'content-type': 'application/problem+json',
  })
}

export function sendJson(
  response: Answer,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): void {
  send(response, status, JSON.stringify(value), { 'content-type': 'application/json', ...headers })
}

/** Answers a whole body; does nothing when an answer has already begun. */
export function send(
  response: Answer,
  status: number,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string | readonly string[]>>,
): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-length': String(Buffer.byteLength(body)),
    ...mutable(headers),
  })
  response.end(body)
}

function mutable(
  headers: Readonly<Record<string, string | readonly string[]>>,
): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : [...value],
    ]),
  )
}
