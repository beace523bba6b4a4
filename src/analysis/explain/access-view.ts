import { isRefusal } from '../../core/index.ts'
import type { Instant } from '../../core/index.ts'
import type { Person } from '../../identity/index.ts'
import { findApi, isOwnPath, isServedMethod, parseTarget } from '../../gateway/index.ts'
import type {
  Api,
  Principal,
  Principals,
  Route,
  RouteTree,
  SupposedSignIn,
  Target,
  Vouching,
} from '../../gateway/index.ts'

/** A route as far as it matters who may call it. */
export type ViewedRoute = Pick<Route, 'id' | 'method' | 'segments' | 'conditions'> & {
  readonly authorizer: Vouching
}

/** An API as far as it matters who may call it. */
export type ViewedApi<Found extends ViewedRoute = ViewedRoute> = Pick<
  Api,
  'name' | 'origin' | 'secure' | 'region' | 'ageing' | 'account' | 'resourcePolicy' | 'arnPrefix'
> & { readonly routes: Pick<RouteTree<Found>, 'find' | 'routes'> }

/** Who may call what under one configuration. A `GatewayTable` is one. */
export interface AccessView<Found extends ViewedApi = ViewedApi> {
  /** By canonical authority. */
  readonly apis: ReadonlyMap<string, Found>
  readonly principals: Pick<
    Principals,
    'anonymous' | 'mandates' | 'ofPersonAt' | 'reconsidered' | 'ways'
  >
}

const absolute = /^https?:\/\/(?<authority>[^/?#]*)(?<rest>[^#]*)/i

/** Which route a request would meet, or why none. */
export function locate<Found extends ViewedApi>(
  view: Pick<AccessView<Found>, 'apis'>,
  method: string,
  url: string,
): Located<Found> | { readonly api?: string; readonly reason: string } {
  if (!isServedMethod(method)) return { reason: 'gateway.method_not_supported' }
  const { authority = '', rest = '' } = absolute.exec(url)?.groups ?? {}
  const api = findApi(view, authority)
  if (api === undefined) return { reason: 'gateway.unknown_host' }
  const target = parseTarget(rest.startsWith('/') ? rest : `/${rest}`)
  if (isRefusal(target)) return { api: api.name, reason: target.code }
  const route = isOwnPath(target.path) ? undefined : api.routes.find(method, target.path)
  if (route === undefined) return { api: api.name, reason: 'gateway.no_route' }
  return { api, route: route as RouteOf<Found>, target }
}

type RouteOf<Found extends ViewedApi> = Found extends ViewedApi<infer One> ? One : ViewedRoute

export interface Located<Found extends ViewedApi> {
  readonly api: Found
  readonly route: RouteOf<Found>
  readonly target: Target
}

/** The person as they would be after signing in at `now`, or nobody known. */
export function supposedPrincipal(
  { principals }: Pick<AccessView, 'principals'>,
  person: Person | undefined,
  now: Instant,
  signIn?: SupposedSignIn,
): Principal {
  return person === undefined ? principals.anonymous : principals.ofPersonAt(person, now, signIn)
}
