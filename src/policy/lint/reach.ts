import { cutAtColons } from '../value/pattern.ts'
import type { Pattern } from '../value/pattern.ts'
import { anyRun, anySegment, intersects, placesOf, textOf, unitsOf } from './globs.ts'
import type { Effort, Place } from './globs.ts'

/** A route whose callers policies are asked about. */
export interface LintRoute {
  /** `arn:aws:execute-api:{region}:{account}:{api}/{stage}/` */
  readonly arnPrefix: string
  /** `undefined` for all methods. */
  readonly method: string | undefined
  /** Segment by segment: text, or a parameter that takes one or all that follow. */
  readonly path: readonly ({ readonly text: string } | 'segment' | 'rest')[]
}

const partCount = 6

/** Everything that a request to some routes can be for. */
export class Reach {
  readonly #whole = new PlaceTable()
  /** By the first five parts of the ARN. */
  readonly #regions = new Map<string, { outer: readonly (readonly Place[])[]; last: PlaceTable }>()

  constructor(routes: readonly LintRoute[]) {
    for (const route of routes) {
      const texts = cutAtColons(route.arnPrefix, partCount)
      const outer = texts.slice(0, -1)
      const key = outer.join(':')
      const last = [...unitsOf(texts.at(-1) ?? ''), ...placesOfRoute(route)]
      const region = this.#regions.get(key) ?? {
        outer: outer.map(unitsOf),
        last: new PlaceTable(),
      }
      this.#whole.add([...unitsOf(`${key}:`), ...last])
      region.last.add(last)
      this.#regions.set(key, region)
    }
  }

  /** Whether the pattern may select one of the resources; `true` when the effort is spent. */
  includesSomeOf(pattern: Pattern, effort: Effort): boolean {
    if (effort.isSpent) return true
    const { columns } = pattern
    if (columns === undefined) return this.#whole.meets(placesOf(pattern), effort)
    const places = columns.map(placesOf)
    const last = places.at(-1) ?? [anyRun]
    for (const region of this.#regions.values()) {
      const fits = region.outer.every((outer, index) =>
        intersects(places[index] ?? [anyRun], outer, effort),
      )
      if (fits && region.last.meets(last, effort)) return true
    }
    return false
  }
}

/** Patterns by the text they begin with, so that few of many have to be compared. */
class PlaceTable {
  readonly #byText = new Map<string, (readonly Place[])[]>()
  readonly #lengths = new Set<number>()
  #texts: readonly string[] | undefined

  add(places: readonly Place[]): void {
    const text = textOf(places)
    this.#lengths.add(text.length)
    const known = this.#byText.get(text)
    if (known === undefined) this.#byText.set(text, [places])
    else known.push(places)
  }

  meets(places: readonly Place[], effort: Effort): boolean {
    const text = textOf(places)
    return this.#beginningLike(text).some((found) =>
      (this.#byText.get(found) ?? []).some((other) => intersects(places, other, effort)),
    )
  }

  /** The texts that begin with this one, and those it begins with. */
  #beginningLike(text: string): readonly string[] {
    this.#texts ??= [...this.#byText.keys()].sort()
    const longer: string[] = []
    for (let at = firstFrom(this.#texts, text); at < this.#texts.length; at++) {
      const found = this.#texts[at] ?? ''
      if (!found.startsWith(text)) break
      longer.push(found)
    }
    const shorter: string[] = []
    for (const length of this.#lengths) {
      const beginning = text.slice(0, length)
      if (length < text.length && this.#byText.has(beginning)) shorter.push(beginning)
    }
    return [...longer, ...shorter]
  }
}

/** Index of the first of the sorted texts that is not before this one. */
function firstFrom(texts: readonly string[], text: string): number {
  let [low, high] = [0, texts.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((texts[middle] ?? '') < text) low = middle + 1
    else high = middle
  }
  return low
}

/** `GET/orders/{id}` */
function placesOfRoute({ method, path }: LintRoute): readonly Place[] {
  const places = method === undefined ? [anySegment] : unitsOf(method)
  const segments = path.flatMap((segment) => [...unitsOf('/'), ...placesOfSegment(segment)])
  return path.length === 0 ? [...places, ...unitsOf('/')] : [...places, ...segments]
}

function placesOfSegment(segment: LintRoute['path'][number]): readonly Place[] {
  if (segment === 'segment') return [anySegment]
  return segment === 'rest' ? [anyRun] : unitsOf(segment.text)
}
