/** Entries of one turn of a thread, three texts each (`EncodedEntry`), numbered on from `first`. */
export interface AuditMessage {
  readonly kind: 'audit'
  readonly first: number
  readonly texts: readonly string[]
}

/** What became of entries: `from, to` pairs of numbers, both included. */
export interface AuditReply {
  readonly kind: 'audit'
  readonly recorded: readonly number[]
  readonly refused: readonly number[]
  /** Why, when any were refused. */
  readonly reason: string
}
