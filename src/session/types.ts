import type { Brand, Instant } from '../core/index.ts'
import type { CredentialId, PersonId } from '../identity/index.ts'

export type SessionId = Brand<string, 'SessionId'>

/**
 * - `browser`: a person signed in at the identity origin;
 * - `api`: the same person's session at one API host, child of a browser session;
 * - `application`: what an OAuth client (the command line, a portal) was granted;
 * - `pending`: a person at the one page that their credential opens: the one that replaces it because it
 *   has lapsed, or the one that asks why it is used because it is sealed.
 */
export type SessionKind = 'browser' | 'api' | 'application' | 'pending'

/** What the ceremony that opened the session proved; copied, so that it stays true of this session. */
export interface ProofFacts {
  readonly credentialId: CredentialId
  readonly aaguid: string
  readonly userVerified: boolean
  readonly backupEligible: boolean
  readonly backupState: boolean
  readonly attestationFormat: string
  readonly attestationTrusted: boolean
  /** Level that metadata stated at the sign-in of a model that attestation proves, `L1` to `L3+`; absent: none known. */
  readonly certification?: string
  /** When the credential was registered; absent in sessions from before this was kept. */
  readonly registeredAt?: Instant
  /** How the authenticator can be reached, as the browser said; absent like `registeredAt`. */
  readonly transports?: readonly string[]
  /** Opened with a credential that is for emergencies only. */
  readonly sealed?: true
}

export interface Session {
  readonly id: SessionId
  readonly kind: SessionKind
  readonly personId: PersonId
  readonly facts: ProofFacts
  /** What the last confirmation since then proved; absent until there was one. */
  readonly confirmation: ProofFacts | undefined
  /** When the person last signed in with a ceremony (`auth_time`). */
  readonly authenticatedAt: Instant
  /** When the person last touched a key for this session: sign-in or a later confirmation. */
  readonly provedAt: Instant
  readonly createdAt: Instant
  readonly lastSeenAt: Instant
  /** Absolute end. */
  readonly expiresAt: Instant
  readonly endedAt: Instant | undefined
  /** `api`: the API's name; `application`: the client id. */
  readonly audience: string | undefined
  /** `api`: the browser session it belongs to. */
  readonly parentId: SessionId | undefined
  /** For people: `Chromium on Linux`, `Proofgate command line`. */
  readonly name: string
  readonly address: string
}
