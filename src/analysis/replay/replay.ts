import type { StoredRecord } from '../../audit/index.ts'
import type { Person } from '../../identity/index.ts'
import { judge } from './judge.ts'
import type { Judgement } from './judge.ts'
import { readRecorded } from './recorded.ts'
import type { RecordedRequest, Unjudged } from './recorded.ts'
import { Side } from './side.ts'
import type { Missing, Setting, Verdict } from './side.ts'
import { Tally } from './tally.ts'
import type { ChangeGroup } from './tally.ts'

/** What a candidate would have decided otherwise. */
export interface ReplayReport {
  /** Recorded requests that were looked at. */
  readonly requests: number
  readonly first: string | undefined
  readonly last: string | undefined
  readonly unchanged: number
  readonly wouldAllow: number
  readonly wouldDeny: number
  readonly mayChange: number
  /** The configuration in force already decides these as the candidate would. */
  readonly already: number
  readonly notJudged: Readonly<Record<Unjudged | Missing, number>>
  readonly changes: readonly ChangeGroup[]
  /** Changes that are in none of the groups: those were too many. */
  readonly ungrouped: number
}

export interface Replaying {
  readonly inForce: Setting
  readonly candidate: Setting
  readonly people: readonly Person[]
  /** Called for each request, with how many there were. */
  readonly onRequest?: (count: number) => void
  /** Groups that are told apart at most. */
  readonly mostGroups?: number
}

/** Decides recorded requests again, by a candidate. What is kept does not grow with the log. */
export async function replay(
  records: AsyncIterable<StoredRecord>,
  { inForce, candidate, people, onRequest, mostGroups }: Replaying,
): Promise<ReplayReport> {
  const known = new Map(people.map((person) => [person.id as string, person]))
  const sides = { inForce: new Side(inForce, known), candidate: new Side(candidate, known) }
  const run = new Run(new Tally(mostGroups))
  for await (const record of records) {
    const request = readRecorded(record)
    if (request === undefined) continue
    run.meet(record.at)
    onRequest?.(run.requests)
    if (typeof request === 'string') run.notJudged[request] += 1
    else run.count(request, judge(request, sides))
  }
  return run.report()
}

class Run {
  readonly #tally: Tally
  requests = 0
  readonly notJudged = { notByPolicy: 0, incomplete: 0, noRoute: 0, noCaller: 0, external: 0 }
  #first: string | undefined
  #last: string | undefined
  #unchanged = 0
  #already = 0
  #would = { allow: 0, deny: 0 }
  #may = 0

  constructor(tally: Tally) {
    this.#tally = tally
  }

  meet(at: string): void {
    this.requests += 1
    this.#first ??= at
    this.#last = at
  }

  count(request: RecordedRequest, judgement: Judgement): void {
    const was = printed(request.outcome, request.reason, named(request))
    switch (judgement.kind) {
      case 'unchanged':
        this.#unchanged += 1
        return
      case 'already':
        this.#already += 1
        return
      case 'would': {
        const { verdict } = judgement
        this.#would[verdict.effect] += 1
        this.#tally.add(request, { certainty: 'would', was, becomes: printedVerdict(verdict) })
        return
      }
      case 'may': {
        this.#may += 1
        const { conditions } = judgement
        const open = conditions.length === 0 ? ['what was not recorded'] : conditions
        const becomes = `depends on ${open.join('; ')}`
        this.#tally.add(request, { certainty: 'may', was, becomes })
        return
      }
      case 'noRoute':
      case 'noCaller':
      case 'external':
        this.notJudged[judgement.kind] += 1
    }
  }

  report(): ReplayReport {
    return {
      requests: this.requests,
      first: this.#first,
      last: this.#last,
      unchanged: this.#unchanged,
      wouldAllow: this.#would.allow,
      wouldDeny: this.#would.deny,
      mayChange: this.#may,
      already: this.#already,
      notJudged: this.notJudged,
      changes: this.#tally.groups(),
      ungrouped: this.#tally.ungrouped,
    }
  }
}

function named({ role, policy, statement }: RecordedRequest): string | undefined {
  if (policy === undefined) return undefined
  return `${role === undefined ? '' : `${role}/`}${policy}/${statement ?? ''}`
}

function printedVerdict({ effect, reason, ...verdict }: Verdict): string {
  const by = verdict.by()
  if (by === undefined) return printed(effect, reason, undefined)
  const place = by.place === undefined ? '' : ` (${by.place})`
  const role = by.role === undefined ? '' : `${by.role}/`
  return printed(effect, reason, `${role}${by.policy}/${by.label}${place}`)
}

function printed(effect: string, reason: string, by: string | undefined): string {
  return by === undefined ? `${effect} (${reason})` : `${effect} by ${by}`
}
