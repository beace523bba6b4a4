import type { Refusal } from '../../core/index.ts'
import { gatewayErrors } from '../errors.ts'
import type { CallerRequest, Incoming } from '../incoming.ts'

export interface FramingLimits {
  readonly headerCount: number
}

const methods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
])
/** Lines that must not occur twice: which one counts would be anybody's guess. */
const singular: ReadonlySet<string> = new Set([
  'host',
  'authorization',
  'content-length',
  'transfer-encoding',
  'dpop',
  'content-type',
  'cookie',
  'expect',
  'origin',
  'referer',
  'user-agent',
])

export function isServedMethod(method: string): boolean {
  return methods.has(method)
}

/** What cannot be read with one meaning is refused, whichever protocol it came by. */
export function checkFraming(
  { request, protocol, flaw }: Pick<Incoming, 'request' | 'protocol' | 'flaw'>,
  limits: FramingLimits,
): Refusal | undefined {
  if (flaw !== undefined) return flaw
  if (!isServedMethod(request.method ?? '')) return gatewayErrors.refuse('method_not_supported')
  const seen = new Set<string>()
  return protocol === 'h2'
    ? (checkLines(request, limits, seen) ?? checkExpectation(request))
    : checkHttp1(request, limits, seen)
}

/**
 * Closes what the runtime's parser leaves open (RFC 9112 2.3, 3.2, 6.1, 6.3); what only HTTP/2 can get wrong
 * is a flaw already. The parser takes a request line that says HTTP/2.0.
 */
function checkHttp1(
  request: CallerRequest,
  limits: FramingLimits,
  seen: Set<string>,
): Refusal | undefined {
  if (request.httpVersionMajor !== 1 || request.httpVersionMinor > 1) {
    return gatewayErrors.refuse('malformed', 'not an HTTP/1.x request')
  }
  const wrong = checkLines(request, limits, seen)
  if (wrong !== undefined) return wrong
  if (!seen.has('host')) return gatewayErrors.refuse('malformed', 'no host line')
  return checkExpectation(request) ?? checkTransferEncoding(request, seen)
}

/** Judged on the raw lines, because the parsed headers keep the first of two silently. */
function checkLines(
  { rawHeaders }: CallerRequest,
  limits: FramingLimits,
  seen: Set<string>,
): Refusal | undefined {
  if (rawHeaders.length / 2 > limits.headerCount) return gatewayErrors.refuse('headers_too_large')
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase()
    if (!singular.has(name)) continue
    if (seen.has(name)) return gatewayErrors.refuse('malformed', `two ${name} lines`)
    seen.add(name)
  }
  return undefined
}

function checkExpectation({ headers }: CallerRequest): Refusal | undefined {
  const { expect } = headers
  if (expect === undefined || expect.toLowerCase() === '100-continue') return undefined
  return gatewayErrors.refuse('expectation_failed')
}

function checkTransferEncoding(
  request: CallerRequest,
  seen: ReadonlySet<string>,
): Refusal | undefined {
  if (!seen.has('transfer-encoding')) return undefined
  if (request.httpVersionMinor === 0) {
    return gatewayErrors.refuse('malformed', 'transfer-encoding in HTTP/1.0')
  }
  if (seen.has('content-length')) {
    return gatewayErrors.refuse('malformed', 'transfer-encoding and content-length')
  }
  if (request.headers['transfer-encoding']?.toLowerCase() !== 'chunked') {
    return gatewayErrors.refuse('malformed', 'a transfer coding other than chunked')
  }
  return undefined
}

/** How the body is delimited. `undefined` length with `chunked` false = no body. */
export function bodyLength(request: CallerRequest): { chunked: boolean; length: number } {
  if (request.headers['transfer-encoding'] !== undefined) return { chunked: true, length: 0 }
  const declared = request.headers['content-length']
  if (declared === undefined) return { chunked: request.hasBody === true, length: 0 }
  return { chunked: false, length: Number(declared) }
}

/** A body that is not wanted is read to its end only when that end is near. */
export function owesLongBody(request: CallerRequest): boolean {
  const { chunked, length } = bodyLength(request)
  return !request.complete && (chunked || length > 64 * 1024)
}
