import type { Instant } from '../core/index.ts'

/**
 * - `pending`: waits for its approvers;
 * - `approved`: has them all, and was not used;
 * - `denied`: somebody said no;
 * - `redeemed`: was used, whatever became of the request.
 */
export type ProofState = 'pending' | 'approved' | 'denied' | 'redeemed'

/** One touch, with all that is needed to verify it again. Bytes are base64url. */
export interface Evidence {
  /** Who touched: id and name of the person. */
  readonly approver: string
  readonly username: string
  /** Groups of the approver at that time. */
  readonly groups: readonly string[]
  readonly credentialId: string
  /** COSE_Key. */
  readonly publicKey: string
  readonly algorithm: number
  readonly attestation: {
    readonly format: string
    readonly trusted: boolean
    readonly aaguid: string
  }
  readonly nonce: string
  readonly clientDataJSON: string
  readonly authenticatorData: string
  readonly signature: string
  readonly at: Instant
}

/** A proof that was asked for. */
export interface ProofRecord {
  readonly id: string
  readonly state: ProofState
  /** Who alone may use it: person, session and token in one text. */
  readonly holder: string
  /** Whose proofs are counted together. */
  readonly owner: string
  /** The statement's text. */
  readonly statement: string
  /** The browser session that asked, where one did. */
  readonly browserSession: string | undefined
  /** 32 random bytes, base64url, for an assertion that comes with the request itself. */
  readonly nonce: string
  readonly approvals: readonly Evidence[]
  readonly expiresAt: Instant
}

/** Where a page of proofs ends, and the next one begins. */
export interface ProofPlace {
  readonly expiresAt: Instant
  readonly id: string
}

export interface PendingAsked {
  /** Id of the person. */
  readonly person: string
  readonly groups: readonly string[]
  readonly now: Instant
  /** Of the page before. */
  readonly after: ProofPlace | undefined
  /** At most so many. */
  readonly limit: number
}

export type PendingProof = Pick<ProofRecord, 'id' | 'statement' | 'expiresAt'>

export type TakenProof =
  | { readonly outcome: 'taken'; readonly proof: ProofRecord }
  | { readonly outcome: 'unknown' | 'expired' | 'pending' | 'denied' | 'redeemed' }

/** Port. One-time things are taken by one atomic statement; nothing answers with a default. */
export interface ProofStore {
  /** `too_many` when the owner, or all together, have as many waiting as they may. */
  open(
    proof: Omit<ProofRecord, 'state' | 'approvals'>,
    limits: { readonly ofOwner: number; readonly ofAll: number; readonly now: Instant },
  ): Promise<'opened' | 'too_many'>
  load(id: string): Promise<ProofRecord | undefined>
  /**
   * One page of those that wait, have not expired and may wait for this person's touch, which is missing; those that
   * end first before others. Whether the person may approve one is for the caller to judge.
   */
  listPending(asked: PendingAsked): Promise<readonly PendingProof[]>
  /**
   * Adds a touch to a proof that waits and has not expired, one of each person; when it was the last that
   * was needed, the proof is approved in the same transaction.
   */
  approve(
    id: string,
    evidence: Evidence,
    rule: { readonly isEnough: (approvals: readonly Evidence[]) => boolean; readonly now: Instant },
  ): Promise<'added' | 'approved' | 'already_approved' | 'not_pending'>
  /** A proof that was not used yet is worth nothing from then on. */
  deny(id: string, now: Instant): Promise<'denied' | 'not_open'>
  /**
   * Takes the proof for its holder, once, in one of these states. What a holder does not own is unknown to it and
   * stays as it was.
   */
  take(
    id: string,
    from: {
      readonly holder: string
      readonly states: readonly ('approved' | 'pending')[]
      readonly now: Instant
    },
  ): Promise<TakenProof>
}
