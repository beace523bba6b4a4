import type { IncomingHttpHeaders } from 'node:http'
import type { Refusal } from '../../core/index.ts'
import { connectionFields } from '../../http2/index.ts'
import { gatewayErrors } from '../../gateway/index.ts'

/** A request's header section (RFC 9113 8.3.1), in the form that HTTP/1.1's has. */
export interface RequestFields {
  readonly method: string
  readonly target: string
  readonly authority: string
  readonly headers: IncomingHttpHeaders
  /** Without pseudo-header fields and `host`; cookies as one line. */
  readonly rawHeaders: readonly string[]
  /** Octets of body that it announces; -1 where it says nothing. */
  readonly declared: number
  /** Why it is refused, although it is well-formed. */
  readonly flaw: Refusal | undefined
}

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

/** What has been read of a header section. */
class Read {
  method: string | undefined
  scheme: string | undefined
  path: string | undefined
  authority: string | undefined
  host: string | undefined
  declared = -1
  cookies = ''
  readonly rawHeaders: string[] = []
  readonly headers = Object.create(null) as Record<string, string>
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const schemeName = /^[A-Za-z][A-Za-z0-9+.-]*$/
/** Anything that is written behind a host; what it means is judged by whoever looks for the host. */
const authorityText = /^[A-Za-z0-9._~!$&'()*+,;=:%[\]-]+$/
const pathText = /^\/[!-~\u0080-\u00ff]*$/
const digits = /^\d{1,15}$/

/**
 * Reads the flat list of all fields as they arrived; everything about the request is taken from this one
 * list.
 *
 * @returns what makes it malformed (RFC 9113 8.1.1), for the log.
 */
export function readFields(list: readonly string[]): RequestFields | string {
  const read = new Read()
  let at = 0
  for (; list[at]?.startsWith(':') === true; at += 2) {
    const wrong = readPseudo(read, list[at] ?? '', list[at + 1] ?? '')
    if (wrong !== undefined) return wrong
  }
  for (; at < list.length; at += 2) {
    const wrong = readField(read, list[at] ?? '', list[at + 1] ?? '')
    if (wrong !== undefined) return wrong
  }
  // RFC 9113 8.2.3: one line for everybody behind us.
  if (read.cookies !== '') {
    read.rawHeaders.push('cookie', read.cookies)
    read.headers['cookie'] = read.cookies
  }
  return conclude(read)
}

/** For a header section that is too large to be kept. */
export function unreadFields(): RequestFields {
  return {
    method: '',
    target: '',
    authority: '',
    headers: Object.create(null) as IncomingHttpHeaders,
    rawHeaders: [],
    declared: -1,
    flaw: gatewayErrors.refuse('headers_too_large'),
  }
}

function readPseudo(read: Read, name: string, value: string): string | undefined {
  const own = pseudoNames.get(name)
  if (own === undefined) return 'an unknown pseudo-header field'
  if (read[own] !== undefined) return 'a pseudo-header field twice'
  read[own] = value
  return undefined
}

const pseudoNames: ReadonlyMap<string, 'method' | 'scheme' | 'path' | 'authority'> = new Map([
  [':method', 'method'],
  [':scheme', 'scheme'],
  [':path', 'path'],
  [':authority', 'authority'],
])

/** Fields that speak of the message or its connection. */
const special: ReadonlySet<string> = new Set([
  ...connectionFields,
  'host',
  'cookie',
  'te',
  'content-length',
])

function readField(read: Read, name: string, value: string): string | undefined {
  if (special.has(name)) return readSpecial(read, name, value)
  if (name.startsWith(':')) return 'a pseudo-header field behind others'
  keep(read, name, value)
  return undefined
}

function readSpecial(read: Read, name: string, value: string): string | undefined {
  switch (name) {
    case 'host':
      if (read.host !== undefined) return 'two host lines'
      read.host = value
      return undefined
    case 'cookie':
      read.cookies = read.cookies === '' ? value : `${read.cookies}; ${value}`
      return undefined
    case 'te':
      if (value.toLowerCase() !== 'trailers') return 'a te line'
      keep(read, name, value)
      return undefined
    case 'content-length':
      if (read.declared >= 0 || !digits.test(value)) return 'a content-length line'
      read.declared = Number(value)
      keep(read, name, value)
      return undefined
    default:
      return `a ${name} line`
  }
}

function conclude(read: Read): RequestFields | string {
  const wrong = read.method === 'CONNECT' ? checkConnect(read) : checkRequest(read)
  if (wrong !== undefined) return wrong
  const authority = read.authority ?? read.host ?? ''
  read.headers['host'] = authority
  return {
    method: read.method ?? '',
    target: read.path ?? '',
    authority,
    headers: read.headers,
    rawHeaders: read.rawHeaders,
    declared: read.declared,
    flaw: flawOf(read, authority),
  }
}

/** RFC 9113 8.5. */
function checkConnect({ scheme, path, authority }: Read): string | undefined {
  const isPlain = scheme === undefined && path === undefined && authority !== undefined
  return isPlain ? undefined : 'CONNECT with more than an authority'
}

/** RFC 9113 8.3.1. */
function checkRequest({ method, scheme, path, authority, host }: Read): string | undefined {
  if (method === undefined || !token.test(method)) return 'no method'
  if (scheme === undefined || !schemeName.test(scheme)) return 'no scheme'
  if (path === undefined) return 'no path'
  if (!pathText.test(path) && !(path === '*' && method === 'OPTIONS')) return 'no path'
  const named = authority ?? host
  if (named === undefined || !authorityText.test(named)) return 'no authority'
  return undefined
}

function flawOf({ method, scheme, host }: Read, authority: string): Refusal | undefined {
  if (method === 'CONNECT') return gatewayErrors.refuse('method_not_supported')
  if (scheme !== 'http' && scheme !== 'https') return malformed('an unknown scheme')
  // RFC 9113 8.3.1: `:authority` alone counts; a `host` beside it has to say the same.
  const differs = host !== undefined && host.toLowerCase() !== authority.toLowerCase()
  return differs ? malformed('host and authority differ') : undefined
}

function keep({ rawHeaders, headers }: Read, name: string, value: string): void {
  rawHeaders.push(name, value)
  const before = headers[name]
  if (before === undefined) headers[name] = value
  else if (!firstCounts.has(name)) headers[name] = `${before}, ${value}`
}

function malformed(detail: string): Refusal {
  return gatewayErrors.refuse('malformed', detail)
}
