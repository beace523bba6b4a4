import type { Instant } from '../../core/index.ts'
import { decide, roleNotHeld } from '../../policy/index.ts'
import type { Authority, ContextLookup, Decision } from '../../policy/index.ts'
import type { Candidate } from '../../roles/index.ts'
import type { Api } from '../route.ts'
import { contextOf } from './context.ts'
import type { ContextCall } from './context.ts'
import { policyRequestOf } from './policy-request.ts'
import type { Principal } from './principal.ts'

/** What is decided on. */
export type DecidedCall = ContextCall & { readonly api: Pick<Api, 'resourcePolicy' | 'account'> }

/**
 * Asks the policies about one call. What lasts is decided on again by the same function.
 *
 * @param resource - the ARN of what is called.
 */
export function decideCall(resource: string, call: DecidedCall, principal: Principal): Decision {
  const { pending, authority, roleName } = principal.mandate
  const request = policyRequestOf(resource, call, principal)
  if (pending === undefined) return decide(authority, request)
  const candidate = candidateOf(principal, contextOf(call, principal.untaken))
  const earned = authorityFor(principal, candidate, call.incoming.receivedAt)
  return earned === undefined ? roleNotHeld(roleName ?? '') : decide(earned, request)
}

/** What counts for a request; `undefined` when the role that was taken is not held. */
export function authorityFor(
  { mandate }: Principal,
  candidate: Candidate,
  now: Instant,
): Authority | undefined {
  const { pending, authority } = mandate
  return pending === undefined ? authority : pending.authorityFor(candidate, now)
}

/**
 * A principal as trust policies see it: as whom they signed in.
 *
 * @param context - the facts about that person, not about somebody in a role.
 */
export function candidateOf(principal: Principal, context: ContextLookup): Candidate {
  return {
    action: principal.kind === 'external' ? 'sts:AssumeRoleWithWebIdentity' : 'sts:AssumeRole',
    principal: principal.untaken.names,
    context,
  }
}
