import { randomId } from '../core/index.ts'

/** What a record is about. */
export type AuditKind =
  | 'decision'
  | 'ceremony'
  | 'token'
  | 'session'
  | 'identity'
  | 'administration'
  | 'configuration'
  | 'system'

export type AuditOutcome = 'allow' | 'deny' | 'success' | 'failure'

export interface AuditWho {
  readonly subject?: string
  readonly username?: string
  readonly session?: string
  readonly credential?: string
  readonly client?: string
  /** The token's `jti`, never the token. */
  readonly token?: string
  readonly issuer?: string
}

export interface AuditWhere {
  readonly address?: string
  readonly userAgent?: string
}

export type AuditValue = string | number | boolean | readonly string[]

/** What an area wants recorded. Secrets never belong in here: tokens appear by id, bodies not at all. */
export interface AuditEntry {
  /** The request id for decisions, a random id otherwise. */
  readonly id: string
  readonly kind: AuditKind
  /** Such as `request`, `credential.register`, `token.issue`. */
  readonly action: string
  readonly outcome: AuditOutcome
  /** A stable code, such as `policy.allowed`. */
  readonly reason: string
  /** For operators. */
  readonly detail?: string
  readonly who?: AuditWho
  readonly where?: AuditWhere
  /** Method, path, route, policy and the like. Names match `[A-Za-z][A-Za-z0-9_.-]{0,63}`. */
  readonly what?: Readonly<Record<string, AuditValue>>
}

/** What was cut off a field: bytes of the whole value in UTF-8, and their SHA-256 in hex. */
export interface Truncation {
  readonly length: number
  readonly sha256: string
}

/** A record as it stands in the log. */
export interface StoredRecord extends AuditEntry {
  readonly v: 1
  /** Index in the log, from 0, without gaps. */
  readonly seq: number
  /** ISO 8601, UTC, milliseconds; never earlier than the record before. */
  readonly at: string
  /** Cut fields by name: `detail`, `who.username`, `what.path`. */
  readonly truncated?: Readonly<Record<string, Truncation>>
}

/**
 * An entry in three texts: time and number, which only the log knows, go between them. So a thread that does
 * not write the log can do all the work but that.
 */
export type EncodedEntry = readonly [beforeTime: string, beforeNumber: string, rest: string]

/** The record is durable. */
export interface AuditReceipt {
  readonly index: number
}

/** Who waits for a record. Called once, from inside the log: neither may throw. */
export interface AuditWaiter {
  /** The record with this index is durable. */
  recorded(index: number): void
  /** It is not and will not be durable, or nobody can tell. */
  refused(error: unknown): void
}

/** Who waits until everything is signed. */
export interface SealWaiter {
  signed(checkpoint: string): void
  refused(error: unknown): void
}

/** Somewhere entries wait that come another way than by `record`. Neither may throw. */
export interface AuditSource {
  /** The log is about to write: records what there is, and what comes need not wake the log. */
  attend(): void
  /** The log rests: what comes from now on has to wake it. Records what came before that. */
  rest(): void
}

/** Where entries are recorded: the log itself, or the way to it from another thread. */
export interface AuditRecorder {
  /** Resolves when the record is durable. Rejects as `record` throws or its waiter is refused. */
  append(entry: AuditEntry): Promise<unknown>
  /**
   * The same without a promise, for where every request passes.
   *
   * @throws ProofgateError `audit.unavailable`, `audit.invalid_entry`; the waiter then hears nothing.
   */
  record(entry: AuditEntry, waiter: AuditWaiter): void
  /** The same for an entry in the texts that `encodeEntry` makes of it. */
  recordEncoded(encoded: EncodedEntry, waiter: AuditWaiter): void
}

/** What a crash left was put in order. */
export function recovered(bytes: number, records: number): AuditEntry {
  return {
    id: randomId(),
    kind: 'system',
    action: 'audit.recover',
    outcome: 'success',
    reason: 'audit.recovered',
    detail: 'signed what was kept but not signed, removed what nobody had been told of',
    what: { bytes, records },
  }
}

/** Entries are taken again after the disk was full. */
export function resumed(refused: number): AuditEntry {
  return {
    id: randomId(),
    kind: 'system',
    action: 'audit.resume',
    outcome: 'success',
    reason: 'audit.space_returned',
    detail: 'the disk was full; entries in between were refused',
    what: { refused },
  }
}
