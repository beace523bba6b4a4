import type { Refusal } from '../../core/index.ts'

/**
 * How one request ends: its answer was sent, its connection went away, or the rest of its bytes turned out
 * to be no HTTP. The runtime's own events are not enough: an answer that waits behind another on its
 * connection hears nothing when the connection goes.
 */
export class Life {
  #over = false
  #admitted = false
  #broken: Refusal | undefined
  #overListeners: (() => void)[] = []
  #brokenListener: ((refusal: Refusal) => void) | undefined

  get isOver(): boolean {
    return this.#over
  }

  /** The decision was yes, so its answer leaves the connection as it is. */
  get isAdmitted(): boolean {
    return this.#admitted
  }

  admit(): void {
    this.#admitted = true
  }

  get broken(): Refusal | undefined {
    return this.#broken
  }

  /** Called once, at once when it is over already. */
  onOver(listener: () => void): void {
    if (this.#over) listener()
    else this.#overListeners.push(listener)
  }

  end(): void {
    if (this.#over) return
    this.#over = true
    const listeners = this.#overListeners
    this.#overListeners = []
    for (const listener of listeners) listener()
  }

  /** One listener, the last one set; called at once when it is broken already. */
  onBroken(listener: (refusal: Refusal) => void): void {
    this.#brokenListener = listener
    if (this.#broken !== undefined) listener(this.#broken)
  }

  breakOff(refusal: Refusal): void {
    if (this.#broken !== undefined || this.#over) return
    this.#broken = refusal
    this.#brokenListener?.(refusal)
  }
}
