import type { CheckpointKey } from './checkpoint.ts'
import { parseRecord } from './encoding.ts'
import { auditError, verifyHint } from './errors.ts'
import { leafHash } from './merkle.ts'
import type { Digest, Frontier } from './merkle.ts'
import {
  isRecordLine,
  isSealLine,
  linesOf,
  longestTail,
  openHeader,
  parseHeader,
  parseSeal,
  sealLists,
  segmentName,
} from './segment.ts'
import type { Line } from './segment.ts'

/** The last segment, read back: up to where it is proven, and how much follows that never was. */
export interface Scan {
  readonly frontier: Frontier
  readonly checkpoint: string
  /** Bytes up to and with the last batch that is whole. */
  readonly length: number
  /** Bytes behind it, of a write that was never acknowledged. */
  readonly tail: number
  /** Records in earlier segments. */
  readonly firstSize: number
  /** The checkpoint over those. */
  readonly starts: string
  /** The seals in this segment by the size they are over. */
  readonly seals: ReadonlyMap<number, string>
}

const blockBytes = 512
/** Fewer zero bytes than this at the end of a file are no block that was lost. */
const leastZeros = 16

/**
 * Rehashes a segment. The records of it are proven by one signature, the last one, as the root is
 * over all of them.
 *
 * @throws ProofgateError `audit.damaged` unless all of it is proven, or all but the remains of one
 *   write that a crash interrupted.
 */
export function scanSegment(bytes: Buffer, segment: number, key: CheckpointKey): Scan {
  const lines = linesOf(bytes)
  const { frontier, starts, end } = begin(lines.next().value, segment, key)
  const firstSize = frontier.size
  const seals = new Map<number, string>()
  let length = end
  let leaves: Digest[] = []
  for (const line of lines) {
    if (isRecordLine(line.text)) {
      leaves.push(leafHash(line.text))
      continue
    }
    // Only the last seal is read further: there may be a hundred thousand, and it is over them all.
    if (leaves.length === 0 || !sealLists(line.text, leaves)) break
    for (const leaf of leaves) frontier.append(leaf)
    leaves = []
    seals.set(frontier.size, line.text)
    length = line.end
  }
  const last = seals.get(frontier.size)
  const checkpoint = last === undefined ? starts : (parseSeal(last)?.checkpoint ?? '')
  requireProven(segment, key, checkpoint, frontier)
  const tail = bytes.subarray(length)
  if (tail.length > 0 && !isTorn(tail, length, frontier.size, key)) {
    throw damaged(segment, `a record or checkpoint after record ${frontier.size} was changed`)
  }
  return { frontier, checkpoint, length, tail: tail.length, firstSize, starts, seals }
}

function begin(
  line: Line | undefined,
  segment: number,
  key: CheckpointKey,
): { readonly frontier: Frontier; readonly starts: string; readonly end: number } {
  const header = line === undefined ? undefined : parseHeader(line.text)
  if (line === undefined || header?.segment !== segment) {
    throw damaged(segment, 'its first line is not a header')
  }
  const start = openHeader(header, key)
  if (typeof start === 'string') throw damaged(segment, start)
  return { frontier: start.frontier, starts: header.starts, end: line.end }
}

function requireProven(
  segment: number,
  key: CheckpointKey,
  note: string,
  frontier: Frontier,
): void {
  const checkpoint = key.open(note, true)
  if (typeof checkpoint === 'string') throw damaged(segment, `its last checkpoint ${checkpoint}`)
  if (checkpoint.size !== frontier.size || checkpoint.root !== frontier.root()) {
    throw damaged(segment, 'its records are not those its last checkpoint signs')
  }
}

/**
 * True for what one interrupted write leaves: the beginning of a batch, or, after a loss of power,
 * a stretch in which whole blocks are still zero. Anything else was changed by somebody.
 */
function isTorn(tail: Buffer, offset: number, size: number, key: CheckpointKey): boolean {
  if (tail.length > longestTail) return false
  if (hasZeroBlock(tail, offset)) return !hasSignedSeal(tail, key)
  let next = size
  let end = 0
  for (const line of linesOf(tail)) {
    if (parseRecord(line.text)?.seq !== next) return false
    next++
    end = line.end
  }
  const rest = tail.toString('latin1', end)
  const close = rest.indexOf(']}')
  return !isSealLine(rest) || close === -1 || close === rest.length - 2
}

function hasZeroBlock(tail: Buffer, offset: number): boolean {
  const toBoundary = (blockBytes - (offset % blockBytes)) % blockBytes
  for (let start = toBoundary; start < tail.length; start += blockBytes) {
    const block = tail.subarray(start, start + blockBytes)
    if (block.length >= leastZeros && block.every((byte) => byte === 0)) return true
  }
  return false
}

function hasSignedSeal(tail: Buffer, key: CheckpointKey): boolean {
  for (const line of linesOf(tail)) {
    const start = line.text.indexOf('{"checkpoint":')
    const seal = start === -1 ? undefined : parseSeal(line.text.slice(start))
    if (seal !== undefined && typeof key.open(seal.checkpoint, true) !== 'string') return true
  }
  return false
}

function damaged(segment: number, problem: string): Error {
  return auditError('damaged', `the audit log is damaged: ${segmentName(segment)}: ${problem}`, {
    hint: verifyHint,
  })
}
