import { auditError, encodeEntry } from '../audit/index.ts'
import type { AuditEntry, AuditRecorder, AuditWaiter, EncodedEntry } from '../audit/index.ts'
import { EntryRing } from './entry-ring.ts'
import type { AuditMessage, AuditReply } from './messages.ts'
import { Waiters } from './waiters.ts'

/** More records than this of one thread never wait at once; further ones are refused. */
const mostWaiting = 65_536

/**
 * The way to the audit log from a thread that does not write it. Entries travel through memory that both see; the
 * log is called, once in a turn of the event loop, only when it rests. Whoever waits hears when the log says so.
 */
export class RemoteAudit implements AuditRecorder {
  readonly #ring: EntryRing
  readonly #post: (message: AuditMessage) => void
  readonly #waiting = new Waiters()
  /** What the ring had no room for, in order. It has when the log says what became of what is in it. */
  #unsent: EncodedEntry[] = []
  #isCallDue = false
  #closed = false

  /** @param memory - from `entryRingMemory`, for this thread alone. */
  constructor(memory: SharedArrayBuffer, post: (message: AuditMessage) => void) {
    this.#ring = new EntryRing(memory)
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
    if (this.#unsent.length > 0 || !this.#ring.write(encoded)) this.#unsent.push(encoded)
    this.#waiting.add(waiter)
    this.#callSoon()
  }

  #requireRoom(): void {
    if (this.#closed || this.#waiting.span >= mostWaiting) {
      const why = this.#closed ? 'is closed' : 'has too many records waiting for the disk'
      throw auditError('unavailable', `the audit log ${why}`)
    }
  }

  /** What the log has to say about entries of this thread. */
  settle(reply: AuditReply): void {
    if (typeof reply === 'number') {
      const last = Math.min(reply, this.#waiting.next - 1)
      for (let number = this.#waiting.first; number <= last; number++) {
        this.#waiting.take(number)?.recorded(number)
      }
    } else {
      const error = auditError('unavailable', reply.reason)
      for (const number of reply.numbers) this.#waiting.take(number)?.refused(error)
    }
    if (this.#unsent.length > 0) this.#sendMore()
  }

  /** Takes no more, and refuses whatever has not been answered. */
  close(): void {
    this.#closed = true
    const error = auditError('unavailable', 'the audit log is closed')
    for (const waiter of this.#waiting.takeAll()) waiter.refused(error)
  }

  #sendMore(): void {
    const fitting = this.#unsent.findIndex((entry) => !this.#ring.write(entry))
    this.#unsent = fitting === -1 ? [] : this.#unsent.slice(fitting)
    this.#callSoon()
  }

  /** At the end of the turn, so that what is recorded in it shares a batch. */
  #callSoon(): void {
    if (this.#isCallDue) return
    this.#isCallDue = true
    setImmediate(() => {
      this.#isCallDue = false
      if (this.#ring.needsCall()) this.#post({ kind: 'audit' })
    })
  }
}
