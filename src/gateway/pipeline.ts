import type { AuditWaiter } from '../audit/index.ts'
import { isRefusal, millis } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { answerPreflight, Preflight } from './answer/cors.ts'
import { answerOwn } from './answer/own-answer.ts'
import { encodeUsual } from './decision-text.ts'
import { gatewayErrors } from './errors.ts'
import { limitAddress } from './limits.ts'
import { forward } from './forward/forward.ts'
import type { GatewayParts, GatewayTable } from './gateway.ts'
import type { Incoming } from './incoming/incoming.ts'
import { serveOwnPath } from './own-paths.ts'
import { decisionEntry, reasonOf, roleOf, withoutTicket } from './record.ts'
import { answerRefusal } from './refusal.ts'
import {
  admit,
  admitProven,
  authenticate,
  authorize,
  needsProof,
  route,
  screen,
  screenPreflight,
} from './stages.ts'
import type { Admitted, Authenticated, Progress, Routed } from './stages.ts'
import { openTunnel } from './forward/tunnel.ts'
import { asksForReplay, replayOf } from './step-up/replay.ts'

/**
 * The life of a request:
 *
 *     incoming -> route -> screen -> authenticate -> authorize -> admit [-> prove] -> record -> forward
 *
 * Each step takes what only the step before can make, or answers a refusal. Every end is recorded, and the
 * record is durable before the upstream sees a byte or the caller an answer.
 */
export function runPipeline(incoming: Incoming, parts: GatewayParts): void {
  const passage = new Passage(incoming, parts)
  try {
    const decided = decide(incoming, passage)
    if (decided instanceof Promise) {
      decided.then((late) => passage.decided(late)).catch((error) => passage.refused(error))
    } else passage.decided(decided)
  } catch (error) {
    passage.refused(error)
  }
}

/** One request on its way. It waits for its own record, so that none of the usual ones needs a promise. */
class Passage implements AuditWaiter {
  readonly parts: GatewayParts
  readonly table: GatewayTable
  readonly progress: Progress = {}
  readonly #incoming: Incoming
  #outcome: Outcome = gatewayErrors.refuse('evidence_unavailable')
  /** Why it ended as it did, for metrics and the access log. */
  #code = ''

  constructor(incoming: Incoming, parts: GatewayParts) {
    this.parts = parts
    this.table = parts.table()
    this.#incoming = incoming
  }

  decided(decided: Decided): void {
    if (decided === 'served') return
    const outcome = this.#incoming.life.broken ?? decided
    const refusal = isRefusal(outcome) ? outcome : undefined
    if (refusal === undefined) this.#incoming.life.admit()
    this.#record(refusal)
    this.#outcome = outcome
  }

  #record(refusal: Refusal | undefined): void {
    const { parts, progress, table } = this
    const usual = refusal === undefined ? encodeUsual(this.#incoming, progress, table) : undefined
    if (usual !== undefined) parts.audit.recordEncoded(usual, this)
    else parts.audit.record(decisionEntry(this.#incoming, progress, { table, refusal }), this)
  }

  /** The record is durable: now, and not before, the decision is carried out. */
  recorded(): void {
    try {
      this.#carryOut(this.#outcome)
    } catch (error) {
      this.parts.onError(error, this.#incoming.requestId)
      this.#incoming.response.destroy()
    }
  }

  /** What nobody expected, a log that does not take the record above all, is a refusal. */
  refused(error: unknown): void {
    this.parts.onError(error, this.#incoming.requestId)
    this.#outcome = gatewayErrors.refuse('evidence_unavailable')
    this.recorded()
  }

  #carryOut(outcome: Outcome): void {
    const { life, upgrade } = this.#incoming
    const { live } = this.parts
    this.#code = reasonOf(this.progress)
    life.onOver(() => complete(this.#incoming, this.parts, this.progress, this.#code))
    if (life.isOver) return
    const fail = (refusal: Refusal): void => {
      this.#code = refusal.code
      answerRefusal(this.#incoming, refusal, this)
    }
    if (isRefusal(outcome)) fail(outcome)
    else if (outcome instanceof Preflight) answerPreflight(this.#incoming, outcome)
    else if (upgrade !== undefined) openTunnel(outcome, live, fail)
    else if (outcome.routed.route.answer === undefined) forward(outcome, live, fail)
    else answerOwn(outcome, outcome.routed.route.answer)
  }
}

type Context = Pick<Passage, 'parts' | 'table' | 'progress'>

type Outcome = Admitted | Preflight | Refusal
type Decided = Outcome | 'served'

/** Answers at once whenever the caller is known, which is nearly always: no promise is made then. */
function decide(incoming: Incoming, context: Context): Decided | Promise<Decided> {
  const { parts, table, progress } = context
  const routed = route(incoming, table, progress)
  if (isRefusal(routed)) return serveOwn(incoming, context, routed)
  if (routed instanceof Preflight) return screenPreflight(routed, incoming, context)
  const screened = screen(routed, parts)
  if (isRefusal(screened)) return screened
  const stepsUp = routed.route.proof !== undefined || table.asksFreshness
  if (stepsUp && asksForReplay(routed)) return replay(routed, parts)
  const found = authenticate(screened, parts)
  if (found instanceof Promise) return found.then((caller) => conclude(caller, context))
  return conclude(found, context)
}

function conclude(
  authenticated: Authenticated | Refusal,
  { parts, progress }: Context,
): Admitted | Refusal | Promise<Admitted | Refusal> {
  if (isRefusal(authenticated)) return authenticated
  const authorized = authorize(authenticated, progress)
  if (isRefusal(authorized)) return authorized
  const admitted = admit(authorized, parts, progress)
  return needsProof(admitted) ? admitProven(admitted, parts, progress) : admitted
}

/** What was kept is sent on as the request that it is, with everything that is asked of requests. */
async function replay(routed: Routed, parts: GatewayParts): Promise<Refusal | 'served'> {
  const kept = await replayOf(routed, parts)
  if (isRefusal(kept)) return kept
  runPipeline(kept, parts)
  return 'served'
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

function complete(incoming: Incoming, parts: GatewayParts, progress: Progress, code: string): void {
  parts.onCompleted({
    requestId: incoming.requestId,
    method: incoming.method,
    path: withoutTicket(progress.path ?? ''),
    api: progress.api?.name,
    route: progress.route?.id,
    role: roleOf(progress),
    status: incoming.response.statusCode,
    code,
    millis: millis(parts.clock.now() - incoming.receivedAt),
  })
}
