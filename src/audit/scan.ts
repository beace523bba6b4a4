import type { CheckpointKey, CheckpointSigner } from './checkpoint.ts'
import { parseRecord } from './encoding.ts'
import { auditError, verifyHint } from './errors.ts'
import { isMarkLine, parseMark, Stretch } from './mark.ts'
import { leafHash, Leaves } from './merkle.ts'
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
  /** Over what the last seal signs. */
  readonly frontier: Frontier
  readonly checkpoint: string
  /** Records behind it that marks keep. */
  readonly stretch: Stretch
  /** Bytes up to and with the last batch that is whole. */
  readonly length: number
  /** Bytes behind it, of a write that was never acknowledged. */
  readonly tail: number
  /** Records in earlier segments. */
  readonly firstSize: number
  /** The root over as many records as was asked for, when it is reached in this segment. */
  readonly rootAt: Digest | undefined
}

const blockBytes = 512
/** Fewer zero bytes than this at the end of a file are no block that was lost. */
const leastZeros = 16

/**
 * Rehashes a segment. The records of it are proven by one signature, the last one, as the root is
 * over all of them, and those behind it by their marks.
 *
 * @param sizeAsked - a number of records to find the root over.
 * @throws ProofgateError `audit.damaged` unless all of it is proven, or all but the remains of one
 *   write that a crash interrupted.
 */
export function scanSegment(
  bytes: Buffer,
  segment: number,
  signer: CheckpointSigner,
  sizeAsked = -1,
): Scan {
  const lines = linesOf(bytes)
  const start = begin(lines.next().value, segment, signer.key)
  const walk = new Walk(signer, start, sizeAsked)
  for (const line of lines) {
    if (!walk.takes(line)) break
  }
  const { frontier, checkpoint, length } = walk
  const problem = walk.problem()
  if (problem !== undefined) throw damaged(segment, problem)
  const tail = bytes.subarray(length)
  if (tail.length > 0 && !isTorn(tail, length, walk.size, signer.key)) {
    throw damaged(segment, `a record or checkpoint after record ${walk.size} was changed`)
  }
  const { stretch, rootAt } = walk
  const { firstSize } = start
  return { frontier, checkpoint, stretch, length, tail: tail.length, firstSize, rootAt }
}

interface Begin {
  readonly frontier: Frontier
  readonly starts: string
  readonly firstSize: number
  readonly end: number
}

/** A walk along the lines of a segment for as long as they hold together. */
class Walk {
  readonly frontier: Frontier
  length: number
  rootAt: Digest | undefined
  readonly #signer: CheckpointSigner
  readonly #starts: string
  readonly #sizeAsked: number
  readonly #leaves = new Leaves()
  /** Those that the seal at hand has to list. */
  readonly #listed = new Leaves()
  /** Made when a mark is met: its root costs more than all else where each batch has a seal. */
  #stretch: Stretch | undefined
  #seal: string | undefined
  #sealMarks: Digest | undefined

  constructor(signer: CheckpointSigner, start: Begin, sizeAsked: number) {
    this.#signer = signer
    this.#starts = start.starts
    this.#sizeAsked = sizeAsked
    this.frontier = start.frontier
    this.length = start.end
    if (sizeAsked === start.firstSize) this.rootAt = start.frontier.root()
  }

  get stretch(): Stretch {
    this.#stretch ??= new Stretch(this.frontier.root())
    return this.#stretch
  }

