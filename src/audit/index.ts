/**
 * The audit log: what happened, in files of its own, provable by anyone who holds the public key.
 *
 * Guarantees: `append` resolves only when its record is durable; it is signed 20 ms later; after a failed sync nothing is ever
 * acknowledged again; a record that is changed, removed, inserted or moved is named by
 * `verifyAuditLog`; damage and missing parts are refused on opening, never papered over by a new log.
 * The tree is that of RFC 9162 section 2.1, checkpoints are C2SP tlog-checkpoint and signed-note;
 * `docs/audit-format.md` describes every byte.
 *
 * Does not: keep secrets out (an entry holds what its area puts in: ids of tokens, never tokens), keep
 * other processes out (the data directory's lock does; a second writer is noticed, not prevented), or
 * notice that its end was cut by whoever holds the key as well, unless a checkpoint is kept elsewhere.
 */
export { CheckpointKey } from './checkpoint.ts'
export type { Checkpoint } from './checkpoint.ts'
export type {
  AuditEntry,
  AuditKind,
  AuditOutcome,
  AuditReceipt,
  AuditRecorder,
  AuditSource,
  AuditValue,
  AuditWaiter,
  AuditWhere,
  AuditWho,
  EncodedEntry,
  StoredRecord,
  Truncation,
} from './entry.ts'
export { encodeEntry, encodePlain, encodeWho, isPlain, recordBounds } from './encoding.ts'
export { auditError, auditErrors } from './errors.ts'
export { AuditLog } from './log.ts'
export type { AuditLogOptions } from './log.ts'
export { digestText, emptyRoot, Frontier, leafHash, nodeHash } from './merkle.ts'
export type { Digest } from './merkle.ts'
export {
  consistencyProof,
  inclusionProof,
  verifyConsistency,
  verifyInclusion,
} from './merkle-proof.ts'
export { findRecord, readRecords } from './read.ts'
export type { ReadOptions } from './read.ts'
export { AuditTail } from './tail.ts'
export type { TailOptions } from './tail.ts'
export { verifyAuditLog } from './verify.ts'
export type { VerifyOptions, VerifyReport } from './verify.ts'
export type { AuditProblem } from './verifier.ts'
