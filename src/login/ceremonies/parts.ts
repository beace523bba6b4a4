import type { Clock } from '../../core/index.ts'
import type { AuditEntry } from '../../audit/index.ts'
import type { Ageing, CredentialStore, Directory, PersonStore } from '../../identity/index.ts'
import type { Proofs } from '../../proof/index.ts'
import type { Session } from '../../session/index.ts'
import type { AuthenticatorPolicy } from '../authenticator-rules.ts'
import type { CeremonyStore } from '../store.ts'

/** How long a person has for one ceremony; WCAG 2.2 and L3 15.1 both ask for minutes. */
export const ceremonyLifetime = 5 * 60_000

/** A relying party as ceremonies need it. */
export interface RelyingParty {
  readonly id: string
  readonly name: string
  /** Origins a ceremony may come from: ours. */
  readonly origins: readonly string[]
}

export interface CeremonyParts {
  readonly ceremonies: CeremonyStore
  readonly people: PersonStore
  readonly credentials: CredentialStore
  readonly directory: Directory
  readonly proofs: Proofs
  readonly clock: Clock
  readonly relyingParty: () => RelyingParty
  readonly authenticators: () => AuthenticatorPolicy
  readonly ageing: () => Ageing
  readonly record: (entry: AuditEntry) => Promise<void>
}

/** Who sent the request, for the audit trail. */
export interface Caller {
  readonly address: string
  readonly userAgent: string
  /** The secret in this browser's ceremony cookie. */
  readonly binding: string
  readonly session: Session | undefined
}
