import type { AuditLog, AuditSource, AuditWaiter, EncodedEntry } from '../audit/index.ts'
import { EntryRing } from './entry-ring.ts'
import type { AuditReply } from './messages.ts'

/**
 * Where entries of one other thread reach the log, which looks for them whenever it is about to write. What
 * becomes of them is told in one message for each batch, and entries that were sent are recorded whether or not
 * their thread still lives.
 */
export class AuditDesk implements AuditSource {
  readonly #log: Pick<AuditLog, 'recordEncoded'>
  readonly #ring: EntryRing
  readonly #reply: (reply: AuditReply) => void
  #next = 0
  #durable = -1
  #refused: number[] = []
  #reason = ''
  #isTelling = false

  constructor(
    log: Pick<AuditLog, 'recordEncoded'>,
    { memory, reply }: { memory: SharedArrayBuffer; reply: (reply: AuditReply) => void },
  ) {
    this.#log = log
    this.#ring = new EntryRing(memory)
    this.#reply = reply
  }

  attend(): void {
    this.#ring.attend()
    // Nobody waits for the next batch to be written as well.
    this.#tell()
    this.#take()
  }

  rest(): void {
    this.#ring.rest()
    this.#take()
  }

  durable(number: number): void {
    this.#durable = number
    this.#tellSoon()
  }

  refused(number: number, error: unknown): void {
    this.#reason = error instanceof Error ? error.message : String(error)
    this.#refused.push(number)
    this.#tellSoon()
  }

  #take(): void {
    this.#ring.take((entry) => this.#record(entry))
  }

  #record(entry: EncodedEntry): void {
    const number = this.#next
    this.#next++
    try {
      this.#log.recordEncoded(entry, new Numbered(this, number))
    } catch (error) {
      this.refused(number, error)
    }
  }

  #tellSoon(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    queueMicrotask(() => this.#tell())
  }

  /**
   * Invariant: what was refused is told before anything durable that came later, since a number speaks for all
   * below it. The log makes entries durable in their order, and after it refused one it took, none that it had.
   */
  #tell(): void {
    this.#isTelling = false
    if (this.#refused.length > 0) {
      this.#reply({ kind: 'refused', numbers: this.#refused, reason: this.#reason })
      this.#refused = []
    }
    if (this.#durable === -1) return
    this.#reply(this.#durable)
    this.#durable = -1
  }
}

/** Waits for one entry of a thread. */
class Numbered implements AuditWaiter {
  readonly #desk: AuditDesk
  readonly #number: number

  constructor(desk: AuditDesk, number: number) {
    this.#desk = desk
    this.#number = number
  }

  recorded(): void {
    this.#desk.durable(this.#number)
  }

  refused(error: unknown): void {
    this.#desk.refused(this.#number, error)
  }
}
