import { isRefusal } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { readCookie } from '../../http/index.ts'
import {
  checkBinding,
  checkCertificate,
  checkDpopProof,
  takeProof,
  tokenErrors,
} from '../../token/index.ts'
import type { TokenScheme, VerifiedToken } from '../../token/index.ts'
import { gatewayErrors } from '../errors.ts'
import type { GatewayParts, GatewayTable } from '../gateway.ts'
import type { Incoming } from '../incoming/incoming.ts'
import type { Principal } from './principal.ts'
import type { Api, Route, RouteAuthorizer } from '../route.ts'
import { apiCookieName } from './session-cookie.ts'
import type { Target } from '../incoming/target.ts'

/** What authentication looks at. */
export interface Call {
  readonly incoming: Incoming
  readonly table: GatewayTable
  readonly api: Api
  readonly route: Pick<Route, 'authorizer'>
  readonly target: Target
}

/** RFC 6750 2.1 `b64token`: nothing a list or a second credential could hide in. */
const credentials = /^(Bearer|DPoP) +([A-Za-z0-9._~+/-]+=*)$/i
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Who is calling, by the route's authorizer. There is one source of credentials per request: a token in
 * the `Authorization` header or, at our own authorizer, a browser session.
 */
export function authenticateCaller(
  call: Call,
  parts: GatewayParts,
): Principal | Refusal | Promise<Principal | Refusal> {
  const { authorizer } = call.route
  if (authorizer.kind === 'open') return call.table.principals.anonymous
  const { headers } = call.incoming.request
  const handle =
    authorizer.kind === 'proofgate'
      ? readCookie(headers.cookie, apiCookieName(call.api.secure))
      : undefined
  if (headers.authorization === undefined) {
    return handle === undefined
      ? gatewayErrors.refuse('unauthenticated')
      : bySession(call, parts, handle)
  }
  if (handle !== undefined) return gatewayErrors.refuse('two_credentials')
  const presented = parseCredentials(headers.authorization)
  if (presented === undefined) {
    return tokenErrors.refuse('invalid', 'the authorization header has another form')
  }
  return byToken(call, parts, authorizer, presented)
}

/** The usual spelling is taken apart without a pattern; whether it is a token, its verification tells. */
function parseCredentials(text: string): { scheme: TokenScheme; text: string } | undefined {
  if (text.startsWith('Bearer ey')) return { scheme: 'Bearer', text: text.slice(7) }
  if (text.startsWith('DPoP ey')) return { scheme: 'DPoP', text: text.slice(5) }
  const match = credentials.exec(text)
  if (match === null) return undefined
  const scheme: TokenScheme = match[1]?.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer'
  return { scheme, text: match[2] ?? '' }
}

function byToken(
  call: Call,
  parts: GatewayParts,
  authorizer: Exclude<RouteAuthorizer, { kind: 'open' }>,
  presented: { scheme: TokenScheme; text: string },
): Principal | Refusal | Promise<Principal | Refusal> {
  const verified = authorizer.verifier.verify(presented.text)
  const judge = (
    token: VerifiedToken | Refusal,
  ): Principal | Refusal | Promise<Principal | Refusal> => {
    if (isRefusal(token)) return token
    // A token that only says who somebody is opens no API.
    if (authorizer.kind === 'proofgate' && !token.scopes.includes('invoke')) {
      return tokenErrors.refuse('insufficient_scope', 'the token was not granted invoke')
    }
    const unbound =
      checkBinding(token, presented.scheme) ??
      checkCertificate(token, call.incoming.peer.certificate?.thumbprint)
    if (unbound !== undefined) return unbound
    const proof = checkProof(call, parts, presented, token)
    if (proof instanceof Promise) {
      return proof.then((refusal) => refusal ?? principalOf(call, parts, authorizer, token))
    }
    return proof ?? principalOf(call, parts, authorizer, token)
  }
  return verified instanceof Promise ? verified.then(judge) : judge(verified)
}

/** A bound token counts only with a proof for this very request, once (RFC 9449 7.1). */
function checkProof(
  call: Call,
  parts: GatewayParts,
  presented: { scheme: TokenScheme; text: string },
  token: VerifiedToken,
): Refusal | undefined | Promise<Refusal | undefined> {
  const expected = token.confirmationThumbprint
  if (expected === undefined) return undefined
  const proof = call.incoming.request.headers['dpop']
  if (typeof proof !== 'string') return tokenErrors.refuse('proof_required', 'no DPoP header')
  const checked = checkDpopProof({
    proof,
    method: call.incoming.method,
    url: `${call.api.origin}${call.target.path}`,
    accessToken: presented.text,
    expectedThumbprint: expected,
    now: call.incoming.receivedAt,
    nonces: undefined,
  })
  return isRefusal(checked) ? checked : takeProof(parts.proofReplays, checked)
}

function principalOf(
  call: Call,
  parts: GatewayParts,
  authorizer: Exclude<RouteAuthorizer, { kind: 'open' }>,
  token: VerifiedToken,
): Principal | Refusal | Promise<Principal | Refusal> {
  const { principals } = call.table
  const known = principals.known(token)
  if (authorizer.kind === 'issuer') return known ?? principals.ofExternal(token, authorizer.realm)
  const found = known ?? principals.ofToken(token)
  return found instanceof Promise
    ? found.then((principal) => judgeRevocation(parts, principal))
    : judgeRevocation(parts, found)
}

function judgeRevocation(
  parts: GatewayParts,
  principal: Principal | undefined,
): Principal | Refusal {
  if (principal === undefined) {
    return gatewayErrors.refuse('session_ended', 'the person is gone or disabled')
  }
  return standsRevoked(parts, principal) ?? principal
}

/**
 * Why a principal counts no more, if so. Nobody can end what another issuer gave.
 *
 * Invariant: a revocation list that is not current means no.
 */
export function standsRevoked(
  parts: Pick<GatewayParts, 'revocations'>,
  principal: Principal,
): Refusal | undefined {
  if (principal.kind !== 'person') return undefined
  if (!parts.revocations.current) {
    return gatewayErrors.refuse('evidence_unavailable', 'the revocation list cannot be read')
  }
  return parts.revocations.isRevoked(principal) ? gatewayErrors.refuse('session_ended') : undefined
}

/** A cookie comes along by itself, so a change also has to come from the API's own pages. */
function bySession(
  call: Call,
  parts: GatewayParts,
  handle: string,
): Principal | Refusal | Promise<Principal | Refusal> {
  const { incoming, api, table } = call
  const { headers } = incoming.request
  const changes = incoming.upgrade !== undefined || !safeMethods.has(incoming.method)
  if (changes) {
    const site = headers['sec-fetch-site']
    const sameSite = site === undefined || site === 'same-origin' || site === 'none'
    if (!sameSite || headers.origin !== api.origin) return gatewayErrors.refuse('cross_site')
  }
  if (!parts.revocations.current) {
    return gatewayErrors.refuse('evidence_unavailable', 'the revocation list cannot be read')
  }
  return table.apiSessions.find(handle, api.name)
}
