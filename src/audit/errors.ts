import { defineErrors, ProofgateError } from '../core/index.ts'

/** Every way the audit log says no. Only `unavailable` is ever met by a caller of the gateway. */
export const auditErrors = defineErrors('audit', {
  unavailable: {
    status: 503,
    title: 'The audit log cannot record this request',
    fault: 'operator',
    doc: 'The log could not make a record durable, so nothing was allowed to happen. A full disk heals by itself once space returns; after any other failed write or sync, restart the process once the disk works.',
  },
  invalid_entry: {
    status: 500,
    title: 'The audit log cannot record this request',
    fault: 'proofgate',
    doc: 'An entry held a value or a field name that a record cannot hold. This is a bug in the area that recorded it.',
  },
  damaged: {
    status: 503,
    title: 'The audit log is damaged',
    fault: 'operator',
    doc: 'The log does not match its signed checkpoints, or was not written with its key. Run `proofgate audit verify` to find the first bad record, keep the folder as evidence, and restore it from a backup.',
  },
  incomplete: {
    status: 503,
    title: 'A part of the audit log is missing',
    fault: 'operator',
    doc: 'The key, the checkpoint or a file of the log is gone while the others are there. Restore the missing part; a new log is never started beside an old one.',
  },
  cut: {
    status: 503,
    title: 'The audit log is shorter than its checkpoint',
    fault: 'operator',
    doc: 'The signed checkpoint speaks of records the log no longer holds. Restore the log from a backup that holds them.',
  },
  key: {
    status: 503,
    title: 'The key of the audit log cannot be used',
    fault: 'operator',
    doc: 'The signing key is unreadable, readable by others, or not the one that signed the log. Restore `keys/audit.key` with mode 0600.',
  },
  origin: {
    status: 500,
    title: 'The name of the audit log cannot be used',
    fault: 'operator',
    doc: 'The origin of a log is 1 to 200 visible ASCII characters without a plus sign.',
  },
  absent: {
    status: 404,
    title: 'There is no audit log here',
    fault: 'operator',
    doc: 'The folder holds no log. Check the data directory.',
  },
})

type AuditReason = keyof typeof auditErrors.specs

export function auditError(
  reason: AuditReason,
  message: string,
  options?: { cause?: unknown; hint?: string },
): ProofgateError {
  return new ProofgateError(`${auditErrors.area}.${reason}`, message, options)
}

/** The hint that fits whatever `verify` can tell more about. */
export const verifyHint =
  'run `proofgate audit verify` to find the first bad record, then restore the audit folder and its key from one backup'
