import { Secret } from '../core/index.ts'
import type { Instant } from '../core/index.ts'
import { audienceOf, personOf } from './claims.ts'
import type { ClientContext } from './context.ts'
import type { Protection, Stored } from './credential-store.ts'
import { failure } from './errors.ts'
import { clientId, discover, isOAuthError, requestTokens } from './issuer.ts'
import type { IssuedTokens, OAuthError } from './issuer.ts'
import type { AccessToken, Profile } from './profile.ts'

/** A token this close to its end is not used: the request may take a while to arrive. */
const expiryMargin = 30_000
const longestLifetime = 24 * 3600

export interface Access {
  readonly token: Secret
  readonly expiresAt: Instant
  readonly profile: Profile
}

/** The sign-in at the issuer, or an error that says how to make one. */
export async function requireSignedIn(context: ClientContext): Promise<Stored> {
  const stored = await context.store.load(context.issuer)
  if (stored !== undefined) return stored
  throw failure('not_signed_in', `you are not signed in at ${context.issuer}`)
}

/**
 * An access token for one API: the kept one while it lives, else a new one by the refresh token.
 *
 * @param rejected - a token the API has just refused; it is not given again.
 */
export async function accessTo(
  context: ClientContext,
  audience: string,
  rejected?: Secret,
): Promise<Access> {
  const { profile } = await requireSignedIn(context)
  const kept = usable(context, profile, audience, rejected)
  if (kept !== undefined && profile.lastAudience === audience) return { ...kept, profile }
  return context.store.locked(context.issuer, async () => {
    // Another process may have refreshed while this one waited.
    const { profile, protection } = await requireSignedIn(context)
    const fresh = usable(context, profile, audience, rejected)
    if (fresh !== undefined) {
      const noted = { ...profile, lastAudience: audience }
      await context.store.save(noted, protection)
      return { ...fresh, profile: noted }
    }
    return refreshFor(context, { profile, protection }, audience)
  })
}

/**
 * Asks the issuer whether the sign-in still stands, by a refresh; gives the profile with what the issuer
 * now says of the person.
 */
export async function refreshSignIn(context: ClientContext): Promise<Stored> {
  return context.store.locked(context.issuer, async () => {
    const stored = await requireSignedIn(context)
    const profile = await refresh(context, stored, undefined)
    return { profile, protection: stored.protection }
  })
}

/** An access token that a session policy narrows: made anew, and not kept for what comes after. */
export async function narrowedAccessTo(
  context: ClientContext,
  audience: string,
  sessionPolicy: string,
): Promise<Access> {
  return context.store.locked(context.issuer, async () => {
    const stored = await requireSignedIn(context)
    const { accessTokens } = stored.profile
    const profile = await refresh(context, stored, audience, { session_policy: sessionPolicy })
    const access = profile.accessTokens.get(audience)
    if (access === undefined) throw failure('issuer_misbehaves', 'the issuer gave no access token')
    await context.store.save({ ...profile, accessTokens }, stored.protection)
    return { ...access, profile }
  })
}

/** The profile with the tokens of an answer of the token endpoint. */
export function withTokens(
  profile: Profile,
  tokens: IssuedTokens,
  given: { audience: string | undefined; now: Instant },
): Profile {
  const audience = given.audience ?? audienceOf(tokens.accessToken)
  const accessTokens = new Map(profile.accessTokens)
  if (audience !== undefined) {
    const lifetime = Math.min(Math.max(tokens.expiresIn, 0), longestLifetime) * 1000
    const token = new Secret(tokens.accessToken)
    // Last in the map: the oldest are dropped first when there are too many.
    accessTokens.delete(audience)
    accessTokens.set(audience, { token, expiresAt: given.now + lifetime })
  }
  return {
    ...profile,
    accessTokens,
    refreshToken: refreshTokenOf(profile, tokens),
    lastAudience: given.audience ?? profile.lastAudience,
  }
}