  /** Records that are proven. */
  get size(): number {
    return this.frontier.size + (this.#stretch?.size ?? 0)
  }

  get checkpoint(): string {
    return this.#seal === undefined ? this.#starts : (parseSeal(this.#seal)?.checkpoint ?? '')
  }

  takes(line: Line): boolean {
    if (isRecordLine(line.text)) {
      this.#leaves.add(leafHash(line.text))
      return true
    }
    const isWhole = isMarkLine(line.text) ? this.#takesMark(line.text) : this.#takesSeal(line.text)
    if (!isWhole) return false
    this.#leaves.clear()
    this.length = line.end
    return true
  }

  /** What is wrong with the last checkpoint. */
  problem(): string | undefined {
    const checkpoint = this.#signer.key.open(this.checkpoint, true)
    if (typeof checkpoint === 'string') return `its last checkpoint ${checkpoint}`
    if (checkpoint.size !== this.frontier.size || checkpoint.root !== this.frontier.root()) {
      return 'its records are not those its last checkpoint signs'
    }
    // That of a header is over marks of the segment before.
    if (this.#seal !== undefined && checkpoint.marks !== this.#sealMarks) {
      return 'its marks are not those its last checkpoint signs'
    }
    this.#findRoot(this.frontier.copy(), this.#stretch?.leaves ?? new Leaves())
    return undefined
  }

  #takesMark(text: string): boolean {
    const mark = parseMark(text)
    const leaves = this.#leaves
    if (leaves.size === 0 || mark?.size !== this.size + leaves.size) return false
    // Invariant: only who holds the key can have said that these records were kept.
    if (mark.mac !== this.stretch.mac(this.#signer.marks, leaves)) return false
    this.stretch.extend(leaves, mark.mac, text)
    return true
  }

  /** Only the last seal is read further: there may be a hundred thousand, and it is over them all. */
  #takesSeal(text: string): boolean {
    const stretch = this.#stretch
    const listed = this.#listed
    listed.clear()
    if (stretch !== undefined) listed.addAll(stretch.leaves)
    listed.addAll(this.#leaves)
    if (listed.size === 0 || !sealLists(text, listed)) return false
    this.#findRoot(this.frontier, listed)
    this.#seal = text
    this.#sealMarks = stretch?.marks
    this.#stretch = undefined
    return true
  }

  #findRoot(frontier: Frontier, leaves: Leaves): void {
    for (const leaf of leaves.digests) {
      frontier.append(leaf)
      if (frontier.size === this.#sizeAsked) this.rootAt = frontier.root()
    }
  }
}

function begin(line: Line | undefined, segment: number, key: CheckpointKey): Begin {
  const header = line === undefined ? undefined : parseHeader(line.text)
  if (line === undefined || header?.segment !== segment) {
    throw damaged(segment, 'its first line is not a header')
  }
  const start = openHeader(header, key)
  if (typeof start === 'string') throw damaged(segment, start)
  const { frontier } = start
  return { frontier, starts: header.starts, firstSize: frontier.size, end: line.end }
}

/**
 * True for what one interrupted write leaves: the beginning of a batch, or, after a loss of power,
 * a stretch in which whole blocks are still zero. Anything else was changed by somebody.
 */
function isTorn(tail: Buffer, offset: number, size: number, key: CheckpointKey): boolean {
  if (tail.length > longestTail) return false
  if (hasZeroBlock(tail, offset)) return !hasSignedSeal(tail, key) && !hasMark(tail)
  let next = size
  let end = 0
  for (const line of linesOf(tail)) {
    if (parseRecord(line.text)?.seq !== next) return false
    next++
    end = line.end
  }
  const rest = tail.toString('latin1', end)
  if (isSealLine(rest)) return endsIn(rest, ']}')
  return !isMarkLine(rest) || endsIn(rest, '}')
}

/** True unless something follows behind the end of a line. */
function endsIn(rest: string, close: string): boolean {
  const at = rest.indexOf(close)
  return at === -1 || at === rest.length - close.length
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

function hasMark(tail: Buffer): boolean {
  for (const { text } of linesOf(tail)) {
    const start = text.indexOf('{"mac":')
    if (start !== -1 && parseMark(text.slice(start)) !== undefined) return true
  }
  return false
}

function damaged(segment: number, problem: string): Error {
  return auditError('damaged', `the audit log is damaged: ${segmentName(segment)}: ${problem}`, {
    hint: verifyHint,
  })
}
