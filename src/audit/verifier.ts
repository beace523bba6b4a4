import type { Checkpoint, CheckpointKey } from './checkpoint.ts'
import { parseRecord } from './encoding.ts'
import { isMarkLine, marksHash, parseMark } from './mark.ts'
import type { MarkKey } from './mark.ts'
import { Frontier, leafHash, Leaves, parseDigest } from './merkle.ts'
import type { Digest } from './merkle.ts'
import { encodeSeal, isSealLine, linesOf, openHeader, parseHeader, parseSeal } from './segment.ts'
import type { Line, Seal } from './segment.ts'

/** Something that is not as the key signed it. */
export interface AuditProblem {
  /** The record it is about, or the first one it leaves without proof. */
  readonly index: number
  readonly part: 'record' | 'mark' | 'checkpoint' | 'header' | 'file'
  /** Name of the file in the audit folder. */
  readonly file: string
  readonly line: number
  readonly problem: string
}

/** Where a walk through a segment stopped, and how many bytes it left. */
export interface Rest {
  readonly offset: number
  readonly line: number
  readonly bytes: number
  /** True when those end in a checkpoint that lacks its newline. */
  readonly endsInSeal: boolean
  /** True when the last of them ends a batch that waits for its seal. */
  readonly isMarked: boolean
  /** The whole lines among them, marks included. */
  readonly lines: readonly Line[]
}

interface Watched {
  readonly name: string
  readonly checkpoint: Checkpoint
  /** The root of the log at that size, once the walk has come past it. */
  found: Digest | undefined
}

const mostProblems = 100

/**
 * Walks through the segments of a log in order and keeps the tree of what was signed. Where a batch
 * is not what its checkpoint signs, the leaf hashes listed with it, if those are what was signed,
 * tell which record it is and let the walk go on.
 */
export class Verifier {
  readonly problems: AuditProblem[] = []
  /** Records behind the last seal whose batches end in marks. */
  unsigned = 0
  readonly #key: CheckpointKey
  readonly #markKey: MarkKey | undefined
  readonly #watched: Watched[] = []
  #frontier = new Frontier()
  #lastCheckpoint: string | undefined
  #lastAt = ''
  /** False after damage that the listed hashes could not bridge, until the next segment's header. */
  #inStep = true

  /** @param markKey - proves records that are not signed yet. */
  constructor(key: CheckpointKey, markKey?: MarkKey) {
    this.#key = key
    this.#markKey = markKey
  }

  get size(): number {
    return this.#frontier.size
  }

  root(): Digest {
    return this.#frontier.root()
  }

  report(
    index: number,
    part: AuditProblem['part'],
    file: string,
    line: number,
    problem: string,
  ): void {
    if (this.problems.length < mostProblems)
      this.problems.push({ index, part, file, line, problem })
  }

  /** Names a checkpoint the log must agree with; call before walking. */
  watch(name: string, note: string, alone: boolean): void {
    const checkpoint = this.#key.open(note, alone)
    if (typeof checkpoint === 'string') {
      this.report(0, 'checkpoint', name, 1, `the checkpoint ${checkpoint}`)
      return
    }
    const found = checkpoint.size === 0 ? this.root() : undefined
    this.#watched.push({ name, checkpoint, found })
  }

  walkSegment(segment: number, bytes: Buffer, file: string): Rest {
    const first = linesOf(bytes).next()
    if (first.done === true) {
      return {
        offset: 0,
        line: 1,
        bytes: bytes.length,
        endsInSeal: false,
        isMarked: false,
        lines: [],
      }
    }
    this.#enter(segment, first.value, file)
    const { end } = first.value
    return this.walkBatches(file, bytes.subarray(end), 2, end)
  }

