import type { Instant, JsonObject } from '../core/index.ts'

/** How far somebody who is told of events has got, and how it goes. */
export interface LaneState {
  /** Index of the first record of the audit log that was not dealt with. */
  readonly next: number
  /** Attempts in a row that failed. */
  readonly failures: number
  /** When the first of them did. */
  readonly failingSince: Instant | undefined
  /** When it was given up, until somebody says otherwise. */
  readonly parkedAt: Instant | undefined
  /** What the last failure was. */
  readonly problem: string | undefined
  readonly deliveredAt: Instant | undefined
}

/** Places in one audit log, which `log` names: several processes may share a database, each has its own log. */
export interface LaneStore {
  load(log: string, name: string): Promise<LaneState | undefined>
  save(log: string, name: string, state: LaneState): Promise<void>
  /** Forgets everybody but these. */
  keep(log: string, names: readonly string[]): Promise<void>
}

/** A security event that waits to be fetched, as the claims it is going to be signed with. */
export interface WaitingSet {
  /** Its `jti`. */
  readonly id: string
  readonly claims: JsonObject
}

export interface WaitingSetStore {
  /** All of them or none; one that waits already is left as it is. */
  add(receiver: string, sets: readonly WaitingSet[]): Promise<void>
  /** The first ones, in order. */
  list(receiver: string, most: number): Promise<readonly WaitingSet[]>
  count(receiver: string): Promise<number>
  /** Answers how many there were. */
  remove(receiver: string, ids: readonly string[]): Promise<number>
  /** Forgets those for everybody but these. */
  keep(receivers: readonly string[]): Promise<void>
}
