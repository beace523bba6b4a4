import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Configuration, KoaContextWithOIDC, Provider as ProviderType } from 'oidc-provider'
import { millis, toSeconds } from '../core/index.ts'
import type { Clock, JsonObject, Millis } from '../core/index.ts'
import type { Directory, PersonId, PersonStore } from '../identity/index.ts'
import type { Session } from '../session/index.ts'
import { proofAlgorithms } from '../token/index.ts'
import { ProviderAdapter, winnersTime } from './adapter.ts'
import { allowRefresh } from './before-refresh.ts'
import { assuranceClaimNames, assuranceClaims, profileClaims } from './claims.ts'
import { clientMetadata, commandLineClient, invokeScope } from './clients.ts'
import type { ClientDeclaration } from './clients.ts'
import type { Grants } from './grants.ts'
import { pageFeatures } from './issuer-pages.ts'
import type { IssuerPages } from './issuer-pages.ts'
import { loadGrant } from './kept-grant.ts'
import { errors, Provider } from './library.ts'
import { contextClasses, promptPolicy } from './policy.ts'
import { slowDownPolling } from './polling.ts'
import type { CurrentSession } from './policy.ts'
import type { ProviderObjectStore } from './store.ts'
import { roleScope } from './role-scope.ts'
import type { TakeableRole } from './role-scope.ts'
import { endOfRole, roleTaken, sessionPolicyOf } from './taking.ts'

/** An API that tokens can be asked for (RFC 8707). */
export interface Audience {
  /** Resource indicator and `aud`: an absolute URI. */
  readonly identifier: string
  readonly algorithm: 'ES256' | 'RS256'
}

export interface TokenIssued {
  readonly session: string
  readonly subject: string
  readonly client: string
  readonly token: string
  readonly audience: string
  readonly grantType: string
  /** The role it is for. */
  readonly role: string | undefined
  /** Whether a session policy narrows it. */
  readonly isNarrowed: boolean
}

export interface IssuerSettings {
  readonly issuer: string
  readonly audiences: readonly Audience[]
  readonly clients: readonly ClientDeclaration[]
  readonly roles: readonly TakeableRole[]
  readonly accessLifetime: Millis
  readonly idLifetime: Millis
  readonly refreshLifetime: Millis
  readonly sessionLifetime: Millis
  readonly algorithm: 'ES256' | 'RS256'
  /** Private keys, the signing one of each algorithm first. */
  readonly keys: readonly JsonObject[]
  readonly cookieKey: string
}

export interface IssuerParts {
  readonly store: ProviderObjectStore
  readonly clock: Clock
  readonly people: PersonStore
  readonly directory: Directory
  readonly grants: Grants
  readonly currentSession: CurrentSession
  readonly endBrowserSession: (request: IncomingMessage) => Promise<void>
  readonly pages: IssuerPages
  /** Somebody at this address typed a device code that is not waiting. */
  readonly onWrongUserCode: (address: string) => void
  /** Durable before the token leaves: a token that could not be recorded is not issued. */
  readonly recordIssued: (token: TokenIssued) => Promise<void>
  readonly onServerError: (error: unknown) => void
  /** What is wrong with a session policy, if anything is. */
  readonly checkSessionPolicy: (text: string) => string | undefined
}

const codeLifetime = millis(60_000)
const waitingLifetime = millis(10 * 60_000)

/** Builds the OpenID provider for one configuration. State lives in the store, so it can be replaced. */
export function createIssuer(settings: IssuerSettings, parts: IssuerParts): ProviderType {
  const provider = new Provider(settings.issuer, configurationOf(settings, parts))
  provider.proxy = true
  provider.use(slowDownPolling(parts.clock))
  provider.on('server_error', (_ctx, error) => parts.onServerError(error))
  // An event of the framework below, which the library's types leave out.
  const framework: EventEmitter = provider
  framework.on('error', (error: unknown, ctx?: KoaContextWithOIDC) => {
    if (!hasLeft(ctx)) parts.onServerError(error)
  })
  provider.on('grant.revoked', (_ctx, grantId) => {
    parts.grants.end(grantId).catch(parts.onServerError)
  })
  provider.on('end_session.success', (ctx) => {
    endOwnSession(parts, ctx).catch(parts.onServerError)
  })
  return provider
}

/** Without a listener the library's framework prints a stack for each caller that goes away or is cut off. */
function hasLeft(ctx: KoaContextWithOIDC | undefined): boolean {
  if (ctx === undefined) return false
  // Over HTTP/2 the response outlives its stream.
  const { stream } = ctx.res as ServerResponse & { readonly stream?: Duplex }
  return ctx.res.destroyed || stream?.destroyed === true
}

/**
 * The library has ended its login session: because somebody said yes to signing out, or because another person
 * is signing in, whose own session then has to stay.
 */
