import { countUsable, opensRenewalOnly, standingOf, wantedCount } from '../../identity/index.ts'
import type { Credential } from '../../identity/index.ts'
import type { HttpExchange } from '../../http/index.ts'
import type { Session } from '../../session/index.ts'
import type { Browser } from '../browser.ts'
import type { Authenticated } from '../ceremonies/authentication.ts'
import { isRestricted } from '../surface-parts.ts'
import type { IdentityParts } from '../surface-parts.ts'

/** Somebody whose passkey is to be replaced by a new one. */
export interface Renewing {
  /** Of kind `renewal` where the old passkey opens nothing else. */
  readonly session: Session
  readonly credential: Credential
  readonly isSkippable: boolean
}

/** Who may renew here: with a session for that alone, or signed in with a passkey that is to be replaced. */
export async function renewing(
  parts: IdentityParts,
  browser: Browser,
  { request }: Pick<HttpExchange, 'request'>,
): Promise<Renewing | 'current' | 'restricted' | undefined> {
  const session = (await browser.session(request)) ?? (await browser.pending(request))
  if (session === undefined) return undefined
  const credential = await parts.credentials.load(session.facts.credentialId)
  if (credential === undefined || credential.suspension !== undefined) return undefined
  if (credential.sealedAt !== undefined || isRestricted(parts, credential.id)) return 'restricted'
  const standing = standingOf(parts.settings().passkeys.ageing, credential, parts.clock.now())
  if (standing === 'current') return 'current'
  return { session, credential, isSkippable: session.kind === 'browser' }
}

/** What a sign-in opens: whatever was wanted, or the one page that has to come before it. */
export function opensAll({ standing, facts }: Pick<Authenticated, 'standing' | 'facts'>): boolean {
  return !opensRenewalOnly(standing) && facts.sealed !== true
}

/**
 * Where a sign-in leads before it leads on: to what is to be done about the person's passkeys. What one
 * that is for some roles only could not do for itself is not asked.
 */
export async function detour(
  parts: IdentityParts,
  { person, standing, facts }: Pick<Authenticated, 'person' | 'standing' | 'facts'>,
  returnTo: string,
): Promise<string> {
  const { base, passkeys } = parts.settings()
  const back = `return_to=${encodeURIComponent(returnTo)}`
  if (facts.sealed === true) return `${base}/break-glass?${back}`
  if (isRestricted(parts, facts.credentialId)) return returnTo
  if (standing !== 'current') return `${base}/renew?${back}`
  const wanted = wantedCount(passkeys, parts.directory.groupsOf(person))
  if (wanted === 1) return returnTo
  const own = await parts.credentials.listFor(person.id)
  return countUsable(own) < wanted ? `${base}/enrol?${back}` : returnTo
}
