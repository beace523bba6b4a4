import type { Clock, Instant, Millis } from '../core/index.ts'
import { isJsonObject } from '../core/index.ts'
import { readClaims, readTimes } from './claims.ts'
import type { ClaimReader } from './claims.ts'
import { tokenFailure } from './errors.ts'
import type { JwsAlgorithm } from './jws.ts'
import { CompactToken } from './remembered/compact-token.ts'
import { TokenVerifier } from './token-verifier.ts'
import type { VerificationKeys } from './verification-keys.ts'
import type { VerifiedToken } from './verified-token.ts'

export interface ExternalTokenRules {
  /** Compared exactly, a trailing slash included. */
  readonly issuer: string
  /** The token must name at least one of these in `aud`, or in `client_id` when it has no `aud`. */
  readonly audiences: readonly string[]
  readonly algorithms: readonly JwsAlgorithm[]
  /** All of these must be in `scope` or `scp`; may be empty. */
  readonly requiredScopes: readonly string[]
  /** The claim that names the person for policies and records; a token without it is refused. */
  readonly usernameClaim: string
  /** The claim with the list of groups; a token without it has none. */
  readonly groupsClaim: string
  /** The claims that policy conditions can name; nothing is kept of the others. */
  readonly conditionClaims: readonly string[]
  /** The issuer's keys: one instance per issuer, so that a kid of another issuer means nothing. */
  readonly keys: VerificationKeys
  readonly clock: Clock
  readonly maximumLifetime: Millis
  readonly maximumAge: Millis
  readonly clockSkew: Millis
  /** How many verified tokens are remembered; 0 for none. */
  readonly cacheSize: number
}

/**
 * Verifies JWT access tokens of an OpenID provider that is not ours. Many providers do not mark
 * access tokens by `typ`, so `JWT` and none are accepted beside `at+jwt`; what shows itself to be an
 * ID token, a logout token or a refresh token by its claims is refused (see `refuseOtherKinds`).
 */
export class ExternalTokenVerifier extends TokenVerifier<VerifiedToken> {
  /** Throws `token.misconfigured` for an empty issuer or no audience: never "skip the check". */
  constructor(rules: ExternalTokenRules) {
    if (rules.issuer === '' || rules.audiences.length === 0 || rules.audiences.includes('')) {
      throw tokenFailure('misconfigured', 'an external issuer needs its address and an audience')
    }
    super({
      keys: rules.keys,
      clock: rules.clock,
      algorithms: rules.algorithms,
      acceptsType: isPossibleAccessTokenType,
      read: (members, now) => readClaims(members, (claims) => readToken(claims, now, rules)),
      clockSkew: rules.clockSkew,
      cacheSize: rules.cacheSize,
    })
  }
}

const none: readonly string[] = Object.freeze([])

/** Media types compare without case, `application/` may be left out (RFC 7515 4.1.9). */
function isPossibleAccessTokenType(type: string | undefined): boolean {
  if (type === undefined) return true
  const short = type.toLowerCase().replace(/^application\//, '')
  return short === 'at+jwt' || short === 'jwt'
}

function readToken(claims: ClaimReader, now: Instant, rules: ExternalTokenRules): VerifiedToken {
  if (claims.text('iss', 2048) !== rules.issuer) claims.refuse('iss is another issuer')
  refuseOtherKinds(claims)
  const clientId = claims.commonText('client_id', 2048)
  checkAudience(claims, clientId, rules.audiences)
  const times = readTimes(claims, now, rules)
  const scopes = readScopes(claims)
  if (!rules.requiredScopes.every((scope) => scopes.includes(scope))) {
    claims.refuse('a required scope is missing', 'insufficient_scope')
  }
  return new CompactToken({
    issuer: rules.issuer,
    subject: claims.personText('sub'),
    username: claims.personText(rules.usernameClaim),
    clientId,
    tokenId: claims.optionalText('jti'),
    session: claims.optionalText('sid'),
    scopes,
    groups: readGroups(claims, rules.groupsClaim),
    ...times,
    authTime: claims.optionalInstant('auth_time'),
    acr: claims.commonText('acr'),
    amr: claims.texts('amr'),
    ...claims.confirmation(),
    credential: undefined,
    openedAt: undefined,
    registeredAt: undefined,
    taken: undefined,
    transports: none,
    claims: claims.only(rules.conditionClaims),
  })
}

/**
 * Refuses tokens that were issued for another purpose and whose `typ` does not say so: ID tokens
 * (OpenID Connect Core 2 and 3.3.2.11: `nonce`, `at_hash`, `c_hash`, `s_hash`), logout and security event
 * tokens (`events`), and what providers mark in claims of their own (`token_use` of Cognito, `typ` of
 * Keycloak). A provider whose access tokens carry a `nonce` claim cannot be used.
 */
function refuseOtherKinds(claims: ClaimReader): void {
  const marks = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events']
  const mark = marks.find((name) => claims.has(name))
  if (mark !== undefined) claims.refuse(`claim ${mark} is not one of an access token`)
  if (claims.has('token_use') && claims.member('token_use') !== 'access') {
    claims.refuse('token_use is not access')
  }
  const kind = claims.member('typ')
  if (kind !== undefined && kind !== 'Bearer' && kind !== 'DPoP' && kind !== 'at+jwt') {
    claims.refuse('claim typ is of another kind of token')
  }
}

/** `client_id` stands in only for an `aud` that is absent, never for one that does not match. */
function checkAudience(
  claims: ClaimReader,
  clientId: string | undefined,
  audiences: readonly string[],
): void {
  const named = claims.has('aud') ? readAudiences(claims) : [clientId]
  if (!named.some((audience) => audience !== undefined && audiences.includes(audience))) {
    claims.refuse('no configured audience is named', 'wrong_audience')
  }
}

function readAudiences(claims: ClaimReader): readonly string[] {
  return Array.isArray(claims.member('aud')) ? claims.texts('aud') : [claims.text('aud', 2048)]
}

function readScopes(claims: ClaimReader): readonly string[] {
  return claims.textsOrWords(claims.has('scope') ? 'scope' : 'scp')
}

/**
 * Invariant: groups that the issuer left out of the token for their number (OpenID Connect Core
 * 5.6.2) are not taken as "no groups", which would lose every deny attached to them.
 */
function readGroups(claims: ClaimReader, name: string): readonly string[] {
  const elsewhere = claims.member('_claim_names')
  if (isJsonObject(elsewhere) && Object.hasOwn(elsewhere, name)) {
    claims.refuse('the groups are not in the token')
  }
  return claims.texts(name)
}
