import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { acceptWires } from '../sockets/index.ts'
import type { Wire } from '../sockets/index.ts'
import type { Peer } from '../gateway/index.ts'
import { listenOn } from './bind.ts'
import type { Binding } from './bind.ts'
import { peerAt } from './peer.ts'
import type { WaitingRoom } from './waiting-room.ts'

/** Whom those who arrive are handed to. */
export interface Visited {
  accept(socket: Socket): void
  /** Where no socket is needed. */
  admit?(wire: Wire, peer: Peer): void
}

/** As many connections as the system makes before anybody accepts them; see `listen` of `node:net`. */
const backlog = 511

/** What is bound to the port, and how many have come by it. */
export class Doors {
  readonly #most: number
  readonly #visited: Visited
  readonly #servers: Server[] = []
  #open = 0
  #arrived = 0
  #whenEmpty: (() => void) | undefined

  constructor(most: number, visited: Visited) {
    this.#most = most
    this.#visited = visited
  }

  /**
   * Resolves with the port that was bound.
   *
   * @throws ProofgateError `gateway.cannot_listen`
   */
  async open(binding: Binding): Promise<number> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#arrive(socket)
    })
    const port = await listenOn(server, binding)
    if (this.#visited.admit !== undefined) {
      acceptWires(server, (wire, address) => this.#arriveBare(wire, address), this.#left)
    }
    this.#servers.push(server)
    return port
  }

  /** Those in a waiting room, and who comes to it from now on. */
  adopt(room: WaitingRoom): void {
    this.#servers.push(room.server)
    room.admit((socket) => {
      this.#arrived += 1
      this.#visited.accept(socket)
    })
  }

  /** Takes nobody any more, and resolves when the last one has gone. */
  async close(): Promise<void> {
    await this.#takeThoseWhoWait()
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    )
    await Promise.all(closed)
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#whenEmpty = resolve))
  }

  /**
   * Connections that the system has made already are accepted first, because it resets them with the socket
   * they wait at; only one that arrives between the last look and the close is lost. One is accepted in a turn.
   */
  async #takeThoseWhoWait(): Promise<void> {
    for (let turn = 0; turn < backlog; turn += 1) {
      const before = this.#arrived
      await nextTurn()
      await nextTurn()
      if (this.#arrived === before) return
    }
  }

  #arrive(socket: Socket): void {
    socket.once('close', this.#left)
    if (this.#hasRoom()) this.#visited.accept(socket)
    else socket.destroy()
  }

  #arriveBare(wire: Wire, address: string): void {
    if (this.#hasRoom()) this.#visited.admit?.(wire, peerAt(address, false))
    else wire.destroy()
  }

  /** For one more, which counts until it has gone. */
  #hasRoom(): boolean {
    this.#arrived += 1
    this.#open += 1
    return this.#open <= this.#most
  }

  readonly #left = (): void => {
    this.#open -= 1
    if (this.#open === 0) this.#whenEmpty?.()
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
