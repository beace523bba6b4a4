import type { Duplex } from 'node:stream'
import type { Incoming } from '../incoming.ts'

/** With more requests than this under way on one connection, it is read on only when half are over. */
const mostPipelined = 32

/** The requests of each connection that are not over yet, oldest first. */
export class Connections {
  readonly #open = new WeakMap<Duplex, Set<Incoming>>()
  #inFlight = 0

  get inFlight(): number {
    return this.#inFlight
  }

  watch(socket: Duplex): void {
    const open = new Set<Incoming>()
    this.#open.set(socket, open)
    socket.once('close', () => {
      for (const incoming of open) incoming.life.end()
    })
  }

  begin(incoming: Incoming): void {
    const { socket } = incoming.request
    const open = this.#open.get(socket)
    this.#inFlight += 1
    open?.add(incoming)
    // After the piece of the stream that is being read, because each message in it reads on by itself.
    if (open?.size === mostPipelined + 1) queueMicrotask(() => socket.pause())
    incoming.life.onOver(() => {
      this.#inFlight -= 1
      open?.delete(incoming)
      if (open?.size === mostPipelined / 2 && !socket.destroyed) socket.resume()
    })
    incoming.response.once('close', () => incoming.life.end())
  }

  /** The request that arrived last and is not over, if any. */
  latest(socket: Duplex): Incoming | undefined {
    return [...(this.#open.get(socket) ?? [])].at(-1)
  }
}
