import type { AddressInfo } from 'node:net'
import { ProofgateError } from '../../core/index.ts'
import type { Millis } from '../../core/index.ts'
import type { GatewayParts } from '../gateway.ts'
import type { Shedding } from '../shed/shedding.ts'
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
}

/** The public listener: where callers and browsers arrive. */
export class PublicListener {
  readonly #reception: Reception
  readonly #http1: Http1Server
  readonly #shedding: Shedding

  constructor(options: { parts: GatewayParts; limits: ListenerLimits; findSurface: FindSurface }) {
    this.#reception = new Reception(options)
    this.#http1 = new Http1Server(this.#reception, options.limits)
    this.#shedding = options.parts.shedding
    this.#shedding.inFlight = () => this.inFlight - this.tunnels
  }

  get inFlight(): number {
    return this.#http1.inFlight
  }

  get tunnels(): number {
    return this.#reception.tunnels.size
  }

  /** Resolves with the port that was bound. */
  async listen(address: string, port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#http1.server.once('error', (cause: NodeJS.ErrnoException) => {
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
    this.#http1.server.listen(port, address, resolve)
    await promise
    this.#http1.slowPeers.start()
    this.#shedding.start()
    return (this.#http1.server.address() as AddressInfo).port
  }

  /**
   * Takes no new connections, lets requests end, and at the deadline closes what is left (event streams and
   * tunnels among it).
   */
  async drain(deadline: Millis): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#http1.server.close(() => resolve())
    })
    const sweep = setInterval(() => this.#http1.server.closeIdleConnections(), 50)
    const end = setTimeout(() => {
      this.#reception.tunnels.closeAll()
      this.#http1.server.closeAllConnections()
    }, deadline)
    this.#http1.server.closeIdleConnections()
    await closed
    clearInterval(sweep)
    clearTimeout(end)
    this.#http1.slowPeers.stop()
    this.#shedding.stop()
  }
}
