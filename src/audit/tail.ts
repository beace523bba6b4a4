import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { parseRecord } from './encoding.ts'
import type { StoredRecord } from './entry.ts'
import { errorCode, listSegments } from './folder.ts'
import { isMarkLine, parseMark } from './mark.ts'
import { firstSegment } from './read.ts'
import { isRecordLine, longestTail, segmentName } from './segment.ts'

export interface TailOptions {
  readonly directory: string
  /** Records of other actions are passed over without being parsed. */
  readonly wants: (action: string) => boolean
  /** The first index that is of interest. */
  readonly from: number
}

const usualChunk = 256 * 1024
/** Longer than the longest batch with what closes it. */
const longestLook = 2 * longestTail
/** Of a seal: the name of the log, at most 200 characters, and the size behind it. */
const longestBeginning = 512
const sealedSize = /^\{"checkpoint":"[^"\\]+\\n([0-9]{1,16})\\n/
const actionStart = '{"action":"'.length

/**
 * Follows the log for the few records somebody is interested in, among the many of requests. Memory is
 * bounded by one batch, whatever the length of the log; a record is answered once its batch is whole.
 * Proves nothing: that is what `verifyAuditLog` does.
 */
export class AuditTail {
  readonly #options: TailOptions
  /** Of the file that is read; `undefined` before the first look. */
  #segment: number | undefined
  /** Behind the last batch that was answered. */
  #offset = 0
  #next: number

  constructor(options: TailOptions) {
    this.#options = options
    this.#next = options.from
  }

  /** The index behind the last record that was looked at. */
  get next(): number {
    return this.#next
  }

  /**
   * The next records that are wanted, in order; fewer than `most` (and at the most one batch more) when the
   * end of what is durable was reached, or `signal` said stop. Files that somebody took away are passed over.
   */
  async read(most: number, signal?: AbortSignal): Promise<readonly StoredRecord[]> {
    const found: StoredRecord[] = []
    const { directory } = this.#options
    const goesOn = (): boolean => found.length < most && signal?.aborted !== true
    while (goesOn()) {
      // Asked before reading: a segment has its last byte before the next one exists.
      const segments = await listSegments(directory)
      if (segments.length === 0) break
      this.#segment ??= await firstSegment(directory, segments, { from: this.#next })
      const isThere = segments.includes(this.#segment)
      if (isThere && !(await this.#advance(found, goesOn))) break
      const following = segments.find((segment) => segment > (this.#segment ?? 0))
      if (following === undefined) break
      this.#segment = following
      this.#offset = 0
    }
    return found
  }

  /** Reads on in one file. @returns whether its end was reached. */
  async #advance(found: StoredRecord[], goesOn: () => boolean): Promise<boolean> {
    const handle = await openOrNothing(
      join(this.#options.directory, segmentName(this.#segment ?? 0)),
    )
    if (handle === undefined) return true
    try {
      let size = usualChunk
      while (goesOn() && size <= longestLook) {
        const bytes = Buffer.allocUnsafe(size)
        const { bytesRead } = await handle.read(bytes, 0, size, this.#offset)
        const before = this.#offset
        this.#take(bytes.subarray(0, bytesRead), found)
        if (bytesRead < size) return true
        // Without one whole batch in so much, a longer look is needed.
        size = this.#offset > before ? usualChunk : 2 * size
      }
      return false
    } finally {
      await handle.close()
    }
  }

  /** Takes all batches that are whole, and moves behind them. */
  #take(bytes: Buffer, found: StoredRecord[]): void {
    const batch: StoredRecord[] = []
    const base = this.#offset
    let start = 0
    for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, start)) {
      const action = actionOf(bytes, start, end)
      const size = action === undefined ? sizeAt(bytes, start, end) : undefined
      if (action !== undefined && this.#options.wants(action)) {
        const record = parseRecord(bytes.toString('latin1', start, end))
        if (record !== undefined && record.seq >= this.#next) batch.push(record)
      } else if (size !== undefined) {
        for (const record of batch.splice(0)) found.push(record)
        this.#next = Math.max(this.#next, size)
        this.#offset = base + end + 1
      }
      start = end + 1
    }
  }
}

/** What a record is about, by its first bytes; `undefined` for a line that is no record. */
function actionOf(bytes: Buffer, start: number, end: number): string | undefined {
  if (!isRecordLine(bytes.toString('latin1', start, start + actionStart))) return undefined
  const close = bytes.indexOf(0x22, start + actionStart)
  return close === -1 || close > end ? '' : bytes.toString('latin1', start + actionStart, close)
}

/** How many records there are up to a line that ends a batch; `undefined` for another line. */
function sizeAt(bytes: Buffer, start: number, end: number): number | undefined {
  // The leaves of a seal may be many; how it begins is enough.
  const line = bytes.toString('latin1', start, Math.min(end, start + longestBeginning))
  const digits = isMarkLine(line) ? parseMark(line)?.size : sealedSize.exec(line)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

async function openOrNothing(path: string): Promise<Awaited<ReturnType<typeof open>> | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
