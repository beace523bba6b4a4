import { PerSecond } from './per-second.ts'

/** Streams that are cancelled, or end because the peer broke a rule. Closing a tab ends a hundred. */
const mostResets = 150
/** Frames that carry nothing: pings, settings, priorities, empty data, frames of unknown types. */
const mostOddFrames = 5000
/** Window updates that may come for each piece of body we send, and before the first. */
const updatesPerPiece = 10
const mostUpdates = 2000

/**
 * Counts what costs us much and a peer nothing: streams that are begun and reset (CVE-2023-44487), streams
 * that it makes us reset (CVE-2025-8671), frames that come to nothing. Each method says whether it is
 * too much by now.
 */
export class Floods {
  readonly #resets = new PerSecond(mostResets)
  readonly #oddFrames = new PerSecond(mostOddFrames)
  #updates = mostUpdates
  #piecesSeen = 0
  #piecesPinged = 0

  reset(): boolean {
    return this.#resets.exceededAt(performance.now())
  }

  oddFrame(): boolean {
    return this.#oddFrames.exceededAt(performance.now())
  }

  /**
   * A ping for each piece is how gRPC measures the way there: only those beside come to nothing.
   *
   * @param pieces - as for `windowUpdate`.
   */
  ping(pieces: number): boolean {
    if (pieces === this.#piecesPinged) return this.oddFrame()
    this.#piecesPinged = pieces
    return false
  }

  /** @param pieces - how many pieces, of body or heads of streams, there have been so far. */
  windowUpdate(pieces: number): boolean {
    const granted = (pieces - this.#piecesSeen) * updatesPerPiece
    this.#piecesSeen = pieces
    this.#updates = Math.min(mostUpdates, this.#updates + granted) - 1
    return this.#updates < 0
  }
}
