import type { Millis } from '../../core/index.ts'
import type { CoseAlgorithmName } from '../../webauthn/index.ts'

/** What a new passkey has to be; AAGUIDs in lower case. */
export interface AuthenticatorLimits {
  readonly allow: 'any' | 'device-bound' | 'hardware-only'
  readonly algorithms: readonly CoseAlgorithmName[]
  readonly aaguids: {
    readonly allow: readonly string[] | undefined
    readonly deny: readonly string[]
  }
  /** Names, as they are written. */
  readonly makers: {
    readonly allow: readonly string[] | undefined
    readonly deny: readonly string[]
  }
  /** Decimal, or hex after 0x; absent: any device. */
  readonly serials: readonly string[] | undefined
  /** The least level that metadata has to state; absent: none. */
  readonly certification: CertificationLevel | undefined
}

/** From the lowest to the highest (FIDO MDS 3.1 section 3.1.3). */
export type CertificationLevel = 'L1' | 'L1+' | 'L2' | 'L2+' | 'L3' | 'L3+'

/** Contents of a file that holds anchors, and the models they are for. */
export interface ConfiguredAnchor {
  readonly file: string
  readonly pem: string
  readonly aaguids: readonly string[] | undefined
}

export type AssurancePreset = 'aal2' | 'aal3'

/** The rules for everybody, and whose word about a device is believed. */
export interface ConfiguredAuthenticators extends AuthenticatorLimits {
  readonly attestation: 'none' | 'direct' | 'enterprise'
  /** The level of NIST SP 800-63B-4 whose options are set. */
  readonly preset: AssurancePreset | undefined
  readonly clone: 'block' | 'warn'
  readonly signIn: 'any' | 'hardware-only'
  readonly trustAnchors: readonly ConfiguredAnchor[]
  readonly metadata: ConfiguredMetadata | undefined
  readonly registered: RegisteredActs
}

/** What is done about registered passkeys that would not be accepted today. */
export interface RegisteredActs {
  /** Metadata reports their model as revoked or compromised. */
  readonly reported: 'keep' | 'warn' | 'suspend'
  /** For any other reason. */
  readonly refused: 'keep' | 'warn' | 'suspend'
}

/** What lists of FIDO metadata are believed for. */
export interface ConfiguredMetadata {
  readonly roots: readonly { readonly file: string; readonly pem: string }[]
  readonly revocationLists: readonly { readonly file: string; readonly pem: string }[]
  /** Where the administrator's command fetches lists. */
  readonly url: string | undefined
  readonly signer: string
  readonly warnAfter: Millis
  readonly refuseAfter: Millis
}
