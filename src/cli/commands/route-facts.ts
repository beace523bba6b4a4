import type { Configuration, ConfiguredRoute, ConfiguredRouteFeatures } from '../../config/index.ts'
import { table } from '../output.ts'

/** A route that does more than to forward what it is asked for. */
export interface RouteFact {
  readonly api: string
  readonly route: string
  readonly does: string
}

/** What `proofgate check` says of routes, in the order of the file. */
export function routeFacts({ apis }: Configuration): readonly RouteFact[] {
  return apis.flatMap((api) =>
    api.routes.flatMap((route) => {
      const does = describe(route)
      const fact = { api: api.name, route: `${route.method} ${route.path}`, does: does.join('; ') }
      return does.length === 0 ? [] : [fact]
    }),
  )
}

const mostShown = 50

/** For people; empty when all routes only forward. */
export function printRouteFacts(facts: readonly RouteFact[]): string {
  if (facts.length === 0) return ''
  const shown = facts.slice(0, mostShown).map(({ api, route, does }) => [api, route, does])
  const left = facts.length - shown.length
  const more = left === 0 ? '' : `and ${left} more\n`
  return `${table(['API', 'ROUTE', 'DOES'], shown)}\n${more}\n`
}

type Value = Extract<ConfiguredRouteFeatures['answer'], { kind: 'redirect' }>['path']

function describe(route: ConfiguredRoute): string[] {
  const { answer, maintenance, rewrite, query, headers, cors, split, mirror } = route.features
  const facts: (string | undefined)[] = [
    maintenance === undefined ? undefined : 'under maintenance',
    describeProof(route.proof),
    describeAnswer(route, answer),
    describeRewrite(route, rewrite),
    query === undefined ? undefined : 'changes the query',
    headers.request.length === 0 ? undefined : 'changes request headers',
    headers.response.length === 0 ? undefined : 'changes response headers',
    cors === undefined ? undefined : `answers pages of ${originsOf(cors)}`,
    split?.map(({ upstream, weight }) => `${weight} to ${upstream}`).join(', '),
    mirror === undefined ? undefined : `copies ${mirror.percent} % to ${mirror.upstream}`,
  ]
  return facts.filter((fact) => fact !== undefined)
}

function describeProof(proof: ConfiguredRoute['proof']): string | undefined {
  if (proof === undefined) return undefined
  const { maxAge, acr, request } = proof
  const parts = [
    ...(maxAge === undefined ? [] : [`a touch within ${maxAge / 1000} s`]),
    ...(acr === undefined ? [] : [`a proof of class ${acr}`]),
    ...(request === undefined ? [] : [`a proof of each request, by ${describeApprovers(request)}`]),
  ]
  return `takes ${parts.join(' and ')}`
}

type Request = NonNullable<NonNullable<ConfiguredRoute['proof']>['request']>

function describeApprovers({ approvers: { self, others, groups } }: Request): string {
  const people = others === 0 ? [] : [`${others} of ${groups.join(' or ')}`]
  return [...(self ? ['the caller'] : []), ...people].join(' and ')
}

function describeAnswer(
  route: ConfiguredRoute,
  answer: ConfiguredRouteFeatures['answer'],
): string | undefined {
  if (answer === undefined) return undefined
  if (answer.kind === 'respond') return `responds ${answer.status}`
  const { status, origin, path, tail } = answer
  return `redirects ${status} to ${origin}${printPath(route, path)}${tail}`
}

function describeRewrite(
  route: ConfiguredRoute,
  rewrite: ConfiguredRouteFeatures['rewrite'],
): string | undefined {
  if (rewrite === undefined) return undefined
  if (rewrite.kind === 'template') return `forwards ${printPath(route, rewrite.parts)}`
  const made = rewrite.add + route.path.slice(rewrite.strip.length)
  return `forwards ${made === '' ? '/' : made}`
}

/** The template as it was written. */
function printPath({ segments }: ConfiguredRoute, parts: Value): string {
  const printed = parts.map((part) => {
    if (typeof part === 'string') return part
    const segment = 'segment' in part ? segments[part.segment] : undefined
    return segment === undefined || segment.kind === 'literal' ? '' : `{${segment.name}}`
  })
  return printed.join('')
}

function originsOf(cors: NonNullable<ConfiguredRouteFeatures['cors']>): string {
  if (cors.anyOrigin) return 'every origin'
  const wildcards = cors.wildcards.map(({ before, after }) => `${before}*${after}`)
  const [first = '', ...others] = [...cors.origins, ...wildcards]
  return others.length === 0 ? first : `${first} and ${others.length} more`
}
