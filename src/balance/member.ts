import type { Millis } from '../core/index.ts'
import type { TargetState, UpstreamPool } from '../upstream/index.ts'
import { hashText } from './balancer.ts'
import type { Candidate } from './balancer.ts'

/** One target of a group. */
export interface TargetOptions {
  /** Names it in metrics and details: its URL. */
  readonly label: string
  readonly pool: UpstreamPool
  /** Above 0. */
  readonly weight: number
  /** Used only while no other can be. */
  readonly backup: boolean
  /** Replaces the `host` of requests that go there. */
  readonly authority?: string
  /** Connections of its own for health checks, when there are any. */
  readonly probe?: UpstreamPool
}

/** A target with its standing. Only `Roster` changes it. */
export class Member implements Candidate {
  readonly label: string
  readonly pool: UpstreamPool
  readonly weight: number
  readonly backup: boolean
  readonly authority: string | undefined
  readonly seed: number
  pending = 0
  /** What the health checks say; a target is taken for healthy until they said otherwise. */
  checked = true
  ejection: 'none' | 'ejected' | 'half-open' = 'none'
  /** The one request of a half-open target is under way. */
  probing = false
  /** Failures without a success between them. */
  failures = 0
  /** Answers of 500 and above without another between them. */
  errorAnswers = 0
  /** Ejections in a row, each twice as long as the one before. */
  row = 0
  ejections = 0
  /** When an ejection ends, or ended, and how long it is; in process time. */
  returnsAt = 0
  ejectedFor = 0 as Millis

  constructor(options: TargetOptions) {
    this.label = options.label
    this.pool = options.pool
    this.weight = options.weight
    this.backup = options.backup
    this.authority = options.authority
    this.seed = hashText(options.label)
  }

  get usable(): boolean {
    if (!this.checked || this.ejection === 'ejected') return false
    return this.ejection === 'none' || !this.probing
  }

  get state(): TargetState {
    const { label, backup, pending, ejections, pool } = this
    const standing = this.ejection === 'none' ? 'healthy' : this.ejection
    const condition = this.checked ? standing : 'unhealthy'
    return { target: label, condition, backup, pending, ejections, stats: pool.stats }
  }
}
