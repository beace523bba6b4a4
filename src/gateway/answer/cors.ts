import type { Refusal } from '../../core/index.ts'
import { gatewayErrors } from '../errors.ts'
import type { Incoming } from '../incoming/incoming.ts'
import { isServedMethod, owesLongBody } from '../incoming/screen.ts'
import type { Api, Route } from '../route.ts'

/** Which pages of other origins may read answers (Fetch standard 3.2). */
export interface Cors {
  /** Compared as they stand. */
  readonly origins: ReadonlySet<string>
  /** `https://` and `.example.com`: any subdomain between them. */
  readonly wildcards: readonly { readonly before: string; readonly after: string }[]
  readonly anyOrigin: boolean
  /** Empty when the method that is asked for is the one to allow. */
  readonly methods: readonly string[]
  readonly headers: readonly string[]
  readonly exposeHeaders: readonly string[]
  readonly credentials: boolean
  readonly maxAgeSeconds: number
}

/** A question that the gateway answers in place of the service. */
export class Preflight {
  readonly route: Route
  readonly cors: Cors
  /** The method the page wants to use. */
  readonly method: string

  constructor(route: Route, cors: Cors, method: string) {
    this.route = route
    this.cors = cors
    this.method = method
  }
}

/**
 * What a preflight (Fetch standard 3.2.2) is for: the route that the method it asks about has, when that
 * route has rules for other origins. Paths without such a route are not told from those without any.
 */
export function findPreflight(incoming: Incoming, api: Api, path: string): Preflight | undefined {
  const { headers } = incoming.request
  const method = headers['access-control-request-method']
  if (headers.origin === undefined || method === undefined) return undefined
  if (!isServedMethod(method)) return undefined
  const route = api.routes.find(method, path)
  return route?.cors === undefined ? undefined : new Preflight(route, route.cors, method)
}

/** Refuses what the rules do not allow, so that a page that is not let in is a decision like any other. */
export function checkPreflight(
  incoming: Incoming,
  { cors, method }: Preflight,
): Refusal | undefined {
  if (!allowsOrigin(cors, incoming.request.headers.origin)) {
    return gatewayErrors.refuse('cors_refused', 'the origin')
  }
  if (cors.methods.length > 0 && !cors.methods.includes(method)) {
    return gatewayErrors.refuse('cors_refused', 'the method')
  }
  return undefined
}

/** Answers an allowed preflight. */
export function answerPreflight(incoming: Incoming, { cors, method }: Preflight): void {
  const { response, request, requestId } = incoming
  if (response.headersSent || response.destroyed) return
  const headers = [
    ...corsHeaders(cors, request.headers.origin, varyOfPreflight),
    'access-control-allow-methods',
    (cors.methods.length === 0 ? [method] : cors.methods).join(', '),
    'access-control-max-age',
    String(cors.maxAgeSeconds),
    'x-request-id',
    requestId,
  ]
  if (cors.headers.length > 0) headers.push('access-control-allow-headers', cors.headers.join(', '))
  if (owesLongBody(request)) headers.push('connection', 'close')
  response.writeHead(204, 'No Content', headers)
  response.end()
}

const varyOfPreflight = 'origin, access-control-request-method, access-control-request-headers'

/**
 * The lines of an answer that let a page read it, flat. An origin that is not allowed gets none; caches are
 * told in any case that answers differ by origin.
 */
export function corsHeaders(
  cors: Cors,
  origin: string | undefined,
  vary: string = 'origin',
): string[] {
  const headers = cors.anyOrigin ? [] : ['vary', vary]
  if (!allowsOrigin(cors, origin)) return headers
  headers.push('access-control-allow-origin', cors.anyOrigin ? '*' : (origin ?? ''))
  if (cors.credentials) headers.push('access-control-allow-credentials', 'true')
  if (cors.exposeHeaders.length > 0) {
    headers.push('access-control-expose-headers', cors.exposeHeaders.join(', '))
  }
  return headers
}

/** Takes the service's own rules off an answer: two sets of them are read as none, or as the wider. */
export function withoutCors(headers: readonly string[]): string[] {
  const kept: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? ''
    if (!name.toLowerCase().startsWith('access-control-')) kept.push(name, headers[at + 1] ?? '')
  }
  return kept
}

const labels = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/

/**
 * Invariant: an origin is compared as a whole, in the one form browsers send; what stands for a `*` is
 * labels of a host name and nothing else, so neither `https://example.com.evil.org` nor a port slips in.
 */
export function allowsOrigin(cors: Cors, origin: string | undefined): boolean {
  if (origin === undefined || origin.length > longestOrigin) return false
  if (cors.anyOrigin || cors.origins.has(origin)) return true
  return cors.wildcards.some(
    ({ before, after }) =>
      origin.length > before.length + after.length &&
      origin.startsWith(before) &&
      origin.endsWith(after) &&
      labels.test(origin.slice(before.length, origin.length - after.length)),
  )
}

/** A host name of 253 characters with scheme and port. */
const longestOrigin = 300
