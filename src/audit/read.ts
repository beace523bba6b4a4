import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Instant } from '../core/index.ts'
import { encodeText, parseRecord } from './encoding.ts'
import type { AuditKind, StoredRecord } from './entry.ts'
import { auditError } from './errors.ts'
import { listSegments } from './folder.ts'
import { isMarkLine } from './mark.ts'
import { isRecordLine, isSealLine, linesOf, segmentName } from './segment.ts'
import type { Line } from './segment.ts'

export interface ReadOptions {
  /** First index to read. */
  readonly from?: number
  /** Passes over files that ended before; some earlier records may still come. */
  readonly since?: Instant
  /** Only so many, the latest ones; at most 100,000. */
  readonly last?: number
  readonly kind?: AuditKind
  /** Go on with what is appended from now on, until `signal` or the end of the loop. */
  readonly follow?: boolean
  readonly signal?: AbortSignal
}

const mostLast = 100_000
const pollEvery = 200

interface Position {
  segment: number
  offset: number
}

/**
 * Reads records in order, each only once its batch is whole. Proves nothing: that is what
 * `verifyAuditLog` does. Lines that are no records are passed over.
 *
 * @throws ProofgateError `audit.absent` when there is no log.
 */
export async function* readRecords(
  directory: string,
  options: ReadOptions = {},
): AsyncGenerator<StoredRecord, void, undefined> {
  const segments = await requireSegments(directory)
  const matches = matcher(options)
  const position: Position = { segment: segments[0] ?? 0, offset: 0 }
  if (options.last !== undefined) {
    yield* await latest(directory, segments, matches, Math.min(options.last, mostLast), position)
  } else {
    position.segment = await firstSegment(directory, segments, options)
  }
  for (;;) {
    yield* advance(directory, position, matches)
    if (options.follow !== true || options.signal?.aborted === true) return
    try {
      await delay(pollEvery, undefined, options.signal ? { signal: options.signal } : {})
    } catch {
      return
    }
  }
}

/**
 * The record with this index or this id; of several with one id, the latest.
 *
 * @throws ProofgateError `audit.absent` when there is no log.
 */
export async function findRecord(
  directory: string,
  idOrIndex: string | number,
): Promise<StoredRecord | undefined> {
  const segments = await requireSegments(directory)
  if (typeof idOrIndex === 'number') {
    const segment = await firstSegment(directory, segments, { from: idOrIndex })
    const bytes = await readFile(join(directory, segmentName(segment)))
    return lastRecordWith(bytes, `"seq":${idOrIndex},`, (record) => record.seq === idOrIndex)
  }
  const needle = `"id":${encodeText(idOrIndex)},`
  for (const segment of segments.toReversed()) {
    const bytes = await readFile(join(directory, segmentName(segment)))
    const found = lastRecordWith(bytes, needle, (record) => record.id === idOrIndex)
    if (found !== undefined) return found
  }
  return undefined
}

/** Looks for the bytes first, as parsing each line of a segment would take long. */
function lastRecordWith(
  bytes: Buffer,
  needle: string,
  matches: (record: StoredRecord) => boolean,
): StoredRecord | undefined {
  const wanted = Buffer.from(needle, 'latin1')
  let at = bytes.lastIndexOf(wanted)
  while (at > 0) {
    const start = bytes.lastIndexOf(0x0a, at) + 1
    const end = bytes.indexOf(0x0a, at)
    const line = bytes.toString('latin1', start, end === -1 ? bytes.length : end)
    const record = isRecordLine(line) ? parseRecord(line) : undefined
    if (record !== undefined && matches(record)) return record
    at = start === 0 ? -1 : bytes.lastIndexOf(wanted, start - 1)
  }
  return undefined
}

/** Yields what is whole from `position` on, and moves it there. */
async function* advance(
  directory: string,
  position: Position,
  matches: (record: StoredRecord) => boolean,
): AsyncGenerator<StoredRecord, void, undefined> {
  for (;;) {
    // Asked before reading: a segment has its last byte before the next one exists.
    const more = (await listSegments(directory)).includes(position.segment + 1)
    const bytes = await readFrom(join(directory, segmentName(position.segment)), position.offset)
    for (const batch of wholeBatches(bytes, position.offset)) {
      yield* batch.lines.flatMap((line) => {
        const record = parseRecord(line.text)
        return record !== undefined && matches(record) ? [record] : []
      })
      position.offset = batch.end
    }
    if (!more) return
    position.segment++
    position.offset = 0
  }
}

function* wholeBatches(
  bytes: Buffer,
  base: number,
): Generator<{ readonly lines: readonly Line[]; readonly end: number }> {
  let lines: Line[] = []
  for (const line of linesOf(bytes, 1, base)) {
    if (isRecordLine(line.text)) lines.push(line)
    if (!isMarkLine(line.text) && !isSealLine(line.text)) continue
    yield { lines, end: line.end }
    lines = []
  }
}

/** The latest matching records, and `position` behind them. */
async function latest(
  directory: string,
  segments: readonly number[],
  matches: (record: StoredRecord) => boolean,
  count: number,
  position: Position,
): Promise<readonly StoredRecord[]> {
  let found: StoredRecord[] = []
  for (const segment of segments.toReversed()) {
    const bytes = await readFile(join(directory, segmentName(segment)))
    const batches = [...wholeBatches(bytes, 0)]
    if (segment === segments.at(-1)) {
      position.segment = segment
      position.offset = batches.at(-1)?.end ?? 0
    }
    const here: StoredRecord[] = []
    for (const line of batches.flatMap((batch) => batch.lines).toReversed()) {
      if (found.length + here.length >= count) break
      const record = parseRecord(line.text)
      if (record !== undefined && matches(record)) here.push(record)
    }
    found = [...here.toReversed(), ...found]
    if (found.length >= count) break
  }
  return found
}

/** The segment that holds an index or a time, told by the first record of each. */
export async function firstSegment(
  directory: string,
  segments: readonly number[],
  { from = 0, since = -Infinity }: ReadOptions,
): Promise<number> {
  const isFromStart = from === 0 && since === -Infinity
  for (const segment of isFromStart ? [] : segments.toReversed()) {
    const first = await firstRecord(join(directory, segmentName(segment)))
    if (first === undefined || (from > 0 && first.seq > from)) continue
    // Several records may have one time, and the first of them stand at the end of the file before.
    if (since === -Infinity || Date.parse(first.at) < since) return segment
  }
  return segments[0] ?? 0
}

/** Enough for a header and the longest record. */
const headBytes = 128 * 1024

async function firstRecord(path: string): Promise<StoredRecord | undefined> {
  const head = await readFrom(path, 0, headBytes)
  for (const line of linesOf(head)) {
    if (isRecordLine(line.text)) return parseRecord(line.text)
  }
  return undefined
}

async function readFrom(path: string, offset: number, most?: number): Promise<Buffer> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const bytes = Buffer.alloc(Math.max(0, Math.min(size - offset, most ?? Infinity)))
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, offset)
    return bytes.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

function matcher(options: ReadOptions): (record: StoredRecord) => boolean {
  const { from = 0, kind } = options
  return (record) => record.seq >= from && (kind === undefined || record.kind === kind)
}

async function requireSegments(directory: string): Promise<readonly number[]> {
  const segments = await listSegments(directory)
  if (segments.length > 0) return segments
  throw auditError('absent', `there is no audit log in ${directory}`, {
    hint: 'name the data directory of the gateway that writes it',
  })
}
