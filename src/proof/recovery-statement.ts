import { isJsonObject, parseJson } from '../core/index.ts'
import type { Instant } from '../core/index.ts'
import { statementLimits } from './statement.ts'

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

const version = 'proofgate-recovery/1'

/** The text that is kept, shown and hashed. Its members stand in a fixed order. */
export function printRecoveryStatement(statement: RecoveryStatement): string {
  return JSON.stringify({
    type: version,
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

/** `undefined` for anything that `printRecoveryStatement` does not print. */
export function parseRecoveryStatement(text: string): RecoveryStatement | undefined {
  const found = parseJson(text, statementLimits)
  if (!isJsonObject(found) || found['type'] !== version || found['scope'] !== 'once') {
    return undefined
  }
  const { type: _type, scope: _scope, ...members } = found
  const isShaped =
    texts.every((name) => typeof members[name] === 'string') &&
    Number.isSafeInteger(members['issuedAt']) &&
    Number.isSafeInteger(members['expiresAt'])
  const statement = members as unknown as RecoveryStatement
  // Printed again it is the same text, or it was not one of ours.
  return isShaped && printRecoveryStatement(statement) === text ? statement : undefined
}

const texts = [
  'id',
  'person',
  'username',
  'name',
  'ticket',
  'code',
  'reason',
  'oldPasskeys',
  'approver',
] as const