async function endOwnSession(parts: IssuerParts, ctx: KoaContextWithOIDC): Promise<void> {
  if (ctx.oidc.params?.['logout'] === undefined) return
  const own = await parts.currentSession(ctx.req)
  if (own !== undefined && own.personId === ctx.oidc.session?.accountId) {
    await parts.endBrowserSession(ctx.req)
  }
}

function configurationOf(settings: IssuerSettings, parts: IssuerParts): Configuration {
  return {
    adapter: (type: string) =>
      new ProviderAdapter(type, { ...parts, onReplay: (grantId) => parts.grants.end(grantId) }),
    clients: [commandLineClient(settings.roles), ...settings.clients.map(clientMetadata)],
    jwks: { keys: [...settings.keys] },
    clientDefaults: { id_token_signed_response_alg: settings.algorithm },
    enabledJWA: {
      idTokenSigningAlgValues: ['ES256', 'RS256'],
      dPoPSigningAlgValues: [...proofAlgorithms],
    },
    responseTypes: ['code'],
    pkce: { required: () => true },
    allowOmittingSingleRegisteredRedirectUri: false,
    scopes: [
      'openid',
      'offline_access',
      'profile',
      'groups',
      invokeScope,
      ...settings.roles.map(({ name }) => roleScope(name)),
    ],
    claims: {
      openid: ['sub', ...assuranceClaimNames],
      profile: ['name', 'preferred_username'],
      groups: ['groups'],
    },
    acrValues: [...contextClasses],
    conformIdTokenClaims: false,
    cookies: { keys: [settings.cookieKey], names: cookieNames(settings.issuer) },
    routes,
    features: featuresOf(settings, parts),
    findAccount: (_ctx, id, token) => findAccount(parts, id, token as { grantId?: string }),
    extraTokenClaims: (ctx, token) =>
      accessTokenClaims(settings, parts, ctx, token as AccessTokenShape),
    formats: { customizers: { jwt: (_ctx, _token, jwt) => endWithRole(jwt.payload) } },
    interactions: {
      policy: promptPolicy(parts.currentSession),
      url: (_ctx, interaction) =>
        `${new URL(settings.issuer).pathname.replace(/\/$/, '')}/interaction/${interaction.uid}`,
    },
    loadExistingGrant: (ctx) => loadGrant(settings, parts, ctx),
    issueRefreshToken: (_ctx, client, code) =>
      client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
    rotateRefreshToken: (ctx) => allowRefresh(ctx, parts.checkSessionPolicy),
    revokeGrantPolicy: endsWholeGrant,
    expiresWithSession: () => false,
    clientBasedCORS: () => false,
    renderError: (ctx, out) => {
      ctx.type = 'html'
      ctx.body = parts.pages.failure({
        error: out.error,
        description: out.error_description ?? '',
        requestId: String(ctx.res.getHeader('x-request-id') ?? ''),
      })
    },
    ttl: lifetimes(settings),
  }
}

/** Whether what was revoked takes its whole grant along: all but an access token that is given back. */
async function endsWholeGrant(ctx: KoaContextWithOIDC): Promise<boolean> {
  if (ctx.oidc.route === 'token') await winnersTime()
  return !(ctx.oidc.route === 'revocation' && ctx.oidc.entities.AccessToken !== undefined)
}

/**
 * Over https with the prefixes browsers hold (RFC 6265bis 4.1.3): a host beside or below ours cannot set them.
 * The library gives two of them a path of their own, which `__Host-` does not allow.
 */
function cookieNames(issuer: string): { session: string; interaction: string; resume: string } {
  const secure = issuer.startsWith('https:')
  return {
    session: secure ? '__Host-pg_op' : 'pg_op',
    interaction: secure ? '__Secure-pg_interaction' : 'pg_interaction',
    resume: secure ? '__Secure-pg_resume' : 'pg_resume',
  }
}

const routes = {
  authorization: '/oauth2/authorize',
  code_verification: '/device',
  device_authorization: '/oauth2/device_authorization',
  end_session: '/logout',
  introspection: '/oauth2/introspect',
  jwks: '/.well-known/jwks.json',
  pushed_authorization_request: '/oauth2/par',
  revocation: '/oauth2/revoke',
  token: '/oauth2/token',
  userinfo: '/oauth2/userinfo',
}

function lifetimes(settings: IssuerSettings): Configuration['ttl'] {
  return {
    AccessToken: toSeconds(settings.accessLifetime),
    AuthorizationCode: toSeconds(codeLifetime),
    DeviceCode: toSeconds(waitingLifetime),
    IdToken: toSeconds(settings.idLifetime),
    Interaction: toSeconds(waitingLifetime),
    Session: toSeconds(settings.sessionLifetime),
    Grant: toSeconds(settings.refreshLifetime) + toSeconds(settings.sessionLifetime),
    // The family ends when its first token would have: rotation never prolongs it (ASVS 10.4.8).
    RefreshToken: (ctx) =>
      ctx?.oidc?.entities?.RotatedRefreshToken?.remainingTTL ?? toSeconds(settings.refreshLifetime),
  }
}

