import { auditError, encodeEntry } from '../audit/index.ts'
import type { AuditEntry, AuditRecorder, AuditWaiter, EncodedEntry } from '../audit/index.ts'
import type { AuditMessage, AuditReply } from './messages.ts'
import { Waiters } from './waiters.ts'

/** More records than this of one thread never wait at once; further ones are refused. */
const mostWaiting = 65_536

/**
 * The way to the audit log from a thread that does not write it. Entries of one turn of the event loop travel
 * together; whoever waits hears when the log says so.
 */
export class RemoteAudit implements AuditRecorder {
  readonly #post: (message: AuditMessage) => void
  readonly #waiting = new Waiters()
  #texts: string[] = []
  #closed = false

  constructor(post: (message: AuditMessage) => void) {
    this.#post = post
  }

  append(entry: AuditEntry): Promise<undefined> {
    return new Promise((resolve, reject) => {
      this.record(entry, { recorded: () => resolve(undefined), refused: reject })
    })
  }

  record(entry: AuditEntry, waiter: AuditWaiter): void {
    this.#requireRoom()
    this.recordEncoded(encodeEntry(entry), waiter)
  }

  recordEncoded(encoded: EncodedEntry, waiter: AuditWaiter): void {
    this.#requireRoom()
    if (this.#texts.length === 0) setImmediate(() => this.#send())
    this.#texts.push(...encoded)
    this.#waiting.add(waiter)
  }

  #requireRoom(): void {
    if (this.#closed || this.#waiting.span >= mostWaiting) {
      const why = this.#closed ? 'is closed' : 'has too many records waiting for the disk'
      throw auditError('unavailable', `the audit log ${why}`)
    }
  }

  /** What the log has to say about entries of this thread. */
  settle(reply: AuditReply): void {
    this.#each(reply.recorded, (waiter, number) => waiter.recorded(number))
    if (reply.refused.length === 0) return
    const error = auditError('unavailable', reply.reason)
    this.#each(reply.refused, (waiter) => waiter.refused(error))
  }

  /** Takes no more, and refuses whatever has not been answered. */
  close(): void {
    this.#closed = true
    const error = auditError('unavailable', 'the audit log is closed')
    for (const waiter of this.#waiting.takeAll()) waiter.refused(error)
  }

  #send(): void {
    const texts = this.#texts
    this.#texts = []
    this.#post({ kind: 'audit', first: this.#waiting.next - texts.length / 3, texts })
  }

  #each(ranges: readonly number[], settle: (waiter: AuditWaiter, number: number) => void): void {
    for (let at = 0; at < ranges.length; at += 2) {
      const last = ranges[at + 1] ?? -1
      for (let number = ranges[at] ?? 0; number <= last; number++) {
        const waiter = this.#waiting.take(number)
        if (waiter !== undefined) settle(waiter, number)
      }
    }
  }
}
