import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { RecentSections } from '../../http1/index.ts'
import type { Millis } from '../../core/index.ts'
import type { ListenerLimits } from '../listener.ts'
import { peerOf } from '../peer.ts'
import { StreamWire } from '../../sockets/index.ts'
import type { Wire } from '../../sockets/index.ts'
import type { Peer, Reception } from '../../gateway/index.ts'
import { Http1Connection } from './connection.ts'
import type { ConnectionHost } from './host.ts'

/** How often half-open, slow and idle connections are looked for, in milliseconds. */
const sweepEvery = 1000
/** Those that move too little, in sweeps. */
const looksEvery = 5
/** For so long the first idle connections are not closed while the server drains, in milliseconds. */
const graceful = 300

/** HTTP/1.x from callers: its connections, and how long they may last. */
export class Http1Server {
  readonly #connections = new Set<Http1Connection>()
  readonly #host: ConnectionHost<Http1Connection> & { tick: number; isDraining: boolean }
  #timer: NodeJS.Timeout | undefined
  #drainTimer: NodeJS.Timeout | undefined

  constructor(reception: Reception, limits: ListenerLimits) {
    this.#host = {
      reception,
      headerBytes: limits.headerBytes,
      recent: new RecentSections(),
      headerSweeps: sweepsIn(limits.requestHeaderTimeout),
      idleSweeps: sweepsIn(limits.keepAlive),
      stalledSweeps: Math.max(1, Math.floor(limits.requestIdle / sweepEvery / looksEvery)),
      keepAliveLines: keepAliveLines(limits.keepAlive),
      halfClose: limits.halfClose,
      tick: 0,
      isDraining: false,
      inFlight: 0,
      closed: (connection) => this.#connections.delete(connection),
    }
  }

  get inFlight(): number {
    return this.#host.inFlight
  }

  /** Nothing but bytes put back may have been read from it. */
  accept(socket: Duplex): void {
    const peer = peerOf(socket)
    const { encrypted } = peer
    this.admit(new StreamWire(socket as Socket, { encrypted }), peer)
  }

  /** Reset before it was accepted: what it said can be read, but nobody can tell any more who did. */
  admit(wire: Wire, peer: Peer): void {
    if (peer.address === '') wire.destroy()
    else this.#connections.add(new Http1Connection(wire, peer, this.#host))
  }

  begin(): void {
    this.#timer = setInterval(() => this.#sweep(), sweepEvery)
    this.#timer.unref()
  }

  /**
   * From now on each answer ends its connection. The idle ones are closed a moment later, or when nothing else
   * is waited for any more: until then whoever uses one is answered, and goes of their own accord.
   */
  drain(isBusy: () => boolean): void {
    this.#host.isDraining = true
    const closeAfter = performance.now() + graceful
    this.#drainTimer = setInterval(() => {
      if (performance.now() >= closeAfter && !isBusy()) this.endIdle()
    }, 50)
  }

  /** A request may wait in the system's buffers, which are looked at before the second step. */
  endIdle(): void {
    setImmediate(() => {
      for (const connection of this.#connections) if (connection.isIdle) connection.end()
    })
  }

  /** Cuts off what is under way. */
  destroyAll(): void {
    for (const connection of this.#connections) connection.destroy()
  }

  /** Everybody has gone. */
  stop(): void {
    clearInterval(this.#timer)
    clearInterval(this.#drainTimer)
  }

  #sweep(): void {
    this.#host.tick += 1
    const looks = this.#host.tick % looksEvery === 0
    if (looks) this.#host.recent.age()
    for (const connection of this.#connections) connection.sweep(looks)
  }
}

/** Never too few: what is waited for may have begun right before the last of them. */
function sweepsIn(patience: Millis): number {
  return Math.ceil(patience / sweepEvery)
}

function keepAliveLines(keepAlive: Millis): string {
  const seconds = Math.floor(keepAlive / 1000)
  const hint = seconds > 0 ? `Keep-Alive: timeout=${seconds}\r\n` : ''
  return `Connection: keep-alive\r\n${hint}`
}
