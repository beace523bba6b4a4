import { withoutCookies } from '../../http/index.ts'
import { NameMemory } from '../../http1/index.ts'
import type { Incoming } from '../incoming/incoming.ts'
import { forwardedElement } from '../incoming/forwarded.ts'
import { ownCookieNames } from '../caller/session-cookie.ts'

/** What becomes of a request header: forwarded, dropped, or looked at. */
type Disposition = 'keep' | 'drop' | 'cookie' | 'credential'

/** RFC 9110 7.6.1, and what we write ourselves. */
const dropped: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'content-length',
  'expect',
  'host',
  'dpop',
  'x-request-id',
  'proofgate-proof',
])

/**
 * Names under which backends believe somebody about who or where a caller is, or what was asked for: a
 * method or path other than the one decided on. A client's copy never passes, whatever the route says.
 */
const spoofable =
  /^(x-proofgate(-|$)|x-forwarded(-|$)|forwarded$|x-real-ip$|x-host$|x-http-host-override$|x-original-|x-rewrite-url$|x-http-method(-override)?$|x-method-override$|x-envoy-|x-client-ip$|x-cluster-client-ip$|true-client-ip$|cf-|fastly-client-ip$|x-auth-request-|x-remote-|remote-(user|groups|name|email)$|x-authenticated-|x-pomerium-|x-authentik-|x-webauth-|x-consumer-|x-credential-identifier$|x-anonymous-consumer$|x-amzn-ava-|x-amzn-oidc-|x-goog-(authenticated-user|iap)-|x-ms-client-principal(-|$)|impersonate-|teleport-jwt-|client-cert(-|$)|x-ssl-|x-client-cert|ssl-client-|x-amzn-mtls-|x-arr-clientcert$|x-tls-client-|x-mtls-)/

const ours = /^x[^a-z0-9]proofgate([^a-z0-9]|$)/

/**
 * Invariant: every non-alphanumeric counts as `-`, because backends fold `_` and `.` into it; so no
 * alias of a name that is ours survives.
 */
const dispositions = new NameMemory<Disposition>((written) => {
  const name = written.toLowerCase()
  return judge(name, name.replace(/[^a-z0-9]/g, '-'))
})

function judge(name: string, folded: string): Disposition {
  if (dropped.has(folded) || spoofable.test(folded)) return 'drop'
  if (folded === 'authorization') return name === folded ? 'credential' : 'drop'
  return name === 'cookie' ? 'cookie' : 'keep'
}

export interface ForwardedFacts {
  readonly upstreamAuthority: string
  readonly origin: { readonly scheme: string; readonly authority: string }
  /** Says the same again by `Forwarded`. */
  readonly writesForwarded: boolean
  /** Absent on open routes: nobody is vouched for. */
  readonly assertion: string | undefined
  /** Open routes pass the caller's own `Authorization` on; others never do. */
  readonly keepsCredential: boolean
}

/**
 * The header section for the upstream: the caller's lines that may pass, then ours. Flat name, value. It is the
 * same for all requests with this header section, from this address, with these facts.
 */
export function recurringHeaders(
  incoming: Incoming,
  facts: Omit<ForwardedFacts, 'assertion'>,
): string[] {
  const { rawHeaders, headers } = incoming.request
  const named = headers.connection === undefined ? undefined : namedByConnection(headers.connection)
  const out: string[] = ['host', facts.upstreamAuthority]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    const value = rawHeaders[at + 1] ?? ''
    if (named?.has(name.toLowerCase()) === true) continue
    const disposition = dispositions.of(name)
    if (disposition === 'keep') out.push(name, value)
    else if (disposition === 'cookie') pushCookie(out, value)
    else if (disposition === 'credential' && facts.keepsCredential) out.push(name, value)
  }
  // What we know of the caller, behind everything it said itself.
  out.push(
    'x-forwarded-for',
    incoming.address,
    'x-forwarded-proto',
    facts.origin.scheme,
    'x-forwarded-host',
    facts.origin.authority,
  )
  if (facts.writesForwarded) {
    out.push('forwarded', forwardedElement({ ...facts.origin, address: incoming.address }))
  }
  return out
}

