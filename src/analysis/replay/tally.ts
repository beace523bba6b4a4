import type { Instant } from '../../core/index.ts'
import type { RecordedRequest } from './recorded.ts'

/** Decisions that change alike. */
export interface ChangeGroup {
  readonly certainty: 'would' | 'may'
  /** A username, `anonymous`, or an issuer and a name. */
  readonly who: string
  readonly api: string
  readonly route: string
  readonly was: string
  readonly becomes: string
  count: number
  readonly first: string
  last: string
  /** Id of the first of them, for `proofgate explain`. */
  readonly example: string
}

/** Different groups that are told apart at most; memory stays bounded however long the log is. */
const mostGroups = 10_000

/** Counts changes by caller, route, old and new decision. */
export class Tally {
  readonly #groups = new Map<string, ChangeGroup>()
  readonly #most: number
  /** Changes of groups that there was no room for. */
  ungrouped = 0

  constructor(most = mostGroups) {
    this.#most = most
  }

  add(request: RecordedRequest, change: Pick<ChangeGroup, 'certainty' | 'was' | 'becomes'>): void {
    const { api, route, id } = request
    const who = nameOf(request)
    const key = JSON.stringify([change.certainty, who, api, route, change.was, change.becomes])
    const at = timeOf(request.at)
    const known = this.#groups.get(key)
    if (known !== undefined) {
      known.count += 1
      known.last = at
    } else if (this.#groups.size >= this.#most) this.ungrouped += 1
    else
      this.#groups.set(key, {
        ...change,
        who,
        api,
        route,
        count: 1,
        first: at,
        last: at,
        example: id,
      })
  }

  /** What is certain first, then what is frequent. */
  groups(): readonly ChangeGroup[] {
    return [...this.#groups.values()].sort((a, b) =>
      a.certainty === b.certainty ? b.count - a.count : a.certainty === 'would' ? -1 : 1,
    )
  }
}

export function nameOf({ caller }: RecordedRequest): string {
  if (caller.kind === 'anonymous') return 'anonymous'
  return caller.kind === 'person' ? caller.username : caller.name
}

export function timeOf(at: Instant): string {
  return new Date(at).toISOString()
}
