import type { Instant, Millis, Refusal } from '../../core/index.ts'
import type { Principal } from '../caller/principal.ts'
import { gatewayErrors } from '../errors.ts'

/** What a caller has to have proved, beside being known. */
export interface ProofDemand {
  /** The longest time since the key was touched. */
  readonly maxAge: Millis | undefined
  /** Authentication context class that the touch has to have reached. */
  readonly acr: string | undefined
}

/** Clocks of issuers elsewhere may be ahead by so much. */
const mostAhead = 60_000

/**
 * Milliseconds since the caller last touched a key; `undefined` when that is not known.
 *
 * Invariant: a touch that is still to come is none, or a token could be fresh for ever.
 */
export function proofAge(
  { provedAt }: Pick<Principal, 'provedAt'>,
  now: Instant,
): number | undefined {
  if (provedAt === undefined || provedAt - now > mostAhead) return undefined
  return Math.max(0, now - provedAt)
}

/** Invariant: what is not known of a caller meets no demand. */
export function meets(
  principal: Pick<Principal, 'provedAt' | 'acr' | 'kind'>,
  { maxAge, acr }: ProofDemand,
  now: Instant,
): boolean {
  if (acr !== undefined && !reaches(principal, acr)) return false
  if (maxAge === undefined) return true
  const age = proofAge(principal, now)
  return age !== undefined && age <= maxAge
}

/** Of our own classes `phrh` says more than `phr`; how those of other issuers compare is not ours to say. */
function reaches({ acr, kind }: Pick<Principal, 'acr' | 'kind'>, asked: string): boolean {
  return acr === asked || (kind === 'person' && asked === 'phr' && acr === 'phrh')
}

/** @returns a refusal when the demand of the route is not met. */
export function refuseUnproved(
  principal: Principal,
  demand: ProofDemand,
  now: Instant,
): Refusal | undefined {
  return meets(principal, demand, now) ? undefined : refuseAsStale(demand)
}

export function refuseAsStale(demand: ProofDemand): Refusal {
  return gatewayErrors.refuse('fresh_proof_required', describeDemand(demand))
}

/** `a touch within the last 300 s, of class phrh` */
function describeDemand({ maxAge, acr }: ProofDemand): string {
  const fresh = maxAge === undefined ? 'a proof' : `a touch within the last ${maxAge / 1000} s`
  return acr === undefined ? fresh : `${fresh}, of class ${acr}`
}
