import { constrainedMemory, memoryUsage } from 'node:process'
import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import type { Millis, Refusal } from '../../core/index.ts'
import { gatewayErrors } from '../errors.ts'
import { Pressure } from './pressure.ts'
import type { PressureLevel } from './pressure.ts'

export interface SheddingLimits {
  /** Requests under way at once. */
  readonly inFlight: number
  /** How late the process may run. */
  readonly eventLoopDelay: Millis
  /** Share of the heap, and of what the process may have, that may be in use. */
  readonly memory: number
}

/** The level at which a request is refused; a high priority goes last. */
export type ShedLevel = 1 | 2 | 3

const lookEvery = 100
/** Memory is asked for at every so many looks: it costs more and changes more slowly. */
const looksPerMemory = 10
const retryAfter = { 'retry-after': '5' }

/**
 * Decides whether there is room for one more request. What is asked for each request is two comparisons; the
 * process itself is looked at by a timer, whose lateness is the delay of the event loop.
 */
export class Shedding {
  readonly #limits: SheddingLimits
  readonly #pressure = new Pressure()
  #memory = 0
  #looks = 0
  #dueAt = 0
  #timer: NodeJS.Timeout | undefined
  #refused = 0
  /** Requests under way; set by whoever counts them. */
  inFlight: () => number = () => 0

  constructor(limits: SheddingLimits) {
    this.#limits = limits
  }

  get level(): PressureLevel {
    return this.#pressure.level
  }

  /** Requests refused since the start. */
  get refused(): number {
    return this.#refused
  }

  start(): void {
    this.#dueAt = performance.now() + lookEvery
    this.#timer = setInterval(() => this.#look(), lookEvery)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** The refusal for a request of this priority when there is no room for it. */
  refusal(shedLevel: ShedLevel): Refusal | undefined {
    if (this.#pressure.level >= shedLevel) return this.#refuse('the process is overloaded')
    if (this.inFlight() > this.#limits.inFlight) return this.#refuse('too many requests under way')
    return undefined
  }

  #refuse(detail: string): Refusal {
    this.#refused += 1
    return gatewayErrors.refuse('overloaded', detail, retryAfter)
  }

  #look(): void {
    const now = performance.now()
    const delay = Math.max(0, now - this.#dueAt)
    this.#dueAt = now + lookEvery
    if (this.#looks++ % looksPerMemory === 0) this.#memory = memoryInUse()
    this.#pressure.look({
      delay: delay / this.#limits.eventLoopDelay,
      memory: this.#memory / this.#limits.memory,
    })
  }
}

/**
 * As a share of what there is: of the heap, or of the memory the process may have, whichever is scarcer.
 * What is in use, not what is resident: that stays high after a peak and would refuse for ever.
 */
function memoryInUse(): number {
  const { heapUsed, external } = memoryUsage()
  const allowed = constrainedMemory()
  const available = allowed > 0 ? Math.min(allowed, totalmem()) : totalmem()
  return Math.max(heapUsed / getHeapStatistics().heap_size_limit, (heapUsed + external) / available)
}