/** The rest of the section, which each request has for itself. */
export function pushOwn(
  out: string[],
  { requestId }: Pick<Incoming, 'requestId'>,
  { assertion }: Pick<ForwardedFacts, 'assertion'>,
): void {
  out.push('x-request-id', requestId)
  if (assertion !== undefined) out.push('x-proofgate-assertion', assertion)
}

function namedByConnection(connection: string): ReadonlySet<string> | undefined {
  const value = connection.toLowerCase()
  if (value === 'keep-alive' || value === 'close') return undefined
  return new Set(value.split(',').map((name) => name.trim()))
}

function pushCookie(out: string[], value: string): void {
  const kept = value.includes('pg_') ? withoutCookies(value, ownCookieNames) : value
  if (kept !== undefined) out.push('cookie', kept)
}

/** Trailers may be folded into the header section by whoever reads them, so the same names are ours. */
export function outgoingTrailers(received: readonly string[]): string[] {
  const out: string[] = []
  for (let at = 0; at < received.length; at += 2) {
    const name = received[at] ?? ''
    if (dispositions.of(name) === 'keep') out.push(name, received[at + 1] ?? '')
  }
  return out
}

/** What becomes of a header of an answer: passed on, dropped, or looked at. */
const answered = new NameMemory<'keep' | 'drop' | 'cookie'>((written) => {
  const name = written.toLowerCase()
  if (name === 'x-request-id' || name === 'trailer' || ours.test(name)) return 'drop'
  return name === 'set-cookie' ? 'cookie' : 'keep'
})

/** Few services answer at the same time with heads that stay the same. */
const mostPassed = 8
/** Heads that came last, and what is passed on of each. */
const repeated: (readonly string[])[] = []
const passed: (readonly string[])[] = []
let oldest = 0

/**
 * The same as `answeredHeaders` for a head that was read once for several answers: the same array each time, which
 * nobody changes.
 *
 * Invariant: found by the very head, never by what looks like it.
 */
export function passedHeaders(head: readonly string[]): readonly string[] {
  const known = passed[repeated.indexOf(head)]
  if (known !== undefined) return known
  const headers = answeredHeaders(head)
  repeated[oldest] = head
  passed[oldest] = headers
  oldest = (oldest + 1) % mostPassed
  return headers
}

/**
 * The upstream's header section for the caller: without names that are ours and without cookies of ours
 * (an upstream cannot sign anybody in). Hop-by-hop lines are gone already, and `Trailer` goes with them:
 * whether trailers follow depends on how we frame the answer, not on what the upstream announced.
 */
export function answeredHeaders(head: readonly string[]): string[] {
  const out: string[] = []
  for (let at = 0; at < head.length; at += 2) {
    const name = head[at] ?? ''
    const value = head[at + 1] ?? ''
    const kind = answered.of(name)
    if (kind === 'keep' || (kind === 'cookie' && !isOwnCookie(value))) out.push(name, value)
  }
  return out
}

/** Trailers of an answer, without names that are ours: whoever reads them may take them for headers. */
export function answeredTrailers(received: readonly string[]): readonly string[] {
  if (received.length === 0) return received
  const out: string[] = []
  for (let at = 0; at < received.length; at += 2) {
    const name = received[at] ?? ''
    const lower = name.toLowerCase()
    if (lower !== 'x-request-id' && !ours.test(lower)) out.push(name, received[at + 1] ?? '')
  }
  return out
}

const neverInformational: ReadonlySet<string> = new Set([
  'content-length',
  'set-cookie',
  'trailer',
  'x-request-id',
])

/** What of an answer before the answer the caller gets: nothing that would belong to the answer itself. */
export function informationalHeaders(received: readonly string[]): string[] {
  const out: string[] = []
  for (let at = 0; at < received.length; at += 2) {
    const name = received[at] ?? ''
    const lower = name.toLowerCase()
    if (neverInformational.has(lower) || ours.test(lower)) continue
    out.push(name, received[at + 1] ?? '')
  }
  return out
}

/** A browser sends a cookie without a name back as its value alone, so that is where the name begins. */
function isOwnCookie(line: string): boolean {
  return ownCookieNames.has(/^[\s=]*([^=;]*)/.exec(line)?.[1]?.trim() ?? '')
}
