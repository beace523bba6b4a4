import { ownProperty, Secret } from '../../core/index.ts'
import { withTokens } from '../access.ts'
import { personOf, readClaims } from '../claims.ts'
import { signInByBrowser } from './code.ts'
import type { Demand, SignedIn } from './code.ts'
import type { ClientContext } from '../context.ts'
import type { Protection, Stored } from '../credential-store.ts'
import { signInByDevice } from './device.ts'
import { failure } from '../errors.ts'
import { clientId, discover, postForm } from '../issuer.ts'
import type { Issuer } from '../issuer.ts'
import { ProofKey } from '../proof-key.ts'
import type { Profile } from '../profile.ts'
import { printable, say } from '../terminal.ts'

const patience = 5 * 60_000

export interface SignInOptions {
  readonly device?: boolean
  readonly browser: boolean
  readonly role?: string | undefined
  readonly demand?: Demand
  /** Nobody else may sign in. */
  readonly subject?: string
}

/** Signs a person in and keeps that in place of an earlier sign-in, which is ended. */
export async function signIn(context: ClientContext, options: SignInOptions): Promise<Stored> {
  const issuer = await discover(context.issuer)
  const protection = await context.store.choose()
  const key = ProofKey.generate()
  const parts = { key, clock: context.clock }
  const restore = announceInterrupt()
  let signedIn: SignedIn
  try {
    signedIn =
      options.device === true
        ? await signInByDevice(issuer, parts, options.role)
        : await signInByBrowser(issuer, parts, { ...options, timeout: patience })
  } finally {
    restore()
  }
  const profile = { ...profileOf(context, key, signedIn), role: options.role }
  const refused = refusalOf(signedIn, profile, options)
  if (refused !== undefined) {
    await revokeQuietly(issuer, profile.refreshToken)
    throw failure('sign_in_refused', refused)
  }
  const previous = await keep(context, profile, protection)
  if (previous !== undefined) await revokeQuietly(issuer, previous.profile.refreshToken)
  return { profile, protection }
}

/** Why what was given is not what was asked for, if it is not. */
function refusalOf(
  signedIn: SignedIn,
  { person }: Profile,
  { role, subject }: SignInOptions,
): string | undefined {
  if (!isFor(signedIn, role)) {
    return `the issuer gave no token for the role ${printable(role ?? '')}`
  }
  if (subject === undefined || person.subject === subject) return undefined
  return 'somebody else signed in; you stay signed in as before'
}

function profileOf(context: ClientContext, key: ProofKey, signedIn: SignedIn): Profile {
  const { tokens, nonce } = signedIn
  const now = context.clock.now()
  if (tokens.idToken === undefined || tokens.refreshToken === undefined) {
    throw failure('issuer_misbehaves', 'the issuer gave no ID token or no refresh token')
  }
  const person = personOf(tokens.idToken, { issuer: context.issuer, clientId, nonce, now })
  const profile: Profile = {
    issuer: context.issuer,
    person,
    key,
    refreshToken: new Secret(tokens.refreshToken),
    accessTokens: new Map(),
    lastAudience: undefined,
    role: undefined,
    signedInAt: now,
  }
  return withTokens(profile, tokens, { audience: undefined, now })
}

/** An issuer that does not know of roles would give tokens for everything the person may do. */
function isFor({ tokens }: SignedIn, role: string | undefined): boolean {
  if (role === undefined) return true
  const claims = readClaims(tokens.accessToken)
  return claims !== undefined && ownProperty(claims, 'role') === role
}

/** Saves the new sign-in and gives back the one it takes the place of. */
async function keep(
  context: ClientContext,
  profile: Profile,
  protection: Protection,
): Promise<Stored | undefined> {
  return context.store.locked(context.issuer, async () => {
    const previous = await loadReadable(context)
    await context.store.save(profile, protection)
    return previous
  })
}

/** What cannot be read can still be replaced: that is what signing in again is for. */
async function loadReadable(context: ClientContext): Promise<Stored | undefined> {
  try {
    return await context.store.load(context.issuer)
  } catch {
    return undefined
  }
}

/** The new sign-in stands whether or not the old one can be ended. */
async function revokeQuietly(issuer: Issuer, refreshToken: Secret): Promise<void> {
  if (issuer.revocationEndpoint === undefined) return
  try {
    await postForm(issuer.issuer, issuer.revocationEndpoint, {
      token: refreshToken.reveal(),
      token_type_hint: 'refresh_token',
    })
  } catch {
    say('warning: the previous sign-in could not be ended at the issuer; it ends by itself')
  }
}

/** Says that nothing was kept, and lets the signal end the process as it always does. */
function announceInterrupt(): () => void {
  const interrupted = (): void => {
    say('')
    say('Cancelled. Nothing was saved.')
    process.kill(process.pid, 'SIGINT')
  }
  process.once('SIGINT', interrupted)
  return () => {
    process.off('SIGINT', interrupted)
  }
}
