import type { AuditEntry, AuditValue, AuditWho } from '../audit/index.ts'
import { randomId } from '../core/index.ts'
import type { Instant, Refusal } from '../core/index.ts'
import type { GatewayTable } from './gateway.ts'
import type { Incoming } from './incoming/incoming.ts'
import type { Ending, OpenExchange } from './live/open-exchange.ts'
import type { Plan } from './plan.ts'
import { isFrequent } from './caller/frequent-callers.ts'
import type { Principal } from './caller/principal.ts'
import type { Progress } from './stages.ts'

/**
 * The decision record of one request: who, what, where, outcome, why. Queries, headers and bodies are
 * not in it, because secrets travel there.
 */
export function decisionEntry(
  incoming: Incoming,
  progress: Progress,
  outcome: { table: GatewayTable; refusal: Refusal | undefined },
): AuditEntry {
  const { refusal, table } = outcome
  const { principal, plan } = progress
  const what = whatOf(incoming, progress, table)
  return {
    id: incoming.requestId,
    kind: 'decision',
    action: 'request',
    outcome: refusal === undefined ? 'allow' : 'deny',
    reason: refusal?.code ?? reasonOf(progress),
    ...(refusal?.detail === undefined ? {} : { detail: refusal.detail }),
    ...(principal === undefined ? {} : { who: whoOf(principal) }),
    where: whereOf(incoming),
    what: plan === undefined ? what : { ...what, ...describePlan(plan, progress.path ?? '') },
  }
}

/** Why a request was let through. */
export function reasonOf({ decision, preflight }: Progress): string {
  if (preflight !== undefined) return 'gateway.preflight'
  return decision?.reason ?? 'gateway.open_route'
}

/** The role whose policy decided, or else the one that was taken. */
export function roleOf({ decision, principal }: Progress): string | undefined {
  return decision?.role ?? principal?.mandate.roleName
}

/** What was forwarded when it is not what was decided on, so that the two can be compared. */
function describePlan(plan: Plan, decided: string): Record<string, AuditValue> {
  const { target, destination, location } = plan
  const what: Record<string, AuditValue> = {}
  if (target !== undefined && target.path !== decided) {
    what['forwardedPath'] = withoutTicket(target.path)
  }
  if (destination !== undefined) what['upstream'] = destination.upstreamName
  if (location !== undefined) what['location'] = withoutTicket(location)
  return what
}

/** The record of something ended before its time, beside the decision that let it begin. */
export function closingEntry(
  { admitted, bond, moved }: OpenExchange,
  ending: Ending,
  { now, table }: { now: Instant; table: GatewayTable },
): AuditEntry {
  const { incoming, api, route, target } = admitted.routed
  return {
    id: randomId(),
    kind: 'session',
    action: 'connection.close',
    outcome: ending === 'idle' || ending === 'too_old' ? 'success' : 'deny',
    reason: `gateway.${ending}`,
    who: whoOf(admitted.principal),
    where: whereOf(incoming),
    what: {
      ...whatOf(incoming, { api, route, path: target.path, principal: admitted.principal }, table),
      request: incoming.requestId,
      connection: bond,
      bytes: moved,
      seconds: Math.floor((now - incoming.receivedAt) / 1000),
    },
  }
}

export function whereOf(incoming: Incoming): NonNullable<AuditEntry['where']> {
  const userAgent = incoming.request.headers['user-agent']
  return userAgent === undefined
    ? { address: incoming.address }
    : { address: incoming.address, userAgent }
}

/** One frozen object for the requests of a principal who comes often, so that it is encoded once. */
export function whoOf(principal: Principal): AuditWho {
  if (principal.who !== undefined) return principal.who
  const who = describe(principal)
  if (isFrequent(principal)) principal.who = Object.freeze(who)
  return who
}

function describe(principal: Principal): AuditWho {
  const who: Record<string, string> = { subject: principal.subject }
  if (principal.username !== undefined) who['username'] = principal.username
  if (principal.session !== undefined) who['session'] = principal.session
  if (principal.credential !== undefined) who['credential'] = principal.credential
  if (principal.clientId !== undefined) who['client'] = principal.clientId
  if (principal.tokenId !== undefined) who['token'] = principal.tokenId
  if (principal.kind === 'external') who['issuer'] = principal.issuer
  return who
}

function whatOf(
  incoming: Incoming,
  progress: Progress,
  table: GatewayTable,
): Readonly<Record<string, AuditValue>> {
  const { api, principal } = progress
  const taken = principal?.mandate.roleName
  const path = withoutTicket(progress.path ?? pathOf(incoming.request.url ?? ''))
  // In the order in which they are written, which spares sorting them.
  const what: Record<string, AuditValue> = {}
  if (api !== undefined) what['api'] = api.name
  if (taken !== undefined) what['assumedRole'] = taken
  if (incoming.peer.certificate !== undefined) {
    what['certificate'] = incoming.peer.certificate.fingerprint
  }
  what['configuration'] = table.version
  what['host'] = incoming.authority
  what['method'] = incoming.method
  what['path'] = path
  addDecided(what, progress, path)
  return what
}

function addDecided(what: Record<string, AuditValue>, progress: Progress, path: string): void {
  const { api, route, decision } = progress
  const role = roleOf(progress)
  if (decision?.policy !== undefined) what['policy'] = decision.policy
  if (progress.proof !== undefined) what['proof'] = progress.proof
  if (api !== undefined && progress.path !== undefined) {
    what['resource'] = `${api.arnPrefix}${String(what['method'])}${path}`
  }
  if (role !== undefined) what['role'] = role
  if (route !== undefined) what['route'] = route.id
  if (decision?.statement !== undefined) what['statement'] = decision.statement
}

/** An enrolment link opened at the wrong host must not leave its secret in the log. */
export function withoutTicket(path: string): string {
  return path.includes('enrol') ? path.replace(/\/enrol\/[A-Za-z0-9_-]{43}/gi, '/enrol/-') : path
}

/** Only the path of a target that has one: elsewhere credentials may stand. */
function pathOf(target: string): string {
  return target.startsWith('/') ? (/^[^?#]*/.exec(target)?.[0] ?? '') : ''
}
