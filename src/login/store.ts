import type { Instant } from '../core/index.ts'
import type { CredentialId, PersonId } from '../identity/index.ts'
import type { SessionId, Taken } from '../session/index.ts'

/** What a ceremony is for. A response made for one purpose is worth nothing for another. */
export type CeremonyPurpose = 'register' | 'renew' | 'sign-in' | 'confirm' | 'approve' | 'recovery'

/** One pending registration or authentication: everything its verification will be held against. */
export interface Ceremony {
  /** Base64url, 32 random bytes. */
  readonly challenge: string
  readonly purpose: CeremonyPurpose
  /** Hash of the secret in the cookie of the browser that began it. */
  readonly bindingHash: string
  /** Absent for sign-in with a discoverable credential. */
  readonly personId: PersonId | undefined
  /** All but `sign-in`: the session it was begun in. */
  readonly sessionId: SessionId | undefined
  /** `register` by invitation. */
  readonly ticketHash: string | undefined
  /** `renew`: the credential that the new one replaces. */
  readonly replaces: CredentialId | undefined
  /** `approve`, `recovery`: the proof or the recovery that a touch is for, and the nonce that its challenge is made of, base64url. */
  readonly proof: { readonly id: string; readonly nonce: string } | undefined
  /** `confirm`: hash of the step-up that the touch is for. */
  readonly stepUpHash?: string | undefined
  /** Empty = any discoverable credential. */
  readonly allowCredentials: readonly string[]
  readonly algorithms: readonly number[]
  readonly expiresAt: Instant
  /** Where the order of revocations was when it began: what was revoked since then counts against its outcome. */
  readonly asOf: number
}

/** Port. `take` is one atomic statement, called before anything is verified. */
export interface CeremonyStore {
  /** Notes where the order of revocations is. */
  open(ceremony: Omit<Ceremony, 'asOf'>): Promise<void>
  take(challenge: string, now: Instant): Promise<Taken<Ceremony>>
}
