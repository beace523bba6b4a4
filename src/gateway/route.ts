import type { Limit } from '../throttle/index.ts'
import type { Millis } from '../core/index.ts'
import type { Ageing } from '../identity/index.ts'
import type { CompiledPolicies } from '../policy/index.ts'
import type { StreamLimits, TunnelLimits } from './live/limits.ts'
import type { ShedLevel } from './shed/shedding.ts'
import type { TokenVerifier, VerifiedToken } from '../token/index.ts'
import type { UpstreamPool } from '../upstream/index.ts'
import type { Cors } from './answer/cors.ts'
import type { Maintenance } from './answer/maintenance.ts'
import type { OwnAnswer } from './answer/own-answer.ts'
import type { Mirror } from './forward/mirror.ts'
import type { Split } from './forward/split.ts'
import type { ProofDemand as BoundProofDemand } from '../proof/index.ts'
import type { ProofDemand } from './proof/demand.ts'
import type { HeaderEdits } from './rewrite/header-edits.ts'
import type { Rewrite } from './rewrite/rewrite.ts'

/** Where policies know the callers of an external issuer. */
export interface Realm {
  readonly account: string
  /** Before their names, where several issuers share the account. */
  readonly namespace: string | undefined
}

/** Who vouches for the callers of a route. */
export type Vouching =
  | { readonly kind: 'open' }
  | { readonly kind: 'proofgate' }
  | {
      readonly kind: 'issuer'
      readonly name: string
      /** `iss` of its tokens. */
      readonly issuer: string
      /** That its callers are of. */
      readonly realm: Realm
      /** Claims that conditions can see, by condition key in lower case. */
      readonly claims: ReadonlyMap<string, string>
    }

/** The same with the means to find out. */
export type RouteAuthorizer =
  | Extract<Vouching, { kind: 'open' }>
  | (Exclude<Vouching, { kind: 'open' }> & { readonly verifier: TokenVerifier<VerifiedToken> })

export type RouteSegment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'parameter'; readonly name: string }
  | { readonly kind: 'rest'; readonly name: string }

/** One API: a host, an upstream, and its routes. */
export interface Api {
  readonly name: string
  /** `http://api.proofgate.localhost:8080` */
  readonly origin: string
  readonly secure: boolean
  readonly stage: string
  readonly audience: string
  readonly upstream: UpstreamPool
  readonly upstreamName: string
  /** Value of the `Host` header towards the upstream. */
  readonly upstreamAuthority: string
  /** Also tells the upstream about the caller by `Forwarded` (RFC 7239). */
  readonly writesForwarded: boolean
  /** `arn:aws:execute-api:{region}:{account}:{api}/{stage}/` */
  readonly arnPrefix: string
  readonly region: string
  /** How the credentials of its callers age, for conditions. */
  readonly ageing: Ageing
  /** The account it belongs to, and what is attached to it there. */
  readonly account: string
  readonly resourcePolicy: CompiledPolicies | undefined
  readonly routes: RouteTree
  /** For answers where no route was found. */
  readonly cors: Cors | undefined
}

export interface Route {
  /** `GET /orders/{id}`: unique in its API, and what people see. */
  readonly id: string
  /** Unique over all APIs: the throttle's key. */
  readonly key: string
  readonly method: string
  readonly segments: readonly RouteSegment[]
  readonly authorizer: RouteAuthorizer
  /** What its callers have to have proved, beside being known; nothing where it is `undefined`. */
  readonly proof: ProofDemand | undefined
  /** The proof that each of its requests needs. */
  readonly boundProof: BoundProofDemand | undefined
  readonly throttle: { readonly route: Limit | undefined; readonly principal: Limit }
  /** Absent where connections do not change protocols. */
  readonly websocket: TunnelLimits | undefined
  readonly streams: StreamLimits
  /** The pressure at which its requests are refused. */
  readonly shedLevel: ShedLevel
  readonly maxBody: number
  readonly timeout: Millis
  /** From the request to the end of its answer; `undefined` for the upstream's. */
  readonly totalTimeout: Millis | undefined
  /** What follows is `undefined` on routes that do not use it, so that it costs them nothing. */
  readonly rewrite: Rewrite | undefined
  readonly headers: RouteHeaders | undefined
  readonly cors: Cors | undefined
  readonly answer: OwnAnswer | undefined
  readonly maintenance: Maintenance | undefined
  readonly split: Split | undefined
  readonly mirror: Mirror | undefined
  readonly conditions: RouteConditions | undefined
}

