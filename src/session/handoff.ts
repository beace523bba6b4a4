import { hashSecret, randomToken } from '../core/index.ts'
import type { Clock, Instant } from '../core/index.ts'
import type { SessionId } from './types.ts'

/** Long enough for one redirect, short enough to be worthless in a history. */
const handoffLifetime = 60_000

/** Carries a sign-in from the identity origin to one API host, once. */
export interface Handoff {
  readonly hash: string
  readonly sessionId: SessionId
  readonly api: string
  /** Hash of a value that only the browser which began at the API host holds. */
  readonly flowHash: string
  readonly expiresAt: Instant
}

/** What taking a one-time thing can find. */
export type Taken<Value> =
  | { readonly outcome: 'taken'; readonly value: Value }
  | { readonly outcome: 'already_taken' | 'expired' | 'unknown' }

/** Port. `take` is one atomic statement. */
export interface HandoffStore {
  issue(handoff: Handoff): Promise<void>
  take(hash: string, now: Instant): Promise<Taken<Handoff>>
}

/** Issues and redeems hand-offs. */
export class Handoffs {
  readonly #store: HandoffStore
  readonly #clock: Clock

  constructor(store: HandoffStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  async issue(input: { sessionId: SessionId; api: string; flowHash: string }): Promise<string> {
    const secret = randomToken()
    await this.#store.issue({
      ...input,
      hash: hashSecret('handoff', secret),
      expiresAt: this.#clock.now() + handoffLifetime,
    })
    return secret
  }

  /** Takes it first, then checks that it is for this API and this browser. */
  async redeem(input: {
    secret: string
    api: string
    flowHash: string
  }): Promise<SessionId | undefined> {
    const taken = await this.#store.take(hashSecret('handoff', input.secret), this.#clock.now())
    if (taken.outcome !== 'taken') return undefined
    const { api, flowHash, sessionId } = taken.value
    return api === input.api && flowHash === input.flowHash ? sessionId : undefined
  }
}
