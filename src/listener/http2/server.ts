import type { Duplex } from 'node:stream'
import type { ListenerLimits } from '../listener.ts'
import { peerOf } from '../peer.ts'
import type { Reception } from '../../gateway/index.ts'
import { Http2Connection } from './connection.ts'

const sweepEvery = 1000

/** HTTP/2 from callers: takes connections on which it is known to be spoken. */
export class Http2Server {
  readonly #reception: Reception
  readonly #limits: ListenerLimits
  readonly #connections = new Set<Http2Connection>()
  readonly #total = { inFlight: 0 }
  #timer: NodeJS.Timeout | undefined
  #drains = false

  constructor(reception: Reception, limits: ListenerLimits) {
    this.#reception = reception
    this.#limits = limits
  }

  get inFlight(): number {
    return this.#total.inFlight
  }

  /** Nothing but bytes put back may have been read from it. */
  accept(socket: Duplex): void {
    const connection = new Http2Connection(socket, {
      peer: peerOf(socket),
      reception: this.#reception,
      limits: this.#limits,
      total: this.#total,
      onClose: () => this.#connections.delete(connection),
    })
    this.#connections.add(connection)
    if (this.#drains) connection.close()
  }

  start(): void {
    this.#timer = setInterval(() => this.#sweep(), sweepEvery)
    this.#timer.unref()
  }

  /** Takes no new requests; connections end with the last of those under way. */
  drain(): void {
    this.#drains = true
    for (const connection of this.#connections) connection.close()
  }

  stop(): void {
    clearInterval(this.#timer)
    for (const connection of this.#connections) connection.destroy()
  }

  #sweep(): void {
    for (const connection of this.#connections) connection.sweep()
  }
}
