import type { Pattern } from '../value/pattern.ts'

/** What one place of a pattern takes: a UTF-16 unit, or one of the three below. */
export type Place = number

export const anyOne = -1
export const anyRun = -2
/** Any run without a slash: what a parameter of a route takes. */
export const anySegment = -3

const slash = 0x2f

/** A pattern as places. A variable may have any value. */
export function placesOf(pattern: Pattern): readonly Place[] {
  return pattern.parts.flatMap((part): readonly Place[] => {
    if (part === 'any-run') return [anyRun]
    if (part === 'any-one') return [anyOne]
    return isText(part) ? unitsOf(part.text) : [anyRun]
  })
}

type Part = Pattern['parts'][number]

/** Own members only, as everywhere in this area: a polluted prototype makes no text of a variable. */
export function isText(part: Part): part is Part & { readonly text: string } {
  return typeof part === 'object' && Object.hasOwn(part, 'text')
}

export function unitsOf(text: string): readonly Place[] {
  return Array.from({ length: text.length }, (_, at) => text.charCodeAt(at))
}

/** What comes before the first wildcard. */
export function textOf(places: readonly Place[]): string {
  const end = places.findIndex((place) => place < 0)
  return String.fromCharCode(...(end === -1 ? places : places.slice(0, end)))
}

/** Bounds what comparing patterns may cost altogether, in steps of a few nanoseconds. */
export class Effort {
  #left: number

  constructor(steps: number) {
    this.#left = steps
  }

  spend(steps: number): void {
    this.#left -= steps
  }

  get isSpent(): boolean {
    return this.#left < 0
  }
}

/**
 * Whether everything that `inner` matches is matched by `outer` too. Sound, not complete: `false` also
 * means "not known". `outer` must be without variables.
 */
export function includes(
  outer: readonly Place[],
  inner: readonly Place[],
  effort: Effort,
): boolean {
  let [at, inAt] = [0, 0]
  let [star, starIn] = [-1, 0]
  while (inAt < inner.length) {
    effort.spend(1)
    if (effort.isSpent) return false
    if (outer[at] === anyRun) {
      star = at++
      starIn = inAt
    } else if (takes(outer[at], inner[inAt])) {
      at++
      inAt++
    } else if (star === -1) return false
    else {
      at = star + 1
      inAt = ++starIn
    }
  }
  while (outer[at] === anyRun) at++
  return at === outer.length
}

/** Whether one place of a pattern takes whatever the other place may stand for. */
function takes(outer: Place | undefined, inner: Place | undefined): boolean {
  if (outer === anyOne) return inner === anyOne || (inner !== undefined && inner >= 0)
  return outer !== undefined && outer >= 0 && outer === inner
}

/**
 * Whether some text is matched by both. Complete: `false` means that there is none. When the effort is
 * spent the answer is `true`.
 */
export function intersects(
  one: readonly Place[],
  other: readonly Place[],
  effort: Effort,
): boolean {
  // Row by row: open[at] says that some text leads through all before `place`, and through `other` up to `at`.
  let open = new Uint8Array(other.length + 1)
  open[0] = 1
  let lowest = 0
  for (const place of one) {
    const highest = spread(open, lowest, other, place)
    effort.spend(highest - lowest + 8)
    if (effort.isSpent) return true
    const next = new Uint8Array(other.length + 1)
    let isAlive = false
    for (let at = highest; at >= lowest; at--) {
      if (open[at] !== 1) continue
      const after = stepOver(place, other[at], at)
      if (after === -1) continue
      next[after] = 1
      isAlive = true
    }
    if (!isAlive) return false
    open = next
    lowest = next.indexOf(1)
  }
  spread(open, lowest, other, undefined)
  return open[other.length] === 1
}

/** Where `other` is when `place` is done with; -1 when no text leads there. */
function stepOver(place: Place, across: Place | undefined, at: number): number {
  if (isRun(place)) return at
  if (across === undefined || !meet(place, across)) return -1
  return isRun(across) ? at : at + 1
}

/** Opens what is reached without leaving `place`: behind a run that takes nothing, and along a run. */
function spread(
  open: Uint8Array,
  lowest: number,
  other: readonly Place[],
  place: Place | undefined,
): number {
  let highest = lowest
  for (let at = lowest; at < open.length; at++) {
    if (open[at] !== 1) continue
    highest = at
    const across = other[at]
    if (across === undefined) continue
    const isAlong = place !== undefined && isRun(place) && meet(place, across)
    if (isRun(across) || isAlong) open[at + 1] = 1
  }
  return highest
}

function isRun(place: Place): boolean {
  return place === anyRun || place === anySegment
}

/** Whether some character is taken by both. */
function meet(one: Place, other: Place): boolean {
  if (one >= 0 && other >= 0) return one === other
  const literal = Math.max(one, other)
  const isSegment = one === anySegment || other === anySegment
  return !(isSegment && literal === slash)
}
