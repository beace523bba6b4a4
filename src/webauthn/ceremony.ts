import { createHash } from 'node:crypto'

import { equalBytes } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import type { AuthenticatorData } from './authenticator-data.ts'
import type { ExpectedClientData } from './client-data.ts'
import type { CoseAlgorithm } from './cose-key.ts'
import { refuseCheck } from './errors.ts'
import type { Ceremony } from './errors.ts'

/** What a response is judged against. All of it comes from the stored ceremony and the configuration. */
export interface ExpectedCeremony extends ExpectedClientData {
  readonly rpId: string
  /** `preferred` accepts a response without user verification and says so in the result. */
  readonly userVerification: 'required' | 'preferred'
  /** The algorithms the options offered; at authentication, the ones still accepted. */
  readonly algorithms: readonly CoseAlgorithm[]
}

/** WebAuthn L3 7.1 steps 14-17, 7.2 steps 15-18, in their order. `undefined` = all hold. */
export function checkAuthenticatorData(
  found: AuthenticatorData,
  ceremony: Ceremony,
  expected: ExpectedCeremony,
): Refusal | undefined {
  // 7.1 step 14, 7.2 step 15
  if (!equalBytes(found.rpIdHash, sha256(Buffer.from(expected.rpId)))) {
    return refuseCheck(ceremony, 'rp_id_mismatch', `expected relying party ${expected.rpId}`)
  }
  // 7.1 step 15, 7.2 step 16: there are no conditional registrations here
  if (!found.userPresent) return refuseCheck(ceremony, 'user_not_present')
  // 7.1 step 16, 7.2 step 17
  if (expected.userVerification === 'required' && !found.userVerified) {
    return refuseCheck(ceremony, 'user_not_verified')
  }
  // 7.1 step 17, 7.2 step 18
  if (found.backupState && !found.backupEligible) {
    return refuseCheck(ceremony, 'backup_state_invalid')
  }
  return undefined
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}
