/** There are entries in the ring, and nobody looks. */
export interface AuditMessage {
  readonly kind: 'audit'
}

/**
 * A number says that all entries up to it are durable, counted from 0, but those that were refused before;
 * otherwise which were refused.
 */
export type AuditReply = number | AuditRefusal

export interface AuditRefusal {
  readonly kind: 'refused'
  readonly numbers: readonly number[]
  readonly reason: string
}
