import type { Instant } from '../core/index.ts'

/**
 * What somebody says yes to who lets another person in again: who, by which link, what becomes of their earlier
 * passkeys, and who says it. Its type is another one than that of a request, so that no touch for the one is worth
 * anything for the other. docs/proof-format.md has its members.
 */
export interface RecoveryStatement {
  /** Of the request to let somebody in. */
  readonly id: string
  /** Who is let in: an id, and names for people. */
  readonly person: string
  readonly username: string
  readonly name: string
  /** Hash of the link's secret. */
  readonly ticket: string
  readonly code: string
  readonly reason: string
  readonly oldPasskeys: string
  /** Who approves. */
  readonly approver: string
  readonly issuedAt: Instant
  readonly expiresAt: Instant
}

/** The text that is kept, shown and hashed. Its members stand in a fixed order. */
export function printRecoveryStatement(statement: RecoveryStatement): string {
  return JSON.stringify({
    type: 'proofgate-recovery/1',
    scope: 'once',
    id: statement.id,
    person: statement.person,
    username: statement.username,
    name: statement.name,
    ticket: statement.ticket,
    code: statement.code,
    reason: statement.reason,
    oldPasskeys: statement.oldPasskeys,
    approver: statement.approver,
    issuedAt: statement.issuedAt,
    expiresAt: statement.expiresAt,
  })
}
