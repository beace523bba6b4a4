import type { CheckpointSigner } from './checkpoint.ts'
import { errorCode } from './folder.ts'
import type { LogFolder, SegmentFile } from './folder.ts'
import type { Frontier } from './merkle.ts'
import type { Batch } from './batch.ts'
import { encodeHeader, encodeSeal, segmentBytes } from './segment.ts'

/** Where a writer goes on. */
export interface WriterStart {
  readonly folder: LogFolder
  readonly signer: CheckpointSigner
  readonly segment: number
  readonly file: SegmentFile
  readonly length: number
  readonly frontier: Frontier
  readonly checkpoint: string
}

/** A batch that did not become durable. */
export class BatchError extends Error {
  /** True when the disk was full and nothing is in doubt: `rewind` makes the log whole again. */
  readonly full: boolean

  constructor(full: boolean, step: string, cause: unknown) {
    super(`could not ${step}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.name = 'BatchError'
    this.full = full
  }
}

/** No space, no quota, or the longest file the system allows. */
const fullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** Makes batches durable, one after the other: one write, one sync. Its caller runs one at a time. */
export class BatchWriter {
  readonly #folder: LogFolder
  readonly #signer: CheckpointSigner
  readonly #limit: number
  #segment: number
  #file: SegmentFile
  #length: number
  #frontier: Frontier
  #checkpoint: string

  /** @param limit - bytes after which a segment takes no further batch. */
  constructor(start: WriterStart, limit = segmentBytes) {
    this.#folder = start.folder
    this.#signer = start.signer
    this.#limit = limit
    this.#segment = start.segment
    this.#file = start.file
    this.#length = start.length
    this.#frontier = start.frontier
    this.#checkpoint = start.checkpoint
  }

  /** Durable records. */
  get size(): number {
    return this.#frontier.size
  }

  /** The checkpoint over the durable records. */
  get checkpoint(): string {
    return this.#checkpoint
  }

  /**
   * Returns when the batch is durable.
   *
   * @throws BatchError otherwise. Unless it is `full`, nothing may be committed after it: after a
   *   failed sync nobody can tell what the disk holds.
   */
  async commit(batch: Batch): Promise<void> {
    this.#requireUntouched()
    if (this.#length >= this.#limit) await this.#rotate()
    const frontier = this.#frontier.copy()
    for (const leaf of batch.leaves) frontier.append(leaf)
    const checkpoint = this.#signer.sign(frontier.size, frontier.root())
    const bytes = batch.sealed(encodeSeal(checkpoint, batch.leaves))
    this.#write(bytes)
    try {
      await this.#file.sync()
    } catch (error) {
      throw new BatchError(false, 'sync the log', error)
    }
    this.#length += bytes.length
    this.#frontier = frontier
    this.#checkpoint = checkpoint
  }

  /**
   * Removes what a full disk let through of the last batch. Safe, as everything before `#length` was
   * synced with success and nothing behind it was ever acknowledged.
   */
  async rewind(): Promise<void> {
    await this.#file.truncate(this.#length)
    await this.#file.sync()
    this.#requireUntouched()
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  async #rotate(): Promise<void> {
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
