import type {
  Authorizer,
  Configuration,
  ConfiguredApi,
  ConfiguredIssuer,
  ConfiguredRoute,
} from '../../config/index.ts'
import { foldName, Principals, RouteTree } from '../../gateway/index.ts'
import type { RouteConditions, Vouching } from '../../gateway/index.ts'
import type { AccessView, ViewedApi, ViewedRoute } from '../../analysis/index.ts'
import { compiledDocument, policyDirectory } from './policies.ts'

/**
 * Who may call what under a configuration, for questions that need no service, no keys and no store. People
 * are those who are asked about.
 */
export function accessViewOf(configuration: Configuration): AccessView {
  const groupsOf = new Map(configuration.people.map(({ username, groups }) => [username, groups]))
  return {
    apis: new Map(
      configuration.apis.map((api) => [
        new URL(api.origin).host,
        {
          ...accessOfApi(api, configuration),
          routes: new RouteTree(api.routes.map((route) => viewedRoute(route, configuration))),
        },
      ]),
    ),
    principals: new Principals({
      people: { load: () => Promise.resolve(undefined) },
      directory: {
        groupsOf: ({ username, groups }) =>
          [...new Set([...groups, ...(groupsOf.get(username) ?? [])])].sort(),
      },
      policies: policyDirectory(configuration),
      issuer: configuration.identity.issuer,
    }),
  }
}

function viewedRoute(route: ConfiguredRoute, configuration: Configuration): ViewedRoute {
  return { ...accessOfRoute(route), authorizer: vouchingOf(route.authorizer, configuration) }
}

/** What of an API has a say in who may call it. */
export function accessOfApi(
  api: ConfiguredApi,
  { region, account, passkeys }: Pick<Configuration, 'region' | 'account' | 'passkeys'>,
): Omit<ViewedApi, 'routes'> {
  return {
    name: api.name,
    origin: api.origin,
    secure: api.origin.startsWith('https:'),
    region,
    ageing: passkeys.ageing,
    account,
    resourcePolicy: compiledDocument(api.resourcePolicy),
    arnPrefix: `arn:aws:execute-api:${region}:${account}:${api.name}/${api.stage}/`,
  }
}

/** The same of a route. */
export function accessOfRoute(route: ConfiguredRoute): Omit<ViewedRoute, 'authorizer'> {
  return {
    id: `${route.method} ${route.path}`,
    method: route.method,
    segments: route.segments,
    conditions: conditionsOf(route),
  }
}

function vouchingOf(authorizer: Authorizer, { issuers }: Pick<Configuration, 'issuers'>): Vouching {
  if (authorizer.kind !== 'issuer') return authorizer
  const found = issuers.find(({ name }) => name === authorizer.issuer)
  if (found === undefined) throw new TypeError('a checked configuration names no unknown issuer')
  return vouchingOfIssuer(found)
}

/** An external issuer, without the means to verify its tokens. */
export function vouchingOfIssuer(issuer: ConfiguredIssuer): Extract<Vouching, { kind: 'issuer' }> {
  const { name, account, namespace, conditionClaims } = issuer
  return {
    kind: 'issuer',
    name,
    issuer: issuer.issuer,
    realm: { account, namespace },
    claims: new Map(conditionClaims.map((claim) => [`${name}:${claim}`.toLowerCase(), claim])),
  }
}

/** `undefined` where there is nothing to see. */
function conditionsOf(route: ConfiguredRoute): RouteConditions | undefined {
  const { tags, conditionHeaders, conditionQuery } = route
  const keyed = (prefix: string, entries: readonly (readonly [string, string])[]) =>
    new Map(entries.map(([name, value]) => [`${prefix}${name.toLowerCase()}`, value] as const))
  const conditions = {
    tags: keyed('proofgate:routetag/', Object.entries(tags)),
    headers: keyed(
      'proofgate:header/',
      conditionHeaders.map((name) => [name, foldName(name)]),
    ),
    parameters: keyed(
      'proofgate:query/',
      conditionQuery.map((name) => [name, name]),
    ),
  }
  const isEmpty = Object.values(conditions).every(({ size }) => size === 0)
  return isEmpty ? undefined : conditions
}
