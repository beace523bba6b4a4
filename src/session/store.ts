import type { Instant } from '../core/index.ts'
import type { CredentialId, PersonId } from '../identity/index.ts'
import type { ProofFacts, Session, SessionId } from './types.ts'

/**
 * What a session comes from, which may have ended by the time it is opened: the ceremony that began at a position
 * in the order of revocations, or another session.
 */
export type SessionOrigin = { readonly asOf: number } | { readonly parent: SessionId }

/** Port. Handles are stored as hashes only. */
export interface SessionStore {
  /**
   * In one transaction with what it depends on: nothing is opened, and the answer is `overtaken`, when the person
   * is disabled, when the person or the credential was revoked after the ceremony began, or when the session it
   * comes from has ended.
   */
  open(
    session: Session,
    handleHash: string | undefined,
    origin: SessionOrigin,
  ): Promise<'opened' | 'overtaken'>
  load(id: SessionId): Promise<Session | undefined>
  loadByHandle(handleHash: string): Promise<Session | undefined>
  listFor(personId: PersonId): Promise<readonly Session[]>
  list(): Promise<readonly Session[]>
  seen(id: SessionId, at: Instant): Promise<void>
  /**
   * Notes a confirmation for the session and moves it to a new handle (the old one finds nothing from then on);
   * lists those at API hosts that were opened from it as proved, which they can be from now on. All in one
   * transaction, in which nothing is done when the session has ended or the confirming credential was revoked
   * after that ceremony began.
   *
   * @param change.asOf - the position in the order of revocations at which the ceremony began.
   */
  prove(
    id: SessionId,
    change: { handleHash: string; provedAt: Instant; confirmation: ProofFacts; asOf: number },
  ): Promise<'proved' | 'overtaken'>
  /**
   * Gives a session at an API host the last touch of the one that it was opened from, moves it to a new handle,
   * and lists it as proved, in one transaction.
   */
  strengthen(id: SessionId, handleHash: string, at: Instant): Promise<void>
  /**
   * Ends the session and those opened from it, once, and lists each as revoked, all in one transaction; the
   * ids that this call ended.
   */
  end(id: SessionId, at: Instant): Promise<readonly SessionId[]>
}

/** Port: in which kinds of browsers people have used which passkeys. */
export interface KnownDeviceStore {
  /** Notes a use, and answers whether it is the person's first of all, one like those before, or new. */
  note(use: {
    readonly personId: PersonId
    readonly credentialId: CredentialId
    /** `Chrome on Linux` */
    readonly browser: string
    readonly at: Instant
  }): Promise<'first' | 'known' | 'new'>
}

/**
 * - `credential`: whatever it opened and opens, until the next word about it;
 * - `credential_until`: what it opened up to this moment only;
 * - `directory`: nothing of the person ended, but their groups changed;
 * - `proof`: nothing of the session ended, but it was proved again, or has another handle.
 */
export type RevokedKind =
  | 'session'
  | 'credential'
  | 'credential_until'
  | 'person'
  | 'directory'
  | 'proof'

export interface Revocation {
  /** Position in the order of revocations, growing. */
  readonly sequence: number
  readonly kind: RevokedKind
  readonly id: string
  readonly at: Instant
}

/** Port: the list that every process follows to learn what is worth nothing any more. */
export interface RevocationStore {
  revoke(kind: RevokedKind, id: string, at: Instant): Promise<void>
  /** Revocations after a position, oldest first. Synchronous-fast: polled several times a second. */
  since(sequence: number): readonly Revocation[]
}