function featuresOf(settings: IssuerSettings, parts: IssuerParts): Configuration['features'] {
  return {
    devInteractions: { enabled: false },
    dPoP: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    revocation: { enabled: true },
    userinfo: { enabled: true },
    resourceIndicators: resourceIndicators(settings),
    ...pageFeatures(parts),
  }
}

function resourceIndicators(
  settings: IssuerSettings,
): NonNullable<Configuration['features']>['resourceIndicators'] {
  const known = new Map(settings.audiences.map((audience) => [audience.identifier, audience]))
  return {
    enabled: true,
    // Asked for nothing, a client may call every API; each access token is still for one of them.
    defaultResource: (_ctx, _client, oneOf) => oneOf?.[0] ?? [...known.keys()],
    // A token that may call no API is one for userinfo.
    useGrantedResource: (ctx, model) => {
      const asked = ctx.oidc.params?.['scope']
      return typeof asked === 'string'
        ? asked.split(' ').includes(invokeScope)
        : model.scopes.has(invokeScope)
    },
    getResourceServerInfo: (_ctx, identifier) => {
      const audience = known.get(identifier)
      if (audience === undefined) throw new errors.InvalidTarget()
      return {
        scope: invokeScope,
        audience: identifier,
        accessTokenTTL: toSeconds(settings.accessLifetime),
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: audience.algorithm } },
      }
    },
  }
}

/** A disabled person, or a grant whose session has ended, has no account here. */
async function findAccount(
  parts: IssuerParts,
  id: string,
  token: { grantId?: string } | undefined,
): Promise<{ accountId: string; claims: () => Promise<{ sub: string }> } | undefined> {
  const person = await parts.people.load(id as PersonId)
  if (person === undefined || person.disabled) return undefined
  const grantId = token?.grantId
  const session = grantId === undefined ? undefined : await parts.grants.sessionOf(grantId)
  if (grantId !== undefined && session === undefined) return undefined
  return {
    accountId: id,
    claims: async () => ({
      sub: id,
      ...profileClaims(person, parts.directory),
      ...(session === undefined ? {} : assuranceClaims(session)),
    }),
  }
}

interface AccessTokenShape {
  readonly kind: string
  readonly jti: string
  readonly grantId?: string
  readonly accountId?: string
  readonly clientId?: string
  readonly aud?: string | readonly string[]
  readonly gty?: string
  readonly scope?: string
}

async function accessTokenClaims(
  settings: IssuerSettings,
  parts: IssuerParts,
  ctx: KoaContextWithOIDC,
  token: AccessTokenShape,
): Promise<Record<string, unknown>> {
  const session = await parts.grants.sessionOf(token.grantId)
  const person = await parts.people.load((token.accountId ?? '') as PersonId)
  if (session === undefined || person === undefined || person.disabled) {
    throw new errors.InvalidGrant('the session of this grant has ended')
  }
  // Invariant: a token for an API was asked for, and consented to, as one.
  if (token.aud !== undefined && !(token.scope ?? '').split(' ').includes(invokeScope)) {
    throw new errors.InvalidTarget('calling an API takes the scope for it')
  }
  const role = roleTaken(ctx, settings.roles, { session, now: parts.clock.now() })
  const sessionPolicy = sessionPolicyOf(ctx, parts.checkSessionPolicy)
  await parts.recordIssued({
    session: session.id,
    subject: person.id,
    client: token.clientId ?? '',
    token: token.jti,
    audience: String(token.aud ?? ''),
    grantType: token.gty ?? '',
    role: role?.name,
    isNarrowed: sessionPolicy !== undefined,
  })
  return {
    ...profileClaims(person, parts.directory),
    ...assuranceClaims(session),
    ...limitClaims({ session, role, sessionPolicy }),
  }
}

/** What the token is for only. */
function limitClaims(limits: {
  readonly session: Session
  readonly role: TakeableRole | undefined
  readonly sessionPolicy: string | undefined
}): Record<string, unknown> {
  const { session, role, sessionPolicy } = limits
  return {
    ...(role === undefined ? {} : { role: role.name, role_until: endOfRole(session, role) }),
    ...(sessionPolicy === undefined ? {} : { session_policy: sessionPolicy }),
  }
}

/** A token that is for a role ends with it. */
function endWithRole(payload: Record<string, unknown>): void {
  const { role_until: until, exp } = payload
  if (typeof until === 'number' && typeof exp === 'number') payload['exp'] = Math.min(exp, until)
}
