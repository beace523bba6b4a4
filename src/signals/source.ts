import { AuditTail } from '../audit/index.ts'
import type { StoredRecord } from '../audit/index.ts'

export interface SourceOptions {
  /** Of the audit log's files. */
  readonly directory: string
  /** How many records are durable. */
  readonly size: () => number
  readonly wants: (action: string) => boolean
}

/** Some records, and the index behind everything that was looked at for them. */
export interface Found {
  readonly records: readonly StoredRecord[]
  readonly next: number
}

/** Records that are kept for everybody who is up to date. */
const mostKept = 1000
/** Records that somebody who is not is given at once. */
const mostBehind = 100

/**
 * The audit log as the one source of events, read once for all who are up to date; whoever is behind reads
 * it again from where they are. Memory is bounded, and nothing but the log has to be kept for anybody.
 */
export class RecordSource {
  readonly #options: SourceOptions
  readonly #tail: AuditTail
  #kept: StoredRecord[] = []
  /** From this index on `#kept` has all that is wanted. */
  #keptFrom: number
  readonly #behind = new Map<string, AuditTail>()
  #reading: Promise<unknown> = Promise.resolve()

  constructor(options: SourceOptions) {
    this.#options = options
    this.#keptFrom = options.size()
    this.#tail = new AuditTail({ ...options, from: this.#keptFrom })
  }

  /** The index behind everything that was looked at. */
  get next(): number {
    return this.#tail.next
  }

  /** Reads what is new. @returns whether there was anything. */
  advance(signal: AbortSignal): Promise<boolean> {
    const read = this.#reading.then(() => this.#advance(signal))
    this.#reading = read.catch(() => undefined)
    return read
  }

  /**
   * What is wanted from an index on; nothing but the first hundred for whoever is behind.
   *
   * @param reader - whose place is remembered while it is behind.
   */
  async after(reader: string, next: number, signal: AbortSignal): Promise<Found> {
    if (next >= this.#keptFrom) {
      this.#behind.delete(reader)
      const records = this.#kept.filter((record) => record.seq >= next)
      return { records, next: Math.max(next, this.#tail.next) }
    }
    const known = this.#behind.get(reader)
    const tail = known?.next === next ? known : new AuditTail({ ...this.#options, from: next })
    this.#behind.set(reader, tail)
    const records = await tail.read(mostBehind, signal)
    return { records, next: tail.next }
  }

  async #advance(signal: AbortSignal): Promise<boolean> {
    const begin = this.#tail.next
    let before = -1
    while (this.#tail.next > before && this.#tail.next < this.#options.size()) {
      before = this.#tail.next
      this.#kept.push(...(await this.#tail.read(mostKept, signal)))
      const dropped = this.#kept.splice(0, Math.max(0, this.#kept.length - mostKept)).at(-1)
      if (dropped !== undefined) this.#keptFrom = dropped.seq + 1
    }
    return this.#tail.next > begin
  }
}
