import { hashSecret, randomId, randomToken } from '../core/index.ts'
import type { Clock, Instant, Millis } from '../core/index.ts'
import { opensRenewalOnly, standingByAge } from '../identity/index.ts'
import type { Ageing, PersonId } from '../identity/index.ts'
import type { Revocations } from './revocations.ts'
import type { SessionOrigin, SessionStore } from './store.ts'
import type { ProofFacts, Session, SessionId, SessionKind } from './types.ts'

export interface SessionLifetimes {
  /** Ends after this long without use. */
  readonly idle: Millis
  /** Ends this long after sign-in, used or not. */
  readonly absolute: Millis
  /** How long a touch counts as fresh for changing credentials. */
  readonly proofFreshness: Millis
}

/** Writing `lastSeenAt` at most this often keeps reads from becoming writes. */
const longestUnseen = 60_000

/** The sessions that a browser holds a handle of, and what their handles are hashed for. */
type HandleKind = Exclude<SessionKind, 'application'>
const purposes = {
  browser: 'session',
  api: 'api-session',
  pending: 'pending-session',
} as const satisfies Record<HandleKind, string>

/** A session, and what the browser holds of it. */
export interface Opened {
  readonly session: Session
  readonly handle: string
}

/** Opens, loads, renews and ends sessions. */
export class Sessions {
  readonly #store: SessionStore
  readonly #revocations: Revocations
  readonly #clock: Clock
  readonly #lifetimes: () => SessionLifetimes
  readonly #ageing: () => Ageing

  constructor(parts: {
    store: SessionStore
    revocations: Revocations
    clock: Clock
    lifetimes: () => SessionLifetimes
    ageing: () => Ageing
  }) {
    this.#store = parts.store
    this.#revocations = parts.revocations
    this.#clock = parts.clock
    this.#lifetimes = parts.lifetimes
    this.#ageing = parts.ageing
  }

