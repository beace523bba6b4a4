import { millis } from '../core/index.ts'
import type { Millis } from '../core/index.ts'
import type { TargetCondition } from '../upstream/index.ts'
import type { Member } from './member.ts'

/** When a target that fails requests is left alone, and for how long. */
export interface EjectionOptions {
  /** Failures in a row: no connection, no valid answer, none in time. */
  readonly failures: number
  /** Answers of 500 and above in a row; they count for nothing when absent. */
  readonly errorAnswers?: number
  /** The first ejection; each one after it is twice as long. */
  readonly base: Millis
  /** Percent of the targets; at 100 all can be out at once. */
  readonly maxEjected: number
}

export interface RosterOptions {
  readonly ejection: EjectionOptions | undefined
  /** A target's condition changed. */
  readonly onChange: (member: Member, condition: TargetCondition) => void
}

const longestEjection = millis(5 * 60_000)

/**
 * Who can be used. Keeps the answer ready, so that a request only reads it; every event that changes it
 * comes through here.
 */
export class Roster {
  readonly members: readonly Member[]
  readonly #options: RosterOptions
  /** Until an ejected target returns, or until the request that tries a half-open one gives way. */
  readonly #timers = new Map<Member, NodeJS.Timeout>()
  #ready: readonly Member[] = []

  constructor(members: readonly Member[], options: RosterOptions) {
    this.members = members
    this.#options = options
    this.#refresh()
  }

  /** Those to choose from: never a backup beside a usable other. */
  get ready(): readonly Member[] {
    return this.#ready
  }

  /** The others that can be used, backups included; for another try. */
  besides(tried: readonly Member[]): readonly Member[] {
    const rest = this.members.filter((member) => member.usable && !tried.includes(member))
    const primaries = rest.filter((member) => !member.backup)
    return primaries.length > 0 ? primaries : rest
  }

  /** How long until an ejected target comes back, if one does. */
  get nextReturn(): Millis | undefined {
    const ejected = this.members.filter((member) => member.checked && member.ejection !== 'none')
    if (ejected.length === 0) return undefined
    const first = Math.min(...ejected.map((member) => member.returnsAt))
    return millis(Math.max(1, first - performance.now()))
  }

  /**
   * Invariant: no caller decides how long a target stays out. A request that tries one, and whose body comes
   * slowly, gives way to another after the time of the first ejection.
   *
   * @returns whether the request is the one by which a half-open target is tried.
   */
  taken(member: Member): boolean {
    member.pending += 1
    if (member.ejection !== 'half-open' || member.probing) return false
    member.probing = true
    this.#after(member, this.#options.ejection?.base ?? longestEjection, () => this.#letGo(member))
    this.#refresh()
    return true
  }

  /** A request is over, however it ended. */
  released(member: Member, wasProbe: boolean): void {
    member.pending -= 1
    if (wasProbe && member.probing) this.#letGo(member)
  }

  /** The head of an answer came. */
  answered(member: Member, status: number): void {
    const limit = this.#options.ejection?.errorAnswers
    if (limit !== undefined && status >= 500) {
      member.errorAnswers += 1
      if (member.errorAnswers >= limit || member.ejection === 'half-open') this.#eject(member)
      return
    }
    member.errorAnswers = 0
    if (member.ejection === 'half-open') this.#restore(member)
  }

  succeeded(member: Member): void {
    member.failures = 0
  }

  failed(member: Member): void {
    const { ejection } = this.#options
    member.failures += 1
    if (ejection === undefined) return
    if (member.failures >= ejection.failures || member.ejection === 'half-open') this.#eject(member)
  }

  /** A health check made up its mind. Whoever passes starts with a clean slate. */
  checked(member: Member, healthy: boolean): void {
    if (member.checked === healthy) return
    member.checked = healthy
    if (healthy) this.#restore(member)
    else this.#refresh()
    this.#options.onChange(member, member.state.condition)
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  /** Another request may try the target. */
  #letGo(member: Member): void {
    this.#stopTimer(member)
    member.probing = false
    this.#refresh()
  }

  #after(member: Member, time: Millis, act: () => void): void {
    this.#stopTimer(member)
    this.#timers.set(member, setTimeout(act, time).unref())
  }

  #stopTimer(member: Member): void {
    clearTimeout(this.#timers.get(member))
    this.#timers.delete(member)
  }

  #eject(member: Member): void {
    const { ejection } = this.#options
    if (ejection === undefined || member.ejection === 'ejected') return
    if (member.ejection === 'none' && !this.#mayEject(member, ejection.maxEjected)) return
    const now = performance.now()
    // Who was well for as long as it was out begins anew.
    if (member.ejection === 'none' && now - member.returnsAt > member.ejectedFor) member.row = 0
    member.ejectedFor = millis(Math.min(longestEjection, ejection.base * 2 ** member.row))
    member.row += 1
    member.ejections += 1
    member.returnsAt = now + member.ejectedFor
    member.ejection = 'ejected'
    member.probing = false
    this.#after(member, member.ejectedFor, () => this.#halfOpen(member))
    this.#refresh()
    this.#options.onChange(member, member.state.condition)
  }

  /** Invariant: below 100 percent the last target that could be used is never taken away. */
  #mayEject(member: Member, maxEjected: number): boolean {
    const { members } = this
    const out = members.filter((one) => one.ejection !== 'none').length
    const most = Math.max(1, Math.floor((members.length * maxEjected) / 100))
    if (out >= most) return false
    if (maxEjected >= 100) return true
    return members.some((one) => one !== member && one.checked && one.ejection === 'none')
  }

  #halfOpen(member: Member): void {
    this.#stopTimer(member)
    member.ejection = 'half-open'
    this.#refresh()
    this.#options.onChange(member, member.state.condition)
  }

  #restore(member: Member): void {
    const wasOut = member.ejection !== 'none'
    this.#stopTimer(member)
    member.ejection = 'none'
    member.probing = false
    member.failures = 0
    member.errorAnswers = 0
    if (wasOut) member.returnsAt = performance.now()
    this.#refresh()
    if (wasOut) this.#options.onChange(member, member.state.condition)
  }

  #refresh(): void {
    const usable = this.members.filter((member) => member.usable)
    const primaries = usable.filter((member) => !member.backup)
    this.#ready = primaries.length > 0 ? primaries : usable
    if (this.#ready.length === 0 && !this.#breaks) this.#ready = this.#panic()
  }

  /** Whether all targets may be out at once. */
  get #breaks(): boolean {
    return (this.#options.ejection?.maxEjected ?? 0) >= 100
  }

  /** When nobody is left but the ejected, ejections mean nothing: a poor answer is better than none. */
  #panic(): readonly Member[] {
    const standing = this.members.filter((member) => member.checked)
    const primaries = standing.filter((member) => !member.backup)
    return primaries.length > 0 ? primaries : standing
  }
}
