import type { Brand, Instant } from '../core/index.ts'

export type PersonId = Brand<string, 'PersonId'>
/** A WebAuthn credential id, base64url, at most 1023 bytes decoded. */
export type CredentialId = Brand<string, 'CredentialId'>

export interface Person {
  readonly id: PersonId
  /** Lower case, unique, never reused for somebody else while a record of them exists. */
  readonly username: string
  readonly name: string
  /** Groups given through administration; those from the configuration are added by `Directory`. */
  readonly groups: readonly string[]
  /** WebAuthn user handle: 32 random bytes, base64url, no personal data (L3 14.6.1). */
  readonly userHandle: string
  readonly disabled: boolean
  readonly createdAt: Instant
}

/** The credential record of WebAuthn L3 section 4, plus what people and auditors need. */
export interface Credential {
  readonly id: CredentialId
  readonly personId: PersonId
  /** The name its owner gave it. */
  readonly name: string
  /** COSE_Key bytes. */
  readonly publicKey: Uint8Array
  /** COSE algorithm identifier. */
  readonly algorithm: number
  readonly signCount: number
  readonly userVerified: boolean
  readonly backupEligible: boolean
  readonly backupState: boolean
  readonly transports: readonly string[]
  /** UUID text; a hint unless `attestationTrusted`. */
  readonly aaguid: string
  readonly attestationFormat: string
  /** True only for a chain that ended in a configured anchor. */
  readonly attestationTrusted: boolean
  /** Hex of the octets that name the device, proved by enterprise attestation. */
  readonly serial: string | undefined
  /** Kept so that trust can be judged again. */
  readonly attestationObject: Uint8Array
  readonly clientDataJSON: Uint8Array
  readonly createdAt: Instant
  readonly lastUsedAt: Instant | undefined
  /** Absent while it is active. A suspended credential stays, and opens nothing. */
  readonly suspension: Suspension | undefined
  /** Since when it is for emergencies only; absent while it is not. */
  readonly sealedAt: Instant | undefined
  /** What spoke against it when it was last judged by the rules of then. */
  readonly finding: Finding | undefined
}

export interface Suspension {
  readonly since: Instant
  /** For administrators. */
  readonly reason: string
}

/** What is done about a finding. */
export type FindingAct = 'keep' | 'warn' | 'suspend'

/**
 * - `reported`: metadata reports that keys of its model are, or may be, in other hands;
 * - `refused`: today it would not be registered;
 * - `noted`: metadata has something to say that stands in nobody's way.
 */
export interface Finding {
  readonly kind: 'reported' | 'refused' | 'noted'
  /** For administrators. */
  readonly what: string
  /** What was done when it was new, or could be done more. */
  readonly act: FindingAct
}

/** What becomes of the earlier credentials of somebody who is let in again. */
export type Retirement = 'suspend' | 'remove'

/** A one-time invitation or recovery secret, stored as its hash. */
export interface Ticket {
  readonly hash: string
  readonly personId: PersonId
  readonly createdAt: Instant
  readonly expiresAt: Instant
  readonly takenAt: Instant | undefined
  /** Set for a recovery: the new credential ends the earlier ones and every session. */
  readonly retires: Retirement | undefined
}
