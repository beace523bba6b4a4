import type { Millis } from '../../core/index.ts'
import { ErrorCode } from '../../http2/index.ts'
import type { Stream } from '../../http2/index.ts'
import { Http2Exchange } from './exchange.ts'

/** Bytes that have to move in one interval while something is owed, as on a connection of HTTP/1.1. */
const floor = 1024
const interval = 5000

/**
 * Resets streams whose caller sends a body, or takes an answer, so slowly that they only hold resources. A
 * stream that owes nothing (an idle event stream, a paused upload) is left alone.
 */
export class SlowStreams {
  readonly #mostStalled: number
  #sweptAt = 0

  constructor(patience: Millis) {
    this.#mostStalled = Math.max(1, Math.floor(patience / interval))
  }

  /** @param at - in milliseconds; looks again when the interval is over. */
  sweep(at: number, streams: Iterable<Stream>): void {
    if (at - this.#sweptAt < interval) return
    this.#sweptAt = at
    for (const { user } of streams) {
      if (user instanceof Http2Exchange) this.#judge(user)
    }
  }

  #judge(exchange: Http2Exchange): void {
    const { stream } = exchange
    const { received, sent } = stream
    const owesBody = !stream.receivedAll && !stream.isPaused
    // A head that waits for its turn is owed like a body.
    const owesReading = stream.unsent > 0 || stream.queues
    const stalls =
      (owesBody && received - exchange.seenReceived < floor) ||
      (owesReading && sent - exchange.seenSent < floor)
    exchange.stalled = stalls ? exchange.stalled + 1 : 0
    exchange.seenReceived = received
    exchange.seenSent = sent
    if (exchange.stalled >= this.#mostStalled) stream.reset(ErrorCode.cancel)
  }
}
