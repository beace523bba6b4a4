import type { Millis } from '../core/index.ts'
import { millis } from '../core/index.ts'
import type { Exchange, ResponseHead, ResponseSink, UpstreamPool } from '../upstream/index.ts'

/** What a healthy target answers, and how often it is asked. */
export interface HealthOptions {
  /** Origin form. */
  readonly path: string
  readonly interval: Millis
  /** For the whole answer. */
  readonly timeout: Millis
  /** Good checks in a row that bring a target back. */
  readonly healthyAfter: number
  /** Failed checks in a row that take it out. */
  readonly unhealthyAfter: number
  /** First and last status that is good. */
  readonly expect: readonly [number, number]
}

export interface HealthSubject {
  /** Connections for checks alone. */
  readonly pool: UpstreamPool
  readonly authority: string
  readonly verdict: (healthy: boolean) => void
}

/** Of a body; what comes after tells nothing more. */
const longestBody = 64 * 1024
/** How far from its interval a check may come, so that many gateways do not ask at once. */
const jitter = 0.1

/** Asks one target again and again whether it is well. Says so only when its mind changes. */
export class HealthCheck {
  readonly #options: HealthOptions
  readonly #subject: HealthSubject
  #timer: NodeJS.Timeout | undefined
  #running: Check | undefined
  #closed = false
  #healthy = true
  /** Results in a row that speak against `#healthy`. */
  #against = 0

  /** The first check is at once. */
  constructor(options: HealthOptions, subject: HealthSubject) {
    this.#options = options
    this.#subject = subject
    this.#timer = setTimeout(() => this.#check(), 0).unref()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#running?.cancel()
  }

  #check(): void {
    const { timeout, path, expect } = this.#options
    const { pool, authority } = this.#subject
    const check = new Check(expect, (good) => {
      this.#running = undefined
      if (this.#closed) return
      this.#weigh(good)
      this.#timer = setTimeout(() => this.#check(), this.#pause()).unref()
    })
    this.#running = check
    check.begin(
      pool.request(
        {
          method: 'GET',
          target: path,
          headers: ['host', authority, 'user-agent', 'proofgate-health', 'accept', '*/*'],
          framing: { kind: 'none' },
        },
        check,
      ),
      timeout,
    )
  }

  #weigh(good: boolean): void {
    if (good === this.#healthy) {
      this.#against = 0
      return
    }
    this.#against += 1
    const { healthyAfter, unhealthyAfter } = this.#options
    if (this.#against < (good ? healthyAfter : unhealthyAfter)) return
    this.#healthy = good
    this.#against = 0
    this.#subject.verdict(good)
  }

  #pause(): Millis {
    const { interval } = this.#options
    return millis(interval * (1 - jitter + 2 * jitter * Math.random()))
  }
}

/** One check, which ends once. */
class Check implements ResponseSink {
  readonly #expect: readonly [number, number]
  readonly #done: (good: boolean) => void
  #exchange: Exchange | undefined
  #deadline: NodeJS.Timeout | undefined
  #good = false
  #length = 0
  #over = false

  constructor(expect: readonly [number, number], done: (good: boolean) => void) {
    this.#expect = expect
    this.#done = done
  }

  begin(exchange: Exchange, timeout: Millis): void {
    this.#exchange = exchange
    this.#deadline = setTimeout(() => this.#finish(false), timeout).unref()
    exchange.end()
  }

  cancel(): void {
    this.#finish(false)
  }

  onHead(head: ResponseHead): void {
    const [first, last] = this.#expect
    this.#good = head.status >= first && head.status <= last
  }

  onData(chunk: Buffer): boolean {
    this.#length += chunk.length
    if (this.#length > longestBody) this.#finish(this.#good)
    return true
  }

  onEnd(): void {
    this.#finish(this.#good)
  }

  onFailure(): void {
    this.#finish(false)
  }

  #finish(good: boolean): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#deadline)
    this.#exchange?.abort()
    this.#done(good)
  }
}
