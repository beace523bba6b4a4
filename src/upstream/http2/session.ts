import type { Socket } from 'node:net'

import type { UpstreamFailureKind } from '../contract.ts'
import type { Ticks } from '../ticks.ts'
import { ClientConnection } from './connection.ts'
import type { ConnectionEvents } from './connection-events.ts'
import type { ExpiryKind, StreamCarrier, StreamExchange } from './exchange.ts'
import type { ClientStream } from './stream.ts'

/** The pool a session belongs to. */
export interface SessionOwner {
  readonly ticks: Ticks
  readonly maxHeaderBytes: number
  /** Streams at once, whatever more the service allows. */
  readonly maxStreams: number
  /** For the service's settings, its acknowledgement of ours, and its answers to pings. */
  readonly answerTicks: number
  /** How long a session with open streams may be silent before it is asked whether it lives. */
  readonly silenceTicks: number
  /** How long a session without streams is kept. */
  readonly idleTicks: number
  /** The session has room, for the first time or again. */
  vacated(session: Session): void
  /** The session is gone. */
  closed(session: Session): void
  expired(exchange: StreamExchange, kind: ExpiryKind): void
}

/** A connection as its pool sees it: how much room it has, whether it lives, and how long it has been idle. */
export class Session implements StreamCarrier, ConnectionEvents {
  readonly address: string
  readonly #owner: SessionOwner
  readonly #socket: Socket
  readonly #connection: ClientConnection
  readonly #since: number
  #idleSince: number
  #heardAt: number
  #pingedAt: number | undefined
  #suspect = false

  /** @param address - what the socket is connected to. */
  constructor(owner: SessionOwner, socket: Socket, address: string) {
    this.#owner = owner
    this.#socket = socket
    this.address = address
    const { now } = owner.ticks
    this.#since = now
    this.#idleSince = now
    this.#heardAt = now
    this.#connection = new ClientConnection(socket, owner.maxHeaderBytes, this)
  }

  get streams(): number {
    return this.#connection.streams
  }

  get mostHeaderBytes(): number {
    return this.#connection.mostHeaderBytes
  }

  /** Both sides know how the other wants to be spoken to. */
  get ready(): boolean {
    return this.#connection.ready
  }

  /** Why it is gone. */
  get reason(): { readonly kind: UpstreamFailureKind; readonly detail: string } {
    return this.#connection.reason
  }

  /** Neither gone nor going. */
  get usable(): boolean {
    return this.#connection.usable
  }

  /** It takes no streams before it has answered a ping. */
  get suspect(): boolean {
    return this.#suspect
  }

  /** How many more exchanges it can carry now. */
  get room(): number {
    if (!this.usable || !this.ready || this.#suspect) return 0
    const { mostStreams, streams } = this.#connection
    return Math.min(mostStreams, this.#owner.maxStreams) - streams
  }

  open(exchange: StreamExchange, begin: { ended: boolean; paused: boolean }): ClientStream {
    return this.#connection.open(exchange, begin)
  }

  /** Looks at the time. */
  sweep(): void {
    const { now } = this.#owner.ticks
    for (const exchange of this.#connection.exchanges()) {
      const kind = exchange.expired(now)
      if (kind === undefined) continue
      if (kind !== 'total_timeout') this.#doubt()
      this.#owner.expired(exchange, kind)
    }
    this.#sweepConnection(now)
  }

  /** Takes no more streams and closes when the last one has ended. */
  end(): void {
    this.#connection.end()
  }

  /** Closes at once; what it carries fails. */
  drop(kind: UpstreamFailureKind, detail: string): void {
    this.#connection.drop(kind, detail)
  }

  heard(): void {
    this.#heardAt = this.#owner.ticks.now
  }

  ponged(): void {
    this.#pingedAt = undefined
    this.#suspect = false
    this.#owner.vacated(this)
  }

  vacated(): void {
    this.#idleSince = this.#owner.ticks.now
    this.#owner.vacated(this)
  }

  closed(): void {
    this.#owner.closed(this)
  }

  /** Asks whether the other side is there, and gets no new streams until it has said so. */
  #doubt(): void {
    if (!this.usable || this.#suspect) return
    this.#suspect = true
    this.#ping()
  }

  #sweepConnection(now: number): void {
    const { answerTicks, idleTicks, silenceTicks } = this.#owner
    if (this.#connection.dead) {
      // What was said last had its time to leave.
      if (now - Math.max(this.#idleSince, this.#heardAt) > answerTicks) this.#socket.destroy()
    } else if (!this.ready) {
      if (now - this.#since > answerTicks) {
        this.drop('connect_timeout', 'settings were not exchanged in time')
      }
    } else if (this.#pingedAt !== undefined) {
      if (now - this.#pingedAt > answerTicks) this.drop('reset', 'a ping was not answered')
    } else if (this.streams === 0) {
      if (now - this.#idleSince >= idleTicks) this.end()
    } else if (now - this.#heardAt > silenceTicks) this.#ping()
  }

  #ping(): void {
    if (this.#pingedAt !== undefined) return
    this.#pingedAt = this.#owner.ticks.now
    this.#connection.askForLife()
  }
}
