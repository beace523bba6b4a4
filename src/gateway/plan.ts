import { isRefusal } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { locationOf } from './answer/own-answer.ts'
import type { Principal } from './caller/principal.ts'
import type { Destination } from './forward/split.ts'
import type { Incoming } from './incoming/incoming.ts'
import type { Target } from './incoming/target.ts'
import { rewriteTarget } from './rewrite/rewrite.ts'
import type { ValueFacts } from './rewrite/values.ts'
import type { Routed } from './stages.ts'

/**
 * What is done with a request when that is more than to forward it as it was decided on. Made before the
 * decision is recorded, so that the record says what is going to happen.
 */
export interface Plan {
  /** What is forwarded instead of the target that was decided on. */
  readonly target: Target | undefined
  /** Where to, when the route divides its callers. */
  readonly destination: Destination | undefined
  /** Where a redirect leads. */
  readonly location: string | undefined
}

/** A request that has its route, as far as plans look at it. */
export type Planned = Pick<Routed, 'api' | 'route' | 'target'> & {
  readonly incoming: Pick<Incoming, 'requestId' | 'address'>
}

/** `undefined` for the routes that only forward. */
export function planOf(routed: Planned, principal: Principal): Plan | Refusal | undefined {
  const { rewrite, split, answer } = routed.route
  if (rewrite === undefined && split === undefined && answer === undefined) return undefined
  const { target, incoming } = routed
  if (answer !== undefined) {
    const location = locationOf(answer, target.path)
    if (isRefusal(location)) return location
    return { target: undefined, destination: undefined, location }
  }
  const rewritten =
    rewrite === undefined ? undefined : rewriteTarget(target, rewrite, factsOf(routed, principal))
  if (isRefusal(rewritten)) return rewritten
  const destination = split?.choose(principal, incoming.address)
  return { target: rewritten, destination, location: undefined }
}

/** What configured values of the route can hold. */
export function factsOf(
  { incoming, api, route, target }: Planned,
  principal: Principal,
): ValueFacts {
  return { incoming, api, route, target, principal }
}
