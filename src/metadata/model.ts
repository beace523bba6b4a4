import type { TrustAnchor } from '../webauthn/index.ts'
import type { StatusReport } from './status.ts'

/** What a list says about one model of authenticators. */
export interface Model {
  /** UUID form, lower case; absent for models that are told by the keys of their certificates (U2F). */
  readonly aaguid: string | undefined
  /** SHA-1 of the public keys of attestation certificates (RFC 5280 4.2.1.2 method 1), hex. */
  readonly keyIdentifiers: readonly string[]
  readonly description: string | undefined
  /** For this model alone. */
  readonly anchors: readonly TrustAnchor[]
  /** Certificates that could not be read, which vouch for nothing. */
  readonly unreadable: number
  readonly reports: readonly StatusReport[]
}

/** A model as the ceremonies meet it. */
export interface KnownModel {
  readonly description: string | undefined
  readonly anchors: readonly TrustAnchor[]
  readonly verdict: 'allow' | 'warn' | 'block'
  readonly reasons: readonly string[]
  /** `L1` to `L3+`; `undefined` when it is not certified. */
  readonly certification: string | undefined
}
