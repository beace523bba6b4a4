import { invariant } from '../../core/index.ts'
import { belongsInTrailers, isFieldValue, isToken } from '../../http1/index.ts'
import { connectionFields } from '../../http2/index.ts'
import type { OutgoingRequest } from '../contract.ts'

/** What is written here, or has no place in a message. */
const notTheirs: ReadonlySet<string> = new Set([...connectionFields, 'content-length', 'te'])

/** Methods whose requests are expected to say how long they are (RFC 9110 8.6). */
const expectsLength: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/**
 * The header section of a request over HTTP/2, flat name, value (RFC 9113 8.3.1): the one `host` becomes
 * `:authority`, names are lower-cased, framing and `te` are written here.
 *
 * Invariant: nothing a caller of ours passes can add a line, a pseudo-header or a second framing.
 */
export function requestFields(request: OutgoingRequest, scheme: 'http' | 'https'): string[] {
  const { method, target, framing, common } = request
  const headers = common === undefined ? request.headers : [...common.flat, ...request.headers]
  invariant(isToken(method), 'request method is not a token')
  invariant(/^[\x21-\x7e]+$/.test(target), 'request target holds a blank or control byte')
  const out = [':method', method, ':scheme', scheme, ':authority', '', ':path', target]
  let hosts = 0
  for (let at = 0; at < headers.length; at += 2) {
    const name = (headers[at] ?? '').toLowerCase()
    const value = headers[at + 1]
    invariant(isToken(name) && value !== undefined, 'request header name is not a token')
    invariant(isFieldValue(value), 'request header value holds a control byte')
    invariant(!notTheirs.has(name), 'a request header about framing or connection')
    if (name === 'host') {
      hosts += 1
      out[5] = value
    } else out.push(name, value)
  }
  invariant(hosts === 1, 'a request has exactly one host')
  if (framing.kind === 'length') out.push('content-length', String(framing.length))
  else if (framing.kind === 'none' && expectsLength.has(method)) out.push('content-length', '0')
  if (request.acceptsTrailers === true) out.push('te', 'trailers')
  return out
}

/**
 * The trailer section of a request. Trailers come from callers as they are and may always be discarded
 * (RFC 9110 6.5.1), so what does not belong there is left out; `undefined` when nothing is left.
 */
export function requestTrailers(trailers: readonly string[]): readonly string[] | undefined {
  const kept: string[] = []
  for (let at = 0; at < trailers.length; at += 2) {
    const name = (trailers[at] ?? '').toLowerCase()
    const value = trailers[at + 1]
    const sound = value !== undefined && isToken(name) && isFieldValue(value)
    if (sound && belongsInTrailers(name) && !notTheirs.has(name)) kept.push(name, value)
  }
  return kept.length > 0 ? kept : undefined
}

/** What a service counts against its SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113 6.5.2). */
export function sectionSize(fields: readonly string[]): number {
  let size = (fields.length / 2) * 32
  for (const text of fields) size += text.length
  return size
}