  walkBatches(file: string, bytes: Buffer, number: number, offset: number): Rest {
    let lines: Line[] = []
    const endsInSeal = isSealLine(bytes.toString('latin1', bytes.lastIndexOf(0x0a) + 1))
    let done = { offset, line: number, bytes: bytes.length }
    for (const line of linesOf(bytes, number, offset)) {
      if (!isSealLine(line.text)) {
        lines.push(line)
        continue
      }
      if (this.#inStep) this.#checkStretch(file, lines, line)
      lines = []
      const left = offset + bytes.length - line.end
      done = { offset: line.end, line: line.number + 1, bytes: left }
    }
    const last = lines.at(-1)
    const isMarked = last !== undefined && isMarkLine(last.text)
    return { ...done, endsInSeal, isMarked, lines }
  }

  /**
   * What is left behind the last seal of a segment is proven by nothing but marks, and those only to who has
   * their key; without it is said how many they are, so that a crash can be told from a forgery by restarting.
   */
  endSegment(file: string, rest: Rest): void {
    if (rest.bytes === 0 || !this.#inStep) return
    const { lines } = rest
    const marked = lines.slice(0, 1 + lines.findLastIndex((line) => isMarkLine(line.text)))
    if (isMarked(marked, this.size)) this.#noteUnsigned(recordsOf(marked))
    const left = rest.offset + rest.bytes - (marked.at(-1)?.end ?? rest.offset)
    if (left === 0 && this.unsigned > 0 && this.#areOwn(marked)) return
    const problem = unsignedProblem(this.unsigned, rest.bytes, left)
    if (rest.endsInSeal) {
      this.report(this.size, 'checkpoint', file, rest.line + lines.length, problem)
    } else {
      const records = recordsOf(lines)
      const bad = Math.max(0, outOfOrder(records, this.size))
      this.report(this.size + bad, 'record', file, records[bad]?.number ?? rest.line, problem)
    }
    this.#inStep = false
  }

  /** Whether each of these batches ends in the mark that the log itself would have made. */
  #areOwn(marked: readonly Line[]): boolean {
    if (this.#markKey === undefined) return false
    let before = this.root()
    let leaves: Digest[] = []
    for (const { text } of marked) {
      if (!isMarkLine(text)) {
        leaves.push(leafHash(text))
        continue
      }
      const mac = parseMark(text)?.mac
      if (mac === undefined || mac !== this.#markKey.mac(before, Leaves.of(leaves))) return false
      before = mac
      leaves = []
    }
    return leaves.length === 0
  }

  /** A checkpoint may sign records whose own seal got lost in a crash. */
  #noteUnsigned(records: readonly Line[]): void {
    this.unsigned = records.length
    const leaves = records.map((record) => leafHash(record.text))
    this.#findWatched(this.#frontier, this.#extended(leaves), leaves)
  }

  compareWatched(): void {
    for (const { name, checkpoint, found } of this.#watched) {
      if (found === checkpoint.root) continue
      if (found !== undefined) {
        const problem = `the log does not hold the ${checkpoint.size} records the checkpoint signs`
        this.report(this.#agreedSize(checkpoint.size), 'checkpoint', name, 1, problem)
      } else if (this.#inStep && checkpoint.size > this.size) {
        const problem = `the log ends after ${this.size} records, the checkpoint signs ${checkpoint.size}`
        this.report(this.size, 'checkpoint', name, 1, problem)
      } else {
        const problem = 'the damage before it leaves nothing to compare the checkpoint with'
        this.report(checkpoint.size, 'checkpoint', name, 1, problem)
      }
    }
  }

  /** Up to here another checkpoint and the log agree. */
  #agreedSize(below: number): number {
    const sizes = this.#watched
      .filter(({ checkpoint, found }) => found === checkpoint.root)
      .map(({ checkpoint }) => checkpoint.size)
      .filter((size) => size < below)
    return Math.max(0, ...sizes)
  }

  #enter(segment: number, line: Line, file: string): void {
    const header = parseHeader(line.text)
    const start = header === undefined ? 'it cannot be read' : openHeader(header, this.#key)
    if (header?.segment !== segment || typeof start === 'string') {
      const why = typeof start === 'string' ? start : 'it belongs to another file'
      this.report(this.size, 'header', file, line.number, `the header is damaged: ${why}`)
      return
    }
    const follows = segment === 0 ? start.checkpoint.size === 0 : this.#follows(header.starts)
    if (!follows && this.#inStep) {
      const problem = 'the file does not follow on the one before it'
      this.report(Math.min(this.size, start.checkpoint.size), 'header', file, line.number, problem)
    }
    // After damage, the signed start of a segment is firm ground again.
    this.#frontier = start.frontier
    this.#lastCheckpoint = header.starts
    this.#inStep = true
  }

  #follows(starts: string): boolean {
    return this.#lastCheckpoint === starts
  }

  /** The lines from one seal to the next. */
  #checkStretch(file: string, lines: readonly Line[], line: Line): void {
    const start = this.size
    const records = recordsOf(lines)
    const leaves = records.map((record) => leafHash(record.text))
    const after = this.#extended(leaves)
    const seal = parseSeal(line.text)
    const checkpoint = seal === undefined ? 'cannot be read' : this.#key.open(seal.checkpoint, true)
    if (seal === undefined || typeof checkpoint === 'string') {
      const why = typeof checkpoint === 'string' ? checkpoint : 'cannot be read'
      this.report(start, 'checkpoint', file, line.number, `the checkpoint ${why}`)
      // The next checkpoint is over these records as well and proves them or not.
      this.#accept(after, leaves)
      return
    }
    this.#lastCheckpoint = seal.checkpoint
    if (checkpoint.size === after.size && checkpoint.root === after.root()) {
      if (encodeSeal(seal.checkpoint, Leaves.of(leaves)) !== line.text) {
        this.report(start, 'checkpoint', file, line.number, 'the leaf hashes listed were changed')
      }
      this.#accept(after, leaves)
      this.#checkMarks(file, lines, { start, checkpoint })
      this.#checkOrder(file, records, start)
      return
    }
    this.#locate({ file, records, leaves, line, seal, checkpoint })
  }

  /** Marks prove nothing any more once a checkpoint signs, and are what it signs all the same. */
  #checkMarks(
    file: string,
    lines: readonly Line[],
    { start, checkpoint }: { readonly start: number; readonly checkpoint: Checkpoint },
  ): void {
    const marks = lines.filter((line) => isMarkLine(line.text))
    const stray = firstStray(lines, start)
    if (stray !== undefined) {
      this.report(start, 'mark', file, stray.number, 'the mark does not belong here')
    } else if (marksHash(marks.map((mark) => `${mark.text}\n`).join('')) !== checkpoint.marks) {
      const problem = 'the mark, or one before the next checkpoint, is not what was signed'
      this.report(start, 'mark', file, marks[0]?.number ?? lines[0]?.number ?? 0, problem)
    }
  }

