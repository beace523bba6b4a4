import type { Clock, Instant, Millis } from '../core/index.ts'
import { readClaims, readTimes } from './claims.ts'
import type { ClaimReader } from './claims.ts'
import { tokenFailure } from './errors.ts'
import type { JwsAlgorithm } from './jws.ts'
import { TokenVerifier } from './token-verifier.ts'
import { CompactToken } from './remembered/compact-token.ts'
import type { VerificationKeys } from './verification-keys.ts'
import type { VerifiedAccessToken } from './verified-token.ts'

export interface AccessTokenRules {
  readonly issuer: string
  /** The one audience these tokens must name; another audience needs another verifier. */
  readonly audience: string
  readonly keys: VerificationKeys
  readonly clock: Clock
  readonly algorithms: readonly JwsAlgorithm[]
  /** Longest allowed span from `iat` to `exp`. */
  readonly maximumLifetime: Millis
  readonly clockSkew: Millis
  /** How many verified tokens are remembered; 0 for none. */
  readonly cacheSize: number
}

/**
 * Verifies JWT access tokens of our own issuer for one audience (RFC 9068 4). Says nothing of
 * revocation, and a bound token is not accepted as such before `checkBinding` and a DPoP proof.
 */
export class AccessTokenVerifier extends TokenVerifier<VerifiedAccessToken> {
  /** Throws `token.misconfigured` for an empty issuer or audience: never "skip the check". */
  constructor(rules: AccessTokenRules) {
    if (rules.issuer === '' || rules.audience === '') {
      throw tokenFailure(
        'misconfigured',
        'an access token verifier needs an issuer and an audience',
      )
    }
    super({
      keys: rules.keys,
      clock: rules.clock,
      algorithms: rules.algorithms,
      acceptsType: isAccessTokenType,
      read: (members, now) => readClaims(members, (claims) => readAccessToken(claims, now, rules)),
      clockSkew: rules.clockSkew,
      cacheSize: rules.cacheSize,
    })
  }
}

/** Base64url of the 1023 bytes that a credential id may have (WebAuthn L3 4). */
const longestCredentialId = 1364

/** RFC 9068 4: anything else is another kind of token, such as an ID token. */
function isAccessTokenType(type: string | undefined): boolean {
  return type === 'at+jwt' || type === 'application/at+jwt'
}

function readAccessToken(
  claims: ClaimReader,
  now: Instant,
  rules: AccessTokenRules,
): VerifiedAccessToken {
  if (claims.text('iss', 2048) !== rules.issuer) claims.refuse('iss is another issuer')
  if (claims.member('aud') !== rules.audience) {
    claims.refuse('aud is not exactly this audience', 'wrong_audience')
  }
  const times = readTimes(claims, now, { ...rules, maximumAge: rules.maximumLifetime })
  const binding = readBinding(claims)
  return new CompactToken({
    issuer: rules.issuer,
    subject: claims.personText('sub'),
    username: claims.optionalPersonText('preferred_username'),
    clientId: claims.commonText('client_id', 2048) ?? claims.refuse('claim client_id is missing'),
    tokenId: claims.text('jti'),
    session: claims.optionalText('sid'),
    scopes: claims.words('scope'),
    groups: claims.texts('groups'),
    issuedAt: times.issuedAt,
    expiresAt: times.expiresAt,
    authTime: claims.optionalInstant('auth_time'),
    acr: claims.commonText('acr'),
    amr: claims.texts('amr'),
    confirmationThumbprint: binding.confirmationThumbprint,
    certificateThumbprint: undefined,
    credential: claims.optionalText('credential_id', longestCredentialId),
    openedAt: claims.optionalInstant('session_time'),
    registeredAt: claims.optionalInstant('credential_time'),
    taken: readTaken(claims),
    transports: claims.texts('transports'),
    claims: claims.proof(),
  }) as VerifiedAccessToken
}

/** JSON text of a session policy, which has a bound of its own. */
const longestSessionPolicy = 4096

function readTaken(claims: ClaimReader): VerifiedAccessToken['taken'] {
  const role = claims.commonText('role', 64)
  const sessionPolicy = claims.optionalText('session_policy', longestSessionPolicy)
  return role === undefined && sessionPolicy === undefined
    ? undefined
    : Object.freeze({ role, sessionPolicy })
}

/** Our issuer binds tokens to keys only. */
function readBinding(claims: ClaimReader): ReturnType<ClaimReader['confirmation']> {
  const binding = claims.confirmation()
  return binding.certificateThumbprint === undefined
    ? binding
    : claims.refuse('claim cnf holds a binding of another kind')
}
