import { locate } from '../explain/access-view.ts'
import type { AccessView, ViewedRoute } from '../explain/access-view.ts'
import { nameOf, timeOf } from '../replay/tally.ts'
import type { RecordedRequest } from '../replay/recorded.ts'

/** How often a route was called by word of one statement. */
export interface RouteUse {
  readonly api: string
  readonly route: string
  readonly method: string
  /** With a `*` for each parameter, and so for what policies match. */
  readonly pattern: string
  count: number
  /** The ARNs that were asked for; `undefined` once there are too many to list. */
  resources: Set<string> | undefined
}

/** What became of one statement. */
export interface StatementUse {
  count: number
  readonly first: string
  last: string
  readonly routes: Map<string, RouteUse>
  /** At most so many; `others` are not told apart. */
  readonly callers: Map<string, number>
  others: number
}

const mostResources = 8
const mostCallers = 50

/** The routes of a view, by the requests that met them. */
export class RouteFinder {
  readonly #view: Pick<AccessView, 'apis'>
  readonly #authorities: ReadonlyMap<string, string>

  constructor(view: Pick<AccessView, 'apis'>) {
    this.#view = view
    this.#authorities = new Map([...view.apis].map(([authority, { name }]) => [name, authority]))
  }

  /** `undefined` when no route takes the request any more. */
  find(request: RecordedRequest): Omit<RouteUse, 'count'> | undefined {
    const { method, path } = request
    const authority = this.#authorities.get(request.api)
    if (authority === undefined) return undefined
    const found = locate(this.#view, method, `http://${authority}${path}`)
    if ('reason' in found) return undefined
    const { api, route } = found
    const prefix = `${api.arnPrefix}${method}`
    const resources = new Set([`${prefix}${path}`])
    const pattern = `${prefix}${patternOf(route)}`
    return { api: api.name, route: route.id, method, pattern, resources }
  }
}

function patternOf({ segments }: ViewedRoute): string {
  if (segments.length === 0) return '/'
  return segments.map((one) => `/${one.kind === 'literal' ? escaped(one.text) : '*'}`).join('')
}

/** A text as a policy of 2012-10-17 writes it. */
export function escaped(text: string): string {
  return text.replaceAll(/[*?]|\$(?=\{)/g, (character) => `\${${character}}`)
}

/** Adds one request to what is known of the statement that allowed it. */
export function addUse(
  uses: Map<string, StatementUse>,
  request: RecordedRequest,
  met: Omit<RouteUse, 'count'>,
): void {
  const at = timeOf(request.at)
  const key = useKey(request.policy ?? '', request.statement ?? '')
  const use = uses.get(key) ?? newUse(at)
  uses.set(key, use)
  use.count += 1
  use.last = at
  addCaller(use, nameOf(request))
  const place = JSON.stringify([met.api, met.route, met.method])
  const route = use.routes.get(place)
  if (route === undefined) use.routes.set(place, { ...met, count: 1 })
  else {
    route.count += 1
    for (const resource of met.resources ?? []) route.resources?.add(resource)
    if ((route.resources?.size ?? 0) > mostResources) route.resources = undefined
  }
}

export function useKey(policy: string, label: string): string {
  return JSON.stringify([policy, label])
}

function newUse(at: string): StatementUse {
  return { count: 0, first: at, last: at, routes: new Map(), callers: new Map(), others: 0 }
}

function addCaller(use: StatementUse, name: string): void {
  const known = use.callers.get(name)
  if (known === undefined && use.callers.size >= mostCallers) use.others += 1
  else use.callers.set(name, (known ?? 0) + 1)
}