  /** A batch that is not what was signed: finds the first record that is not. */
  #locate(batch: {
    readonly file: string
    readonly records: readonly Line[]
    readonly leaves: readonly Digest[]
    readonly line: Line
    readonly seal: Seal
    readonly checkpoint: Checkpoint
  }): void {
    const { file, records, leaves, line, seal, checkpoint } = batch
    const start = this.size
    const listed = seal.leaves.flatMap((leaf) => parseDigest(leaf, 'base64url') ?? [])
    const signed = this.#extended(listed)
    const isSigned = signed.size === checkpoint.size && signed.root() === checkpoint.root
    const position = isSigned ? firstDifference(leaves, listed) : outOfOrder(records, start)
    const bad = position === -1 ? 0 : position
    const where = records[bad] ?? line
    const problem = isSigned
      ? describe(leaves, listed, bad)
      : 'the record, or one before the next checkpoint, is not what was signed'
    this.report(start + bad, 'record', file, where.number, problem)
    if (isSigned) this.#accept(signed, listed)
    else this.#inStep = false
  }

  /** What was signed must also be a log: counted without gaps, in the order of time. */
  #checkOrder(file: string, records: readonly Line[], start: number): void {
    for (const [position, { text, number }] of records.entries()) {
      const record = parseRecord(text)
      const index = start + position
      if (record?.seq !== index || record.at < this.#lastAt) {
        this.report(index, 'record', file, number, 'the record is signed but not in order')
        return
      }
      this.#lastAt = record.at
    }
  }

  #extended(leaves: readonly Digest[]): Frontier {
    const frontier = this.#frontier.copy()
    for (const leaf of leaves) frontier.append(leaf)
    return frontier
  }

  #accept(after: Frontier, leaves: readonly Digest[]): void {
    const before = this.#frontier
    this.#frontier = after
    this.#findWatched(before, after, leaves)
  }

  #findWatched(before: Frontier, after: Frontier, leaves: readonly Digest[]): void {
    for (const watched of this.#watched) {
      const { size } = watched.checkpoint
      if (size <= before.size || size > after.size) continue
      const partial = before.copy()
      for (const leaf of leaves.slice(0, size - before.size)) partial.append(leaf)
      watched.found = partial.root()
    }
  }
}

function recordsOf(lines: readonly Line[]): readonly Line[] {
  return lines.filter((line) => !isMarkLine(line.text))
}

/** The first mark that does not count the records before it. */
function firstStray(lines: readonly Line[], start: number): Line | undefined {
  let size = start
  for (const line of lines) {
    if (!isMarkLine(line.text)) size++
    else if (parseMark(line.text)?.size !== size) return line
  }
  return undefined
}

/** True for whole batches of records in their order, each with its mark. */
function isMarked(lines: readonly Line[], start: number): boolean {
  const last = lines.at(-1)
  if (last === undefined || !isMarkLine(last.text)) return false
  return firstStray(lines, start) === undefined && outOfOrder(recordsOf(lines), start) === -1
}

/** The position of the first line that is not the record its place in the log calls for, or -1. */
function outOfOrder(records: readonly Line[], start: number): number {
  return records.findIndex((record, at) => parseRecord(record.text)?.seq !== start + at)
}

function firstDifference(found: readonly Digest[], listed: readonly Digest[]): number {
  const longest = Math.max(found.length, listed.length)
  for (let at = 0; at < longest; at++) {
    if (found[at] !== listed[at]) return at
  }
  return 0
}

function describe(found: readonly Digest[], listed: readonly Digest[], at: number): string {
  const [here, signed] = [found[at], listed[at]]
  const holds = (list: readonly Digest[], leaf: Digest | undefined) =>
    leaf !== undefined && list.includes(leaf, at + 1)
  const wasMoved = holds(found, signed)
  if (wasMoved && holds(listed, here)) return 'the record was swapped with a later one'
  if (wasMoved) return 'a record was inserted here'
  if (here === undefined || holds(listed, here)) return 'the record that belongs here was deleted'
  return 'the record was changed'
}

/** @param bytes, left - behind the last seal, and behind the last mark. */
function unsignedProblem(records: number, bytes: number, left: number): string {
  if (records === 0) return `${bytes} bytes follow that no checkpoint signs`
  return `${records} records are not signed yet, ${left} bytes follow; whether the log wrote them is found out by opening it`
}
