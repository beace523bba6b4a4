import { isRefusal } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { planOf, refuseMaintenance } from '../../gateway/index.ts'
import type { Planned, Principal } from '../../gateway/index.ts'

/** What would be done with a request that is let through. */
export interface Prospect {
  readonly action: 'forward' | 'respond' | 'redirect'
  /** Where it would go; absent when no service is asked. */
  readonly upstream: string | undefined
  /** Path and query the service would be asked for. */
  readonly target: string | undefined
  /** What the gateway itself would answer. */
  readonly status: number | undefined
  readonly location: string | undefined
  /** Where copies go, and of how many requests in a hundred. */
  readonly mirror: { readonly upstream: string; readonly percent: number } | undefined
}

/** Plans as the gateway does; a refusal where the plan would be one. */
export function prospectOf(planned: Planned, principal: Principal): Prospect | Refusal {
  const { api, route, target } = planned
  const { maintenance, answer, mirror } = route
  const closed = maintenance === undefined ? undefined : refuseMaintenance(maintenance, principal)
  if (closed !== undefined) return closed
  const plan = planOf(planned, principal)
  if (isRefusal(plan)) return plan
  if (answer !== undefined) {
    const { kind: action, status } = answer
    const none = { upstream: undefined, target: undefined, mirror: undefined }
    return { ...none, action, status, location: plan?.location }
  }
  const { path, query } = plan?.target ?? target
  return {
    action: 'forward',
    upstream: (plan?.destination ?? api).upstreamName,
    target: query === '' ? path : `${path}?${query}`,
    status: undefined,
    location: undefined,
    mirror:
      mirror === undefined
        ? undefined
        : { upstream: mirror.destination.upstreamName, percent: mirror.percent },
  }
}
