import type { Refusal } from '../core/index.ts'
import { isRefusal } from '../core/index.ts'
import type { Decision } from '../policy/index.ts'
import { checkPreflight, findPreflight } from './answer/cors.ts'
import type { Preflight } from './answer/cors.ts'
import { refuseMaintenance } from './answer/maintenance.ts'
import { isOwnPath } from './caller/api-session-routes.ts'
import { authenticateCaller } from './caller/authenticate.ts'
import { findApi, isMisdirected } from './incoming/authority.ts'
import { decideCall } from './caller/decide-call.ts'
import { resourceOf } from './caller/policy-request.ts'
import { gatewayErrors } from './errors.ts'
import type { Destination } from './forward/split.ts'
import type { GatewayParts, GatewayTable } from './gateway.ts'
import type { Incoming, Upgrade } from './incoming/incoming.ts'
import type { Principal } from './caller/principal.ts'
import { decisionRefusal } from './refusal.ts'
import { refuseAsStale, refuseUnproved } from './proof/demand.ts'
import { freshnessFor } from './proof/freshness.ts'
import type { ProofDemand } from './proof/demand.ts'
import type { AskedProof } from './proof/ask.ts'
import { demandedOf } from './proof/demanded.ts'
import type { Demanded } from './proof/demanded.ts'
import type { ProofFacts } from './proof/facts.ts'
import { prove } from './proof/prove.ts'
import type { Proven } from './proof/prove.ts'
import { limitAddress, limitCaller } from './limits.ts'
import { factsOf, planOf } from './plan.ts'
import type { Plan } from './plan.ts'
import type { ValueFacts } from './rewrite/values.ts'
import type { Api, Route } from './route.ts'
import { bodyLength, checkFraming } from './incoming/screen.ts'
import { parseTarget } from './incoming/target.ts'
import type { Target } from './incoming/target.ts'

/*
 * The steps of a request, each taking what only the step before can make: the classes are not exported, so
 * nobody else constructs them, and a forgotten step does not compile.
 */

class Routed {
  readonly #made = true
  readonly incoming: Incoming
  readonly table: GatewayTable
  readonly api: Api
  readonly route: Route
  readonly target: Target

  constructor(
    incoming: Incoming,
    table: GatewayTable,
    found: { api: Api; route: Route; target: Target },
  ) {
    this.incoming = incoming
    this.table = table
    this.api = found.api
    this.route = found.route
    this.target = found.target
  }

  /** Seals the class: types with other origins do not have it. */
  static isMade(value: Routed): boolean {
    return value.#made
  }
}

class Screened {
  readonly #made = true
  readonly routed: Routed

  constructor(routed: Routed) {
    this.routed = routed
  }

  static isMade(value: Screened): boolean {
    return value.#made
  }
}

class Authenticated {
  readonly #made = true
  readonly routed: Routed
  readonly principal: Principal

  constructor(routed: Routed, principal: Principal) {
    this.routed = routed
    this.principal = principal
  }

  static isMade(value: Authenticated): boolean {
    return value.#made
  }
}

class Authorized {
  readonly #made = true
  readonly routed: Routed
  readonly principal: Principal
  readonly decision: Decision | undefined

  constructor(authenticated: Authenticated, decision: Decision | undefined) {
    this.routed = authenticated.routed
    this.principal = authenticated.principal
    this.decision = decision
  }

  get proven(): undefined {
    return undefined
  }

  static isMade(value: Authorized): boolean {
    return value.#made
  }
}

/** Would be let through by a fresher or stronger touch. */
class Stale {
  readonly #made = true
  readonly routed: Routed
  readonly principal: Principal
  readonly demand: ProofDemand

  constructor(authenticated: Authenticated, demand: ProofDemand) {
    this.routed = authenticated.routed
    this.principal = authenticated.principal
    this.demand = demand
  }

  static isMade(value: Stale): boolean {
    return value.#made
  }
}

/** Would be let through with a proof that is bound to it. */
class Demanding {
  readonly #made = true
  readonly routed: Routed
  readonly principal: Principal
  readonly demanded: Demanded

  constructor({ routed, principal }: Authenticated, demanded: Demanded) {
    this.routed = routed
    this.principal = principal
    this.demanded = demanded
  }

  static isMade(value: Demanding): boolean {
    return value.#made
  }
}

