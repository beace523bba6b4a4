import { withTokens } from '../access.ts'
import { personOf, readClaims } from '../claims.ts'
import type { Person } from '../claims.ts'
import { signInByBrowser } from '../code-sign-in.ts'
import type { SignedIn } from '../code-sign-in.ts'
import { openContext, rememberIssuer } from '../context.ts'
import type { ClientContext } from '../context.ts'
import type { Protection, Stored } from '../credential-store.ts'
import { signInByDevice } from '../device-sign-in.ts'
import { failure } from '../errors.ts'
import { clientId, discover, postForm } from '../issuer.ts'
import type { Issuer } from '../issuer.ts'
import { ProofKey } from '../proof-key.ts'
import type { Profile } from '../profile.ts'
import { printable, printJson, say } from '../terminal.ts'
import { ownProperty, Secret } from '../../../core/index.ts'

const patience = 5 * 60_000

export interface LoginOptions {
  readonly issuer?: string
  readonly device?: boolean
  /** False with `--no-browser`. */
  readonly browser: boolean
  readonly role?: string
  readonly json?: boolean
}

export async function login(options: LoginOptions): Promise<void> {
  const context = await openContext(options)
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
        : await signInByBrowser(issuer, parts, {
            browser: options.browser,
            timeout: patience,
            role: options.role,
          })
  } finally {
    restore()
  }
  const profile = { ...profileOf(context, key, signedIn), role: options.role }
  if (!isFor(signedIn, options.role)) {
    await revokeQuietly(issuer, profile.refreshToken)
    const role = printable(options.role ?? '')
    throw failure('sign_in_refused', `the issuer gave no token for the role ${role}`)
  }
  const previous = await keep(context, profile, protection)
  if (previous !== undefined) await revokeQuietly(issuer, previous.profile.refreshToken)
  await rememberIssuer(context.issuer)
  report(context, { profile, protection }, options.json === true)
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

function report(context: ClientContext, stored: Stored, json: boolean): void {
  const { profile, protection } = stored
  const role = profile.role === undefined ? '' : ` in the role ${printable(profile.role)}`
  say(`Signed in as ${displayName(profile.person)}${role} at ${context.issuer}.`)
  say(`Credentials are kept in ${context.store.describe(context.issuer, protection)}.`)
  if (!json) return
  const { subject, name, username, groups } = profile.person
  printJson({
    issuer: context.issuer,
    subject,
    username,
    name,
    groups,
    role: profile.role,
    store: protection,
  })
}

export function displayName(person: Person): string {
  return printable(person.username ?? person.name ?? person.subject)
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
