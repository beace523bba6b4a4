import type { Draft } from '../draft.ts'
import type { Authorizer, ConfiguredApi, ConfiguredPolicy, ConfiguredRoute } from '../model.ts'
import { quote } from '../problems.ts'
import type { Path } from '../problems.ts'
import { readDuration, readSize } from '../scalars.ts'
import type { ApiShape, RouteShape } from '../schema.ts'
import { resolveDocument } from './access/documents.ts'
import type { PolicyFiles } from './access/documents.ts'
import { resolveFeatures, resolveInherited } from './features/features.ts'
import type { InheritedFeatures } from './features/features.ts'
import { builtInAuthorizers } from './issuers.ts'
import { checkSecure, parseOrigin } from './origins.ts'
import type { Origin, Origins } from './origins.ts'
import { parsePathPattern, pathShape } from './paths.ts'
import { checkWebSocketProtocol } from './protocols.ts'
import { readStreams, readWebSocket } from './live.ts'
import { resolveConditions } from './conditions.ts'
import { checkReference } from './people.ts'
import { resolveProof } from './proof.ts'
import { readThrottle } from './settings.ts'

/** An API's origin beside the API; what has no sound host is left out. */
export interface PlacedApi {
  readonly name: string
  readonly origin: Origin
}

/** Gives each API its origin and checks that hosts tell everything apart. */
export function placeApis(draft: Draft, origins: Origins): PlacedApi[] {
  const placed: PlacedApi[] = []
  for (const [name, api] of Object.entries(draft.shape.apis)) {
    const origin = apiOrigin(draft, name, api, origins)
    if (origin === undefined) continue
    checkApart(draft, name, origin, origins, placed)
    placed.push({ name, origin })
  }
  return placed
}

function apiOrigin(
  draft: Draft,
  name: string,
  api: ApiShape,
  origins: Origins,
): Origin | undefined {
  const path = ['apis', name, 'host']
  const { scheme } = origins.identity
  if (api.host === undefined) return defaultApiOrigin(draft, name, origins)
  const isHost = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/.test(
    api.host,
  )
  const port = /:\d+$/.test(api.host) ? '' : portSuffix(origins.identity)
  const url = isHost ? URL.parse(`${scheme}://${api.host}${port}`) : null
  const origin = url === null ? undefined : parseOrigin(url.origin)
  if (origin === undefined || !api.host.startsWith(url?.hostname ?? '')) {
    draft.report(path, {
      code: 'config.host',
      message: `found ${quote(api.host)}, expected a lower-case host, with or without a port`,
      hint: 'For example api.example.com; the scheme is that of sign-in.',
    })
    return undefined
  }
  checkSecure(draft, path, origin)
  return origin
}

function portSuffix(origin: Origin): string {
  const at = origin.authority.lastIndexOf(':')
  return at > origin.authority.lastIndexOf(']') ? origin.authority.slice(at) : ''
}

function defaultApiOrigin(draft: Draft, name: string, origins: Origins): Origin | undefined {
  if (draft.says(['apis', name, 'host'])) return undefined
  const all = Object.keys((draft.located.value as { apis: object }).apis)
  if (all.length === 1) {
    draft.derive(['apis', name, 'host'], origins.defaultApiHost)
    return parseOrigin(`${origins.identity.scheme}://${origins.defaultApiHost}`)
  }
  draft.report(
    ['apis', name],
    {
      code: 'config.host-missing',
      message: `found ${all.length} APIs and no host for ${quote(name)}, expected a host`,
      hint: 'Only an API that is alone can go without.',
    },
    'key',
  )
  return undefined
}

/**
 * Invariant: host names are compared without port, because cookies do not know ports: an API must never
 * see the cookies of sign-in or of another API.
 */
