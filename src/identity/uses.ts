import type { Instant } from '../core/index.ts'
import type { CredentialStore } from './store.ts'
import type { Credential } from './types.ts'

/** More uses of one credential at the same moment are not told apart. */
const mostTries = 8

/**
 * Keeps what a use of a credential brought (WebAuthn L3 7.2 step 24), judged by the counter in `credential`.
 *
 * Invariant: uses at the same time all stand, and the highest of their counters is the one that stays. A
 * counter on record never goes back.
 */
export async function keepUse(
  credentials: Pick<CredentialStore, 'load' | 'recordUse'>,
  credential: Credential,
  use: { readonly signCount: number; readonly backupState: boolean; readonly at: Instant },
): Promise<void> {
  let current: Credential | undefined = credential
  for (let tries = 0; current !== undefined && tries < mostTries; tries++) {
    const kept = await credentials.recordUse(current.id, {
      expectedSignCount: current.signCount,
      signCount: Math.max(current.signCount, use.signCount),
      backupState: use.backupState,
      at: use.at,
    })
    if (kept) return
    current = await credentials.load(current.id)
  }
}
