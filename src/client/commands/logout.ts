import { openContext } from '../context.ts'
import type { ClientContext } from '../context.ts'
import type { Stored } from '../credential-store.ts'
import { isFailure } from '../errors.ts'
import { discover, postForm } from '../issuer.ts'
import { printJson, say } from '../terminal.ts'

export interface LogoutOptions {
  readonly issuer?: string
  readonly json?: boolean
}

/** Ends the sign-in here for certain, and at the issuer when it can be reached. */
export async function logout(options: LogoutOptions): Promise<void> {
  const context = await openContext(options)
  const outcome = await context.store.locked(context.issuer, () => forget(context))
  if (outcome === 'none') say(`You were not signed in at ${context.issuer}.`)
  else say(`Signed out of ${context.issuer}. Nothing of it is kept here any more.`)
  if (outcome === 'kept') {
    say('warning: the issuer could not be told; there the sign-in ends when it expires.')
    say('To end it now, remove the session on your account page.')
  }
  if (options.json !== true) return
  printJson({
    issuer: context.issuer,
    signedOut: outcome !== 'none',
    revoked: outcome === 'revoked',
  })
}

const unreadable = ['store_exposed', 'store_damaged', 'keyring_unavailable'] as const

async function forget(context: ClientContext): Promise<'none' | 'revoked' | 'kept'> {
  let stored: Stored | undefined
  try {
    stored = await context.store.load(context.issuer)
  } catch (error) {
    // What must not or cannot be read is of no use any more.
    if (!unreadable.some((reason) => isFailure(error, reason))) throw error
    await context.store.remove(context.issuer, 'file')
    return 'kept'
  }
  if (stored === undefined) return 'none'
  const revoked = await revoke(context, stored)
  await context.store.remove(context.issuer, stored.protection)
  return revoked ? 'revoked' : 'kept'
}

/** RFC 7009: the refresh token, and with it its whole family. */
async function revoke(context: ClientContext, stored: Stored): Promise<boolean> {
  try {
    const issuer = await discover(context.issuer)
    if (issuer.revocationEndpoint === undefined) return false
    const answer = await postForm(context.issuer, issuer.revocationEndpoint, {
      token: stored.profile.refreshToken.reveal(),
      token_type_hint: 'refresh_token',
    })
    return answer.status === 200
  } catch {
    return false
  }
}
