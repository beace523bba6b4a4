import type { Millis } from '../core/index.ts'
import { LiveExchanges, proofRooms, Reception, Shedding } from '../gateway/index.ts'
import type { FindSurface, GatewayParts, SheddingLimits } from '../gateway/index.ts'
import { Front } from './arrive/front.ts'
import type { FrontCounts, FrontSettings } from './arrive/front.ts'
import type { TlsSettings } from './arrive/tls-end.ts'
import { Http2Server } from './http2/server.ts'
import type { Binding } from './bind.ts'
import { Doors } from './doors.ts'
import { Http1Server } from './http1/server.ts'
import type { WaitingRoom } from './waiting-room.ts'

export interface ListenerLimits {
  readonly headerBytes: number
  readonly headerCount: number
  readonly connections: number
  readonly requestHeaderTimeout: Millis
  readonly requestIdle: Millis
  readonly keepAlive: Millis
  /** A caller that has ended its side of a connection still gets the answer it waits for. */
  readonly halfClose: boolean
  /** Requests under way at once. */
  readonly inFlight: number
  readonly shedding: Omit<SheddingLimits, 'inFlight'>
  /** How often what lasts is decided on again. */
  readonly reauthorizeEvery: Millis
}

/** How long those that are told of the end have to hear it. */
const lastWords = 100

type FrontOptions = Omit<FrontSettings, 'patience'>

/** The public listener: where callers and browsers arrive. */
export class PublicListener {
  readonly #reception: Reception
  readonly #http1: Http1Server
  readonly #http2: Http2Server
  readonly shedding: Shedding
  readonly #live: LiveExchanges
  /** Where there is more to connections than HTTP. */
  readonly #front: Front | undefined
  readonly #doors: Doors
  #begun = false

  constructor(options: {
    parts: Omit<GatewayParts, 'shedding' | 'live' | 'proofRooms'>
    limits: ListenerLimits
    findSurface: FindSurface
    front?: FrontOptions | undefined
  }) {
    const { limits, front } = options
    this.shedding = new Shedding({ inFlight: limits.inFlight, ...limits.shedding })
    this.#live = new LiveExchanges(options.parts, limits.reauthorizeEvery)
    const parts = {
      ...options.parts,
      shedding: this.shedding,
      live: this.#live,
      proofRooms: proofRooms(),
    }
    this.#reception = new Reception({ ...options, parts })
    this.shedding.inFlight = () => this.inFlight - this.tunnels
    this.#http1 = new Http1Server(this.#reception, limits)
    this.#http2 = new Http2Server(this.#reception, limits)
    this.#front = front === undefined ? undefined : this.#build(front, limits)
    this.#doors = new Doors(limits.connections, this.#front ?? this.#http1)
  }

  /** Connections that were closed before a request was read. */
  get refusedConnections(): FrontCounts {
    return this.#front?.refused ?? { proxy: 0, tls: 0 }
  }

  /** Puts other certificates in force; connections that are open keep theirs. */
  renewTls(tls: TlsSettings): void {
    this.#front?.renew(tls)
  }

  #build(front: FrontOptions, limits: ListenerLimits): Front {
    return new Front(
      { ...front, patience: limits.requestHeaderTimeout },
      {
        http1: (socket) => this.#http1.accept(socket),
        http2: (socket) => this.#http2.accept(socket),
      },
    )
  }

  get inFlight(): number {
    return this.#http1.inFlight + this.#http2.inFlight
  }

  get tunnels(): number {
    return this.#live.tunnels
  }

  /** What was ended before its time, by reason. */
  get closed(): ReadonlyMap<string, number> {
    return this.#live.closed
  }

  /** Another configuration is in force: what lasts is decided on again. */
  reauthorize(): void {
    this.#live.reauthorize()
  }

  /** Binds the port and begins. Resolves with the port that was bound. */
  async listen(binding: Binding): Promise<number> {
    const port = await this.#doors.open(binding)
    this.#begin()
    return port
  }

  /** Begins to serve those who arrived, and go on arriving, in a waiting room. */
  adopt(room: WaitingRoom): void {
    this.#begin()
    this.#doors.adopt(room)
  }

  #begin(): void {
    if (this.#begun) return
    this.#begun = true
    this.#http1.begin()
    this.#http2.start()
    this.shedding.start()
    this.#live.start()
  }

  /**
   * Takes no new connections, lets requests end, and at the deadline closes what is left (event streams and
   * tunnels among it). Whoever is just about to send a request on an open connection has a moment for it; the
   * answer then ends the connection.
   */
  async drain(deadline: Millis): Promise<void> {
    const closed = this.#doors.close()
    this.#front?.closeArriving()
    this.#http1.drain(() => this.inFlight > 0)
    this.#http2.drain()
    const end = setTimeout(() => {
      this.#live.closeAll()
      this.#http1.endIdle()
      setTimeout(() => {
        this.#http1.destroyAll()
        this.#http2.stop()
      }, lastWords).unref()
    }, deadline)
    await closed
    clearTimeout(end)
    this.#http1.stop()
    this.#http2.stop()
    this.shedding.stop()
    this.#live.stop()
  }
}
