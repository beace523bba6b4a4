import type { CheckpointSigner } from './checkpoint.ts'
import { errorCode } from './folder.ts'
import type { LogFolder, SegmentFile } from './folder.ts'
import { encodeMark, Stretch } from './mark.ts'
import { Leaves } from './merkle.ts'
import type { Digest, Frontier } from './merkle.ts'
import type { Batch } from './batch.ts'
import { batchBytes, batchRecords, encodeHeader, encodeSeal, segmentBytes } from './segment.ts'

/** Where a writer goes on. */
export interface WriterStart {
  readonly folder: LogFolder
  readonly signer: CheckpointSigner
  readonly segment: number
  readonly file: SegmentFile
  readonly length: number
  /** Over what is signed; the writer goes on with this one. */
  readonly frontier: Frontier
  readonly checkpoint: string
  /** Records that a log left behind its last seal; they are signed with the next batch. */
  readonly stretch?: Stretch
}

export interface WriterLimits {
  /** Bytes after which a segment takes no further batch. */
  readonly segment?: number
  /** Milliseconds after which the oldest record that is not signed has to be; 0 signs each batch. */
  readonly unsigned?: number
}

/** A batch or seal that did not get written or durable. */
export class BatchError extends Error {
  /** True when the disk was full and nothing is in doubt: `rewind` makes the log whole again. */
  readonly full: boolean