/** The same with room for it. There is no way on from here but `prove`. */
class Unproved {
  readonly #made = true
  readonly routed: Routed
  readonly principal: Principal
  readonly demanded: Demanded
  readonly plan: Plan | undefined

  constructor(demanding: Demanding, plan: Plan | undefined) {
    this.routed = demanding.routed
    this.principal = demanding.principal
    this.demanded = demanding.demanded
    this.plan = plan
  }

  static isMade(value: Unproved): boolean {
    return value.#made
  }
}

class Admitted {
  readonly #made = true
  readonly routed: Routed
  readonly principal: Principal
  readonly decision: Decision | undefined
  readonly plan: Plan | undefined
  /** On a request that needs a proof: the one that was used, and the body it is about. */
  readonly proven: Proven | undefined

  constructor(cleared: Authorized | Proven, plan: Plan | undefined) {
    this.routed = cleared.routed
    this.principal = cleared.principal
    this.decision = cleared.decision
    this.plan = plan
    this.proven = cleared.proven
  }

  /** What is forwarded: the target that was decided on, unless the plan has another. */
  get target(): Target {
    return this.plan?.target ?? this.routed.target
  }

  get destination(): Destination {
    return this.plan?.destination ?? this.routed.api
  }

  /** What conditions can see of its proof. */
  get proof(): ProofFacts | undefined {
    return this.proven?.facts
  }

  get facts(): ValueFacts {
    return factsOf(this.routed, this.principal)
  }

  static isMade(value: Admitted): boolean {
    return value.#made
  }
}

export type { Admitted, Authenticated, Authorized, Demanding, Routed, Screened, Unproved }

/** What is known of a request that was refused, for its record. */
export interface Progress {
  api?: Api
  route?: Route
  path?: string
  principal?: Principal
  decision?: Decision
  preflight?: Preflight
  plan?: Plan
  /** What was not proved. */
  demand?: ProofDemand | undefined
  /** Id of the proof that it names, or that was asked for. */
  proof?: string
  asked?: AskedProof
}

/** Finds the API by host and the route by method and canonical path. */
export function route(
  incoming: Incoming,
  table: GatewayTable,
  progress: Progress,
): Routed | Preflight | Refusal {
  const framing = checkFraming(incoming, table)
  if (framing !== undefined) return framing
  if (isMisdirected(incoming)) return gatewayErrors.refuse('misdirected')
  const api = findApi(table, incoming.authority)
  if (api === undefined) return gatewayErrors.refuse('unknown_host')
  progress.api = api
  const target = parseTarget(incoming.request.url ?? '')
  if (isRefusal(target)) return target
  progress.path = target.path
  if (isOwnPath(target.path)) return gatewayErrors.refuse('no_route')
  if (incoming.method === 'OPTIONS') {
    const preflight = findPreflight(incoming, api, target.path)
    if (preflight !== undefined) return noted(preflight, progress)
  }
  const found = api.routes.find(incoming.method, target.path)
  if (found === undefined) return gatewayErrors.refuse('no_route')
  progress.route = found
  return new Routed(incoming, table, { api, route: found, target })
}

function noted(preflight: Preflight, progress: Progress): Preflight {
  progress.route = preflight.route
  progress.preflight = preflight
  return preflight
}

/** A preflight carries no credential (Fetch standard 3.2.2): it is limited by address and judged by origin. */
export function screenPreflight(
  preflight: Preflight,
  incoming: Incoming,
  context: { table: GatewayTable; parts: GatewayParts },
): Preflight | Refusal {
  const { table, parts } = context
  const refused =
    limitAddress(incoming, table, parts) ?? parts.shedding.refusal(preflight.route.shedLevel)
  return refused ?? checkPreflight(incoming, preflight) ?? preflight
}

/** What is cheap and early: whether there is room, the address limit and the declared size. */
export function screen(routed: Routed, parts: GatewayParts): Screened | Refusal {
  const { incoming, table } = routed
  const shed = parts.shedding.refusal(routed.route.shedLevel)
  if (shed !== undefined) return shed
  const limited = limitAddress(incoming, table, parts)
  if (limited !== undefined) return limited
  if (bodyLength(incoming.request).length > routed.route.maxBody) {
    return gatewayErrors.refuse('body_too_large')
  }
  const upgrade =
    incoming.upgrade === undefined ? undefined : screenUpgrade(routed, incoming.upgrade)
  return upgrade ?? new Screened(routed)
}

