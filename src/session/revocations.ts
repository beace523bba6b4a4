import type { Clock, Instant } from '../core/index.ts'
import type { Revocation, RevocationStore, RevokedKind } from './store.ts'

/** What a token or session names; each of them can be revoked. */
export interface RevocableFacts {
  readonly session: string | undefined
  readonly credential: string | undefined
  readonly person: string
  /**
   * When the token was issued: a person who was disabled and enabled again gets in with newer ones. What is of
   * unknown age counts as old.
   */
  readonly issuedAt: Instant | undefined
}

/** No request is answered by a view that is older than this while it can be read. */
const mostAge = 100
/** How often a process looks for revocations made by another one: in time, also when a timer is late. */
const pollEvery = mostAge / 2
/** How long one that cannot be read is still asked. */
const unreadFor = 1000

/**
 * The view of revocations that the hot path asks: two or three map lookups, no I/O. Complete at start,
 * updated at once by this process and within `mostAge` by others on the same store.
 */
export class Revocations {
  readonly #store: RevocationStore
  readonly #clock: Clock
  readonly #sessions = new Set<string>()
  /** Up to when what a credential opened is worth nothing: for ever, or to a moment. */
  readonly #credentials = new Map<string, Instant>()
  readonly #people = new Map<string, Instant>()
  readonly #listeners = new Set<(changes: readonly Revocation[]) => void>()
  #sequence = 0
  #readAt: Instant
  #triedAt: Instant
  #timer: NodeJS.Timeout | undefined

  constructor(store: RevocationStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
    this.#readAt = clock.now()
    this.#triedAt = this.#readAt
    this.refresh()
  }

  /** Where the order of revocations is now, by the store. */
  get position(): number {
    this.refresh()
    return this.#sequence
  }

  /** Begins to follow the store. */
  follow(): void {
    this.#timer ??= setInterval(() => this.tryRefresh(), pollEvery)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /**
   * Invariant: a view that could not be read for a second is not asked any more. One that is only late,
   * because the process stood still or is busy, is read again at once.
   */
  get current(): boolean {
    if (this.#timer === undefined) return true
    const now = this.#clock.now()
    if (now - this.#readAt < mostAge) return true
    if (now - this.#triedAt >= pollEvery && this.tryRefresh()) return true
    return now - this.#readAt < unreadFor
  }

  /** Called after each change of the view, with what is new in it. */
  onChange(listener: (changes: readonly Revocation[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async revoke(kind: RevokedKind, id: string): Promise<void> {
    await this.#store.revoke(kind, id, this.#clock.now())
    this.refresh()
  }

  /** Nothing is looked up where nothing of its kind was revoked: ids of somebody new are costly to look up. */
  isRevoked(facts: RevocableFacts): boolean {
    if (this.#sessions.size > 0 && isAmong(this.#sessions, facts.session)) return true
    if (this.#credentials.size > 0 && isBefore(this.#credentials, facts.credential, facts))
      return true
    return this.#people.size > 0 && isBefore(this.#people, facts.person, facts)
  }

  /** Whether the view could be read. When it cannot for long, `current` is false and the gateway says no. */
  tryRefresh(): boolean {
    this.#triedAt = this.#clock.now()
    try {
      this.refresh()
      return true
    } catch {
      return false
    }
  }

  refresh(): void {
    const fresh = this.#store.since(this.#sequence)
    this.#readAt = this.#clock.now()
    if (fresh.length === 0) return
    for (const revocation of fresh) {
      this.#sequence = revocation.sequence
      this.#note(revocation)
    }
    for (const listener of this.#listeners) listener(fresh)
  }

  #note({ kind, id, at }: Revocation): void {
    if (kind === 'session') this.#sessions.add(id)
    else if (kind === 'credential') this.#credentials.set(id, Infinity)
    else if (kind === 'credential_until') this.#credentials.set(id, beforeSecondOf(at))
    else if (kind === 'person') this.#people.set(id, at)
  }
}

function isAmong(sessions: ReadonlySet<string>, session: string | undefined): boolean {
  return session !== undefined && sessions.has(session)
}

/** Whether something of that time is worth nothing by what is known of this id. */
function isBefore(
  ends: ReadonlyMap<string, Instant>,
  id: string | undefined,
  { issuedAt = 0 }: RevocableFacts,
): boolean {
  const end = id === undefined ? undefined : ends.get(id)
  return end !== undefined && issuedAt <= end
}

/** Tokens say whole seconds: one from the second of that moment would count as older than it is. */
function beforeSecondOf(at: Instant): Instant {
  return Math.floor(at / 1000) * 1000 - 1
}
