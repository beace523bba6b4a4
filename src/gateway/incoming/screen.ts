import type { Refusal } from '../../core/index.ts'
import { singularFields } from '../../http1/index.ts'
import { gatewayErrors } from '../errors.ts'
import type { CallerRequest, Incoming } from './incoming.ts'

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
export function isServedMethod(method: string): boolean {
  return methods.has(method)
}

/** What cannot be read with one meaning is refused, whichever protocol it came by. */
export function checkFraming(
  { request, flaw }: Pick<Incoming, 'request' | 'flaw'>,
  limits: FramingLimits,
): Refusal | undefined {
  if (flaw !== undefined) return flaw
  if (!isServedMethod(request.method ?? '')) return gatewayErrors.refuse('method_not_supported')
  if (request.rawHeaders.length / 2 > limits.headerCount) {
    return gatewayErrors.refuse('headers_too_large')
  }
  // A section that came by HTTP/1.x was judged when it was parsed.
  const wrong = request.section === undefined ? checkLines(request) : undefined
  return wrong ?? checkExpectation(request)
}

/** Judged on the raw lines, because the parsed headers keep the first of two silently. */
function checkLines({ rawHeaders }: CallerRequest): Refusal | undefined {
  const seen = new Set<string>()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase()
    if (!singularFields.has(name)) continue
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

/** How the body is delimited. `undefined` length with `chunked` false = no body. */
export function bodyLength(request: CallerRequest): {
  readonly chunked: boolean
  readonly length: number
} {
  if (request.section !== undefined) return request.section
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