function screenUpgrade(
  { route: { websocket } }: Routed,
  { hasMore }: Upgrade,
): Refusal | undefined {
  if (websocket === undefined) return gatewayErrors.refuse('not_a_websocket_route')
  // RFC 6455 4.1: a client waits for the answer; what it sends before may be meant for another reader.
  return hasMore
    ? gatewayErrors.refuse('malformed', 'bytes behind a handshake that is not answered yet')
    : undefined
}

/** Finds out who is calling. Answers at once whenever token and key are known. */
export function authenticate(
  screened: Screened,
  parts: GatewayParts,
): Authenticated | Refusal | Promise<Authenticated | Refusal> {
  const { routed } = screened
  const found = authenticateCaller(routed, parts)
  const judge = (caller: Principal | Refusal): Authenticated | Refusal =>
    isRefusal(caller) ? caller : new Authenticated(routed, caller)
  return found instanceof Promise ? found.then(judge) : judge(found)
}

/** Asks the policies. A route that is open to everybody has none to ask but that of its API. */
export function authorize(
  authenticated: Authenticated,
  progress: Progress,
): Authorized | Demanding | Stale | Refusal {
  const { routed, principal } = authenticated
  progress.principal = principal
  const { api, route } = routed
  const isOpen = route.authorizer.kind === 'open' && api.resourcePolicy === undefined
  if (isOpen) return new Authorized(authenticated, undefined)
  const decision = decideCall(resourceOf(routed), routed, principal)
  progress.decision = decision
  if (decision.effect === 'allow' && route.boundProof === undefined) {
    return new Authorized(authenticated, decision)
  }
  return demandProof(authenticated, decision, progress)
}

/** Where the answer is no without a proof of the request: whether it would be yes with one. */
function demandProof(
  authenticated: Authenticated,
  decision: Decision,
  progress: Progress,
): Demanding | Stale | Refusal {
  const { routed, principal } = authenticated
  const { incoming, api, route, target, table } = routed
  const fresher =
    table.asksFreshness && decision.effect !== 'allow'
      ? freshnessFor(resourceOf(routed), routed, principal, table.principals)
      : undefined
  if (fresher !== undefined) return new Stale(authenticated, fresher)
  // A touch says yes to one request, never to what is said over a connection.
  if (incoming.upgrade !== undefined) return decisionRefusal(decision)
  const call = { incoming, api, route, target, boundProof: route.boundProof }
  const demanded = demandedOf(resourceOf(routed), call, principal)
  if (demanded === undefined) return decisionRefusal(decision)
  progress.decision = demanded.decision
  return new Demanding(authenticated, demanded)
}

/** The limits of this principal on this route, and of the route as a whole; then what is going to be done. */
export function admit(
  authorized: Authorized | Demanding | Stale,
  parts: GatewayParts,
  progress: Progress,
): Admitted | Unproved | Refusal {
  const { routed, principal } = authorized
  const now = routed.incoming.receivedAt
  const limited = limitCaller(routed, principal, parts)
  if (limited !== undefined) return limited
  const { maintenance } = routed.route
  const closed = maintenance === undefined ? undefined : refuseMaintenance(maintenance, principal)
  if (closed !== undefined) return closed
  const plan = planOf(routed, principal)
  if (isRefusal(plan)) return plan
  if (plan !== undefined) progress.plan = plan
  // Asked last, so that nobody touches a key for what is refused all the same.
  if (authorized instanceof Stale) {
    progress.demand = authorized.demand
    return refuseAsStale(authorized.demand)
  }
  const { proof } = routed.route
  const unproved = proof === undefined ? undefined : refuseUnproved(principal, proof, now)
  if (unproved !== undefined) {
    progress.demand = proof
    return unproved
  }
  return authorized instanceof Demanding
    ? new Unproved(authorized, plan)
    : new Admitted(authorized, plan)
}

export function needsProof(admitted: Admitted | Unproved | Refusal): admitted is Unproved {
  return admitted instanceof Unproved
}

/** Uses the proof of a request that needs one, or asks for it. */
export async function admitProven(
  unproved: Unproved,
  parts: GatewayParts,
  progress: Progress,
): Promise<Admitted | Refusal> {
  const proven = await prove(unproved, parts, progress)
  return isRefusal(proven) ? proven : new Admitted(proven, unproved.plan)
}
