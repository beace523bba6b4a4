import { millis } from '../core/index.ts'
import type {
  Authorizer,
  Configuration,
  ConfiguredApi,
  ConfiguredRoute,
  Priority,
} from '../config/index.ts'
import { ApiSessions, Principals, RouteTree, trustedProxies } from '../gateway/index.ts'
import type { Api, GatewayTable, Route, RouteAuthorizer, ShedLevel } from '../gateway/index.ts'
import { proofHeader } from '../proof/index.ts'
import { AccessTokenVerifier, AssertionMinter, ExternalTokenVerifier } from '../token/index.ts'
import type { Areas } from './areas.ts'
import { corsOf, destinationOf, featuresOf, Shared } from './features.ts'
import type { Kept } from './kept.ts'
import { compileAhead, policyDirectory } from './access/policies.ts'
import { asksFreshness } from './access/freshness.ts'
import { accessOfApi, accessOfRoute, vouchingOfIssuer } from './access/view.ts'

const clockSkew = millis(5000)
const longestAccessToken = millis(10 * 60_000)
/** External issuers set their own lifetimes; a day is the most that is believed. */
const longestExternal = millis(24 * 3_600_000)
const rememberedTokens = 100_000

/** What a configuration means for the gateway. */
export function buildGatewayTable(
  configuration: Configuration,
  areas: Areas,
  kept: Kept,
): GatewayTable {
  const policies = policyDirectory(configuration)
  compileAhead(policies, configuration)
  const principals = new Principals({
    people: areas.people,
    directory: areas.directory,
    policies,
    issuer: configuration.identity.issuer,
  })
  const apis = configuration.apis.map((api) => buildApi(api, { configuration, areas, kept }))
  return {
    version: configuration.version,
    rulesVersion: configuration.rulesVersion,
    apis: new Map(apis.map((api) => [new URL(api.origin).host, api])),
    principals,
    apiSessions: new ApiSessions({
      sessions: areas.sessions,
      revocations: areas.revocations,
      principals,
      clock: areas.clock,
    }),
    minter: new AssertionMinter({
      issuer: configuration.identity.issuer,
      keys: areas.keys,
      clock: areas.clock,
    }),
    region: configuration.region,
    addressLimit: configuration.throttles.address,
    headerCount: configuration.limits.headerCount,
    identityBase: `${configuration.identity.origin}${configuration.identity.basePath}`,
    issuer: configuration.identity.issuer,
    relyingPartyId: configuration.relyingParty.id,
    isTrustedProxy: trustedProxies(configuration.trustedProxies),
    forwardedHeader: configuration.forwardedHeader,
    asksFreshness: asksFreshness(configuration),
  }
}

/** What has a low priority is refused first. */
const shedLevels: Readonly<Record<Priority, ShedLevel>> = { low: 1, normal: 2, high: 3 }

interface Building {
  readonly configuration: Configuration
  readonly areas: Areas
  readonly kept: Kept
}

function buildApi(configured: ConfiguredApi, building: Building): Api {
  const { configuration, kept } = building
  const authorizerOf = authorizers(configured, building)
  const shared = new Shared()
  const routes = configured.routes.map((route): Route => ({
    ...accessOfRoute(route),
    key: `${configured.name}/${route.method} ${route.path}`,
    authorizer: authorizerOf(route.authorizer),
    proof: freshness(route.proof),
    boundProof: route.proof?.request,
    throttle: route.throttle,
    websocket: route.websocket,
    streams: route.streams,
    shedLevel: shedLevels[route.priority],
    maxBody: route.maxBody,
    timeout: route.timeout,
    totalTimeout: route.totalTimeout,
    ...boundFeatures(
      route,
      featuresOf(route.features, { api: configured.name, configuration, kept, shared }),
    ),
  }))
  return {
    ...accessOfApi(configured, configuration),
    stage: configured.stage,
    audience: configured.audience,
    ...destinationOf(configured.upstream, building),
    routes: new RouteTree(routes),
    cors: shared.once(configured.cors, corsOf),
  }
}

/** What is asked of the caller's last touch; nothing where only the request itself is touched for. */
function freshness(proof: ConfiguredRoute['proof']): Route['proof'] {
  if (proof === undefined) return undefined
  const { maxAge, acr } = proof
  return maxAge === undefined && acr === undefined ? undefined : { maxAge, acr }
}

/** Pages of other origins that may call may also bring a proof, and read that one is asked for. */
function boundFeatures<Made extends Pick<Route, 'cors'>>(
  { proof }: ConfiguredRoute,
  made: Made,
): Made {
  const { cors } = made
  if (proof?.request === undefined || cors === undefined) return made
  const headers = [...cors.headers, proofHeader]
  return {
    ...made,
    cors: { ...cors, headers, exposeHeaders: [...cors.exposeHeaders, 'www-authenticate'] },
  }
}

/** One verifier per API and issuer, so that what it remembers is for that audience and those keys only. */
function authorizers(
  api: ConfiguredApi,
  { configuration, areas, kept }: Building,
): (authorizer: Authorizer) => RouteAuthorizer {
  const own: RouteAuthorizer = {
    kind: 'proofgate',
    verifier: new AccessTokenVerifier({
      issuer: configuration.identity.issuer,
      audience: api.audience,
      keys: areas.keys,
      clock: areas.clock,
      algorithms: ['ES256', 'RS256'],
      maximumLifetime: longestAccessToken,
      clockSkew,
      cacheSize: rememberedTokens,
    }),
  }
  const external = new Map<string, RouteAuthorizer>()
  for (const issuer of configuration.issuers) {
    external.set(issuer.name, {
      ...vouchingOfIssuer(issuer),
      verifier: new ExternalTokenVerifier({
        issuer: issuer.issuer,
        audiences: issuer.audiences,
        algorithms: issuer.algorithms,
        requiredScopes: issuer.requiredScopes,
        usernameClaim: issuer.usernameClaim,
        groupsClaim: issuer.groupsClaim,
        conditionClaims: issuer.conditionClaims,
        keys: kept.issuerKeys(issuer, areas.clock),
        clock: areas.clock,
        maximumLifetime: longestExternal,
        maximumAge: longestExternal,
        clockSkew,
        cacheSize: rememberedTokens,
      }),
    })
  }
  return (authorizer) => {
    if (authorizer.kind === 'open') return { kind: 'open' }
    if (authorizer.kind === 'proofgate') return own
    const found = external.get(authorizer.issuer)
    if (found === undefined) throw new TypeError('a checked configuration names no unknown issuer')
    return found
  }
}
