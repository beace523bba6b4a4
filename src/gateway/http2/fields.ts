import type { IncomingHttpHeaders } from 'node:http'
import type { Refusal } from '../../core/index.ts'
import { gatewayErrors } from '../errors.ts'

/** A request's header section (RFC 9113 8.3.1), in the form that HTTP/1.1's has. */
export interface RequestFields {
  readonly method: string
  readonly target: string
  readonly authority: string
  readonly headers: IncomingHttpHeaders
  /** Without pseudo-header fields and `host`; cookies as one line. */
  readonly rawHeaders: readonly string[]
  /** Why it cannot be a request. */
  readonly flaw: Refusal | undefined
}

/** RFC 9113 8.2.2, and what HTTP/1.1 says in their stead. */
const connectionSpecific: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/** Of these the first counts, as in the runtime's HTTP/1.1; `checkFraming` refuses most of them twice. */
const firstCounts: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
])

interface Pseudo {
  method?: string
  scheme?: string
  path?: string
  authority?: string
}

/**
 * Reads the flat list of all fields as they arrived; everything about the request is taken from this one
 * list.
 *
 * @param sent - how many fields the caller sent. Fewer arrive when the runtime dropped some: those with a
 *   control character, a blank at either end, or a name that is none.
 */
export function readFields(list: readonly string[], sent: number | undefined): RequestFields {
  const pseudo: Pseudo = {}
  const hosts: string[] = []
  const cookies: string[] = []
  const rawHeaders: string[] = []
  const headers = Object.create(null) as Record<string, string>
  for (let at = 0; at < list.length; at += 2) {
    const name = list[at] ?? ''
    const value = list[at + 1] ?? ''
    if (name.startsWith(':')) pseudo[name.slice(1) as keyof Pseudo] = value
    else if (name === 'host') hosts.push(value)
    else if (name === 'cookie') cookies.push(value)
    else {
      rawHeaders.push(name, value)
      join(headers, name, value)
    }
  }
  // RFC 9113 8.2.3: one line for everybody behind us.
  if (cookies.length > 0) {
    const cookie = cookies.join('; ')
    rawHeaders.push('cookie', cookie)
    headers['cookie'] = cookie
  }
  const authority = pseudo.authority ?? hosts[0] ?? ''
  headers['host'] = authority
  return {
    method: pseudo.method ?? '',
    target: pseudo.path ?? '',
    authority,
    headers,
    rawHeaders,
    flaw: flawOf(list, { pseudo, hosts, authority, sent }),
  }
}

function join(headers: Record<string, string>, name: string, value: string): void {
  const before = headers[name]
  if (before === undefined) headers[name] = value
  else if (!firstCounts.has(name)) headers[name] = `${before}, ${value}`
}

function flawOf(
  list: readonly string[],
  facts: { pseudo: Pseudo; hosts: readonly string[]; authority: string; sent: number | undefined },
): Refusal | undefined {
  const { pseudo, hosts, authority, sent } = facts
  // Invariant: a request from which the runtime dropped a field is refused: what was decided on would
  // not be what the caller sent.
  if (sent !== list.length / 2) return malformed('a field that may not occur')
  if (pseudo.method === 'CONNECT') return gatewayErrors.refuse('method_not_supported')
  if (pseudo.scheme !== 'http' && pseudo.scheme !== 'https') return malformed('an unknown scheme')
  return checkAuthority(authority, hosts) ?? checkConnectionSpecific(list)
}

/** `:authority` alone counts; a `host` beside it has to say the same (RFC 9113 8.3.1). */
function checkAuthority(authority: string, hosts: readonly string[]): Refusal | undefined {
  if (authority === '') return malformed('no authority')
  if (hosts.length > 1) return malformed('two host lines')
  const differs = hosts.some((host) => host.toLowerCase() !== authority.toLowerCase())
  return differs ? malformed('host and authority differ') : undefined
}

function checkConnectionSpecific(list: readonly string[]): Refusal | undefined {
  for (let at = 0; at < list.length; at += 2) {
    const name = list[at] ?? ''
    if (connectionSpecific.has(name)) return malformed(`a ${name} line`)
    if (name === 'te' && list[at + 1]?.toLowerCase() !== 'trailers') return malformed('a te line')
  }
  return undefined
}

function malformed(detail: string): Refusal {
  return gatewayErrors.refuse('malformed', detail)
}
