import type { Duplex } from 'node:stream'
import type { Incoming } from '../incoming.ts'
import { peerOf } from './peer.ts'
import type { Peer } from './peer.ts'

/** With more requests than this under way on one connection, it is read on only when half are over. */
const mostPipelined = 32

/** What one connection carries. */
interface Carried {
  readonly peer: Peer
  /** Not over yet, oldest first. */
  readonly open: Set<Incoming>
  /** Parsed already, but begun only when the one before is over: one read can hold a thousand. */
  readonly waiting: (() => void)[]
  busy: Incoming | undefined
}

/** The requests of each connection that are not over yet. */
export class Connections {
  readonly #carried = new WeakMap<Duplex, Carried>()
  #inFlight = 0

  get inFlight(): number {
    return this.#inFlight
  }

  watch(socket: Duplex): void {
    const open = new Set<Incoming>()
    const waiting: (() => void)[] = []
    this.#carried.set(socket, { peer: peerOf(socket), open, waiting, busy: undefined })
    socket.once('close', () => {
      waiting.length = 0
      for (const incoming of open) incoming.life.end()
    })
  }

  /**
   * Runs `work` for the request now, or when the one before it on its connection is over.
   *
   * Invariant: behind an answer that ends the connection nothing is served (RFC 9112 9.6). What follows a
   * request that was refused for its framing may be its body.
   */
  begin(socket: Duplex, incoming: Incoming, work: () => void): void {
    const carried = this.#carried.get(socket)
    const open = carried?.open
    this.#inFlight += 1
    open?.add(incoming)
    // After the piece of the stream that is being read, because each message in it reads on by itself.
    if (open?.size === mostPipelined + 1) queueMicrotask(() => socket.pause())
    incoming.life.onOver(() => {
      this.#inFlight -= 1
      open?.delete(incoming)
      if (open?.size === mostPipelined / 2 && !socket.destroyed) socket.resume()
      if (carried?.busy !== incoming) return
      carried.busy = undefined
      if (socket.writable) carried.waiting.shift()?.()
    })
    // Not `once`, which costs more than it saves: a life ends once whoever says so.
    incoming.response.on('close', () => incoming.life.end())
    if (carried === undefined) work()
    else this.#start(carried, incoming, work)
  }

  #start(carried: Carried, incoming: Incoming, work: () => void): void {
    if (carried.busy !== undefined) {
      carried.waiting.push(() => this.#start(carried, incoming, work))
      return
    }
    carried.busy = incoming
    work()
  }

  peer(socket: Duplex): Peer {
    return this.#carried.get(socket)?.peer ?? peerOf(socket)
  }

  /** The request that arrived last and is not over, if any. */
  latest(socket: Duplex): Incoming | undefined {
    return [...(this.#carried.get(socket)?.open ?? [])].at(-1)
  }
}
