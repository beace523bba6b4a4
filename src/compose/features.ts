import type {
  Configuration,
  ConfiguredHeaderEdits,
  ConfiguredNamedValue,
  ConfiguredQueryEdits,
  ConfiguredRouteFeatures,
} from '../config/index.ts'
import { foldName, Mirror, reservedNames, Split } from '../gateway/index.ts'
import type { Cors, Destination, HeaderEdits, QueryEdits, Route } from '../gateway/index.ts'
import type { Kept } from './kept.ts'
import { upstreamAuthority } from './upstreams.ts'

type Features = Pick<
  Route,
  'rewrite' | 'headers' | 'cors' | 'answer' | 'maintenance' | 'split' | 'mirror'
>

interface Context {
  readonly api: string
  readonly configuration: Configuration
  readonly kept: Kept
  readonly shared: Shared
}

/** What the routes of an API inherit is made once, so that a bound on it is one bound. */
export class Shared {
  readonly #made = new Map<object, unknown>()

  /** @param make - called for the first use of `configured`, and always the same function for one kind. */
  once<Configured extends object, Made>(
    configured: Configured | undefined,
    make: (configured: Configured) => Made,
  ): Made | undefined {
    if (configured === undefined) return undefined
    if (!this.#made.has(configured)) this.#made.set(configured, make(configured))
    return this.#made.get(configured) as Made
  }
}

/** What a route does besides forwarding, ready to be done. Unused parts are `undefined`. */
export function featuresOf(features: ConfiguredRouteFeatures, context: Context): Features {
  const { rewrite, query, headers, cors, maintenance, answer, split, mirror } = features
  const { request, response } = headers
  const edited = request.length > 0 || response.length > 0
  return {
    rewrite:
      rewrite === undefined && query === undefined
        ? undefined
        : { path: rewrite, query: query === undefined ? undefined : queryEditsOf(query) },
    headers: edited
      ? { request: headerEditsOf(request), response: headerEditsOf(response) }
      : undefined,
    cors: context.shared.once(cors, corsOf),
    answer: answerOf(answer),
    maintenance:
      maintenance === undefined
        ? undefined
        : {
            message: maintenance.message,
            retryAfterSeconds:
              maintenance.retryAfter === undefined
                ? undefined
                : Math.ceil(maintenance.retryAfter / 1000),
            allowGroups: new Set(maintenance.allowGroups),
          },
    split: context.shared.once(split, (shares) => splitOf(shares, context)),
    mirror: context.shared.once(mirror, (one) => mirrorOf(one, context)),
  }
}

type Configured<Name extends keyof ConfiguredRouteFeatures> = NonNullable<
  ConfiguredRouteFeatures[Name]
>

export function corsOf(cors: Configured<'cors'>): Cors {
  const { origins, wildcards, anyOrigin, methods, headers, exposeHeaders, credentials } = cors
  return {
    origins: new Set(origins),
    wildcards,
    anyOrigin,
    methods,
    headers,
    exposeHeaders,
    credentials,
    maxAgeSeconds: Math.floor(cors.maxAge / 1000),
  }
}

function queryEditsOf({ keep, remove, rename, set, add }: ConfiguredQueryEdits): QueryEdits {
  const changes = {
    remove: new Set(remove),
    rename: new Map(rename.map(({ from, to }) => [from, to])),
    set: byName(set),
  }
  return {
    ...changes,
    keep: keep === undefined ? undefined : new Set(keep),
    add: byName(add),
    reserved: reservedNames(changes),
  }
}

function byName(values: readonly ConfiguredNamedValue[]): ReadonlyMap<string, Value> {
  return new Map(values.map(({ name, value }) => [name, value]))
}

type Value = ConfiguredNamedValue['value']

function headerEditsOf(
  edits: readonly ConfiguredHeaderEdits[],
): readonly HeaderEdits[] | undefined {
  if (edits.length === 0) return undefined
  return edits.map(({ remove, set, add }) => ({
    removed: new Set([...remove, ...set.map(({ name }) => name)].map(foldName)),
    written: [...set, ...add],
  }))
}

function answerOf(answer: ConfiguredRouteFeatures['answer']): Features['answer'] {
  if (answer?.kind !== 'respond') return answer
  return {
    kind: 'respond',
    status: answer.status,
    headers: answer.headers.flatMap(({ name, value }) => [name, value]),
    body: Buffer.from(answer.body),
  }
}

function splitOf(split: Configured<'split'>, context: Context): Split | undefined {
  const [first, ...others] = split
    .filter(({ weight }) => weight > 0)
    .map(({ upstream, weight }) => ({ destination: destinationOf(upstream, context), weight }))
  return first === undefined ? undefined : new Split(context.api, [first, ...others])
}

function mirrorOf(mirror: Configured<'mirror'>, context: Context): Mirror {
  const { percent, maxBody, unsafeMethods, concurrency, upstream } = mirror
  return new Mirror({
    destination: destinationOf(upstream, context),
    percent,
    maxBody,
    unsafeMethods,
    concurrency,
    counts: context.kept.mirrorCounts(upstream),
  })
}

/** A configured upstream by its name. */
export function destinationOf(
  name: string,
  { configuration, kept }: Pick<Context, 'configuration' | 'kept'>,
): Destination {
  const upstream = configuration.upstreams.find((one) => one.name === name)
  if (upstream === undefined)
    throw new TypeError('a checked configuration names no unknown upstream')
  return {
    upstream: kept.upstream(upstream),
    upstreamName: upstream.name,
    upstreamAuthority: upstreamAuthority(upstream),
    writesForwarded: upstream.forwarded,
  }
}