  /** How long a use may go unwritten: a fraction of the idle time, so that a session in use stays open. */
  get seenEvery(): number {
    return Math.min(longestUnseen, this.#lifetimes().idle / 4)
  }

  /**
   * A person has just proved themselves with a ceremony.
   *
   * Invariant: nothing is opened by a ceremony whose person was disabled, or whose credential was revoked or sealed,
   * after it began, also when that was taken back since. The same is true of all that is opened here.
   */
  async open(input: {
    personId: PersonId
    facts: ProofFacts
    name: string
    address: string
    /** Where the order of revocations was when the ceremony began. */
    asOf: number
  }): Promise<Opened | undefined> {
    const now = this.#clock.now()
    const session = this.#build('browser', now, {
      ...input,
      authenticatedAt: now,
      provedAt: now,
      expiresAt: now + this.#lifetimes().absolute,
    })
    return this.#keep(session, 'session', input)
  }

  /** The same with a credential that opens one page only: good for that while the touch is fresh. */
  async openPending(input: {
    personId: PersonId
    facts: ProofFacts
    name: string
    address: string
    asOf: number
  }): Promise<Opened | undefined> {
    const now = this.#clock.now()
    const session = this.#build('pending', now, {
      ...input,
      authenticatedAt: now,
      provedAt: now,
      expiresAt: now + this.#lifetimes().proofFreshness,
    })
    return this.#keep(session, 'pending-session', input)
  }

  /** The same person at an API host. Lives no longer than the session it comes from. */
  async openForApi(
    parent: Session,
    input: { api: string; address: string },
  ): Promise<Opened | undefined> {
    const session = this.#build('api', this.#clock.now(), {
      ...parent,
      audience: input.api,
      parentId: parent.id,
      address: input.address,
    })
    return this.#keep(session, 'api-session', { parent: parent.id })
  }

  /** What an OAuth client was granted, listed and ended like any other session. */
  async openForApplication(
    parent: Session,
    input: { clientId: string; name: string; address: string; lifetime: Millis },
  ): Promise<Session | undefined> {
    const now = this.#clock.now()
    const session = this.#build('application', now, {
      ...parent,
      audience: input.clientId,
      parentId: undefined,
      // Its tokens say what the sign-in proved, and when that was.
      confirmation: undefined,
      provedAt: parent.authenticatedAt,
      name: input.name,
      address: input.address,
      expiresAt: now + input.lifetime,
    })
    const opened = await this.#store.open(session, undefined, { parent: parent.id })
    return opened === 'opened' ? session : undefined
  }

  /** The live session behind a handle; anything else is `undefined`. */
  async load(kind: HandleKind, handle: string): Promise<Session | undefined> {
    const session = await this.#store.loadByHandle(hashSecret(purposes[kind], handle))
    if (session?.kind !== kind || !this.isLive(session)) return undefined
    await this.#note(session)
    return session
  }

  async loadById(id: SessionId): Promise<Session | undefined> {
    const session = await this.#store.load(id)
    return session !== undefined && this.isLive(session) ? session : undefined
  }

  /** The live session, noted as in use. */
  async use(id: SessionId): Promise<Session | undefined> {
    const session = await this.loadById(id)
    if (session !== undefined) await this.#note(session)
    return session
  }

  isLive(session: Session): boolean {
    const now = this.#clock.now()
    if (session.endedAt !== undefined || now >= session.expiresAt) return false
    const { idle } = this.#lifetimes()
    if (session.kind !== 'application' && now - session.lastSeenAt >= idle) return false
    if (session.kind !== 'pending' && this.#hasLapsed(session, now)) return false
    const isRevoked = this.#revocations.isRevoked({
      session: session.id,
      credential: session.facts.credentialId,
      person: session.personId,
      issuedAt: session.authenticatedAt,
    })
    return !isRevoked && !this.#isTouchRevoked(session)
  }

  /** Invariant: what a credential made stronger ends with that credential, whichever opened it. */
  #isTouchRevoked({ confirmation, personId, provedAt }: Session): boolean {
    if (confirmation === undefined) return false
    return this.#revocations.isRevoked({
      session: undefined,
      credential: confirmation.credentialId,
      person: personId,
      issuedAt: provedAt,
    })
  }

  /** Invariant: what a credential opened does not outlive its grace. */
  #hasLapsed({ facts }: Session, now: Instant): boolean {
    const { registeredAt, sealed = false } = facts
    if (registeredAt === undefined || sealed) return false
    return opensRenewalOnly(standingByAge(this.#ageing(), registeredAt, now))
  }

  hasFreshProof(session: Session): boolean {
    return this.#clock.now() - session.provedAt < this.#lifetimes().proofFreshness
  }

  /**
   * Records a confirmation for the session and moves it to a new handle, which is answered; nothing when the
   * session or the credential ended after the ceremony began.
   *
   * Invariant: those at API hosts do not become stronger by it where they are, under handles that somebody else
   * may hold too: each does when its browser comes back for it (`strengthen`).
   */
  async prove(
    session: Session,
    confirmation: ProofFacts,
    asOf: number,
  ): Promise<string | undefined> {
    const handle = randomToken()
    const outcome = await this.#store.prove(session.id, {
      handleHash: hashSecret('session', handle),
      provedAt: this.#clock.now(),
      confirmation,
      asOf,
    })
    this.#revocations.refresh()
    return outcome === 'proved' ? handle : undefined
  }

  /** Gives a session at an API host the touch of the one it belongs to, under a new handle, which is answered. */
  async strengthen(session: Session): Promise<string> {
    const handle = randomToken()
    await this.#store.strengthen(session.id, hashSecret('api-session', handle), this.#clock.now())
    this.#revocations.refresh()
    return handle
  }

  /**
   * What is left open goes on by the last touch in its browser, wherever that was: nothing is opened by it.
   */
  async withLastTouch(session: Session): Promise<Session> {
    const parent =
      session.parentId === undefined ? undefined : await this.loadById(session.parentId)
    if (parent === undefined) return session
    return { ...session, provedAt: parent.provedAt, confirmation: parent.confirmation }
  }

  async listFor(personId: PersonId): Promise<readonly Session[]> {
    const sessions = await this.#store.listFor(personId)
    return sessions.filter((session) => this.isLive(session))
  }

  async list(): Promise<readonly Session[]> {
    return (await this.#store.list()).filter((session) => this.isLive(session))
  }

  /** Ends a session, those opened from it, and every token that names them. */
  async end(id: SessionId): Promise<readonly SessionId[]> {
    const ended = await this.#store.end(id, this.#clock.now())
    this.#revocations.refresh()
    return ended
  }

  async endAll(personId: PersonId): Promise<number> {
    let count = 0
    for (const session of await this.#store.listFor(personId)) {
      if (session.endedAt === undefined) count += (await this.end(session.id)).length
    }
    return count
  }

  async #note(session: Session): Promise<void> {
    const now = this.#clock.now()
    if (now - session.lastSeenAt >= this.seenEvery) await this.#store.seen(session.id, now)
  }

  #build(
    kind: SessionKind,
    now: Instant,
    from: Pick<
      Session,
      'personId' | 'facts' | 'authenticatedAt' | 'provedAt' | 'expiresAt' | 'name' | 'address'
    > &
      Partial<Pick<Session, 'audience' | 'parentId' | 'confirmation'>>,
  ): Session {
    return {
      id: randomId() as SessionId,
      kind,
      personId: from.personId,
      facts: from.facts,
      confirmation: from.confirmation,
      authenticatedAt: from.authenticatedAt,
      provedAt: from.provedAt,
      createdAt: now,
      lastSeenAt: now,
      expiresAt: from.expiresAt,
      endedAt: undefined,
      audience: from.audience,
      parentId: from.parentId,
      name: from.name,
      address: from.address,
    }
  }

  async #keep(
    session: Session,
    purpose: (typeof purposes)[HandleKind],
    origin: SessionOrigin,
  ): Promise<Opened | undefined> {
    const handle = randomToken()
    const outcome = await this.#store.open(session, hashSecret(purpose, handle), origin)
    return outcome === 'opened' ? { session, handle } : undefined
  }
}
