import type { AddressInfo, Server } from 'node:net'
import { ProofgateError } from '../../core/index.ts'
import type { Millis } from '../../core/index.ts'
import { Front } from '../arrive/front.ts'
import type { FrontCounts, FrontSettings } from '../arrive/front.ts'
import type { TlsSettings } from '../arrive/tls-end.ts'
import type { GatewayParts } from '../gateway.ts'
import { Http2Server } from '../http2/server.ts'
import { LiveExchanges } from '../live/live-exchanges.ts'
import { Shedding } from '../shed/shedding.ts'
import type { SheddingLimits } from '../shed/shedding.ts'
import { Http1Server } from './http1.ts'
import { Reception } from './reception.ts'
import type { FindSurface } from './reception.ts'

export interface ListenerLimits {
  readonly headerBytes: number
  readonly headerCount: number
  readonly connections: number
  readonly requestHeaderTimeout: Millis
  readonly requestIdle: Millis
  readonly keepAlive: Millis
  /** Requests under way at once. */
  readonly inFlight: number
  readonly shedding: Omit<SheddingLimits, 'inFlight'>
  /** How often what lasts is decided on again. */
  readonly reauthorizeEvery: Millis
}

/** How long those that are told of the end have to hear it. */
const lastWords = 100

/** The public listener: where callers and browsers arrive. */
export class PublicListener {
  readonly #reception: Reception
  readonly #http1: Http1Server
  readonly #http2: Http2Server
  readonly shedding: Shedding
  readonly #live: LiveExchanges
  /** Where there is more to connections than HTTP. */
  readonly #front: Front | undefined

  constructor(options: {
    parts: Omit<GatewayParts, 'shedding' | 'live'>
    limits: ListenerLimits
    findSurface: FindSurface
    front?: Pick<FrontSettings, 'isProxy' | 'tls' | 'h2c'> | undefined
  }) {
    const { limits, front } = options
    this.shedding = new Shedding({ inFlight: limits.inFlight, ...limits.shedding })
    this.#live = new LiveExchanges(options.parts, limits.reauthorizeEvery)
    const parts = { ...options.parts, shedding: this.shedding, live: this.#live }
    this.#reception = new Reception({ ...options, parts })
    this.shedding.inFlight = () => this.inFlight - this.tunnels
    this.#http1 = new Http1Server(this.#reception, limits)
    this.#http2 = new Http2Server(this.#reception, limits)
    if (front === undefined) return
    this.#front = new Front(
      { ...front, connections: limits.connections, patience: limits.requestHeaderTimeout },
      {
        http1: (socket) => this.#http1.server.emit('connection', socket),
        http2: (socket) => this.#http2.accept(socket),
      },
    )
    // What the runtime watches connections with begins to work when its server listens, or hears that.
    this.#http1.server.emit('listening')
  }

  /** Connections that were closed before a request was read. */
  get refusedConnections(): FrontCounts {
    return this.#front?.refused ?? { proxy: 0, tls: 0 }
  }

  /** Puts other certificates in force; connections that are open keep theirs. */
  renewTls(tls: TlsSettings): void {
    this.#front?.renew(tls)
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

  /**
   * Resolves with the port that was bound.
   *
   * @param reusePort - whether several threads share it.
   */
  async listen(address: string, port: number, reusePort = false): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const server = this.#server
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE'
      reject(
        new ProofgateError('gateway.cannot_listen', `cannot listen on ${address}:${port}`, {
          cause,
          hint: taken
            ? 'Another process has this port. Stop it, or choose another with `--port`.'
            : 'Check the address and the permission to bind it.',
        }),
      )
    })
    server.listen({ port, host: address, reusePort }, resolve)
    await promise
    this.#http1.slowPeers.start()
    this.#http2.start()
    this.shedding.start()
    this.#live.start()
    return (server.address() as AddressInfo).port
  }

  /**
   * Takes no new connections, lets requests end, and at the deadline closes what is left (event streams and
   * tunnels among it).
   */
  async drain(deadline: Millis): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    if (this.#front !== undefined) this.#http1.server.close()
    this.#front?.closeArriving()
    this.#http2.drain()
    const sweep = setInterval(() => this.#http1.server.closeIdleConnections(), 50)
    const end = setTimeout(() => {
      this.#live.closeAll()
      setTimeout(() => {
        this.#http1.server.closeAllConnections()
        this.#http2.stop()
      }, lastWords).unref()
    }, deadline)
    this.#http1.server.closeIdleConnections()
    await closed
    clearInterval(sweep)
    clearTimeout(end)
    this.#http1.slowPeers.stop()
    this.#http2.stop()
    this.shedding.stop()
    this.#live.stop()
  }

  /** What is bound to the port. */
  get #server(): Server {
    return this.#front?.server ?? this.#http1.server
  }
}
