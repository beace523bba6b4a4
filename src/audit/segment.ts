import type { Checkpoint, CheckpointKey } from './checkpoint.ts'
import { encodeText } from './encoding.ts'
import { digestText, Frontier, frontierLength, parseDigest } from './merkle.ts'
import type { Digest, Leaves } from './merkle.ts'

/** A file of the log takes no further batch once it is this long. */
export const segmentBytes = 64 * 1024 * 1024
/** A batch stops growing at these. */
export const batchRecords = 4096
export const batchBytes = 4 * 1024 * 1024
/** No tail that was never acknowledged is longer: one batch, its longest record and two leaf lists. */
export const longestTail = 2 * batchBytes
export const longestSegment = segmentBytes + 2 * longestTail

/** One line of a segment: which of the four forms it has is told by how it begins. */
export interface Line {
  readonly text: string
  /** Counted from 1. */
  readonly number: number
  /** Offset in the file behind its newline. */
  readonly end: number
}

/** The first line of each segment: where the tree stood before it, so that no earlier file is needed. */
export interface Header {
  readonly segment: number
  readonly frontier: readonly Digest[]
  readonly starts: string
}

/** The checkpoint over all records so far, and the leaf hashes of those since the seal before. */
export interface Seal {
  readonly checkpoint: string
  readonly leaves: readonly string[]
}

export function segmentName(segment: number): string {
  return `log-${String(segment).padStart(6, '0')}.ndjson`
}

/** `undefined` for a file that is no segment. */
export function segmentNumber(name: string): number | undefined {
  const digits = /^log-([0-9]{6})\.ndjson$/.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

export function encodeHeader(segment: number, frontier: readonly Digest[], starts: string): string {
  const hashes = frontier.map((hash) => digestText(hash, 'base64url'))
  return `{"frontier":${list(hashes)},"segment":${segment},"starts":${encodeText(starts)}}`
}

export function encodeSeal(checkpoint: string, leaves: Leaves): string {
  return `{"checkpoint":${encodeText(checkpoint)},"leaves":${list(leaves.encoded)}}`
}

export function isRecordLine(text: string): boolean {
  return text.startsWith('{"action":')
}

/** True for a seal, and for what is left of one after damage. */
export function isSealLine(text: string): boolean {
  return !isRecordLine(text) && (text.startsWith('{"checkpoint":') || text.includes('"leaves":['))
}

/** True when a seal lists exactly these leaves; its checkpoint is not looked at. */
export function sealLists(text: string, leaves: Leaves): boolean {
  return text.startsWith('{"checkpoint":"') && text.endsWith(`","leaves":${list(leaves.encoded)}}`)
}

export function parseHeader(text: string): Header | undefined {
  const value = parseObject(text)
  if (value === undefined) return undefined
  const { frontier, segment, starts } = value
  if (!isTextList(frontier) || !Number.isSafeInteger(segment) || typeof starts !== 'string') {
    return undefined
  }
  const hashes = frontier.map((item) => parseDigest(item, 'base64url'))
  if (!hashes.every((item) => item !== undefined)) return undefined
  const header = { segment: segment as number, frontier: hashes, starts }
  // Invariant: there is one spelling of a header, so that a changed byte never goes unseen.
  return encodeHeader(header.segment, header.frontier, header.starts) === text ? header : undefined
}

export function parseSeal(text: string): Seal | undefined {
  const value = parseObject(text)
  if (value === undefined) return undefined
  const { checkpoint, leaves } = value
  if (typeof checkpoint !== 'string' || !isTextList(leaves) || leaves.length === 0) return undefined
  return { checkpoint, leaves }
}

/** Where the tree stood when a segment began, if its header's checkpoint is signed and says the same. */
export function openHeader(
  header: Header,
  key: CheckpointKey,
): { readonly frontier: Frontier; readonly checkpoint: Checkpoint } | string {
  const checkpoint = key.open(header.starts, true)
  if (typeof checkpoint === 'string') return `its checkpoint ${checkpoint}`
  if (header.frontier.length !== frontierLength(checkpoint.size)) {
    return 'its tree does not have the size its checkpoint signs'
  }
  const frontier = new Frontier(checkpoint.size, header.frontier)
  if (frontier.root() !== checkpoint.root) return 'its tree is not the one its checkpoint signs'
  return { frontier, checkpoint }
}

/** The complete lines of a file, or of a part of it that begins at line `number` and offset `base`. */
export function* linesOf(bytes: Buffer, number = 1, base = 0): Generator<Line, undefined> {
  let start = 0
  let current = number
  for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, start)) {
    yield { text: bytes.toString('latin1', start, end), number: current, end: base + end + 1 }
    start = end + 1
    current++
  }
  return undefined
}

function list(hashes: readonly string[]): string {
  return hashes.length === 0 ? '[]' : `["${hashes.join('","')}"]`
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    return Object.assign(Object.create(null) as Record<string, unknown>, value)
  } catch {
    return undefined
  }
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
