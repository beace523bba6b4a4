import type { Instant } from '../../core/index.ts'
import type { Revocations, Session, SessionId, Sessions } from '../../session/index.ts'
import { decideCall } from '../caller/decide-call.ts'
import { isBrowserSession } from '../caller/principal.ts'
import type { Principal } from '../caller/principal.ts'
import type { GatewayTable } from '../gateway.ts'
import { meets } from '../proof/demand.ts'
import type { Api, Realm, Route, RouteAuthorizer } from '../route.ts'
import { resourceOf } from '../caller/policy-request.ts'
import { findApi } from '../incoming/authority.ts'
import type { Ending, OpenExchange } from './open-exchange.ts'

export interface ReviewParts {
  readonly table: () => GatewayTable
  readonly sessions: Pick<Sessions, 'loadById' | 'use' | 'withLastTouch'>
  readonly revocations: Pick<Revocations, 'current'>
}

/**
 * Decides again on something that was let through: would the same request pass now?
 *
 * Invariant: what cannot be found out ends it, as it would refuse a new request.
 */
export async function review(
  exchange: OpenExchange,
  parts: ReviewParts,
  now: Instant,
): Promise<Ending | undefined> {
  try {
    return await judge(exchange, parts, now)
  } catch {
    return 'evidence_unavailable'
  }
}

async function judge(
  exchange: OpenExchange,
  parts: ReviewParts,
  now: Instant,
): Promise<Ending | undefined> {
  const table = parts.table()
  const { routed } = exchange.admitted
  // What ends by itself ends where it began, whatever the routes are by now.
  const found = exchange.bond === 'answer' ? routed : sameRoute(exchange, table)
  if (found === undefined) return 'policy_changed'
  const isOpen = found.route.authorizer.kind === 'open'
  if (isOpen && found.api.resourcePolicy === undefined) return undefined
  const current = await currentOf(exchange, parts, found.route)
  if (typeof current === 'string') return current
  const { incoming, target } = routed
  // What ends by itself was allowed at its time; what lasts has to be allowed at this one.
  const receivedAt = exchange.bond === 'answer' ? incoming.receivedAt : now
  const { api, route } = found
  const { proof } = exchange.admitted
  const call = { incoming: { ...incoming, receivedAt }, api, route, target, proof }
  const decision = decideCall(resourceOf({ api, target, incoming }), call, current)
  if (decision.effect !== 'allow') return 'policy_changed'
  exchange.provedAt = current.provedAt
  const isProved = route.proof === undefined || meets(current, route.proof, receivedAt)
  return isProved ? undefined : 'proof_too_old'
}

/** Whose it is, with the groups, policies and touch of now. */
async function currentOf(
  exchange: OpenExchange,
  parts: ReviewParts,
  route: Route,
): Promise<Principal | Ending> {
  const { principal } = exchange.admitted
  if (principal.kind === 'person' && !parts.revocations.current) return 'evidence_unavailable'
  const session = isBrowserSession(principal) ? await liveSession(exchange, parts) : undefined
  if (isBrowserSession(principal) && session === undefined) return 'expired'
  const { principals } = parts.table()
  return (await principals.again(principal, realmOf(route), session)) ?? 'revoked'
}

/** The route that the same request would take now, if it would be asked the same things there. */
function sameRoute(
  { admitted: { routed }, bond }: OpenExchange,
  table: GatewayTable,
): { api: Api; route: Route } | undefined {
  if (table === routed.table) return { api: routed.api, route: routed.route }
  const api = findApi(table, routed.incoming.authority)
  const route = api?.routes.find(routed.incoming.method, routed.target.path)
  if (api === undefined || route === undefined) return undefined
  const isSame =
    api.audience === routed.api.audience &&
    table.issuer === routed.table.issuer &&
    nameOf(route.authorizer) === nameOf(routed.route.authorizer) &&
    (bond !== 'tunnel' || route.websocket !== undefined)
  return isSame ? { api, route } : undefined
}

function nameOf(authorizer: RouteAuthorizer): string {
  const { kind } = authorizer
  return kind === 'issuer' ? `issuer ${authorizer.name} ${authorizer.issuer}` : kind
}

/** That of the callers of a route whose issuer is somebody else. */
function realmOf({ authorizer }: Route): Realm | undefined {
  return authorizer.kind === 'issuer' ? authorizer.realm : undefined
}

/** A session counts as used by what its browser sends, not by being listened with. */
async function liveSession(
  exchange: OpenExchange,
  parts: ReviewParts,
): Promise<Session | undefined> {
  const { session } = exchange.admitted.principal
  if (session === undefined) return undefined
  const id = session as SessionId
  const { sessions } = parts
  const own = await (exchange.takeUse() ? sessions.use(id) : sessions.loadById(id))
  return own === undefined ? undefined : sessions.withLastTouch(own)
}
