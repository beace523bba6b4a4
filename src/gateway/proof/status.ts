import { setTimeout as delay } from 'node:timers/promises'
import { isRefusal } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { sendJson } from '../../http/index.ts'
import { authenticateCaller, standsRevoked } from '../caller/authenticate.ts'
import type { Principal } from '../caller/principal.ts'
import { gatewayErrors } from '../errors.ts'
import type { GatewayParts, GatewayTable } from '../gateway.ts'
import type { Incoming } from '../incoming/incoming.ts'
import { parseTarget } from '../incoming/target.ts'
import type { Api, RouteAuthorizer } from '../route.ts'
import { holderOf } from './binding.ts'

/** A request at an address of the gateway's own, at an API's host. */
export interface OwnCall {
  readonly incoming: Incoming
  readonly api: Api
  readonly table: GatewayTable
}

/** How often a question that is left open is looked into, and for how many seconds at most. */
const lookEvery = 500
const longestWait = 25

/** Says what has become of a proof to the one who asked for it; for everybody else there is none. */
export async function sendState(
  call: OwnCall,
  id: string,
  parts: GatewayParts,
): Promise<Refusal | 'served'> {
  const { incoming } = call
  const known = await authenticateAnyhow(call, parts)
  if (isRefusal(known)) return known
  const { principal } = known
  const holder = holderOf(principal, incoming.request)
  const look = () => parts.proofs.stateFor(id, holder)
  let found = await look()
  const { waiting } = parts.proofRooms
  if (found?.state === 'pending' && waitOf(incoming) > 0 && waiting.take(1)) {
    try {
      const until = parts.clock.now() + waitOf(incoming) * 1000
      while (found?.state === 'pending' && parts.clock.now() < until && !incoming.life.isOver) {
        await delay(lookEvery)
        found = await look()
      }
    } finally {
      waiting.giveBack(1)
    }
    const ended = standsRevoked(parts, principal)
    if (ended !== undefined) return ended
  }
  if (found === undefined) return gatewayErrors.refuse('no_route', 'no proof of this caller')
  const { state, approvals, expiresAt } = found
  const answer = { state, approvals, expiresAt: new Date(expiresAt).toISOString() }
  sendJson(incoming.response, 200, answer, { 'x-request-id': incoming.requestId })
  return 'served'
}

/** `?wait=20`: for how many seconds the answer may be held back while nothing happens. */
function waitOf({ request }: Incoming): number {
  const [, seconds = '0'] = /[?&]wait=(\d{1,4})(?:&|$)/.exec(request.url ?? '') ?? []
  return Math.min(Number(seconds), longestWait)
}

/** Who it is, by any authorizer of the API: which one the request is, or was, sent with is not known yet. */
export async function authenticateAnyhow(
  { incoming, api, table }: OwnCall,
  parts: GatewayParts,
): Promise<{ principal: Principal; authorizer: RouteAuthorizer } | Refusal> {
  const target = parseTarget(incoming.request.url ?? '')
  if (isRefusal(target)) return target
  const authorizers = new Set(api.routes.routes.map(({ authorizer }) => authorizer))
  let refused: Refusal = gatewayErrors.refuse('no_route')
  for (const authorizer of authorizers) {
    if (authorizer.kind === 'open') continue
    const found = await authenticateCaller(
      { incoming, api, table, target, route: { authorizer } },
      parts,
    )
    if (!isRefusal(found)) return { principal: found, authorizer }
    refused = found
  }
  return refused
}
