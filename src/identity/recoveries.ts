import { randomInt } from 'node:crypto'
import { hashSecret, randomId, randomToken } from '../core/index.ts'
import type { Clock, Instant, Refusal } from '../core/index.ts'
import { ticketLifetime } from './directory.ts'
import { identityErrors } from './errors.ts'
import type { Person, PersonId, Retirement } from './types.ts'

/** How long somebody may be asked to approve. */
export const recoveryLifetime = 24 * 3_600_000

/** A request to let somebody in again who has lost their passkeys. */
export interface Recovery {
  readonly id: string
  readonly personId: PersonId
  /** Of the link, which works once this is approved. */
  readonly ticketHash: string
  /** Six digits that the asking administrator tells the approving one. */
  readonly code: string
  /** What the asking administrator wrote. */
  readonly reason: string
  readonly createdAt: Instant
  readonly expiresAt: Instant
}

/** Port. */
export interface RecoveryStore {
  /** Withdraws earlier open requests for the same person. */
  open(recovery: Recovery): Promise<void>
  listOpen(now: Instant): Promise<readonly Recovery[]>
  /**
   * One transaction: decides once, before the end, by somebody else than the one it is for. Approval makes
   * its ticket good, and every other ticket of the person worthless. `undefined` when it could not be decided.
   */
  decide(
    id: string,
    decision: {
      readonly by: PersonId
      readonly now: Instant
      readonly ticket: { readonly expiresAt: Instant; readonly retires: Retirement } | undefined
    },
  ): Promise<Recovery | undefined>
}

/** Enrolment links that work only after somebody else has approved them. */
export class Recoveries {
  readonly #store: RecoveryStore
  readonly #clock: Clock

  constructor(store: RecoveryStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** The secret is that of the link; it opens nothing before the approval. */
  async request(
    person: Person,
    reason: string,
  ): Promise<{ recovery: Recovery; secret: string } | Refusal> {
    if (person.disabled) return identityErrors.refuse('person_disabled')
    const secret = randomToken()
    const now = this.#clock.now()
    const recovery: Recovery = {
      id: randomId(),
      personId: person.id,
      ticketHash: hashSecret('ticket', secret),
      code: String(randomInt(1_000_000)).padStart(6, '0'),
      reason,
      createdAt: now,
      expiresAt: now + recoveryLifetime,
    }
    await this.#store.open(recovery)
    return { recovery, secret }
  }

  /** One that waits, for somebody who may decide it. */
  async open(id: string, by: Person): Promise<Recovery | Refusal> {
    const open = await this.listOpen()
    const found = open.find((one) => one.id === id && one.personId !== by.id)
    return found ?? identityErrors.refuse('recovery_undecidable')
  }

  listOpen(): Promise<readonly Recovery[]> {
    return this.#store.listOpen(this.#clock.now())
  }

  /** Invariant: nobody lets themselves in again; the store compares in the statement that decides. */
  async decide(
    id: string,
    by: Person,
    answer: Retirement | 'declined',
  ): Promise<Recovery | Refusal> {
    const now = this.#clock.now()
    const ticket =
      answer === 'declined' ? undefined : { expiresAt: now + ticketLifetime, retires: answer }
    const decided = await this.#store.decide(id, { by: by.id, now, ticket })
    return decided ?? identityErrors.refuse('recovery_undecidable')
  }
}
