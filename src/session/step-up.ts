import { hashSecret, randomToken } from '../core/index.ts'
import type { Clock, Instant, Millis } from '../core/index.ts'
import type { PersonId } from '../identity/index.ts'
import type { Taken } from './handoff.ts'
import type { SessionId } from './types.ts'

/** Long enough to find a key and touch it. */
export const stepUpLifetime = 5 * 60_000

/** What a browser was about to do at an API host when it was sent to touch a key. */
export interface StepUp {
  readonly hash: string
  readonly personId: PersonId
  /** The session at the API host. */
  readonly sessionId: SessionId
  readonly api: string
  /** `POST /transfers`, as people see it. */
  readonly route: string
  readonly method: string
  readonly maxAge: Millis | undefined
  readonly acr: string | undefined
  /** Hash of a value that only the browser which began holds. */
  readonly flowHash: string
  /** The request, readable with that value only. */
  readonly sealed: string
  readonly openedAt: Instant
  readonly expiresAt: Instant
}

/** Port. `take` is one atomic statement. */
export interface StepUpStore {
  /**
   * Keeps it, and of the others of its session and method the newest `most` only: what a script or a link of
   * somebody else opens by a GET pushes out no form.
   */
  open(stepUp: StepUp, most: number): Promise<void>
  /** What was neither taken nor forgotten. */
  load(hash: string): Promise<StepUp | undefined>
  /** The session at the API host was replaced by another one of the same browser. */
  rebind(hash: string, sessionId: SessionId): Promise<void>
  take(hash: string, now: Instant): Promise<Taken<StepUp>>
}

/** Tabs in which somebody can be asked for a touch at once. */
const mostOthers = 9

/** Keeps what people were about to do while they touch a key, and gives it back once. */
export class StepUps {
  readonly #store: StepUpStore
  readonly #clock: Clock

  constructor(store: StepUpStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** @param seal - is told the secret under which this is found again. */
  async open(
    input: Omit<StepUp, 'hash' | 'sealed' | 'openedAt' | 'expiresAt'>,
    seal: (secret: string) => string,
  ): Promise<string> {
    const secret = randomToken()
    const now = this.#clock.now()
    const stepUp = {
      ...input,
      hash: hashSecret('step-up', secret),
      sealed: seal(secret),
      openedAt: now,
      expiresAt: now + stepUpLifetime,
    }
    await this.#store.open(stepUp, mostOthers)
    return secret
  }

  async load(secret: string): Promise<StepUp | undefined> {
    return this.loadByHash(hashSecret('step-up', secret))
  }

  async loadByHash(hash: string): Promise<StepUp | undefined> {
    const found = await this.#store.load(hash)
    return found === undefined || this.#clock.now() >= found.expiresAt ? undefined : found
  }

  rebind({ hash }: StepUp, sessionId: SessionId): Promise<void> {
    return this.#store.rebind(hash, sessionId)
  }

  /** Invariant: gone before anything is done with it, so that it is done once. */
  take({ hash }: Pick<StepUp, 'hash'>): Promise<Taken<StepUp>> {
    return this.#store.take(hash, this.#clock.now())
  }
}