async function refreshFor(
  context: ClientContext,
  stored: Stored,
  audience: string,
): Promise<Access> {
  const profile = await refresh(context, stored, audience)
  const access = profile.accessTokens.get(audience)
  if (access === undefined) throw failure('issuer_misbehaves', 'the issuer gave no access token')
  return { ...access, profile }
}

/** Invariant: called inside `locked`; the rotated refresh token is durable before anything is used. */
async function refresh(
  context: ClientContext,
  stored: { readonly profile: Profile; readonly protection: Protection },
  audience: string | undefined,
  more: Readonly<Record<string, string>> = {},
): Promise<Profile> {
  const { profile, protection } = stored
  const issuer = await discover(context.issuer)
  const tokens = await requestTokens(issuer, {
    key: profile.key,
    clock: context.clock,
    form: {
      grant_type: 'refresh_token',
      refresh_token: profile.refreshToken.reveal(),
      ...(audience === undefined ? {} : { resource: audience }),
      ...more,
    },
  })
  if (isOAuthError(tokens)) throw refreshFailure(context.issuer, tokens, audience)
  const fits = isFor(tokens, audience)
  const now = context.clock.now()
  const renewed = fits
    ? withTokens(profile, tokens, { audience, now })
    : { ...profile, refreshToken: refreshTokenOf(profile, tokens) }
  await context.store.save(renewed, protection)
  if (!fits) throw failure('issuer_misbehaves', 'the issuer gave a token for another API')
  const named = nameAgain(context, renewed, tokens)
  if (named !== renewed) await context.store.save(named, protection)
  return named
}

/** OpenID Connect Core 12.2: an ID token of a refresh is for the same person. */
function nameAgain(context: ClientContext, profile: Profile, tokens: IssuedTokens): Profile {
  if (tokens.idToken === undefined) return profile
  const now = context.clock.now()
  const person = personOf(tokens.idToken, { issuer: context.issuer, clientId, now })
  if (person.subject !== profile.person.subject) {
    throw failure('issuer_misbehaves', 'the issuer now speaks of another person')
  }
  return { ...profile, person }
}

/** RFC 8707 2.2: a token that says for whom it is says what was asked for. */
function isFor(tokens: IssuedTokens, audience: string | undefined): boolean {
  const given = audienceOf(tokens.accessToken)
  return audience === undefined || given === undefined || given === audience
}

/** An issuer that does not rotate gives none: then the old one stays. */
function refreshTokenOf(profile: Profile, tokens: IssuedTokens): Secret {
  return tokens.refreshToken === undefined ? profile.refreshToken : new Secret(tokens.refreshToken)
}

function refreshFailure(
  issuer: string,
  refused: OAuthError,
  audience: string | undefined,
): ReturnType<typeof failure> {
  if (refused.error === 'invalid_target') {
    return failure('audience_unknown', `${issuer} gives you no tokens for ${audience ?? 'an API'}`)
  }
  if (refused.error === 'invalid_request' && refused.description.startsWith('session_policy')) {
    return failure('arguments_invalid', refused.description, {
      hint: 'mend the policy; `proofgate policy lint --kind session FILE` shows all that is wrong',
    })
  }
  if (refused.error === 'invalid_grant' || refused.error === 'invalid_dpop_proof') {
    return failure('sign_in_ended', `your sign-in at ${issuer} has ended`)
  }
  const said = refused.description === '' ? '' : `: ${refused.description}`
  return failure('issuer_misbehaves', `${issuer} refused with ${refused.error}${said}`)
}

function usable(
  context: ClientContext,
  profile: Profile,
  audience: string,
  rejected: Secret | undefined,
): AccessToken | undefined {
  const kept = profile.accessTokens.get(audience)
  if (kept === undefined || kept.expiresAt - expiryMargin <= context.clock.now()) return undefined
  return rejected?.equals(kept.token.reveal()) === true ? undefined : kept
}
