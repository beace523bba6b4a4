import { isIP } from 'node:net'

import type { Millis } from '../core/index.ts'
import type { DialTarget } from './dial.ts'
import { isLocalhost, resolveChecked } from './resolve.ts'
import type { Ticks } from './ticks.ts'

interface Watching {
  readonly every: Millis | undefined
  readonly ticks: Ticks
  /** Called with each answer: connections to any other address are to be let go. */
  readonly changed: (isCurrent: (address: string) => boolean) => void
}

/**
 * Looks the name of an upstream up again while connections to it are kept, because the system's resolver
 * says nothing of how long an answer holds.
 *
 * Invariant: the answer is judged like the one for a new connection. A name that leads to a forbidden
 * address keeps no connection; one that cannot be looked up right now keeps those it has.
 */
export class AddressWatch {
  readonly #target: DialTarget
  readonly #watching: Watching
  readonly #interval: number
  #lookedAt: number
  #looking = false

  /** `undefined` where there is no name, or none that could change. */
  static of(target: DialTarget, watching: Watching): AddressWatch | undefined {
    const { host, socketPath } = target
    const fixed = host.startsWith('[') || isIP(host) !== 0 || isLocalhost(host)
    if (watching.every === undefined || socketPath !== undefined || fixed) return undefined
    return new AddressWatch(target, watching, watching.every)
  }

  private constructor(target: DialTarget, watching: Watching, every: Millis) {
    this.#target = target
    this.#watching = watching
    this.#interval = watching.ticks.of(every)
    this.#lookedAt = watching.ticks.now
  }

  /** Call at each tick. */
  sweep(): void {
    const { now } = this.#watching.ticks
    if (this.#looking || now - this.#lookedAt < this.#interval) return
    this.#looking = true
    resolveChecked(this.#target.host, this.#target, (verdict) => {
      this.#looking = false
      this.#lookedAt = this.#watching.ticks.now
      if (verdict.kind === 'name_not_found') return
      const current = new Set(verdict.kind === 'addresses' ? verdict.addresses : [])
      this.#watching.changed((address) => current.has(address))
    })
  }
}