function checkApart(
  draft: Draft,
  name: string,
  origin: Origin,
  origins: Origins,
  others: readonly PlacedApi[],
): void {
  const path = ['apis', name, 'host']
  const taken = others.find((other) => other.origin.hostname === origin.hostname)
  if (taken !== undefined) {
    draft.report(path, {
      code: 'config.host-duplicate',
      message: `found ${quote(origin.hostname)}, which the API ${quote(taken.name)} has, expected a host of its own`,
      hint: 'Cookies do not tell ports apart, so another port is not enough.',
    })
  }
  const isOurs = [origins.identity, origins.console].some(
    (site) => site.hostname === origin.hostname,
  )
  if (isOurs && !(origins.single && origin.origin === origins.identity.origin)) {
    draft.report(path, {
      code: 'config.host-conflict',
      message: `found ${quote(origin.hostname)}, the host of sign-in or the console, expected another`,
      hint: 'Use a host of its own, or `origin` to put everything on one.',
    })
  }
}

export function resolveApis(
  draft: Draft,
  context: {
    readonly origins: Origins
    readonly placed: readonly PlacedApi[]
    readonly files: PolicyFiles
  },
): ConfiguredApi[] {
  const { origins, placed, files } = context
  return Object.entries(draft.shape.apis).flatMap(([name, api]) => {
    const path: Path = ['apis', name]
    checkReference(draft, [...path, 'upstream'], api.upstream, 'upstreams')
    const authorizer = readAuthorizer(draft, [...path, 'authorizer'], api.authorizer)
    const inherited = resolveInherited(draft, path, api, [])
    const routes = resolveRoutes(draft, path, api, { origins, inherited })
    const resourcePolicy = readResourcePolicy(draft, name, files)
    checkWebSocketProtocol(draft, path, api)
    warnOfOpenness(draft, path, routes)
    const origin = placed.find((other) => other.name === name)?.origin
    if (origin === undefined) return []
    const audience = api.audience ?? origin.origin
    const signingAlgorithm = api.signingAlgorithm ?? draft.shape.tokens.algorithm
    if (api.audience === undefined) draft.derive([...path, 'audience'], audience)
    if (api.signingAlgorithm === undefined) {
      draft.derive([...path, 'signingAlgorithm'], signingAlgorithm)
    }
    const { authority, hostname } = origin
    const { upstream, stage } = api
    const where = { name, origin: origin.origin, authority, hostname, upstream, stage, audience }
    const own = { signingAlgorithm, authorizer, resourcePolicy, cors: inherited.cors }
    return [{ ...where, ...own, routes }]
  })
}

function readResourcePolicy(
  draft: Draft,
  name: string,
  files: PolicyFiles,
): ConfiguredPolicy | undefined {
  const { apis, region, account } = draft.shape
  if (apis[name]?.resourcePolicy === undefined) return undefined
  const apiArn = `arn:aws:execute-api:${region}:${account}:${name}`
  return resolveDocument(
    draft,
    ['apis', name, 'resourcePolicy'],
    { kind: 'resource', apiArn },
    files,
  )
}

function readAuthorizer(draft: Draft, path: Path, name: string): Authorizer {
  if (draft.says(path)) checkReference(draft, path, name, 'issuers', builtInAuthorizers)
  if (name === 'open' || name === 'proofgate') return { kind: name }
  return { kind: 'issuer', issuer: name }
}

function resolveRoutes(
  draft: Draft,
  apiPath: Path,
  api: ApiShape,
  context: { readonly origins: Origins; readonly inherited: InheritedFeatures },
): ConfiguredRoute[] {
  const { origins, inherited } = context
  const seen = new Map<string, string>()
  return api.routes.flatMap((shape, index) => {
    const path = [...apiPath, 'routes', index]
    const route = resolveRoute(draft, path, shape, { api, inherited })
    if (route === undefined) return []
    const key = `${route.method} ${pathShape(route.segments)}`
    const first = seen.get(key)
    if (first !== undefined) {
      draft.report([...path, 'path'], {
        code: 'config.route-duplicate',
        message: `found ${route.method} ${quote(route.path)}, which matches what ${quote(first)} matches, expected one of them`,
        hint: 'Names of parameters make no difference; remove one route.',
      })
    }
    seen.set(key, route.path)
    checkReserved(draft, path, route, origins)
    return [route]
  })
}

