import type { Clock, Instant } from '../core/index.ts'
import type { ProofReplays } from './dpop.ts'
import { tokenFailure } from './errors.ts'

/**
 * Used proofs in memory: for one process. After a restart it knows nothing, so a proof could serve a
 * second time within its window; what must not happen there needs a stored `ProofReplays`.
 */
export class MemoryProofReplays implements ProofReplays {
  readonly #clock: Clock
  readonly #capacity: number
  readonly #taken = new Map<string, Instant>()

  /** @param capacity - how many proofs are remembered; when all are current, no more are accepted. */
  constructor(clock: Clock, capacity: number) {
    this.#clock = clock
    this.#capacity = capacity
  }

  /** Throws `token.replays_unavailable` when it is full of proofs that still count. */
  take(id: string, expiresAt: Instant): boolean {
    const now = this.#clock.now()
    const known = this.#taken.get(id)
    if (known !== undefined && known > now) return false
    if (this.#taken.size >= this.#capacity) this.#dropExpired(now)
    if (this.#taken.size >= this.#capacity) {
      throw tokenFailure('replays_unavailable', 'the memory of used proofs is full')
    }
    this.#taken.set(id, expiresAt)
    return true
  }

  #dropExpired(now: Instant): void {
    for (const [id, expiresAt] of this.#taken) {
      if (expiresAt <= now) this.#taken.delete(id)
    }
  }
}
