import type { Instant } from '../../core/index.ts'
import type { Credential, FindingAct, Person } from '../../identity/index.ts'
import { authenticatorName } from '../../webauthn/index.ts'
import type { FleetAct } from './consequences.ts'
import type { Judged } from './judging.ts'

/** One credential that something was found of, or done about. */
export interface FleetRow {
  readonly id: string
  readonly username: string
  readonly name: string
  readonly model: string | null
  readonly aaguid: string
  readonly state: 'active' | 'suspended'
  readonly trusted: boolean
  /** What speaks against it. */
  readonly finding: string | null
  readonly act: FindingAct | null
  /** Now; empty for what was found before already. */
  readonly done: readonly FleetAct[]
}

/** How far a judging is, and what came of it. */
export interface FleetState {
  readonly running: boolean
  readonly done: number
  readonly total: number
  readonly begunAt?: string
  /** Why nothing, or not all, was judged. */
  readonly problem?: string
  readonly counts?: Readonly<Record<FleetAct, number>>
  readonly credentials?: readonly FleetRow[]
  /** How many more there are than are listed. */
  readonly unlisted?: number
}

const mostRows = 10_000

/** What one judging found and did, while it goes on and afterwards. */
export class FleetReport {
  readonly #begunAt: Instant
  readonly #rows: FleetRow[] = []
  readonly #counts = { trust_gained: 0, trust_lost: 0, suspended: 0, warned: 0, cleared: 0 }
  #unlisted = 0
  running = true
  done = 0
  total = 0
  problem: string | undefined

  constructor(begunAt: Instant) {
    this.#begunAt = begunAt
  }

  add(input: {
    readonly credential: Credential
    readonly person: Person
    readonly judged: Judged
    readonly done: readonly FleetAct[]
  }): void {
    const { judged, done } = input
    for (const act of done) this.#counts[act] += 1
    if (judged.finding === undefined && done.length === 0) return
    if (this.#rows.length < mostRows) this.#rows.push(rowOf(input))
    else this.#unlisted += 1
  }

  get state(): FleetState {
    return {
      running: this.running,
      done: this.done,
      total: this.total,
      begunAt: new Date(this.#begunAt).toISOString(),
      ...(this.problem === undefined ? {} : { problem: this.problem }),
      ...(this.running
        ? {}
        : { counts: this.#counts, credentials: this.#rows, unlisted: this.#unlisted }),
    }
  }
}

function rowOf({ credential, person, judged, done }: Parameters<FleetReport['add']>[0]): FleetRow {
  const isSuspended = credential.suspension !== undefined || done.includes('suspended')
  return {
    id: credential.id,
    username: person.username,
    name: credential.name,
    model: authenticatorName(credential.aaguid) ?? null,
    aaguid: credential.aaguid,
    state: isSuspended ? 'suspended' : 'active',
    trusted: judged.trusted,
    finding: judged.finding?.what ?? null,
    act: judged.finding?.act ?? null,
    done,
  }
}
