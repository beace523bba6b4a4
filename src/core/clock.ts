/** Milliseconds since the epoch, UTC. */
export type Instant = number

/** Where time comes from. Areas take a clock; none of them reads `Date.now()`. */
export interface Clock {
  /**
   * Invariant: never goes back, so that what has expired stays expired when the wall clock is
   * stepped back (it then goes on at the speed of the monotonic clock).
   */
  now(): Instant
}

/**
 * A clock over the system's wall clock that never runs backwards.
 *
 * @param floor - the highest instant an earlier run of this process has seen, 0 for none.
 */
export function systemClock(floor: Instant = 0): Clock {
  let anchorWall = Math.max(Date.now(), floor)
  let anchorMonotonic = performance.now()
  let latest = anchorWall
  let readAt = -Infinity
  const read = (monotonic: number): Instant => {
    const wall = Date.now()
    const steady = anchorWall + Math.floor(monotonic - anchorMonotonic)
    if (wall < steady - toleratedDrift) return steady
    if (wall > anchorWall) {
      anchorWall = wall
      anchorMonotonic = monotonic
    }
    return anchorWall
  }
  return {
    now() {
      const monotonic = performance.now()
      // One that counts milliseconds has nothing new to say before one is over, and every request asks often.
      if (monotonic - readAt < 1) return latest
      readAt = monotonic
      latest = Math.max(latest, read(monotonic))
      return latest
    },
  }
}

/** The monotonic and the wall clock may drift apart by this much before a step back is assumed. */
const toleratedDrift = 50

/** A clock that tests move by hand. */
export function manualClock(start: Instant = 1_700_000_000_000): Clock & {
  advance(millis: number): void
} {
  let current = start
  return {
    now: () => current,
    advance(millis) {
      current += millis
    },
  }
}

/** Whole seconds since the epoch, as JWT and OAuth count time. */
export function epochSeconds(at: Instant): number {
  return Math.floor(at / 1000)
}
