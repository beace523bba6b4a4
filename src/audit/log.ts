import { ProofgateError } from '../core/index.ts'
import type { Clock } from '../core/index.ts'
import { Batch } from './batch.ts'
import { encodeEntry, encodeRecord, recordLine } from './encoding.ts'
import { recovered, resumed } from './entry.ts'
import type {
  AuditEntry,
  AuditReceipt,
  AuditRecorder,
  AuditSource,
  AuditWaiter,
  EncodedEntry,
  SealWaiter,
} from './entry.ts'
import { auditError } from './errors.ts'
import type { LogFolder } from './folder.ts'
import { openFolder } from './opening.ts'
import type { Places } from './opening.ts'
import { BatchError, BatchWriter } from './writer.ts'
import type { WriterStart } from './writer.ts'

/** open: takes entries; full: waits for space; failed, closed: takes none ever again. */
type State = 'open' | 'full' | 'failed' | 'closed'

export interface AuditLogOptions extends Places {
  readonly clock: Clock
  /** Told once whenever the log stops taking entries. */
  readonly onFailure?: (error: ProofgateError) => void
}

interface Wiring {
  readonly folder: LogFolder
  readonly clock: Clock
  readonly lastAt: number
  readonly onFailure?: ((error: ProofgateError) => void) | undefined
}

/** More records than this never wait for the disk at once; further ones are refused. */
const longestQueue = 65_536
const copyEvery = 1000
const probeEvery = 500
/** One is at the disk while another takes what comes. */
const spareBatches = 2

/** The log, open for appending. One process, one instance per folder. */
export class AuditLog implements AuditRecorder {
  readonly #writer: BatchWriter
  readonly #folder: LogFolder
  readonly #clock: Clock
  readonly #onFailure: ((error: ProofgateError) => void) | undefined
  #state: State = 'open'
  #failure: ProofgateError | undefined
  /** Batches that wait for the disk; the last one takes what comes. */
  readonly #queue: Batch[] = []
  #queued = 0
  readonly #spares: Batch[] = []
  #running: Promise<void> | undefined
  readonly #sources = new Set<AuditSource>()
  readonly #signing: SealWaiter[] = []
  #next: number
  #lastAt: number
  #lastStamp = ''
  #refused = 0
  #copied: string
  #copyTimer: NodeJS.Timeout | undefined
  #copying: Promise<void> = Promise.resolve()
  #probeTimer: NodeJS.Timeout | undefined
  #sealTimer: NodeJS.Timeout | undefined

  /** Most callers want `open`. */
  constructor(writer: BatchWriter, wiring: Wiring) {
    this.#writer = writer
    this.#folder = wiring.folder
    this.#clock = wiring.clock
    this.#onFailure = wiring.onFailure
    this.#next = writer.size
    this.#lastAt = wiring.lastAt
    // Nothing is known of the copy, so the first commit or the closing makes it anew.
    this.#copied = ''
  }

