import type { Instant } from '../core/index.ts'
import type { Credential, CredentialId, Finding, Person, PersonId, Ticket } from './types.ts'

/** Port. Every method answers or throws `storage.unavailable`; none answers with a default instead. */
export interface PersonStore {
  load(id: PersonId): Promise<Person | undefined>
  loadByUsername(username: string): Promise<Person | undefined>
  loadByUserHandle(userHandle: string): Promise<Person | undefined>
  list(): Promise<readonly Person[]>
  /** One atomic insert: `exists` when the username is taken. */
  create(person: Person): Promise<'created' | 'exists'>
  update(
    id: PersonId,
    change: { name?: string; groups?: readonly string[]; disabled?: boolean },
  ): Promise<'updated' | 'unknown'>
}

/**
 * `replaced_gone`: the credential to be replaced is not there any more. `overtaken`: what let its owner make it
 * does not hold any more.
 */
export type Registration =
  | 'registered'
  | 'credential_exists'
  | 'ticket_taken'
  | 'ticket_expired'
  | 'replaced_gone'
  | 'overtaken'

/** `last`: its owner would have no active one left. */
export type Suspended = 'suspended' | 'suspended_already' | 'last' | 'unknown'

/** What has been found out about a stored credential. */
export interface Judgement {
  readonly known: Pick<Credential, 'attestationTrusted' | 'finding' | 'suspension'>
  readonly attestationTrusted: boolean
  readonly finding: Finding | undefined
  /** Why to suspend it, the last one of its owner too; absent: not. */
  readonly suspend: string | undefined
  readonly now: Instant
}

/** Port. */
export interface CredentialStore {
  load(id: CredentialId): Promise<Credential | undefined>
  listFor(personId: PersonId): Promise<readonly Credential[]>
  list(): Promise<readonly Credential[]>
  count(): Promise<number>
  /**
   * One transaction: takes the ticket (when one is given), inserts the credential, and removes the one of
   * the same person that it replaces (when one is named) with its revocation. A ticket that retires the
   * person's other credentials does so, and ends every session. All of it happens or nothing, and nothing
   * (`overtaken`) for a person who is disabled or was since the ceremony began, or from a session that has
   * ended.
   */
  register(
    credential: Credential,
    options: {
      readonly ticket: string | undefined
      readonly replaces: CredentialId | undefined
      /** The session it was begun in, where no ticket allows it. */
      readonly session: string | undefined
      /** The position in the order of revocations at which the ceremony began. */
      readonly asOf: number
      readonly now: Instant
    },
  ): Promise<Registration>
  rename(id: CredentialId, personId: PersonId, name: string): Promise<'renamed' | 'unknown'>
  /**
   * Never removes a person's last active credential unless told to. One transaction with its revocation: what it
   * opened ends with it, or nothing happens.
   */
  remove(
    id: CredentialId,
    personId: PersonId,
    options: { allowLast: boolean; now: Instant },
  ): Promise<'removed' | 'last' | 'unknown'>
  /** One transaction with its revocation and the end of every session it opened. */
  suspend(
    id: CredentialId,
    change: { reason: string; allowLast: boolean; now: Instant },
  ): Promise<Suspended>
  /** Makes it one for emergencies, which ends what it opened, or one for every day. */
  seal(
    id: CredentialId,
    change: { sealedAt: Instant | undefined; now: Instant },
  ): Promise<'changed' | 'unchanged' | 'unknown'>
  /** What it opened before stays closed. */
  restore(id: CredentialId, now: Instant): Promise<'restored' | 'active' | 'unknown'>
  /** Some of all credentials, by id, after this one. */
  page(after: CredentialId | undefined, limit: number): Promise<readonly Credential[]>
  /**
   * Compare-and-set on what was known of it before, in one transaction with what follows: the end of what
   * it opened when it is suspended or not trusted any more. `stale`: something else became of it meanwhile.
   */
  judge(id: CredentialId, judgement: Judgement): Promise<'judged' | 'stale'>
  /** Compare-and-set on the counter, so that two uses at once cannot both move it. */
  recordUse(
    id: CredentialId,
    use: { expectedSignCount: number; signCount: number; backupState: boolean; at: Instant },
  ): Promise<boolean>
}

/** Port. */
export interface TicketStore {
  issue(ticket: Ticket): Promise<void>
  load(hash: string): Promise<Ticket | undefined>
  /** Makes every open ticket of a person worthless, and withdraws what would become one. */
  revokeFor(personId: PersonId, now: Instant): Promise<number>
}
