import type { Instant, Millis } from '../core/index.ts'
import type { TrustAnchor } from '../webauthn/index.ts'
import type { RevocationList } from './revocation-list.ts'

/** What a list is believed for. */
export interface MetadataSettings {
  /** Never empty; certificates only. */
  readonly roots: readonly TrustAnchor[]
  readonly revocationLists: readonly RevocationList[]
  /** DNS name that the certificate of the signer is for: the roots vouch for many others too. */
  readonly signer: string
  /** How long after its next update was due it is called overdue. */
  readonly warnAfter: Millis
  /** How long after that moment it vouches for nothing any more. */
  readonly refuseAfter: Millis
}

/** The rules a list is judged by, and when. */
export interface Judging {
  readonly settings: Pick<MetadataSettings, 'roots' | 'revocationLists' | 'signer'>
  readonly at: Instant
}
