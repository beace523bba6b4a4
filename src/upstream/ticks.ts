import type { Millis } from '../core/index.ts'

const shortestInterval = 10
const longestInterval = 250

/**
 * Coarse time for time-outs: a count that one sweep timer moves on, so that a request costs no timer
 * and no reading of a clock. When the process was busy the count stands still, so that an answer that
 * already waits in a socket is read before it can be called late.
 */
export class Ticks {
  now = 0
  readonly interval: number

  /** @param shortest - the shortest time-out to be measured. */
  constructor(shortest: Millis) {
    this.interval = Math.min(longestInterval, Math.max(shortestInterval, Math.floor(shortest / 4)))
  }

  /** Ticks that have to pass for a duration to be over for certain: late by up to two intervals. */
  of(duration: Millis): number {
    return Math.ceil(duration / this.interval) + 1
  }

  /** Ticks that can pass with a duration not yet over: early by up to two intervals. */
  within(duration: Millis): number {
    return Math.floor(duration / this.interval) - 1
  }
}
