/** A piece of a wildcard pattern: text that stands for itself, `*` (any run) or `?` (any one). */
export type GlobPart = { readonly text: string } | 'any-run' | 'any-one'

/** A compiled wildcard pattern. Matching reads the text once and never backtracks. */
export interface Glob {
  /** What the text must begin with; all of it when `rest` is absent. */
  readonly head: Segment
  /** What follows the first `*`: pieces to be found in order, and what the text must end with. */
  readonly rest: { readonly middle: readonly Segment[]; readonly tail: Segment } | undefined
  readonly shortest: number
}

/** What stands between two `*`. */
interface Segment {
  readonly length: number
  /** The text when the segment has no `?`. */
  readonly literal: string | undefined
  /** UTF-16 units, `anyUnit` for `?`. */
  readonly units: readonly number[]
}

const anyUnit = -1

/** Longest literal that `indexOf` searches; its worst case costs this much per unit of text. */
const shortLiteral = 32

export function compileGlob(parts: readonly GlobPart[]): Glob {
  const segments: Segment[] = []
  let open: number[] = []
  for (const part of parts) {
    if (part === 'any-run') {
      segments.push(segmentOf(open))
      open = []
    } else if (part === 'any-one') open.push(anyUnit)
    else for (let at = 0; at < part.text.length; at++) open.push(part.text.charCodeAt(at))
  }
  const last = segmentOf(open)
  const [head = last, ...middle] = segments
  const shortest = segments.reduce((sum, segment) => sum + segment.length, last.length)
  if (segments.length === 0) return { head: last, rest: undefined, shortest }
  return {
    head,
    rest: { middle: middle.filter((segment) => segment.length > 0), tail: last },
    shortest,
  }
}

/**
 * Whether the whole text matches. `*` crosses every character, `?` takes exactly one UTF-16 unit, and
 * what the text holds is never read as a wildcard.
 *
 * Invariant: the time is bounded by the length of the text times a constant (32, or the longest
 * segment over 32), whatever the pattern; taking the leftmost place for each segment is enough.
 */
export function matchesGlob(glob: Glob, text: string): boolean {
  if (glob.rest === undefined) {
    if (glob.head.literal !== undefined) return text === glob.head.literal
    return text.length === glob.head.length && standsAt(glob.head, text, 0)
  }
  if (text.length < glob.shortest) return false
  const { middle, tail } = glob.rest
  const end = text.length - tail.length
  if (!standsAt(glob.head, text, 0) || !standsAt(tail, text, end)) return false
  let at = glob.head.length
  for (const segment of middle) {
    at = endOfFirst(segment, text, at, end)
    if (at === -1) return false
  }
  return true
}

function segmentOf(units: readonly number[]): Segment {
  const literal = units.includes(anyUnit) ? undefined : String.fromCharCode(...units)
  return { length: units.length, literal, units }
}

/** Compares from the end, because ARNs that differ mostly share their beginning. */
function standsAt({ units, length }: Segment, text: string, at: number): boolean {
  for (let offset = length - 1; offset >= 0; offset--) {
    const unit = units[offset]
    if (unit !== anyUnit && text.charCodeAt(at + offset) !== unit) return false
  }
  return true
}

/** Index after the first place of the segment between `from` and `end`, or -1. */
function endOfFirst(segment: Segment, text: string, from: number, end: number): number {
  if (segment.literal === undefined || segment.length > shortLiteral) {
    return endOfFirstByBits(segment, text, from, end)
  }
  const found = text.indexOf(segment.literal, from)
  return found === -1 || found + segment.length > end ? -1 : found + segment.length
}

/**
 * The Shift-And search: bit i of the state says that the last i + 1 units of the text fit the
 * segment's beginning, so every place is tried at the same time and `?` costs nothing.
 */
function endOfFirstByBits(segment: Segment, text: string, from: number, end: number): number {
  const words = Math.ceil(segment.length / 32)
  const wild = unitMask(segment, anyUnit, words)
  const masks = new Map<number, Int32Array>()
  const state = new Int32Array(words)
  const lastBit = 1 << ((segment.length - 1) % 32)
  for (let at = from; at < end; at++) {
    const unit = text.charCodeAt(at)
    let mask = masks.get(unit)
    if (mask === undefined) {
      mask = segment.units.includes(unit) ? unitMask(segment, unit, words) : wild
      masks.set(unit, mask)
    }
    shiftIn(state, mask)
    if (((state[words - 1] ?? 0) & lastBit) !== 0) return at + 1
  }
  return -1
}

/** Bit i is set when place i of the segment accepts the unit. */
function unitMask(segment: Segment, unit: number, words: number): Int32Array {
  const mask = new Int32Array(words)
  for (const [place, expected] of segment.units.entries()) {
    if (expected === unit || expected === anyUnit) {
      mask[place >>> 5] = (mask[place >>> 5] ?? 0) | (1 << (place & 31))
    }
  }
  return mask
}

function shiftIn(state: Int32Array, mask: Int32Array): void {
  let carry = 1
  for (let word = 0; word < state.length; word++) {
    const before = state[word] ?? 0
    state[word] = ((before << 1) | carry) & (mask[word] ?? 0)
    carry = before >>> 31
  }
}
