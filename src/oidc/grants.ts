import type { Millis } from '../core/index.ts'
import type { Session, SessionId, Sessions } from '../session/index.ts'
import type { GrantLinkStore } from './store.ts'

/** Ties each grant of the issuer to an application session, so that ending one ends the other. */
export class Grants {
  readonly #links: GrantLinkStore
  readonly #sessions: Sessions

  constructor(links: GrantLinkStore, sessions: Sessions) {
    this.#links = links
    this.#sessions = sessions
  }

  /**
   * Opens the application session that tokens of this grant will name.
   *
   * @returns whether it could: not when the session it comes from has ended.
   */
  async open(
    grantId: string,
    parent: Session,
    input: { clientId: string; clientName: string; address: string; lifetime: Millis },
  ): Promise<boolean> {
    const session = await this.#sessions.openForApplication(parent, {
      clientId: input.clientId,
      name: input.clientName,
      address: input.address,
      lifetime: input.lifetime,
    })
    if (session === undefined) return false
    await this.#links.link({ grantId, sessionId: session.id, expiresAt: session.expiresAt })
    return true
  }

  /** The live session of a grant; `undefined` means that nothing of this grant may be used. */
  async sessionOf(grantId: string | undefined): Promise<Session | undefined> {
    if (grantId === undefined) return undefined
    const id = await this.#links.sessionOf(grantId)
    return id === undefined ? undefined : this.#sessions.loadById(id)
  }

  /** The issuer revoked the grant: a used code or token came back, or its owner asked for it. */
  async end(grantId: string): Promise<SessionId | undefined> {
    const id = await this.#links.sessionOf(grantId)
    if (id !== undefined) await this.#sessions.end(id)
    return id
  }
}
