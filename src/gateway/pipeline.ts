import { isRefusal, millis } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { serveOwnPath } from './caller/api-session-routes.ts'
import { gatewayErrors } from './errors.ts'
import { forward } from './forward/forward.ts'
import type { GatewayParts, GatewayTable } from './gateway.ts'
import type { Incoming } from './incoming.ts'
import { decisionEntry, withoutTicket } from './record.ts'
import { answerRefusal } from './refusal.ts'
import { admit, authenticate, authorize, limitAddress, route, screen } from './stages.ts'
import type { Admitted, Authenticated, Progress } from './stages.ts'
import { openTunnel } from './forward/tunnel.ts'
import type { Tunnels } from './forward/tunnel.ts'

/**
 * The life of a request:
 *
 *     incoming -> route -> screen -> authenticate -> authorize -> admit -> record -> forward
 *
 * Each step takes what only the step before can make, or answers a refusal. Every end is recorded, and the
 * record is durable before the upstream sees a byte or the caller an answer.
 */
export async function runPipeline(
  arrived: Incoming,
  parts: GatewayParts,
  tunnels: Tunnels,
): Promise<void> {
  // Judged by the time its turn comes: it may have waited behind others on its connection for long.
  const incoming = { ...arrived, receivedAt: parts.clock.now() }
  const table = parts.table()
  const progress: Progress = {}
  let outcome: Admitted | Refusal | 'served'
  try {
    const decided = decide(incoming, { parts, table, progress })
    outcome = decided instanceof Promise ? await decided : decided
    outcome = incoming.life.broken ?? outcome
    if (outcome !== 'served') await record(incoming, { parts, table, progress, outcome })
  } catch (error) {
    parts.onError(error, incoming.requestId)
    outcome = gatewayErrors.refuse('evidence_unavailable')
  }
  if (outcome === 'served') return
  let code = progress.decision?.reason ?? 'gateway.open_route'
  incoming.life.onOver(() => complete(incoming, parts, progress, code))
  if (incoming.life.isOver) return
  const fail = (refusal: Refusal): void => {
    code = refusal.code
    answerRefusal(incoming, refusal, { table, progress })
  }
  if (isRefusal(outcome)) fail(outcome)
  else if (incoming.upgrade === undefined) forward(outcome, fail)
  else openTunnel(outcome, tunnels, fail)
}

interface Context {
  readonly parts: GatewayParts
  readonly table: GatewayTable
  readonly progress: Progress
}

type Decided = Admitted | Refusal | 'served'

/** Answers at once whenever the caller is known, which is nearly always: no promise is made then. */
function decide(incoming: Incoming, context: Context): Decided | Promise<Decided> {
  const { parts, table, progress } = context
  const routed = route(incoming, table, progress)
  if (isRefusal(routed)) return serveOwn(incoming, context, routed)
  const screened = screen(routed, parts)
  if (isRefusal(screened)) return screened
  const found = authenticate(screened, parts)
  if (found instanceof Promise) return found.then((caller) => conclude(caller, context))
  return conclude(found, context)
}

function conclude(
  authenticated: Authenticated | Refusal,
  { parts, progress }: Context,
): Admitted | Refusal {
  if (isRefusal(authenticated)) return authenticated
  const authorized = authorize(authenticated, progress)
  return isRefusal(authorized) ? authorized : admit(authorized, parts)
}

/** A path that no route has may be one of the gateway's own. */
async function serveOwn(
  incoming: Incoming,
  { parts, table, progress }: Context,
  refusal: Refusal,
): Promise<Refusal | 'served'> {
  const { api } = progress
  if (api === undefined || refusal.code !== 'gateway.no_route') return refusal
  const limited = limitAddress(incoming, table, parts)
  if (limited !== undefined) return limited
  return (await serveOwnPath(incoming, api, { parts, table })) ?? refusal
}

function record(
  incoming: Incoming,
  { parts, table, progress, outcome }: Context & { outcome: Admitted | Refusal },
): Promise<unknown> {
  const refusal = isRefusal(outcome) ? outcome : undefined
  return parts.record(decisionEntry(incoming, progress, { table, refusal }))
}

function complete(incoming: Incoming, parts: GatewayParts, progress: Progress, code: string): void {
  parts.onCompleted({
    requestId: incoming.requestId,
    method: incoming.method,
    path: withoutTicket(progress.path ?? ''),
    api: progress.api?.name,
    route: progress.route?.id,
    status: incoming.response.statusCode,
    code,
    millis: millis(parts.clock.now() - incoming.receivedAt),
  })
}
