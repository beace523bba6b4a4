import { lookup as systemLookup } from 'node:dns'
import { request as requestHttp } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { BlockList, isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { failure } from './errors.ts'

const longestAnswer = 1024 * 1024
const answerTimeout = 30_000

export interface WireRequest {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface WireAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** `localhost` and every name below it (RFC 6761 6.3). */
export function isLocalhostName(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '')
  return name === 'localhost' || name.endsWith('.localhost')
}

/** Whether a URL's host is this machine, by its name or address alone. */
export function isLoopbackHost(hostname: string): boolean {
  if (isLocalhostName(hostname)) return true
  const address = hostname.replace(/^\[|\]$/g, '')
  const version = isIP(address)
  return version !== 0 && loopback.check(address, version === 6 ? 'ipv6' : 'ipv4')
}

/** RFC 6761 6.3: `localhost` names are loopback and are never asked of a name server. */
export const lookup: LookupFunction = (hostname, options, callback) => {
  if (!isLocalhostName(hostname)) {
    systemLookup(hostname, options, callback)
    return
  }
  const both = [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ]
  const wanted = options.family === 6 || options.family === 'IPv6' ? both.slice(1) : both
  if (options.all === true) callback(null, wanted)
  else callback(null, wanted[0]?.address ?? '127.0.0.1', wanted[0]?.family ?? 4)
}

/**
 * Parses an absolute http(s) address without user information; answers `undefined` for anything else.
 */
export function parseAddress(text: string): URL | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined
  const url = new URL(text)
  return url.username === '' && url.password === '' ? url : undefined
}

/** Invariant: no token, code or proof leaves this machine unencrypted. */
export function requireSafeTransport(url: URL): void {
  if (url.protocol === 'https:' || isLoopbackHost(url.hostname)) return
  throw failure('transport_unsafe', `${url.origin} is another machine and not https`)
}

/** The function of Node that speaks a URL's scheme. */
export function requesterOf(url: URL): typeof requestHttp {
  return url.protocol === 'https:' ? requestHttps : requestHttp
}

/**
 * One small request and its whole answer, at most 1 MiB within 30 s; redirects are not followed.
 * Rejects with Node's own error when there is no answer.
 */
export function exchange(request: WireRequest): Promise<WireAnswer> {
  requireSafeTransport(request.url)
  return new Promise((resolve, reject) => {
    const outgoing = requesterOf(request.url)(
      request.url,
      {
        method: request.method,
        agent: false,
        lookup,
        signal: AbortSignal.timeout(answerTimeout),
        headers: {
          accept: 'application/json',
          'user-agent': 'proofgate',
          ...(request.body === undefined
            ? {}
            : { 'content-length': String(Buffer.byteLength(request.body)) }),
          ...request.headers,
        },
      },
      (answer) => {
        readAll(answer).then(
          (text) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }),
          reject,
        )
      },
    )
    outgoing.on('error', reject)
    outgoing.end(request.body)
  })
}

async function readAll(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > longestAnswer) throw new Error('the answer is longer than 1 MiB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const distrust: ReadonlySet<unknown> = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
])

export const trustHint =
  'its certificate is of an authority unknown here; name that with NODE_EXTRA_CA_CERTS=ca.pem'

/** Whether the other side's certificate is of an authority that is not trusted. */
export function isDistrusted(error: unknown): boolean {
  return error instanceof Error && 'code' in error && distrust.has(error.code)
}

/** What went wrong on the way, in words, for errors of node:net, node:tls and time-outs. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  if (!(error instanceof Error)) return 'no answer'
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'no answer in time'
  return error.message
}
