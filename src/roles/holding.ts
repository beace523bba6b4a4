import { authorityOf, evaluate, outlook } from '../policy/index.ts'
import type { ContextLookup, PolicyPrincipal, PolicyRequest } from '../policy/index.ts'
import type { Role } from './role.ts'

/** Taking a role, as trust policies name it: for people here, and for those an issuer elsewhere vouches for. */
export type Taking = 'sts:AssumeRole' | 'sts:AssumeRoleWithWebIdentity'

/** Who asks for a role, by the facts of now. */
export interface Candidate {
  readonly action: Taking
  /** As whom they signed in, whatever role they are in. */
  readonly principal: PolicyPrincipal
  readonly context: ContextLookup
}

/**
 * Whether the trust policy lets the candidate have the role.
 *
 * Invariant: a trust policy that cannot be evaluated lets nobody have it.
 */
export function holds(role: Role, candidate: Candidate): boolean {
  return evaluate(role.trust, trustRequest(role, candidate)).effect === 'allow'
}

/** What a trust policy is asked. */
export function trustRequest(
  { arn }: Pick<Role, 'arn'>,
  { action, principal, context }: Candidate,
): PolicyRequest {
  return { action, resource: arn, resourcePolicy: undefined, sameAccount: true, principal, context }
}

/**
 * What the trust policy will say to every request of a candidate.
 *
 * @param known - the candidate with the facts that do not change between requests; its context throws
 * `UnknownFactError` for the others. What depends on one of those is `maybe`, unless it cannot be.
 */
export function holdsEver(role: Role, known: Candidate): 'yes' | 'no' | 'maybe' {
  const request = trustRequest(role, known)
  const { effect, reason } = evaluate(role.trust, request)
  if (effect === 'allow') return 'yes'
  if (reason !== 'policy.evaluation_failed') return 'no'
  const resource = [{ text: role.arn }]
  return outlook(authorityOf(role.trust), { ...request, resource }).allowed === 'no'
    ? 'no'
    : 'maybe'
}