function checkReserved(draft: Draft, path: Path, route: ConfiguredRoute, origins: Origins): void {
  const [first] = route.segments
  if (!origins.single || first?.kind !== 'literal' || first.text !== '.proofgate') return
  draft.report([...path, 'path'], {
    code: 'config.route-reserved',
    message: `found ${quote(route.path)}, expected a path outside /.proofgate`,
    hint: 'With one `origin` the identity pages live there.',
  })
}

function resolveRoute(
  draft: Draft,
  path: Path,
  shape: RouteShape,
  context: { readonly api: ApiShape; readonly inherited: InheritedFeatures },
): ConfiguredRoute | undefined {
  const { api } = context
  const authorizer = readAuthorizer(
    draft,
    [...path, 'authorizer'],
    shape.authorizer ?? api.authorizer,
  )
  const websocket = readWebSocket(shape)
  checkWebsocket(draft, path, shape, websocket !== undefined)
  const segments = parsePathPattern(shape.path)
  if ('message' in segments) {
    draft.report([...path, 'path'], { code: 'config.route-path', ...segments })
    return undefined
  }
  if (shape.authorizer === undefined) draft.derive([...path, 'authorizer'], api.authorizer)
  const { method } = shape
  return {
    method,
    path: shape.path,
    segments,
    authorizer,
    proof: resolveProof(draft, path, shape, { authorizer, segments }),
    throttle: resolveThrottle(draft, path, shape, api),
    websocket,
    streams: readStreams(shape),
    priority: shape.priority,
    maxBody: readSize(shape.maxBody),
    timeout: readDuration(resolveTimeout(draft, path, shape, api)),
    totalTimeout: readTotal(shape),
    ...resolveConditions(draft, path, shape),
    features: resolveFeatures(draft, path, shape, { ...context, segments }),
  }
}

/** RFC 6455 4.1: the opening handshake is a GET. */
function checkWebsocket(draft: Draft, path: Path, shape: RouteShape, allowed: boolean): void {
  if (!allowed || shape.method === 'GET' || shape.method === 'ANY') return
  draft.report([...path, 'websocket'], {
    code: 'config.route-websocket',
    message: `found WebSocket on a ${shape.method} route, expected GET or ANY`,
    hint: 'Connections are opened with GET.',
  })
}

function resolveThrottle(
  draft: Draft,
  path: Path,
  shape: RouteShape,
  api: ApiShape,
): ConfiguredRoute['throttle'] {
  const own = shape.throttle?.principal
  const principal = own ?? api.throttle?.principal ?? draft.shape.throttles.principal
  if (own === undefined) draft.derive([...path, 'throttle', 'principal'], principal)
  const route = shape.throttle?.route
  return {
    route: route === undefined ? undefined : readThrottle(route),
    principal: readThrottle(principal),
  }
}

function resolveTimeout(draft: Draft, path: Path, shape: RouteShape, api: ApiShape): string {
  if (shape.timeout !== undefined) return shape.timeout
  const { upstreams } = draft.shape
  const upstream = Object.hasOwn(upstreams, api.upstream) ? upstreams[api.upstream] : undefined
  const inherited = upstream?.timeouts.headers ?? '30s'
  draft.derive([...path, 'timeout'], inherited)
  return inherited
}

function readTotal({ timeouts }: RouteShape): ConfiguredRoute['totalTimeout'] {
  return timeouts?.total === undefined ? undefined : readDuration(timeouts.total)
}

function warnOfOpenness(draft: Draft, path: Path, routes: readonly ConfiguredRoute[]): void {
  if (routes.length === 0 || routes.some((route) => route.authorizer.kind !== 'open')) return
  draft.warn(path, {
    code: 'config.warn-open-api',
    message: 'found only open routes, expected one that knows its callers',
    hint: 'Anyone who reaches this API may call all of it.',
  })
}
