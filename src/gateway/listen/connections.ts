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
  /** Parsed already, but not begun: one read can hold a thousand. */
  readonly waiting: { readonly incoming: Incoming; readonly work: () => void }[]
  /** The one that was begun last. */
  last: Incoming | undefined
  /** How many have arrived. */
  arrived: number
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
    const waiting: Carried['waiting'] = []
    this.#carried.set(socket, {
      peer: peerOf(socket),
      open,
      waiting,
      last: undefined,
      arrived: 0,
    })
    socket.once('close', () => {
      waiting.length = 0
      for (const incoming of open) incoming.life.end()
    })
  }

  /**
   * Runs `work` for the request now, or when those before it on its connection let it.
   *
   * Invariant: behind an answer that ends the connection nothing is served (RFC 9112 9.6). What follows a
   * request that was refused for its framing may be its body.
   */
  begin(socket: Duplex, incoming: Incoming, work: () => void): void {
    const carried = this.#carried.get(socket)
    const open = carried?.open
    this.#inFlight += 1
    if (carried !== undefined) carried.arrived += 1
    open?.add(incoming)
    // After the piece of the stream that is being read, because each message in it reads on by itself.
    if (open?.size === mostPipelined + 1) queueMicrotask(() => socket.pause())
    incoming.life.onOver(() => {
      this.#inFlight -= 1
      open?.delete(incoming)
      if (open?.size === mostPipelined / 2 && !socket.destroyed) socket.resume()
      if (carried === undefined) return
      if (carried.open.size === 0) carried.last = undefined
      else if (carried.waiting.length > 0 && socket.writable) startWaiting(carried)
    })
    // Not `once`, which costs more than it saves: a life ends once whoever says so.
    incoming.response.on('close', () => incoming.life.end())
    if (carried === undefined) work()
    else if (socket.writable && mayBegin(carried, incoming, carried.open.size - 1)) {
      start(carried, incoming, work)
    } else carried.waiting.push({ incoming, work })
  }

  peer(socket: Duplex): Peer {
    return this.#carried.get(socket)?.peer ?? peerOf(socket)
  }

  /** How many requests have arrived on this connection. */
  arrived(socket: Duplex): number {
    return this.#carried.get(socket)?.arrived ?? 0
  }

  /** The request that arrived last and is not over, if any. */
  latest(socket: Duplex): Incoming | undefined {
    return [...(this.#carried.get(socket)?.open ?? [])].at(-1)
  }
}

function start(carried: Carried, incoming: Incoming, work: () => void): void {
  carried.last = incoming
  work()
}

function startWaiting(carried: Carried): void {
  for (let [next] = carried.waiting; next !== undefined; [next] = carried.waiting) {
    const running = carried.open.size - carried.waiting.length
    if (!mayBegin(carried, next.incoming, running)) return
    carried.waiting.shift()
    start(carried, next.incoming, next.work)
  }
}

/** One after the other, or side by side as long as all of them are safe (RFC 9112 9.3.2) and admitted. */
function mayBegin({ waiting, last }: Carried, next: Incoming, running: number): boolean {
  if (waiting.length > 0 && waiting[0]?.incoming !== next) return false
  if (running === 0 || last === undefined) return true
  return running < mostPipelined && last.life.isAdmitted && isSafe(last) && isSafe(next)
}

/** Without a body there is no doubt either about where it ends. */
function isSafe({ method, request: { headers } }: Incoming): boolean {
  return (
    (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined
  )
}
