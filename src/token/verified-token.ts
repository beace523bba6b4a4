import type { Instant, JsonObject, Slot } from '../core/index.ts'

/**
 * What a token that passed every check says. Frozen, because one object serves every request that
 * carries the same token. Read member by member: a copy by spreading would lack some of them.
 */
export interface VerifiedToken {
  /** Subjects are unique per issuer only: name a principal by both. */
  readonly issuer: string
  readonly subject: string
  readonly username: string | undefined
  /** The OAuth client it was issued to; always there for tokens of our own issuer. */
  readonly clientId: string | undefined
  /** `jti`; always there for tokens of our own issuer. */
  readonly tokenId: string | undefined
  /** `sid`: the session it came from. */
  readonly session: string | undefined
  readonly scopes: readonly string[]
  readonly groups: readonly string[]
  readonly issuedAt: Instant
  readonly expiresAt: Instant
  /** When the person last proved who they are. */
  readonly authTime: Instant | undefined
  readonly acr: string | undefined
  readonly amr: readonly string[]
  /**
   * `cnf.jkt`: the key the token is bound to.
   * Invariant: with a thumbprint here the token is nothing without a DPoP proof by that key; see
   * `checkBinding`.
   */
  readonly confirmationThumbprint: string | undefined
  /**
   * `cnf.x5t#S256`: the client certificate the token is bound to.
   * Invariant: with a thumbprint here the token is nothing without that certificate on its connection; see
   * `checkCertificate`.
   */
  readonly certificateThumbprint: string | undefined
  /** What our own issuer made it for: a role that was taken, a narrowing, or both. Absent from nearly all. */
  readonly taken: TakenClaims | undefined
  /** `credential_id`: the passkey that was used; said by tokens of our own issuer only. */
  readonly credential: string | undefined
  /** `session_time`, `credential_time`, `transports`: what our own issuer says of session and passkey. */
  readonly openedAt: Instant | undefined
  readonly registeredAt: Instant | undefined
  readonly transports: readonly string[]
  /** What policy conditions can name: of the proof, or what is chosen of an external issuer's claims. */
  readonly claims: JsonObject
  /**
   * Every text above but those of policies and lists stands in JSON as it is, and is no longer than `longestPlain`:
   * found out once, since most are written again and again. Absent where nobody looked.
   */
  readonly isPlain?: boolean
  /** For whoever works something out from the token. */
  readonly derived: Slot
}

/** In characters. */
export const longestPlain = 512

export interface TakenClaims {
  /** `role`: its name. */
  readonly role: string | undefined
  /** `session_policy`: a policy document as JSON text. */
  readonly sessionPolicy: string | undefined
}

/** A verified access token of our own issuer (RFC 9068). */
export interface VerifiedAccessToken extends VerifiedToken {
  readonly clientId: string
  readonly tokenId: string
}
