import type { Millis } from '../core/index.ts'

/*
 * What a route can do besides forwarding, as it was checked. Each is `undefined` on routes that do not use it.
 */

/** A piece of a value: text, a part of the path by the index of its segment, or a fact of the request. */
export type ValuePart =
  | string
  | { readonly segment: number; readonly rest: boolean }
  | { readonly fact: FactName }

export type FactName = 'principal.username' | 'principal.subject' | 'requestId' | 'api' | 'route'

export type Value = readonly ValuePart[]

export interface NamedValue {
  readonly name: string
  readonly value: Value
}

/** Either a template, or prefixes (empty for none). */
export type PathRewrite =
  | { readonly kind: 'template'; readonly parts: Value }
  | { readonly kind: 'prefix'; readonly strip: string; readonly add: string }

export interface QueryEdits {
  readonly keep: readonly string[] | undefined
  readonly remove: readonly string[]
  readonly rename: readonly { readonly from: string; readonly to: string }[]
  readonly set: readonly NamedValue[]
  readonly add: readonly NamedValue[]
}

/** Names are in lower case. */
export interface HeaderEdits {
  readonly remove: readonly string[]
  readonly set: readonly NamedValue[]
  readonly add: readonly NamedValue[]
}

export interface Cors {
  readonly origins: readonly string[]
  /** What stands before and behind the `*`. */
  readonly wildcards: readonly { readonly before: string; readonly after: string }[]
  readonly anyOrigin: boolean
  /** Empty: the method that is asked for. */
  readonly methods: readonly string[]
  readonly headers: readonly string[]
  readonly exposeHeaders: readonly string[]
  readonly credentials: boolean
  readonly maxAge: Millis
}

export type OwnAnswer =
  | {
      readonly kind: 'respond'
      readonly status: number
      readonly headers: readonly { readonly name: string; readonly value: string }[]
      readonly body: string
    }
  | {
      readonly kind: 'redirect'
      readonly status: number
      /** Empty to stay at the API's own. */
      readonly origin: string
      readonly path: Value
      readonly tail: string
    }

export interface Maintenance {
  readonly message: string
  readonly retryAfter: Millis | undefined
  readonly allowGroups: readonly string[]
}

export interface Share {
  readonly upstream: string
  readonly weight: number
}

export interface Mirror {
  readonly upstream: string
  readonly percent: number
  readonly maxBody: number
  readonly unsafeMethods: boolean
  readonly concurrency: number
}

export interface RouteFeatures {
  readonly rewrite: PathRewrite | undefined
  readonly query: QueryEdits | undefined
  /** The API's before the route's own. */
  readonly headers: {
    readonly request: readonly HeaderEdits[]
    readonly response: readonly HeaderEdits[]
  }
  readonly cors: Cors | undefined
  readonly answer: OwnAnswer | undefined
  readonly maintenance: Maintenance | undefined
  readonly split: readonly Share[] | undefined
  readonly mirror: Mirror | undefined
}
