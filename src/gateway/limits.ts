import type { Refusal } from '../core/index.ts'
import { addressKey, throttleErrors } from '../throttle/index.ts'
import type { Principal } from './caller/principal.ts'
import type { GatewayParts, GatewayTable } from './gateway.ts'
import type { Incoming } from './incoming/incoming.ts'
import type { Route } from './route.ts'

/** The limit per source address, before anything is looked up. */
export function limitAddress(
  incoming: Incoming,
  table: GatewayTable,
  parts: GatewayParts,
): Refusal | undefined {
  const key = addressKey(incoming.address)
  const wait = parts.buckets.take(key, table.addressLimit, incoming.receivedAt, 'address')
  return wait > 0 ? exceeded(wait, 'address') : undefined
}

/** Beside the keys of principals, none of which is empty. */
const wholeRoute = ''

/** The limits of this principal on this route, and of the route as a whole. */
export function limitCaller(
  { route, incoming }: { readonly route: Route; readonly incoming: Incoming },
  principal: Principal,
  parts: GatewayParts,
): Refusal | undefined {
  const { throttle, key } = route
  const now = incoming.receivedAt
  const own = parts.buckets.take(principal.key, throttle.principal, now, key)
  if (own > 0) return exceeded(own, 'principal')
  const whole =
    throttle.route === undefined ? 0 : parts.buckets.take(wholeRoute, throttle.route, now, key)
  return whole > 0 ? exceeded(whole, 'route') : undefined
}

function exceeded(wait: number, scope: string): Refusal {
  return throttleErrors.refuse('exceeded', `the limit per ${scope}`, {
    'retry-after': String(Math.max(1, Math.ceil(wait / 1000))),
  })
}
