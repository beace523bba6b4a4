import type { StoredRecord } from '../audit/index.ts'
import type { Clock, Millis } from '../core/index.ts'
import type { RecordSource } from './source.ts'
import type { LaneState, LaneStore } from './store.ts'

/** How one attempt to tell somebody went. */
export type Delivery =
  | { readonly outcome: 'delivered' | 'nothing' }
  /** There is no room for it now, which is nobody's failure. */
  | { readonly outcome: 'full' }
  | {
      readonly outcome: 'failed'
      /** For operators; holds nothing that was sent or answered. */
      readonly problem: string
      /** What the receiver asked for. */
      readonly retryAfter?: Millis
      /** The receiver wants no more, ever. */
      readonly isFinal?: boolean
    }

export interface LaneParts {
  /** `webhook/hr`: unique, and kept in the database. */
  readonly name: string
  /** Names the audit log. */
  readonly log: string
  readonly source: RecordSource
  readonly store: LaneStore
  readonly clock: Clock
  /** How many records are durable. */
  readonly size: () => number
  /** Never throws for what the receiver does. */
  readonly deliver: (record: StoredRecord, signal: AbortSignal) => Promise<Delivery>
  /** How long failures in a row may go on, in milliseconds. */
  readonly giveUpAfter: () => number
  readonly onParked: (name: string, problem: string) => void
  readonly onError: (error: unknown) => void
}

const firstDelay = 1000
const mostDelay = 3_600_000
/** After a failure of our own, such as a database that does not answer, or when there is no room. */
const ownDelay = 5000
/** A place that moved by so many records without a delivery is kept all the same. */
const keepEvery = 10_000

const begin: Omit<LaneState, 'next'> = {
  failures: 0,
  failingSince: undefined,
  parkedAt: undefined,
  problem: undefined,
  deliveredAt: undefined,
}

/**
 * Tells one receiver of events, one after the other, in the order of the log.
 *
 * Invariant: its place moves behind a record only after the receiver has taken it, so that nothing is left
 * out whatever happens; what was taken just before the process ended is told again.
 */
export class Lane {
  readonly #parts: LaneParts
  readonly #stopping = new AbortController()
  #state: LaneState | undefined
  #keptAt = 0
  #running: Promise<void> | undefined
  #isWoken = false
  #timer: NodeJS.Timeout | undefined
  #delivered = 0
  #failed = 0

  constructor(parts: LaneParts) {
    this.#parts = parts
  }

  get name(): string {
    return this.#parts.name
  }

  get counts(): { readonly delivered: number; readonly failed: number } {
    return { delivered: this.#delivered, failed: this.#failed }
  }

  /** The place as it is now; one who is told for the first time begins at the end of the log. */
  async state(): Promise<LaneState> {
    if (this.#state !== undefined) return this.#state
    const { store, log, name, size } = this.#parts
    const end = size()
    const kept = await store.load(log, name)
    // Another caller may have been quicker meanwhile.
    if (this.#state !== undefined) return this.#state
    this.#state = kept ?? { ...begin, next: end }
    // A log that was restored from a backup may be shorter than it was.
    if (this.#state.next > end) this.#state = { ...this.#state, next: end }
    this.#keptAt = this.#state.next
    if (kept === undefined) await this.#keep()
    return this.#state
  }

  /** Something may be there to be told. Does not wait for it. */
  wake(): void {
    if (this.#timer !== undefined || this.#stopping.signal.aborted) return
    if (this.#running !== undefined) {
      this.#isWoken = true
      return
    }
    this.#isWoken = false
    this.#running = this.#run()
      .catch((error: unknown) => {
        this.#parts.onError(error)
        this.#wakeIn(ownDelay)
      })
      .finally(() => {
        this.#running = undefined
        if (this.#isWoken) this.wake()
      })
  }

  /**
   * Tries again, also what was given up.
   *
   * @param skip - leaves out the record that could not be told.
   * @param goOn - at once; otherwise whoever opens the log next does.
   */
  async retry(skip: boolean, goOn: boolean): Promise<void> {
    const state = await this.state()
    this.#state = { ...begin, deliveredAt: state.deliveredAt, next: state.next }
    if (skip) await this.#skip()
    await this.#keep()
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (goOn) this.wake()
  }

  /** Ends what is under way without waiting for the receiver, and keeps the place. */
  async close(): Promise<void> {
    this.#stopping.abort()
    clearTimeout(this.#timer)
    await this.#running
    if (this.#state !== undefined && this.#state.next > this.#keptAt) await this.#keep()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    for (;;) {
      const { next, parkedAt } = await this.state()
      if (parkedAt !== undefined || signal.aborted) return
      const found = await this.#parts.source.after(this.name, next, signal)
      for (const record of found.records) {
        if (!(await this.#tell(record))) return
      }
      if (signal.aborted) return
      await this.#moveTo(found.next)
      if (found.next === next) return
    }
  }

  /** @returns whether it was told, so that the next one is due. */
  async #tell(record: StoredRecord): Promise<boolean> {
    const { signal } = this.#stopping
    const delivery = await this.#parts.deliver(record, signal)
    if (signal.aborted && delivery.outcome === 'failed') return false
    const state = await this.state()
    const next = record.seq + 1
    if (delivery.outcome === 'failed') {
      await this.#fail(state, delivery)
      return false
    }
    if (delivery.outcome === 'full') {
      this.#wakeIn(ownDelay)
      return false
    }
    this.#state = { ...state, next }
    if (delivery.outcome === 'delivered') {
      this.#delivered++
      this.#state = { ...begin, next, deliveredAt: this.#parts.clock.now() }
      await this.#keep()
    }
    return !signal.aborted
  }

  async #fail(state: LaneState, delivery: Delivery & { outcome: 'failed' }): Promise<void> {
    const { clock, giveUpAfter, onParked } = this.#parts
    this.#failed++
    const now = clock.now()
    const failures = state.failures + 1
    const failingSince = state.failingSince ?? now
    const isOver = delivery.isFinal === true || now - failingSince >= giveUpAfter()
    const { problem } = delivery
    const parkedAt = isOver ? now : undefined
    this.#state = { ...state, failures, failingSince, problem, parkedAt }
    await this.#keep()
    if (isOver) onParked(this.name, problem)
    else this.#wakeIn(delayAfter(failures, delivery.retryAfter))
  }

  async #skip(): Promise<void> {
    const state = await this.state()
    const { source } = this.#parts
    const { records } = await source.after(this.name, state.next, this.#stopping.signal)
    const [first] = records
    if (first !== undefined) this.#state = { ...state, next: first.seq + 1 }
  }

  async #moveTo(next: number): Promise<void> {
    const state = await this.state()
    this.#state = { ...state, next: Math.max(state.next, next) }
    if (this.#state.next - this.#keptAt >= keepEvery) await this.#keep()
  }

  async #keep(): Promise<void> {
    if (this.#state === undefined) return
    const { store, log, name } = this.#parts
    await store.save(log, name, this.#state)
    this.#keptAt = this.#state.next
  }

  #wakeIn(delay: number): void {
    if (this.#stopping.signal.aborted) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.wake()
    }, delay)
    this.#timer.unref()
  }
}

/** Twice as long each time, up to an hour, and not the same for all receivers that failed together. */
function delayAfter(failures: number, asked: Millis | undefined): number {
  const usual = Math.min(mostDelay, firstDelay * 2 ** Math.min(failures - 1, 20))
  const wanted = Math.min(mostDelay, Math.max(usual, asked ?? 0))
  return wanted * (0.8 + 0.4 * Math.random())
}
