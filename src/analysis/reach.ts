import { setImmediate } from 'node:timers/promises'
import type { Instant } from '../core/index.ts'
import { policyRequestOf } from '../gateway/index.ts'
import { locate, supposedPrincipal } from './explain/access-view.ts'
import { supposedContext } from './explain/supposition.ts'
import type { Principal } from '../gateway/index.ts'
import type { AccessView, ViewedApi, ViewedRoute } from './explain/access-view.ts'
import type { Person } from '../identity/index.ts'
import { outlook } from '../policy/index.ts'
import type { Outlook, PolicyKind, StatementOutlook, Template } from '../policy/index.ts'

/** A statement, and what it depends on. */
export interface Reason {
  readonly policy: string
  readonly kind: PolicyKind
  readonly role: string | undefined
  readonly statement: string
  /** `file:line` */
  readonly place: string | undefined
  /** Conditions that nobody knows the answer to: `NumericLessThan proofgate:AuthAge 600`. */
  readonly conditions: readonly string[]
  /** Whether it is about some of the requests only. */
  readonly inPart: boolean
}

/** Whether somebody can make a request. Who surely cannot has none. */
export interface Reach {
  /** `yes`: whatever the facts are; `maybe`: it depends. */
  readonly answer: 'yes' | 'maybe'
  /** Any one of them is enough. */
  readonly by: readonly Reason[]
  /** Any one of them prevents it. */
  readonly unless: readonly Reason[]
}

/** Nobody known, or a person. */
export type Caller = Person | undefined

export interface ReachedCaller extends Reach {
  /** A username, or `anonymous`. */
  readonly caller: string
  readonly groups: readonly string[]
}

/** Who can make a request. */
export interface Callers {
  readonly api: string | undefined
  readonly route: string | undefined
  readonly authorizer: string | undefined
  readonly resource: string | undefined
  readonly callers: readonly ReachedCaller[]
  /** Why there is none; or who else there is. */
  readonly note: string | undefined
}

/**
 * Everybody of these people, and nobody known, who can make a request, at any time and from anywhere. Between two
 * of them requests are served: with many people and statements it takes a while.
 */
export async function whoCan(
  view: AccessView,
  asked: { readonly method: string; readonly url: string },
  { people, now }: { readonly people: readonly Person[]; readonly now: Instant },
): Promise<Callers> {
  const nowhere = {
    api: undefined,
    route: undefined,
    authorizer: undefined,
    resource: undefined,
    callers: [],
  }
  const found = locate(view, asked.method, asked.url)
  if ('reason' in found) return { ...nowhere, api: found.api, note: found.reason }
  const { api, route, target } = found
  const resource = `${api.arnPrefix}${asked.method}${target.path}`
  const place = { view, api, route, template: [{ text: resource }], query: target.query, now }
  const callers: ReachedCaller[] = []
  for (const caller of candidates(route, people)) {
    callers.push(...reachedCaller(caller, place))
    await setImmediate()
  }
  return {
    api: api.name,
    route: route.id,
    authorizer: authorizerOf(route),
    resource,
    callers,
    note: noteOf(route),
  }
}

