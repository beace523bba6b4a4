import { STATUS_CODES } from 'node:http'
import type { Refusal } from '../../core/index.ts'
import { problemOf } from '../../http/index.ts'

/** The answer to bytes that made no request. */
export function rawAnswer(refusal: Refusal, requestId: string): string {
  const body = JSON.stringify(problemOf(refusal, requestId))
  return [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n')
}
