/**
 * What the serving threads of one process share: token buckets in shared memory, and one audit log that a
 * single thread writes.
 *
 * Guarantees: a bucket gives each token once, whichever thread asks; records of all threads stand in one
 * order, and a thread hears of its record when it is durable and not before; a thread that dies leaves
 * neither a lock held nor a record half written.
 *
 * Does not: start threads or know what they serve (that is `compose`), or share anything between machines.
 */
export { AuditDesk } from './audit-desk.ts'
export { entryRingMemory } from './entry-ring.ts'
export { RemoteAudit } from './remote-audit.ts'
export type { AuditMessage, AuditReply } from './messages.ts'
export { SharedBuckets, sharedBucketMemory } from './shared-buckets.ts'