  /**
   * Opens the log at its end, or makes a new one when neither log nor key exist. Removes what a
   * crash left of a batch nobody was told of, signs what it left unsigned, and records both as
   * `audit.recovered`.
   *
   * @throws ProofgateError `audit.damaged`, `audit.incomplete`, `audit.cut`, `audit.key` when the log is
   *   not whole, `audit.unavailable` when the disk refuses.
   */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const opened = await openFolder(options).catch((error: unknown) => {
      if (error instanceof ProofgateError) throw error
      throw auditError('unavailable', 'the audit log cannot be opened', {
        cause: error,
        hint: `check that ${options.directory} and ${options.keyDirectory} can be read and written`,
      })
    })
    const start: WriterStart = opened
    const log = new AuditLog(new BatchWriter(start), { ...options, ...opened })
    const kept = opened.stretch?.size ?? 0
    if (opened.removed === 0 && kept === 0) return log
    try {
      await log.append(recovered(opened.removed, kept))
    } catch (error) {
      await log.close()
      throw error
    }
    return log
  }

  /** Tells this log from all others: `gateway.example/audit+1a2b3c4d`. */
  get name(): string {
    return this.#writer.name
  }

  /** Durable records. */
  get size(): number {
    return this.#writer.size
  }

  /** False while appending is refused. */
  get healthy(): boolean {
    return this.#state === 'open'
  }

  /** Why appending is refused. */
  get failure(): ProofgateError | undefined {
    return this.#failure
  }

  /** The latest signed checkpoint; it is over all records but those of the last moment. */
  checkpoint(): string {
    return this.#writer.checkpoint
  }

  /**
   * Records an entry. Resolves when the record is durable; whatever it stands for may happen then and
   * not before.
   *
   * @throws ProofgateError `audit.unavailable` when it is not and will not be durable (or nobody can
   *   tell), `audit.invalid_entry` when no record can hold it.
   */
  append(entry: AuditEntry): Promise<AuditReceipt> {
    return new Promise((resolve, reject) => {
      this.record(entry, { recorded: (index) => resolve({ index }), refused: reject })
    })
  }

  /**
   * The same without a promise, for where every request passes.
   *
   * @throws ProofgateError `audit.unavailable`, `audit.invalid_entry`; the waiter then hears nothing.
   */
  record(entry: AuditEntry, waiter: AuditWaiter): void {
    this.#requireOpen()
    this.recordEncoded(encodeEntry(entry), waiter)
  }

  /** The same for an entry that was encoded elsewhere in this process. */
  recordEncoded(encoded: EncodedEntry, waiter: AuditWaiter): void {
    this.#requireOpen()
    const batch = this.#openBatch()
    batch.add(recordLine(encoded, this.#next, this.#stamp()))
    batch.waiting.push(waiter)
    this.#next++
    this.#queued++
    this.#runSoon()
  }

  /** Takes entries from there as well, from the next time it writes or is woken. */
  follow(source: AuditSource): void {
    this.#sources.add(source)
  }

  /** Takes what there is, and then no more from there. */
  unfollow(source: AuditSource): void {
    if (this.#sources.delete(source)) source.attend()
  }

  /** Something waits at a source. */
  wake(): void {
    this.#runSoon()
  }

  /**
   * Calls `work` at a moment when everything in the log's files is signed: they are so until it returns.
   *
   * @throws ProofgateError `audit.unavailable` when the log takes no entries; whatever `work` throws.
   */
  whenSigned<T>(work: (checkpoint: string) => T): Promise<T> {
    return new Promise((resolve, refused) => {
      this.#requireOpen()
      const signed = (checkpoint: string): void => {
        try {
          resolve(work(checkpoint))
        } catch (error) {
          refused(error)
        }
      }
      this.#signing.push({ signed, refused })
      this.#runSoon()
    })
  }

  /** Waits for what was appended, brings the copied checkpoint up to date, and takes no more. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return
    const before = this.#state
    this.#state = 'closed'
    clearTimeout(this.#probeTimer)
    clearTimeout(this.#copyTimer)
    clearTimeout(this.#sealTimer)
    await this.#running
    await this.#copying
    try {
      if (before === 'failed' || this.#failure !== undefined) return
      await this.#writer.finish()
      await this.#copy()
    } finally {
      await this.#writer.close()
    }
  }

  #requireOpen(): void {
    if (this.#state === 'open' && this.#queued < longestQueue) return
    this.#refused++
    if (this.#failure !== undefined) throw this.#failure
    const why = this.#state === 'closed' ? 'is closed' : 'has too many records waiting for the disk'
    throw auditError('unavailable', `the audit log ${why}`)
  }

  /** A microtask later, so that what is appended in one go shares a batch; no longer wait than that. */
  #runSoon(): void {
    this.#running ??= Promise.resolve().then(() => this.#run())
  }

  async #run(): Promise<void> {
    this.#attend()
    do {
      let batch = this.#queue.shift()
      try {
        if (batch !== undefined) {
          await this.#writer.commit(batch)
          this.#acknowledge(batch)
          batch = undefined
          this.#attend()
        }
        if (this.#isSealWanted()) this.#seal()
      } catch (error) {
        await this.#stop(error, batch)
      }
    } while (this.#queue.length > 0)
    this.#rest()
    this.#sealSoon()
  }

  #attend(): void {
    for (const source of this.#sources) source.attend()
  }

  /** What sources have by now begins the next run. */
  #rest(): void {
    this.#running = undefined
    for (const source of this.#sources) source.rest()
  }

  #acknowledge(batch: Batch): void {
    const { waiting } = batch
    const first = this.#writer.size - waiting.length
    this.#queued -= waiting.length
    for (let at = 0; at < waiting.length; at++) waiting[at]?.recorded(first + at)
    if (this.#spares.length < spareBatches && batch.clear()) this.#spares.push(batch)
    this.#copySoon()
  }

  /** While batches come they carry the seals; only when none does, a seal is written alone. */
  #isSealWanted(): boolean {
    if (this.#failure !== undefined) return false
    if (this.#signing.length > 0) return true
    return this.#queue.length === 0 && (this.#writer.sealDueIn ?? 1) <= 0
  }

  #seal(): void {
    this.#writer.seal()
    for (const waiter of this.#signing.splice(0)) waiter.signed(this.#writer.checkpoint)
    this.#copySoon()
  }

  /** Invariant: what is not signed does not stay so, also when nothing else arrives. */
  #sealSoon(): void {
    const { sealDueIn } = this.#writer
    if (sealDueIn === undefined || this.#sealTimer !== undefined || this.#state !== 'open') return
    this.#sealTimer = setTimeout(
      () => {
        this.#sealTimer = undefined
        this.#runSoon()
      },
      Math.max(1, sealDueIn),
    )
    this.#sealTimer.unref()
  }

  #openBatch(): Batch {
    const last = this.#queue.at(-1)
    if (last !== undefined && !last.isFull) return last
    const batch = this.#spares.pop() ?? new Batch()
    this.#queue.push(batch)
    return batch
  }

  /** Invariant: after a batch failed, neither it nor anything that waited behind it is acknowledged. */
  async #stop(error: unknown, failed?: Batch): Promise<void> {
    const full = error instanceof BatchError && error.full
    const failure = auditError('unavailable', 'the audit log cannot be written', {
      cause: error,
      hint: full
        ? 'free space on the disk of the audit log; it goes on by itself then'
        : 'check the disk and the audit folder, then restart',
    })
    const wasOpen = this.#failure === undefined
    this.#failure = failure
    if (this.#state !== 'closed') this.#state = full ? 'full' : 'failed'
    const batches = [...(failed === undefined ? [] : [failed]), ...this.#queue.splice(0)]
    const refused = batches.flatMap((batch) => batch.waiting)
    this.#queued = 0
    for (const waiter of refused) waiter.refused(failure)
    for (const waiter of this.#signing.splice(0)) waiter.refused(failure)
    this.#refused += refused.length
    this.#next = this.#writer.size
    if (wasOpen) this.#onFailure?.(failure)
    if (full) await this.#rewind()
  }

  async #rewind(): Promise<void> {
    try {
      await this.#writer.rewind()
    } catch {
      if (this.#state !== 'closed') this.#state = 'failed'
      return
    }
    if (this.#state === 'full') this.#probeSoon()
  }

  /** Whether space has returned is found out by recording that it has. */
  #probeSoon(): void {
    this.#probeTimer = setTimeout(() => {
      this.#running = this.#probe()
    }, probeEvery)
    this.#probeTimer.unref()
  }

  async #probe(): Promise<void> {
    const entry = resumed(this.#refused)
    const batch = new Batch()
    batch.add(encodeRecord(entry, this.#writer.size, this.#stamp()))
    try {
      await this.#writer.commit(batch)
    } catch (error) {
      await this.#stop(error)
      this.#rest()
      return
    }
    this.#next = this.#writer.size
    this.#refused = 0
    this.#failure = undefined
    if (this.#state === 'full') this.#state = 'open'
    this.#rest()
    this.#copySoon()
    this.#sealSoon()
  }

  /** The time for the next record; the clock may stand still but the log never goes back. */
  #stamp(): string {
    const now = this.#clock.now()
    if (now > this.#lastAt || this.#lastStamp === '') {
      this.#lastAt = Math.max(now, this.#lastAt)
      this.#lastStamp = new Date(this.#lastAt).toISOString()
    }
    return this.#lastStamp
  }

  #copySoon(): void {
    if (this.#copyTimer !== undefined || this.#state !== 'open') return
    this.#copyTimer = setTimeout(() => {
      this.#copyTimer = undefined
      // A copy that fails is made again after the next batch and at the latest when closing.
      this.#copying = this.#copy().catch(() => this.#copySoon())
    }, copyEvery)
    this.#copyTimer.unref()
  }

  async #copy(): Promise<void> {
    const { checkpoint } = this.#writer
    if (checkpoint === this.#copied) return
    await this.#folder.replaceCheckpoint(checkpoint)
    this.#copied = checkpoint
  }
}
