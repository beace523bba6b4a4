/**
 * How short of time and memory the process is, as the priority that is refused:
 * 0 nothing, 1 low, 2 normal as well, 3 everything.
 */
export type PressureLevel = 0 | 1 | 2 | 3

/** One look at the process, each as a share of its limit. */
export interface Strain {
  readonly delay: number
  readonly memory: number
}

/** Looks over the limit, one after the other, before one more priority is refused: a pause is no overload. */
const looksToRise = 5
/** Looks well below it before one fewer is. */
const looksToFall = 10
/** Well below, as a share of the limit; between this and the limit nothing changes. */
const calm: Strain = { delay: 0.5, memory: 0.95 }

/**
 * Turns looks at the process into a level. Refuses one priority more for as long as the strain goes on, and
 * one fewer only when it has been gone for a while, so that it does not swing.
 */
export class Pressure {
  #level: PressureLevel = 0
  #strained = 0
  #calm = 0

  get level(): PressureLevel {
    return this.#level
  }

  look(strain: Strain): void {
    const isStrained = strain.delay >= 1 || strain.memory >= 1
    const isCalm = strain.delay < calm.delay && strain.memory < calm.memory
    this.#strained = isStrained ? this.#strained + 1 : 0
    this.#calm = isCalm ? this.#calm + 1 : 0
    if (this.#strained >= looksToRise) this.#move(1)
    else if (this.#calm >= looksToFall) this.#move(-1)
  }

  #move(by: 1 | -1): void {
    this.#strained = 0
    this.#calm = 0
    this.#level = Math.min(3, Math.max(0, this.#level + by)) as PressureLevel
  }
}
