import { z } from 'zod'
import { amount, duration, flag, isNarrowCidr, size, text, word } from './scalars.ts'
import { credentialRole, group, person, policy, policyTests, role } from './schema/access.ts'
import { authenticators } from './schema/authenticators.ts'
import { listeners } from './schema/listeners.ts'
import {
  algorithm,
  claimName,
  declared,
  filePath,
  label,
  list,
  mapping,
  name,
  named,
  nothing,
  oneLine,
  throttle,
} from './schema/parts.ts'
import { inFlight, reauthorizeEvery, shedding } from './schema/live.ts'
import { passkeys, recovery } from './schema/passkeys.ts'
import { api } from './schema/routes.ts'
import { upstream } from './schema/upstreams.ts'
import { sharedSignals, webhooks } from './schema/signals.ts'
import { workers } from './sections/workers.ts'

/**
 * The shape of proofgate.yaml. The objects here parse, give the defaults and describe themselves: the
 * JSON Schema and the reference are made from them. Values stay in their written form ("5m").
 */

const KiB = 1024

const origin = (description: string) => text('text', description)
const scope = (description: string) => text('scope', description, /^[!#-[\]-~]{1,64}$/)

const issuer = mapping('an external OpenID provider whose tokens are accepted', {
  issuer: text('text', 'the exact issuer, found by OIDC discovery'),
  audiences: list(
    'accepted `aud` (or client_id) values; at least one',
    text('display', 'an audience', undefined, (value) => oneLine.test(value)),
  )
    .prefault([])
    .meta({ minItems: 1 }),
  algorithms: list('accepted signing algorithms', algorithm('a signing algorithm'))
    .min(1, { error: 'algorithm' })
    .prefault(['RS256', 'ES256']),
  requiredScopes: list('scopes every token must have', scope('a scope')).prefault([]),
  groupsClaim: label('the claim with the groups').prefault('groups'),
  usernameClaim: label('the claim with the user name').prefault('sub'),
  account: text(
    'account',
    "the account its people are of; default: the gateway's own",
    /^\d{12}$/,
  ).optional(),
  namespace: text(
    'namespace',
    'stands before the names of its people in ARNs, federated-user/NAMESPACE/NAME; needed where issuers share an account',
    /^[a-z0-9][a-z0-9-]{0,31}$/,
  ).optional(),
  conditionClaims: declared(
    'claims that policies read as ISSUER:CLAIM, by the name of this entry',
    claimName('a claim'),
  ).prefault([]),
  dangerously_allowHttp: flag('lets the issuer be reached without TLS').prefault(false),
})

const client = mapping('an OAuth client of our issuer', {
  id: text('clientId', 'client_id', /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  name: label('how the client is shown; default: the id').optional(),
  redirectUris: list('exact redirect URIs', text('text', 'a redirect URI')).prefault([]),
  postLogoutRedirectUris: list(
    'exact URIs to return to after logout',
    text('text', 'a redirect URI'),
  ).prefault([]),
  secret: z
    .string({ error: 'text' })
    .meta({ description: 'client secret, best as ${NAME}' })
    .optional(),
  public: flag('a client that cannot keep a secret').prefault(false),
  firstParty: flag('asks people for no consent').prefault(false),
  scopes: list('the scopes it may ask for', scope('a scope')).prefault(['openid']),
})

export const configurationShape = z
  .strictObject(
    {
      version: z.literal(1, { error: 'version' }).meta({ description: 'version of this format' }),
      dataDir: filePath('where state lives, relative to this file').prefault('.proofgate'),
      domain: text(
        'domain',
        'auth., console. and api. below it are derived, and it is the default RP ID; default proofgate.localhost',
        /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/,
      ).optional(),
      origin: origin(
        'instead of domain: everything on this one origin, pages below /.proofgate',
      ).optional(),
      listeners,
      identity: mapping('sign-in and issuer', {
        origin: origin('its origin').optional(),
        hsts: duration(
          'has browsers use https only for this host (HSTS); default: not',
          '5m',
          '730d',
        ).optional(),
      }).prefault(nothing),
      relyingParty: mapping('WebAuthn relying party', {
        id: text('text', 'RP ID: the host of sign-in or a parent domain').optional(),
        name: label('shown by authenticators').prefault('Proofgate'),
      }).prefault(nothing),
      authenticators: authenticators.prefault(nothing),
      passkeys,
      recovery,
      console: mapping('the console', { origin: origin('its origin').optional() }).prefault(
        nothing,
      ),
      storage: mapping('files of the state', {
        database: filePath('default: proofgate.db in dataDir').optional(),
        keys: filePath('directory of the signing keys; default: keys in dataDir').optional(),
      }).prefault(nothing),
      tokens: mapping('tokens of our issuer', {
        accessLifetime: duration('life of access tokens', '10s', '10m', 'accessLifetime').prefault(
          '5m',
        ),
        idLifetime: duration('life of ID tokens', '10s', '1h').prefault('5m'),
        refreshLifetime: duration('life of a family of refresh tokens', '1m', '30d').prefault(
          '12h',
        ),
        algorithm: algorithm('how tokens are signed').prefault('ES256'),
      }).prefault(nothing),
      sessions: mapping('sessions of people', {
        idle: duration('end without use', '1m', '30d').prefault('1h'),
        absolute: duration('end in any case', '1m', '30d').prefault('12h'),
        proofFreshness: duration('how long a proof counts as fresh', '10s', '1h').prefault('5m'),
      }).prefault(nothing),
      region: text('region', 'the region in ARNs', /^[a-z0-9][a-z0-9-]{0,31}$/).prefault('local'),
      account: text('account', 'the account in ARNs', /^\d{12}$/).prefault('000000000000'),
      trustedProxies: list(
        'whose word about the caller is believed',
        text('cidr', 'a CIDR block', undefined, isNarrowCidr),
      ).prefault([]),
      forwardedHeader: word('forwardedHeader', 'the header in which trusted proxies say it', [
        'x-forwarded-for',
        'forwarded',
      ]).prefault('x-forwarded-for'),
      people: list('people who should exist', person).prefault([]),
      groups: named('groups by name', group).prefault(nothing),
      policies: named('policies by name', policy).prefault(nothing),
      attachments: z
        .record(
          z.string().regex(/^[a-z0-9][a-z0-9._@-]{0,63}$/, { error: 'username' }),
          list('policies', name('a policy')),
          {
            error: 'mapping',
          },
        )
        .meta({ description: 'policies straight onto people' })
        .prefault(nothing),
      roles: named('roles by name', role).prefault(nothing),
      credentialRoles: list('passkeys that are for some roles only', credentialRole).prefault([]),
      policyTests,
      upstreams: named('upstreams by name', upstream).prefault(nothing),
      issuers: named('external issuers by name', issuer).prefault(nothing),
      clients: list('OAuth clients besides our command line', client).prefault([]),
      apis: named('APIs by name; the name is the {api} in ARNs', api).prefault(nothing),
      webhooks: webhooks.prefault([]),
      sharedSignals: sharedSignals.prefault(nothing),
      throttles: mapping('token buckets', {
        address: throttle('each source address, before authentication; IPv6 by /64').prefault({
          rate: 100,
          burst: 200,
        }),
        principal: throttle('each principal on each route').prefault({ rate: 50, burst: 100 }),
      }).prefault(nothing),
      limits: mapping('limits of the public listener', {
        headerBytes: size('all request headers', KiB, 64 * KiB).prefault('16KiB'),
        headerCount: amount('count', 'request headers', {
          min: 10,
          max: 1000,
          whole: true,
        }).prefault(100),
        connections: amount('count', 'connections at once', {
          min: 1,
          max: 1_000_000,
          whole: true,
        }).prefault(10_000),
        requestHeaderTimeout: duration(
          'until the request headers are there',
          '100ms',
          '2m',
        ).prefault('10s'),
        requestIdle: duration('between two parts of a request body', '100ms', '10m').prefault(
          '30s',
        ),
        keepAlive: duration('between two requests', '100ms', '1h').prefault('60s'),
        drain: duration('for requests in flight when stopping', '100ms', '10m').prefault('30s'),
        inFlight,
        reauthorizeEvery,
        shedding,
      }).prefault(nothing),
      workers: workers().prefault(1),
      audit: mapping('reserved', {}).prefault(nothing),
      log: mapping('the log', {
        level: word('logLevel', 'least severity', ['debug', 'info', 'warn', 'error']).prefault(
          'info',
        ),
      }).prefault(nothing),
      dangerously_allowInsecureOrigins: flag(
        'lets http origins be on hosts other than localhost',
      ).prefault(false),
      production: flag('refuses every dangerously_ switch').prefault(false),
    },
    { error: 'mapping' },
  )
  .meta({ title: 'proofgate.yaml', description: 'Configuration of Proofgate' })

/** What the shape lets through: defaults filled in, every value still as it was written. */
export type ConfigurationShape = z.output<typeof configurationShape>
export type ApiShape = ConfigurationShape['apis'][string]
export type RouteShape = ApiShape['routes'][number]
export type ThrottleShape = z.output<ReturnType<typeof throttle>>
