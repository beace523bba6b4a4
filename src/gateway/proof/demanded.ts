import { millis } from '../../core/index.ts'
import { outlook, UnknownFactError } from '../../policy/index.ts'
import type { ContextLookup, Decision } from '../../policy/index.ts'
import type { ProofDemand } from '../../proof/index.ts'
import { contextOf } from '../caller/context.ts'
import { authorityFor, candidateOf, decideCall } from '../caller/decide-call.ts'
import type { DecidedCall } from '../caller/decide-call.ts'
import { policyRequestOf } from '../caller/policy-request.ts'
import type { Principal } from '../caller/principal.ts'
import { supposedProof } from './facts.ts'

/** What a policy that asks for a proof gets where the route has no demand of its own. */
export const usualDemand: ProofDemand = {
  headers: [],
  sentence: undefined,
  maxBody: 64 * 1024,
  validFor: millis(120_000),
  approvers: { self: true, others: 0, groups: [], attested: true, separate: true },
  forwardEvidence: false,
}

/** That a request needs a proof bound to it, and the decision that would let it through with one. */
export interface Demanded {
  readonly demand: ProofDemand
  /** As far as it is known before anybody approves. */
  readonly decision: Decision
  /** The decision as it goes into what is approved. */
  readonly binding: string
}

/** The call to decide on, and the demand of its route. */
export type AskedCall = DecidedCall & { readonly boundProof: ProofDemand | undefined }

/**
 * Whether a proof would let a request through: one that its route asks of all, or one that the policies
 * deny for want of it.
 *
 * @param resource - the ARN of what is called.
 * @returns `undefined` when no proof would: then nobody is asked for one.
 */
export function demandedOf(
  resource: string,
  call: AskedCall,
  principal: Principal,
): Demanded | undefined {
  const { boundProof } = call
  // Whom another issuer vouches for, or nobody known, has no passkey here.
  const demand = boundProof ?? (principal.kind === 'person' ? usualDemand : undefined)
  if (demand === undefined) return undefined
  const proof = supposedProof(call.incoming.receivedAt)
  const decision = decideCall(resource, { ...call, proof }, principal)
  if (decision.effect === 'allow') return { demand, decision, binding: printDecision(decision) }
  const mayDepend = boundProof !== undefined && demand.approvers.others > 0
  if (!mayDepend || !dependsOnApprovers(resource, { ...call, proof }, principal)) return undefined
  return { demand, decision, binding: 'depends on who approves' }
}

function printDecision({ reason, policy, statement, role }: Decision): string {
  return JSON.stringify([reason, policy ?? '', statement ?? '', role ?? ''])
}

const ofApprovers: ReadonlySet<string> = new Set([
  'proofgate:approvedby',
  'proofgate:approvedbygroup',
])

/** Whether the right approvers would let the request through, where it is not known yet who they are. */
function dependsOnApprovers(resource: string, call: DecidedCall, principal: Principal): boolean {
  const candidate = candidateOf(principal, contextOf(call, principal.untaken))
  const authority = authorityFor(principal, candidate, call.incoming.receivedAt)
  if (authority === undefined) return false
  const request = policyRequestOf(resource, call, principal)
  const context: ContextLookup = (key) => {
    if (ofApprovers.has(key)) throw new UnknownFactError(key)
    return request.context(key)
  }
  const { allowed } = outlook(authority, { ...request, context, resource: [{ text: resource }] })
  return allowed !== 'no'
}
