import type { Clock, Instant } from '../../core/index.ts'
import { isRefusal } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import type { Revocations, Sessions } from '../../session/index.ts'
import { gatewayErrors } from '../errors.ts'
import type { Principal } from './principal.ts'
import { isTouchRevoked } from './touch.ts'
import type { Principals } from './principals.ts'

interface Known {
  readonly principal: Principal
  readonly api: string
  readonly expiresAt: Instant
}

const capacity = 20_000

/**
 * Browser sessions at API hosts: remembered for a minute at most, then looked up again, which also records
 * that they are in use; asked about revocation each time.
 */
export class ApiSessions {
  readonly #sessions: Sessions
  readonly #revocations: Revocations
  readonly #principals: Principals
  readonly #clock: Clock
  readonly #known = new Map<string, Known>()
  /** Grows whenever something is forgotten. */
  #forgotten = 0

  constructor(parts: {
    sessions: Sessions
    revocations: Revocations
    principals: Principals
    clock: Clock
  }) {
    this.#sessions = parts.sessions
    this.#revocations = parts.revocations
    this.#principals = parts.principals
    this.#clock = parts.clock
  }

  forget(): void {
    this.#forgotten++
    this.#known.clear()
  }

  /** Sessions that were proved again are looked up again; a handle that they had before finds nothing then. */
  forgetSessions(ids: ReadonlySet<string>): void {
    this.#forgotten++
    for (const [handle, { principal }] of this.#known) {
      if (principal.session !== undefined && ids.has(principal.session)) this.#known.delete(handle)
    }
  }

  /** A handle is good at the API it was made for and nowhere else. */
  find(handle: string, api: string): Principal | Refusal | Promise<Principal | Refusal> {
    const known = this.#known.get(handle)
    if (known === undefined || this.#clock.now() >= known.expiresAt) return this.#load(handle, api)
    return this.#judge(known, api)
  }

  #judge(known: Known, api: string): Principal | Refusal {
    const { principal } = known
    const revoked = this.#revocations.isRevoked(principal)
    if (known.api === api && !revoked && !isTouchRevoked(principal, this.#revocations))
      return principal
    return gatewayErrors.refuse('session_ended')
  }

  async #load(handle: string, api: string): Promise<Principal | Refusal> {
    this.#known.delete(handle)
    const asOf = this.#forgotten
    const session = await this.#sessions.load('api', handle)
    const principal = session === undefined ? undefined : await this.#principals.ofSession(session)
    if (session === undefined || principal === undefined) {
      return gatewayErrors.refuse('session_ended')
    }
    const known = {
      principal,
      api: session.audience ?? '',
      expiresAt: Math.min(session.expiresAt, this.#clock.now() + this.#sessions.seenEvery),
    }
    const judged = this.#judge(known, api)
    // Invariant: what was looked up before something changed is not remembered after it.
    if (!isRefusal(judged) && asOf === this.#forgotten) this.#remember(handle, known)
    return judged
  }

  #remember(handle: string, known: Known): void {
    const [oldest] = this.#known.keys()
    if (this.#known.size >= capacity && oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(handle, known)
  }
}