export interface ReachedRoute extends Reach {
  readonly api: string
  readonly route: string
  readonly method: string
  /** With `{name}` where anything may stand. */
  readonly path: string
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/**
 * Every route that somebody can call, at any time and from anywhere, by method. Between two routes requests are
 * served: with many statements each takes a while.
 */
export async function whatCan(
  view: AccessView,
  caller: Caller,
  now: Instant,
): Promise<readonly ReachedRoute[]> {
  const found: ReachedRoute[] = []
  for (const api of view.apis.values()) {
    for (const route of api.routes.routes) {
      const [acting] = candidates(route, caller === undefined ? [] : [caller])
      if (acting === undefined && route.authorizer.kind !== 'open') continue
      for (const method of methodsOf(route)) {
        found.push(...reachedRoute(acting, { view, api, route, now }, method))
        await setImmediate()
      }
    }
  }
  return found
}

function reachedRoute(
  caller: Caller,
  at: Omit<Place, 'template' | 'query'>,
  method: string,
): readonly ReachedRoute[] {
  const { api, route } = at
  const template = [{ text: `${api.arnPrefix}${method}` }, ...templateOf(route)]
  const reach = reachOf(caller, { ...at, template, query: undefined })
  const path = route.id.slice(route.id.indexOf(' ') + 1)
  return reach === undefined ? [] : [{ api: api.name, route: route.id, method, path, ...reach }]
}

function methodsOf({ method }: ViewedRoute): readonly string[] {
  return method === 'ANY' ? methods : [method]
}

function templateOf({ segments }: ViewedRoute): Template {
  if (segments.length === 0) return [{ text: '/' }]
  return segments.flatMap((segment) => {
    if (segment.kind === 'literal') return [{ text: `/${segment.text}` }]
    return [{ text: '/' }, segment.kind === 'parameter' ? 'segment' : 'rest']
  })
}

/** Where nobody has to be known, nobody is; and our people are none of another issuer's. */
function candidates(route: ViewedRoute, people: readonly Person[]): readonly Caller[] {
  const { kind } = route.authorizer
  if (kind === 'open') return [undefined]
  return kind === 'issuer' ? [] : people.filter(({ disabled }) => !disabled)
}

function noteOf({ authorizer }: ViewedRoute): string | undefined {
  if (authorizer.kind === 'open') return 'the route is open: who calls does not count'
  if (authorizer.kind === 'proofgate') return undefined
  return `callers come from the issuer ${authorizer.name}, with the groups it gives them`
}

function authorizerOf({ authorizer }: ViewedRoute): string {
  return authorizer.kind === 'issuer' ? authorizer.name : authorizer.kind
}

interface Place {
  readonly view: AccessView
  readonly api: ViewedApi
  readonly route: ViewedRoute
  readonly template: Template
  /** `undefined` where it is open. */
  readonly query: string | undefined
  readonly now: Instant
}

function reachedCaller(caller: Caller, place: Place): readonly ReachedCaller[] {
  const reach = reachOf(caller, place)
  if (reach === undefined) return []
  const { groups } = supposedPrincipal(place.view, caller, place.now)
  return [{ caller: caller?.username ?? 'anonymous', groups, ...reach }]
}

function reachOf(caller: Caller, place: Place): Reach | undefined {
  const { view, api, route, template, query, now } = place
  const isOpen = route.authorizer.kind === 'open' && api.resourcePolicy === undefined
  if (isOpen) return { answer: 'yes', by: [], unless: [] }
  const principal = supposedPrincipal(view, caller, now)
  const incoming = {
    address: '127.0.0.1',
    receivedAt: now,
    request: { headers: {}, rawHeaders: [] },
    peer: {},
  }
  const call = { incoming, api, route, target: { query: query ?? '' } }
  const open = { open: 'request' } as const
  const known = supposedContext(policyRequestOf('', call, principal).context, open)
  const seen = view.principals.ways(principal, known).map((way) => {
    const request = policyRequestOf('', call, way.principal)
    const context = supposedContext(request.context, open)
    const { authority } = way.principal.mandate
    return { ...way, ...outlook(authority, { ...request, context, resource: template }) }
  })
  return reachBy(seen)
}

type SeenWay = Outlook & { readonly principal: Principal; readonly isSure: boolean }

/** What one of the ways allows, can be done; it is sure if a way that is sure allows it. */
function reachBy(ways: readonly SeenWay[]): Reach | undefined {
  const open = ways.filter(({ allowed }) => allowed !== 'no')
  if (open.length === 0) return undefined
  const isSure = open.some((way) => way.isSure && way.allowed === 'yes')
  return {
    answer: isSure ? 'yes' : 'maybe',
    by: reasonsOf(open.flatMap(({ allows }) => allows)),
    unless: reasonsOf(open.flatMap(({ denies }) => denies)),
  }
}

function reasonsOf(found: readonly StatementOutlook[]): readonly Reason[] {
  const distinct = new Map(found.map((one) => [one.statement, one]))
  return [...distinct.values()].map(reasonOf)
}

function reasonOf({ statement, applies, depends }: StatementOutlook): Reason {
  const { policy, kind, role, label, place } = statement
  return {
    policy,
    kind,
    role,
    statement: label,
    place,
    conditions: depends.map(({ element, values }) => {
      const [, operator = '', ...key] = element.split('/')
      return `${operator} ${key.join('/')} ${values.join(' or ')}`
    }),
    inPart: applies === 'maybe' && depends.length === 0,
  }
}
