import type { KoaContextWithOIDC } from 'oidc-provider'
import { epochSeconds, toSeconds } from '../core/index.ts'
import type { Instant } from '../core/index.ts'
import type { Session } from '../session/index.ts'
import { errors } from './library.ts'
import { isRoleScope, roleScope } from './role-scope.ts'
import type { TakeableRole } from './role-scope.ts'

/** What was asked for when the person agreed, whatever this request asks for. */
function grantedScopes(ctx: KoaContextWithOIDC): ReadonlySet<string> {
  const { AuthorizationCode, RefreshToken, DeviceCode } = ctx.oidc.entities
  return (RefreshToken ?? AuthorizationCode ?? DeviceCode)?.scopes ?? new Set()
}

/**
 * The role that a grant is for.
 *
 * Invariant: a token of such a grant is for the role, also when a refresh leaves its scope out: people agreed to
 * that role and to nothing else. A role that is not there is no reason for a token without one.
 *
 * @throws InvalidScope when a first token would be for a role that is not there, or for two.
 * @throws InvalidGrant when a later one would, or when the role was taken for too long.
 */
export function roleTaken(
  ctx: KoaContextWithOIDC,
  roles: readonly TakeableRole[],
  { session, now }: { readonly session: Session; readonly now: Instant },
): TakeableRole | undefined {
  const asked = [...grantedScopes(ctx)].filter(isRoleScope)
  const [scope] = asked
  if (scope === undefined) return undefined
  const isLater = ctx.oidc.entities.RefreshToken !== undefined
  const refuse = (why: string): Error =>
    isLater ? new errors.InvalidGrant(why) : new errors.InvalidScope(why, scope)
  if (asked.length > 1) throw refuse('one role can be taken at a time')
  const role = roles.find(({ name }) => roleScope(name) === scope)
  if (role === undefined) throw refuse('there is no such role')
  if (now >= session.createdAt + role.maximumSession) {
    throw new errors.InvalidGrant('the role was taken for as long as it can be at once')
  }
  return role
}

/** No token outlives the time for which its role can be taken. */
export function endOfRole(session: Session, { maximumSession }: TakeableRole): number {
  return epochSeconds(session.createdAt) + toSeconds(maximumSession)
}

const longestPolicy = 4096

/**
 * What the client wants the access token narrowed to: the form member `session_policy` of the token request, IAM
 * JSON. It can only take away, so nobody has to agree to it.
 *
 * @param check - says what is wrong with a document, if anything is.
 * @throws InvalidRequest when it is none.
 */
export function sessionPolicyOf(
  ctx: KoaContextWithOIDC,
  check: (text: string) => string | undefined,
): string | undefined {
  const { session_policy: text } = (ctx.oidc.body ?? {}) as { session_policy?: unknown }
  if (text === undefined) return undefined
  if (typeof text !== 'string' || text.length > longestPolicy) {
    throw new errors.InvalidRequest(`session_policy is one text of at most ${longestPolicy} units`)
  }
  const problem = check(text)
  if (problem !== undefined) {
    // RFC 6749 5.2 has no double quotes in a description.
    throw new errors.InvalidRequest(`session_policy: ${problem.replaceAll('"', "'")}`)
  }
  return text
}