  constructor(full: boolean, step: string, cause: unknown) {
    super(`could not ${step}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.name = 'BatchError'
    this.full = full
  }
}

interface Sealed {
  readonly frontier: Frontier
  readonly root: Digest
  readonly checkpoint: string
  readonly line: string
}

/** No space, no quota, or the longest file the system allows. */
const fullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
const usualUnsigned = 20

/**
 * Makes batches durable, one after the other: one write, one sync. Its caller runs one at a time, and
 * asks for a seal when one is due and no batch comes to carry it.
 */
export class BatchWriter {
  readonly #folder: LogFolder
  readonly #signer: CheckpointSigner
  readonly #segmentLimit: number
  readonly #unsignedLimit: number
  #segment: number
  #file: SegmentFile
  #length: number
  #isSynced = true
  /** Over what is signed. */
  #frontier: Frontier
  #checkpoint: string
  readonly #stretch: Stretch
  #stretchBytes = 0
  /** On the clock of `performance.now`. */
  #stretchSince: number

  constructor(start: WriterStart, limits: WriterLimits = {}) {
    this.#folder = start.folder
    this.#signer = start.signer
    this.#segmentLimit = limits.segment ?? segmentBytes
    this.#unsignedLimit = limits.unsigned ?? usualUnsigned
    this.#segment = start.segment
    this.#file = start.file
    this.#length = start.length
    this.#frontier = start.frontier
    this.#checkpoint = start.checkpoint
    this.#stretch = start.stretch ?? new Stretch(start.frontier.root())
    this.#stretchSince = -Infinity
  }

  /** Of the log, and of nothing else: its origin and the id of its key. */
  get name(): string {
    return this.#signer.key.print().split('+', 2).join('+')
  }

  /** Durable records. */
  get size(): number {
    return this.#frontier.size + this.#stretch.size
  }

  /** The latest checkpoint; what it signs is durable, and its seal stands in the file. */
  get checkpoint(): string {
    return this.#checkpoint
  }

  /** Milliseconds until a seal is due; not above 0 when it is, `undefined` when all is signed. */
  get sealDueIn(): number | undefined {
    if (this.#stretch.size === 0) return undefined
    return this.#stretchSince + this.#unsignedLimit - performance.now()
  }

  /**
   * Returns when the batch is durable.
   *
   * @throws BatchError otherwise. Unless it is `full`, nothing may be committed after it: after a
   *   failed sync nobody can tell what the disk holds.
   */
  async commit(batch: Batch): Promise<void> {
    this.#requireUntouched()
    if (this.#length >= this.#segmentLimit) await this.#rotate()
    if (this.#isSealDueWith(batch)) await this.#commitSealed(batch)
    else await this.#commitMarked(batch)
  }

  /**
   * Signs what is not signed yet. Nobody waits for it, so that the sync is left to the batch that
   * follows: a seal that gets lost is made again when the log is opened.
   *
   * @throws BatchError as `commit` does.
   */
  seal(): void {
    if (this.#stretch.size === 0) return
    this.#requireUntouched()
    const sealed = this.#signed()
    const bytes = Buffer.from(`${sealed.line}\n`, 'latin1')
    this.#write(bytes)
    this.#isSynced = false
    this.#length += bytes.length
    this.#accept(sealed)
  }

  /**
   * Removes what a full disk let through of the last batch. Safe, as everything before `#length` was
   * synced with success or is a seal, and nothing behind it was ever acknowledged.
   */
  async rewind(): Promise<void> {
    await this.#file.truncate(this.#length)
    await this.#file.sync()
    this.#requireUntouched()
  }

  /** Signs what is not signed yet, durably. */
  async finish(): Promise<void> {
    this.seal()
    if (!this.#isSynced) await this.#sync()
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  async #commitSealed(batch: Batch): Promise<void> {
    const sealed = this.#signed(batch.leaves)
    const bytes = batch.closed(sealed.line)
    this.#write(bytes)
    await this.#sync()
    this.#length += bytes.length
    this.#accept(sealed)
  }

  async #commitMarked(batch: Batch): Promise<void> {
    const { leaves } = batch
    const mac = this.#stretch.mac(this.#signer.marks, leaves)
    const line = encodeMark(mac, this.size + leaves.size)
    const bytes = batch.closed(line)
    const now = performance.now()
    this.#write(bytes)
    await this.#sync()
    this.#length += bytes.length
    if (this.#stretch.size === 0) this.#stretchSince = now
    this.#stretchBytes += bytes.length
    this.#stretch.extend(leaves, mac, line)
  }

  /** Invariant: a segment ends in a seal, and no stretch grows beyond what one batch may hold. */
  #isSealDueWith({ leaves, bytes }: Batch): boolean {
    if ((this.sealDueIn ?? this.#unsignedLimit) <= 0) return true
    return (
      this.#stretch.size + leaves.size >= batchRecords ||
      this.#stretchBytes + bytes >= batchBytes ||
      this.#length + bytes >= this.#segmentLimit
    )
  }

  /**
   * A seal over all records and these further leaves, not written yet. The tree grows here and not with each
   * batch, where somebody waits.
   */
  #signed(further?: Leaves): Sealed {
    const leaves = new Leaves()
    leaves.addAll(this.#stretch.leaves)
    if (further !== undefined) leaves.addAll(further)
    const frontier = this.#frontier.copy()
    frontier.appendAll(leaves.bytes)
    const root = frontier.root()
    const checkpoint = this.#signer.sign(frontier.size, root, this.#stretch.marks)
    return { frontier, root, checkpoint, line: encodeSeal(checkpoint, leaves) }
  }

  #accept({ frontier, root, checkpoint }: Sealed): void {
    this.#frontier = frontier
    this.#checkpoint = checkpoint
    this.#stretch.clear(root)
    this.#stretchBytes = 0
  }

  async #rotate(): Promise<void> {
    await this.finish()
    const segment = this.#segment + 1
    const header = encodeHeader(segment, this.#frontier.hashes, this.#checkpoint)
    const file = await step('begin a new file', true, this.#folder.createSegment(segment, header))
    const previous = this.#file
    this.#file = file
    this.#segment = segment
    this.#length = header.length + 1
    await step('close a full file', false, previous.close())
  }

  #write(bytes: Uint8Array): void {
    try {
      this.#file.write(bytes, this.#length)
    } catch (error) {
      throw new BatchError(fullCodes.has(errorCode(error)), 'write to the log', error)
    }
  }

  async #sync(): Promise<void> {
    try {
      await this.#file.sync()
    } catch (error) {
      throw new BatchError(false, 'sync the log', error)
    }
    this.#isSynced = true
  }

  /** Invariant: there is one writer. A file that is not as it was left has met another one. */
  #requireUntouched(): void {
    let found: number
    try {
      found = this.#file.length()
    } catch (error) {
      throw new BatchError(false, 'look at the log', error)
    }
    if (found === this.#length) return
    const cause = new Error(`another process changed it: ${found} bytes, ${this.#length} expected`)
    throw new BatchError(false, 'go on with the log', cause)
  }
}

async function step<T>(name: string, mayHeal: boolean, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw new BatchError(mayHeal && fullCodes.has(errorCode(error)), name, error)
  }
}
