import { mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { claimedOrigin, requireOrigin } from './checkpoint.ts'
import type { Checkpoint, CheckpointSigner } from './checkpoint.ts'
import { parseRecord } from './encoding.ts'
import { auditError, verifyHint } from './errors.ts'
import { checkpointName, DiskFolder, listSegments } from './folder.ts'
import type { LogFolder, SegmentFile } from './folder.ts'
import {
  confirmKey,
  createPendingKey,
  dropPendingKey,
  keyState,
  loadKey,
  readOptional,
} from './keys.ts'
import type { Stretch } from './mark.ts'
import { emptyRoot } from './merkle.ts'
import type { Frontier } from './merkle.ts'
import { encodeHeader, linesOf, longestSegment, longestTail, segmentName } from './segment.ts'
import { scanSegment } from './scan.ts'
import type { Scan } from './scan.ts'

/** Everything the writer needs to go on where the log ends. */
export interface OpenedLog {
  readonly folder: LogFolder
  readonly signer: CheckpointSigner
  readonly segment: number
  readonly file: SegmentFile
  /** Bytes of the open segment that are known to be durable and made by this log. */
  readonly length: number
  readonly frontier: Frontier
  /** The last checkpoint. */
  readonly checkpoint: string
  /** Records behind it that were acknowledged and are not signed. */
  readonly stretch?: Stretch
  /** Time of the last record, epoch milliseconds; 0 in an empty log. */
  readonly lastAt: number
  /** Bytes of a write that was never acknowledged, now removed. */
  readonly removed: number
}

export interface Places {
  /** Holds the log's files and nothing else. */
  readonly directory: string
  readonly keyDirectory: string
  /** Names a log that is made new, such as `gateway.example/audit`; one that exists keeps its name. */
  readonly origin: string
}

/**
 * Finds the end of the log, or makes a new one where there is nothing at all.
 *
 * Invariant: a part that is missing or damaged is refused. An empty log never takes the place of one
 * that was there.
 */
export async function openFolder(places: Places): Promise<OpenedLog> {
  const { directory, keyDirectory } = places
  const key = await keyState(keyDirectory)
  const segments = await listSegments(directory)
  const copy = await readOptional(join(directory, checkpointName))
  if (key === 'pending') {
    await discardUnfinished(places, segments)
    return createLog(places)
  }
  if (key === 'none' && segments.length === 0 && copy === undefined) return createLog(places)
  if (key === 'none') throw incomplete('its key', keyDirectory)
  if (segments.length === 0) throw incomplete('every file of the log', directory)
  if (copy === undefined) throw incomplete('the file `checkpoint`', directory)
  const gap = segments.findIndex((segment, position) => segment !== position)
  if (gap !== -1) throw incomplete(segmentName(gap), directory)
  return resume(places, segments.length - 1, copy)
}

async function createLog({ directory, keyDirectory, origin }: Places): Promise<OpenedLog> {
  requireOrigin(origin)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const folder = new DiskFolder(directory)
  const signer = await createPendingKey(keyDirectory, origin)
  const checkpoint = signer.sign(0, emptyRoot)
  const header = encodeHeader(0, [], checkpoint)
  const file = await folder.createSegment(0, header)
  await folder.replaceCheckpoint(checkpoint)
  // Invariant: the key gets its name last. From here on each part must be there.
  await confirmKey(keyDirectory)
  const { frontier } = scanSegment(Buffer.from(`${header}\n`), 0, signer)
  const length = header.length + 1
  return { folder, signer, segment: 0, file, length, frontier, checkpoint, lastAt: 0, removed: 0 }
}

/** A creation that was interrupted before its end has acknowledged nothing and is begun anew. */
async function discardUnfinished(
  { directory, keyDirectory }: Places,
  segments: readonly number[],
): Promise<void> {
  const first = join(directory, segmentName(0))
  if (segments.length > 1 || (segments.length === 1 && segments[0] !== 0)) {
    throw incomplete('its key', keyDirectory)
  }
  const content = (await readOptional(first)) ?? ''
  if ([...linesOf(Buffer.from(content))].length > 1) throw incomplete('its key', keyDirectory)
  await rm(first, { force: true })
  await rm(join(directory, checkpointName), { force: true })
  await dropPendingKey(keyDirectory)
}

async function resume(places: Places, last: number, copy: string): Promise<OpenedLog> {
  const { directory, keyDirectory } = places
  const origin = claimedOrigin(copy)
  if (origin === undefined) throw damaged(checkpointName, 'it is not a checkpoint')
  const signer = await loadKey(keyDirectory, origin)
  const checkpoint = signer.key.open(copy, true)
  if (typeof checkpoint === 'string') throw damaged(checkpointName, `it ${checkpoint}`)
  const found = await findEnd(directory, last, signer, checkpoint.size)
  checkCopy(checkpoint, found.scan)
  const folder = new DiskFolder(directory)
  if (found.unfinished > 0) await rm(join(directory, segmentName(last)))
  const file = await folder.openSegment(found.segment)
  if (found.scan.tail > 0) {
    await file.truncate(found.scan.length)
    await file.sync()
  }
  await rm(join(directory, `${checkpointName}.new`), { force: true })
  const { length } = found.scan
  return {
    folder,
    signer,
    segment: found.segment,
    file,
    length,
    frontier: found.scan.frontier,
    checkpoint: found.scan.checkpoint,
    stretch: found.scan.stretch,
    lastAt: await lastInstant(directory, found.segment, length),
    removed: found.scan.tail + found.unfinished,
  }
}

interface End {
  readonly segment: number
  readonly scan: Scan
  /** Bytes of a next segment whose first line never got whole. */
  readonly unfinished: number
}

async function findEnd(
  directory: string,
  last: number,
  signer: CheckpointSigner,
  copied: number,
): Promise<End> {
  const bytes = await readSegment(directory, last)
  if (last === 0 || bytes.includes(0x0a)) {
    return { segment: last, scan: scanSegment(bytes, last, signer, copied), unfinished: 0 }
  }
  const previous = await readSegment(directory, last - 1)
  const scan = scanSegment(previous, last - 1, signer, copied)
  const expected = encodeHeader(last, scan.frontier.hashes, scan.checkpoint)
  const isBeginning = expected.startsWith(bytes.toString('latin1'))
  if (
    scan.tail > 0 ||
    scan.stretch.size > 0 ||
    !(isBeginning || bytes.every((byte) => byte === 0))
  ) {
    throw damaged(segmentName(last), 'its first line is not the one that belongs there')
  }
  return { segment: last - 1, scan, unfinished: Math.max(1, bytes.length) }
}

/** The copy is made after its records are durable, so the log can never end before it. */
function checkCopy(copy: Checkpoint, { firstSize, frontier, rootAt, stretch }: Scan): void {
  const size = frontier.size + stretch.size
  if (copy.size > size) {
    throw auditError(
      'cut',
      `the log ends after ${size} records, its checkpoint signs ${copy.size}`,
      { hint: verifyHint },
    )
  }
  // One over an earlier segment, which is not read here, is compared by `verifyAuditLog`.
  if (copy.size >= firstSize && rootAt !== copy.root) {
    throw damaged(checkpointName, 'it signs other records than the log holds')
  }
}

async function readSegment(directory: string, segment: number): Promise<Buffer> {
  const path = join(directory, segmentName(segment))
  const { size } = await stat(path)
  if (size > longestSegment) throw damaged(segmentName(segment), 'it is longer than one can be')
  return readFile(path)
}

async function lastInstant(directory: string, segment: number, length: number): Promise<number> {
  for (let current = segment; current >= 0; current--) {
    const path = join(directory, segmentName(current))
    const tail = await readTail(path, current === segment ? length : (await stat(path)).size)
    const start = tail.lastIndexOf('\n{"action":')
    if (start === -1) continue
    const record = parseRecord(tail.toString('latin1', start + 1, tail.indexOf(0x0a, start + 1)))
    const at = Date.parse(record?.at ?? '')
    if (!Number.isNaN(at)) return at
  }
  return 0
}

async function readTail(path: string, length: number): Promise<Buffer> {
  const handle = await open(path, 'r')
  try {
    const start = Math.max(0, length - longestTail)
    const bytes = Buffer.alloc(length - start)
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, start)
    return bytes.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

function incomplete(what: string, directory: string): Error {
  return auditError('incomplete', `the audit log is incomplete: ${what} is missing`, {
    hint: `restore ${directory} from a backup; to begin a new log on purpose, move both the audit folder and its key away`,
  })
}

function damaged(file: string, problem: string): Error {
  return auditError('damaged', `the audit log is damaged: ${file}: ${problem}`, {
    hint: verifyHint,
  })
}
