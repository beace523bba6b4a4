import type { AuditEntry, AuditLog } from '../audit/index.ts'
import { isRefusal, randomId } from '../core/index.ts'
import type { Clock, Refusal } from '../core/index.ts'
import type { GatewayTable } from '../gateway/index.ts'
import type {
  CredentialStore,
  Directory,
  PasskeyRules,
  PersonStore,
  Recoveries,
} from '../identity/index.ts'
import type { Metadata, RevocationLists } from '../metadata/index.ts'
import type { Revocations, Sessions } from '../session/index.ts'
import type { Signals } from '../signals/index.ts'
import type { KeyRing, SigningAlgorithm } from '../token/index.ts'
import type { TrustAnchor } from '../webauthn/index.ts'
import { adminErrors } from './errors.ts'

/** What administration works on; the same whether a server is running or not. */
export interface AdminParts {
  readonly people: PersonStore
  readonly credentials: CredentialStore
  readonly directory: Directory
  readonly recoveries: Recoveries
  /** Whose people approve recoveries; absent where nobody does. */
  readonly approvers: () => string | undefined
  readonly sessions: Sessions
  readonly revocations: Revocations
  readonly keys: KeyRing
  readonly audit: AuditLog
  readonly clock: Clock
  readonly metadata: Pick<Metadata, 'importFile' | 'status' | 'modelOf' | 'certificationOf'>
  /** Judges the stored passkeys again, in the background. */
  readonly fleet: { readonly judge: () => void; readonly state: object }
  readonly revocationLists: Pick<RevocationLists, 'isOne' | 'importFile' | 'facts'>
  /** Whose revocation lists are taken. */
  readonly issuers: () => readonly TrustAnchor[]
  /** Where lists of metadata are fetched from, on command. */
  readonly metadataUrl: () => string | undefined
  readonly table: () => GatewayTable
  /** How passkeys are kept fresh. */
  readonly passkeys: () => PasskeyRules
  /** Names of the configured groups. */
  readonly groups: () => readonly string[]
  /** Where enrolment links lead: origin and base path of the identity pages. */
  readonly identityBase: () => string
  /** Called after keys or groups changed. */
  readonly onKeysChanged: () => void
  readonly onPeopleChanged: () => void
  /** Who is told of events. */
  readonly signals: () => Pick<Signals, 'list' | 'test' | 'retry'>
  /** Copies everything; `record` is called before the audit log is copied. */
  readonly backup: (directory: string, record: () => Promise<unknown>) => Promise<unknown>
  /**
   * Loads the configuration again and answers the version in force, or nothing when it was refused; absent
   * where no server is running.
   */
  readonly reload: (() => Promise<string | undefined>) | undefined
  readonly version: string
  readonly configurationVersion: () => string
}

/** The untrusted input of an operation. */
export interface OperationInput {
  readonly parameters: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, unknown>>
}

/** One thing an administrator can do, by method and path; answers JSON. */
export type Operation = (parts: AdminParts, input: OperationInput) => Promise<unknown>

export type OperationTable = Readonly<Record<string, Operation>>

/** Algorithms keys are kept for. */
export const keyAlgorithms: readonly SigningAlgorithm[] = ['ES256', 'RS256']

/** Runs `work` with a value that may be a refusal. */
export async function withFound<Found extends object>(
  found: Found | Refusal | Promise<Found | Refusal>,
  work: (found: Found) => Promise<unknown>,
): Promise<unknown> {
  const value = await found
  return isRefusal(value) ? value : work(value)
}

/** Records an administrative act. The acting person is whoever owns the data directory. */
export function recordAdministration(
  parts: AdminParts,
  action: string,
  what: NonNullable<AuditEntry['what']>,
): Promise<unknown> {
  return parts.audit.append({
    id: randomId(),
    kind: 'administration',
    action,
    outcome: 'success',
    reason: `${action}.done`,
    who: { username: 'operator' },
    what,
  })
}

export function optionalText(
  body: Readonly<Record<string, unknown>>,
  name: string,
): string | undefined | Refusal {
  const value = Object.hasOwn(body, name) ? body[name] : undefined
  if (value === undefined || typeof value === 'string') return value
  return adminErrors.refuse('input_malformed', `${name} is not text`)
}

/** A list of short strings; absent = empty. */
export function textList(
  body: Readonly<Record<string, unknown>>,
  name: string,
): readonly string[] | Refusal {
  const value = Object.hasOwn(body, name) ? body[name] : undefined
  if (value === undefined) return []
  const isList = Array.isArray(value) && value.length <= 100
  if (isList && value.every((one): one is string => typeof one === 'string')) return value
  return adminErrors.refuse('input_malformed', `${name} is not a list of text`)
}
