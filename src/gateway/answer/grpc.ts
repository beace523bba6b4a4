import type { Refusal } from '../../core/index.ts'
import type { Incoming } from '../incoming/incoming.ts'

/**
 * A gRPC call: a POST. Over HTTP/1.1 the protocol does not exist, whatever a header says.
 *
 * Invariant: what a cache may keep is never refused with status 200, because a cache would keep it for
 * everybody else.
 */
export function isGrpcCall({ protocol, method, request }: Incoming): boolean {
  const mayBe = protocol === 'h2' && method === 'POST'
  return mayBe && grpc.test(request.headers['content-type'] ?? '')
}

/** `application/grpc`, bare or with `+proto` and the like; not `application/grpc-web`. */
const grpc = /^application\/grpc(?:$|[+;])/i

/**
 * Answers a refusal as gRPC does: status 200 and the code in a header that ends the stream. The public text
 * and the code of the refusal are the message; `detail` never leaves.
 *
 * @param challenges - what a caller without sufficient credentials is told, as metadata.
 */
export function answerGrpcRefusal(
  { response, request, requestId }: Incoming,
  refusal: Refusal,
  challenges: Readonly<Record<string, readonly string[]>>,
): void {
  const headers = [
    'content-type',
    request.headers['content-type'] ?? 'application/grpc',
    'grpc-status',
    String(grpcStatus(refusal)),
    'grpc-message',
    percentEncoded(`${refusal.title} (${refusal.code})`),
    'x-request-id',
    requestId,
  ]
  for (const [name, value] of Object.entries(refusal.headers ?? {})) headers.push(name, value)
  for (const [name, values] of Object.entries(challenges)) {
    for (const value of values) headers.push(name, value)
  }
  response.endWithHead?.(200, headers)
}

/** The status codes of gRPC that a gateway has use for. */
const code = {
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const

const byStatus: ReadonlyMap<number, number> = new Map([
  [400, code.invalidArgument],
  [401, code.unauthenticated],
  [403, code.permissionDenied],
  // There is no such method; a service says of a thing that it is not found.
  [404, code.unimplemented],
  [405, code.unimplemented],
  [408, code.deadlineExceeded],
  [413, code.resourceExhausted],
  [414, code.resourceExhausted],
  [417, code.failedPrecondition],
  [421, code.unimplemented],
  [429, code.resourceExhausted],
  [431, code.resourceExhausted],
  [500, code.internal],
  [502, code.unavailable],
  [503, code.unavailable],
  [504, code.deadlineExceeded],
])

export function grpcStatus(refusal: Pick<Refusal, 'status' | 'code'>): number {
  // What no gRPC library would send: not an argument of the call, but the call itself.
  if (refusal.code === 'gateway.malformed') return code.internal
  return byStatus.get(refusal.status) ?? code.unknown
}

/** Printable ASCII but `%` stands for itself; the rest is written as the bytes of UTF-8. */
function percentEncoded(text: string): string {
  return Array.from(Buffer.from(text, 'utf8'), (byte) =>
    byte >= 0x20 && byte <= 0x7e && byte !== 0x25
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('')
}
