import { cutAtColons, splitAtColons } from '../value/pattern.ts'
import type { Pattern } from '../value/pattern.ts'
import { anyRun, anySegment, intersects, placesOf, unitsOf } from './globs.ts'
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

/** Resources that have the first five parts of their ARN in common. */
interface Region {
  readonly outer: readonly (readonly Place[])[]
  readonly whole: (readonly Place[])[]
  readonly last: (readonly Place[])[]
}

const partCount = 6

/** Everything that a request to some routes can be for. */
export class Reach {
  readonly #regions = new Map<string, Region>()

  constructor(routes: readonly LintRoute[]) {
    for (const route of routes) {
      const texts = cutAtColons(route.arnPrefix, partCount)
      const outer = texts.slice(0, -1)
      const key = outer.join(':')
      const last = [...unitsOf(texts.at(-1) ?? ''), ...placesOfRoute(route)]
      const region = this.#regions.get(key) ?? { outer: outer.map(unitsOf), whole: [], last: [] }
      region.whole.push([...unitsOf(`${key}:`), ...last])
      region.last.push(last)
      this.#regions.set(key, region)
    }
  }

  /** Whether the pattern may select one of the resources; `true` when the effort is spent. */
  includesSomeOf(pattern: Pattern, effort: Effort): boolean {
    const columns = pattern.columns ?? splitAtColons(pattern, partCount)
    for (const region of this.#regions.values()) {
      if (columns === undefined) {
        const places = placesOf(pattern)
        if (region.whole.some((whole) => intersects(places, whole, effort))) return true
        continue
      }
      const fits = region.outer.every((outer, index) =>
        intersects(placesOfColumn(columns, index), outer, effort),
      )
      const places = placesOfColumn(columns, partCount - 1)
      if (fits && region.last.some((last) => intersects(places, last, effort))) return true
    }
    return false
  }
}

function placesOfColumn(columns: readonly Pattern[], index: number): readonly Place[] {
  const column = columns[index]
  return column === undefined ? [anyRun] : placesOf(column)
}

/** `GET/orders/{id}` */
function placesOfRoute({ method, path }: LintRoute): readonly Place[] {
  const places = method === undefined ? [anySegment] : unitsOf(method)
  const segments = path.flatMap((segment) => [
    ...unitsOf('/'),
    ...(segment === 'segment'
      ? [anySegment]
      : segment === 'rest'
        ? [anyRun]
        : unitsOf(segment.text)),
  ])
  return path.length === 0 ? [...places, ...unitsOf('/')] : [...places, ...segments]
}
