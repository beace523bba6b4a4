import { createHash } from 'node:crypto'
import { isJsonObject, parseJson } from '../core/index.ts'
import type { Instant } from '../core/index.ts'

/** Who has to touch a key. */
export interface Approvers {
  /** The person who asks. */
  readonly self: boolean
  /** How many other people, each counted once. */
  readonly others: number
  /** Groups the others are in; any of them is enough. */
  readonly groups: readonly string[]
  /** Only keys whose attestation was verified. */
  readonly attested: boolean
  /** Not from the browser session that asked. */
  readonly separate: boolean
}

/**
 * What is approved, whole: the request, who asks, until when, and how often it counts. The page shows what
 * stands in it, and the challenge that a key signs is made of its text, so nothing of it can change
 * between the touch and the request. docs/proof-format.md has its members.
 */
export interface Statement {
  /** Of the proof. */
  readonly id: string
  /** Digest of the canonical request. */
  readonly request: string
  readonly method: string
  readonly authority: string
  readonly target: string
  /** What will happen, for people. */
  readonly sentence: string
  /** The API that will take it. */
  readonly audience: string
  /** Who asks: an id, and a name for people. */
  readonly subject: string
  readonly name: string
  /** By which session, token and client; empty where there is none. */
  readonly session: string
  readonly token: string
  readonly client: string
  /** The address it was asked from. */
  readonly address: string
  /** Version of the configuration, with the decision that lets the request through. */
  readonly configuration: string
  readonly decision: string
  readonly approvers: Approvers
  /** Milliseconds since 1970. */
  readonly issuedAt: Instant
  readonly expiresAt: Instant
}

const version = 'proofgate-statement/1'
/** In a list of the audit log: 32 pieces of 256 characters, or one less. */
export const statementLimits = { length: 32 * 255, depth: 8 }

/** The text that is kept, shown and hashed. Its members stand in a fixed order. */
export function printStatement(statement: Statement): string {
  const { approvers } = statement
  return JSON.stringify({
    type: version,
    scope: 'once',
    id: statement.id,
    request: statement.request,
    method: statement.method,
    authority: statement.authority,
    target: statement.target,
    sentence: statement.sentence,
    audience: statement.audience,
    subject: statement.subject,
    name: statement.name,
    session: statement.session,
    token: statement.token,
    client: statement.client,
    address: statement.address,
    configuration: statement.configuration,
    decision: statement.decision,
    approvers: {
      self: approvers.self,
      others: approvers.others,
      groups: approvers.groups,
      attested: approvers.attested,
      separate: approvers.separate,
    },
    issuedAt: statement.issuedAt,
    expiresAt: statement.expiresAt,
  })
}

/** `undefined` for anything that `printStatement` does not print. */
export function parseStatement(text: string): Statement | undefined {
  const found = parseJson(text, statementLimits)
  if (!isJsonObject(found) || found['type'] !== version || found['scope'] !== 'once') {
    return undefined
  }
  const { type: _type, scope: _scope, ...members } = found
  const statement = members as unknown as Statement
  // Printed again it is the same text, or it was not one of ours.
  return isShaped(members) && printStatement(statement) === text ? statement : undefined
}

const texts = [
  'id',
  'request',
  'method',
  'authority',
  'target',
  'sentence',
  'audience',
  'subject',
  'name',
  'session',
  'token',
  'client',
  'address',
  'configuration',
  'decision',
] as const

function isShaped(members: Readonly<Record<string, unknown>>): boolean {
  return (
    texts.every((name) => typeof members[name] === 'string') &&
    Number.isSafeInteger(members['issuedAt']) &&
    Number.isSafeInteger(members['expiresAt']) &&
    isApprovers(members['approvers'])
  )
}

function isApprovers(value: unknown): boolean {
  if (!isJsonObject(value)) return false
  const { self, others, groups, attested, separate } = value
  return (
    [self, attested, separate].every((flag) => typeof flag === 'boolean') &&
    Number.isSafeInteger(others) &&
    Array.isArray(groups) &&
    groups.every((group) => typeof group === 'string')
  )
}

const challengeTag = Buffer.from('proofgate-request-proof/1\0', 'latin1')

/**
 * What a key signs for a statement: SHA-256 over a tag, a nonce of 32 random bytes that is used for one
 * ceremony, and the SHA-256 of the statement's text.
 *
 * Invariant: the tag is of this purpose alone. Other ceremonies have random challenges, so that none of them
 * can be one of these.
 */
export function challengeFor(nonce: Uint8Array, statementText: string): Uint8Array {
  const digest = createHash('sha256').update(statementText).digest()
  return createHash('sha256').update(challengeTag).update(nonce).update(digest).digest()
}