/** What conditions can see of a route and its requests, by condition key in lower case. */
export interface RouteConditions {
  readonly tags: ReadonlyMap<string, string>
  /** Names of headers, folded. */
  readonly headers: ReadonlyMap<string, string>
  /** Names of query parameters. */
  readonly parameters: ReadonlyMap<string, string>
}

/** Changes to header sections, each list in its order. */
export interface RouteHeaders {
  /** What the service is sent. */
  readonly request: readonly HeaderEdits[] | undefined
  /** What the caller is answered. */
  readonly response: readonly HeaderEdits[] | undefined
}

interface Node<Found> {
  readonly literals: Map<string, Node<Found>>
  parameter: Node<Found> | undefined
  /** Routes that end here, by method. */
  readonly ends: Map<string, Found>
  /** Routes that take the rest of the path, at least one segment. */
  readonly rests: Map<string, Found>
}

const deepest = 128

/**
 * Finds the route of a method and canonical path: a literal segment beats `{name}`, which beats `{name+}`,
 * and a named method beats `ANY`; a path that fits in one way but for its method is looked for in the
 * next (as API Gateway's HTTP APIs do).
 */
export class RouteTree<Found extends Pick<Route, 'method' | 'segments'> = Route> {
  readonly #root: Node<Found> = emptyNode()
  readonly routes: readonly Found[]

  constructor(routes: readonly Found[]) {
    this.routes = routes
    for (const route of routes) this.#add(route)
  }

  find(method: string, path: string): Found | undefined {
    const segments = path === '/' ? [] : path.slice(1).split('/')
    return segments.length > deepest ? undefined : search(this.#root, segments, 0, method)
  }

  #add(route: Found): void {
    let node = this.#root
    for (const segment of route.segments) {
      if (segment.kind === 'rest') {
        node.rests.set(route.method, route)
        return
      }
      node = segment.kind === 'literal' ? literalBelow(node, segment.text) : parameterBelow(node)
    }
    node.ends.set(route.method, route)
  }
}

function search<Found>(
  node: Node<Found>,
  segments: readonly string[],
  at: number,
  method: string,
): Found | undefined {
  if (at === segments.length) return byMethod(node.ends, method)
  const segment = segments[at] ?? ''
  const literal = node.literals.get(segment)
  const found = literal === undefined ? undefined : search(literal, segments, at + 1, method)
  if (found !== undefined) return found
  // An empty last segment (a path that ends in a slash) fills no parameter.
  if (segment === '') return undefined
  const below =
    node.parameter === undefined ? undefined : search(node.parameter, segments, at + 1, method)
  return below ?? byMethod(node.rests, method)
}

function byMethod<Found>(routes: ReadonlyMap<string, Found>, method: string): Found | undefined {
  return routes.get(method) ?? routes.get('ANY')
}

function emptyNode<Found>(): Node<Found> {
  return { literals: new Map(), parameter: undefined, ends: new Map(), rests: new Map() }
}

function literalBelow<Found>(node: Node<Found>, text: string): Node<Found> {
  const known = node.literals.get(text) ?? emptyNode<Found>()
  node.literals.set(text, known)
  return known
}

function parameterBelow<Found>(node: Node<Found>): Node<Found> {
  node.parameter ??= emptyNode()
  return node.parameter
}
