import type { ServerHttp2Stream } from 'node:http2'
import type { Millis } from '../../core/index.ts'
import { cutOff } from './cut-off.ts'
import { errorCode } from './frames.ts'
import type { StreamTraffic } from './traffic.ts'

/** Bytes that have to move in one interval while something is owed, as on a connection of HTTP/1.1. */
const floor = 1024
const interval = 5000

interface Watched {
  readonly stream: ServerHttp2Stream
  readonly traffic: StreamTraffic
  received: number
  sent: number
  /** Intervals without enough movement. */
  stalled: number
}

/**
 * Resets streams whose caller sends a body, or takes an answer, so slowly that they only hold resources. A
 * stream that owes nothing (an idle event stream, a paused upload) is left alone.
 */
export class SlowStreams {
  readonly #watched = new Set<Watched>()
  readonly #mostStalled: number
  #sweptAt = 0

  constructor(patience: Millis) {
    this.#mostStalled = Math.max(1, Math.floor(patience / interval))
  }

  /** Streams that are not over. */
  get size(): number {
    return this.#watched.size
  }

  watch(stream: ServerHttp2Stream, traffic: StreamTraffic): void {
    const watched = { stream, traffic, received: 0, sent: 0, stalled: 0 }
    this.#watched.add(watched)
    stream.once('close', () => this.#watched.delete(watched))
  }

  /** @param at - in milliseconds; looks again when the interval is over. */
  sweep(at: number): void {
    if (at - this.#sweptAt < interval) return
    this.#sweptAt = at
    for (const watched of this.#watched) this.#judge(watched)
  }

  #judge(watched: Watched): void {
    const { stream, traffic } = watched
    // Over for the protocol, but somebody has not read it to its end.
    if (stream.closed) {
      stream.destroy()
      return
    }
    const owesBody = !traffic.ended && stream.readableFlowing === true
    const owesReading = stream.writableLength > 0
    const stalls =
      (owesBody && traffic.received - watched.received < floor) ||
      (owesReading && traffic.sent - watched.sent < floor)
    watched.stalled = stalls ? watched.stalled + 1 : 0
    watched.received = traffic.received
    watched.sent = traffic.sent
    if (watched.stalled >= this.#mostStalled) cutOff(stream, errorCode.cancel)
  }
}
