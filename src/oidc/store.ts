import type { Instant } from '../core/index.ts'
import type { SessionId } from '../session/index.ts'

/** What the OpenID provider library keeps, in its own words: a typed, expiring JSON payload. */
export interface ProviderObject {
  /** Model name: `AuthorizationCode`, `RefreshToken`, `DeviceCode`, ... Part of the key. */
  readonly type: string
  /** Hash of the id, which is the secret a client or browser holds. */
  readonly idHash: string
  readonly payload: string
  readonly grantId: string | undefined
  readonly userCodeHash: string | undefined
  readonly uid: string | undefined
  readonly expiresAt: Instant | undefined
  /** Seconds since the epoch, the library's unit. */
  readonly consumedAt: number | undefined
}

/**
 * Port. Objects are found by (type, id hash), never by id alone, and until `now`. They are kept for ten minutes
 * after their end, so `now` may lie as far back.
 */
export interface ProviderObjectStore {
  save(object: ProviderObject): Promise<void>
  /** One atomic insert: false when the key exists already (one-time proofs). */
  saveOnce(object: ProviderObject): Promise<boolean>
  find(type: string, idHash: string, now: Instant): Promise<ProviderObject | undefined>
  findByUserCode(type: string, hash: string, now: Instant): Promise<ProviderObject | undefined>
  findByUid(type: string, uid: string, now: Instant): Promise<ProviderObject | undefined>
  /** One atomic statement: true for exactly one caller. */
  consume(type: string, idHash: string, at: number): Promise<boolean>
  destroy(type: string, idHash: string): Promise<void>
  revokeByGrant(grantId: string): Promise<void>
}

/** Ties what the issuer granted to the session it shows up as. */
export interface GrantLink {
  readonly grantId: string
  readonly sessionId: SessionId
  readonly expiresAt: Instant
}

/** Port. */
export interface GrantLinkStore {
  link(link: GrantLink): Promise<void>
  sessionOf(grantId: string): Promise<SessionId | undefined>
  grantsOf(sessionId: SessionId): Promise<readonly string[]>
}
