import type { AuditLog, AuditWaiter } from '../audit/index.ts'
import type { AuditMessage, AuditReply } from './messages.ts'

/**
 * Where entries of one other thread reach the log. What becomes of them is told in one message for each batch
 * of the log, and entries that were sent are recorded whether or not their thread still lives.
 */
export class AuditDesk {
  readonly #log: Pick<AuditLog, 'recordEncoded'>
  readonly #reply: (reply: AuditReply) => void
  #recorded: number[] = []
  #refused: number[] = []
  #reason = ''

  constructor(log: Pick<AuditLog, 'recordEncoded'>, reply: (reply: AuditReply) => void) {
    this.#log = log
    this.#reply = reply
  }

  take(message: AuditMessage): void {
    const { first, texts } = message
    for (let at = 0; at < texts.length; at += 3) {
      const waiter = this.#waiterFor(first + at / 3)
      const encoded = [texts[at] ?? '', texts[at + 1] ?? '', texts[at + 2] ?? ''] as const
      try {
        this.#log.recordEncoded(encoded, waiter)
      } catch (error) {
        waiter.refused(error)
      }
    }
  }

  #waiterFor(number: number): AuditWaiter {
    return {
      recorded: () => this.#note(this.#recorded, number),
      refused: (error) => {
        this.#reason = error instanceof Error ? error.message : String(error)
        this.#note(this.#refused, number)
      },
    }
  }

  /** Numbers that follow on each other, as they nearly always do, are told as one range. */
  #note(ranges: number[], number: number): void {
    if (this.#recorded.length + this.#refused.length === 0) queueMicrotask(() => this.#tell())
    const last = ranges.length - 1
    if (last > 0 && ranges[last] === number - 1) ranges[last] = number
    else ranges.push(number, number)
  }

  #tell(): void {
    const reply: AuditReply = {
      kind: 'audit',
      recorded: this.#recorded,
      refused: this.#refused,
      reason: this.#reason,
    }
    this.#recorded = []
    this.#refused = []
    this.#reason = ''
    this.#reply(reply)
  }
}
