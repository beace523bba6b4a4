import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Instant, Millis } from '../../core/index.ts'
import type { RevokedKind } from '../../session/index.ts'
import type { GatewayParts } from '../gateway.ts'
import { closingEntry } from '../record.ts'
import type { StreamLimits } from './limits.ts'
import type { Ending, OpenExchange } from './open-exchange.ts'
import { isBrowserSession } from '../caller/principal.ts'
import { isTouchRevoked } from '../caller/touch.ts'
import { review } from './review.ts'

type Parts = Pick<
  GatewayParts,
  'clock' | 'table' | 'sessions' | 'revocations' | 'audit' | 'onError'
>

const sweepEvery = 500
/** What is not over after this is watched, whatever it is. */
const shortLived = 5000
/** Decisions made in one turn of the event loop. */
const reviewsPerTurn = 100

/**
 * Everything that was let through and is not over, so that it ends when the trust it rests on ends: within a
 * second of a revocation, an expiry or a changed policy. Short exchanges only enter and leave; a sweep finds
 * those that last.
 */
export class LiveExchanges {
  readonly #parts: Parts
  readonly #reauthorizeEvery: Millis
  #first: OpenExchange | undefined
  #last: OpenExchange | undefined
  #timer: NodeJS.Timeout | undefined
  #unsubscribe: (() => void) | undefined
  #soon: NodeJS.Immediate | undefined
  #isReviewing = false
  #tunnels = 0
  readonly #closed = new Map<Ending, number>()

  /** @param reauthorizeEvery - how often what lasts is decided on again. */
  constructor(parts: Parts, reauthorizeEvery: Millis) {
    this.#parts = parts
    this.#reauthorizeEvery = reauthorizeEvery
  }

  get tunnels(): number {
    return this.#tunnels
  }

  /** How many were ended here, by reason. */
  get closed(): ReadonlyMap<Ending, number> {
    return this.#closed
  }

  start(): void {
    this.#timer = setInterval(() => this.#sweep(), sweepEvery)
    this.#timer.unref()
    this.#unsubscribe = this.#parts.revocations.onChange((changes) => this.#changed(changes))
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#unsubscribe?.()
  }

  enter(exchange: OpenExchange): void {
    exchange.isOpen = true
    exchange.previous = this.#last
    if (this.#last === undefined) this.#first = exchange
    else this.#last.next = exchange
    this.#last = exchange
    if (exchange.bond !== 'tunnel') return
    this.#tunnels += 1
    // Its handshake was in no book: what changed while the service took its time is looked at now.
    exchange.reviewAt = 0
  }

  leave(exchange: OpenExchange): void {
    if (!exchange.isOpen) return
    exchange.isOpen = false
    const { previous, next } = exchange
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    // A chain of what is over would keep all of it from being collected.
    exchange.previous = undefined
    exchange.next = undefined
    if (exchange.bond === 'tunnel') this.#tunnels -= 1
  }

  /** Another configuration is in force: everything that lasts is decided on again. */
  reauthorize(): void {
    for (const exchange of this.#all()) exchange.reviewAt = 0
    this.#sweepSoon()
  }

  /** The process ends: nothing but answers that end by themselves goes on. */
  closeAll(): void {
    const lasting = [...this.#all()].filter(({ bond }) => bond !== 'answer')
    for (const exchange of lasting) {
      if (!exchange.isOpen) continue
      this.leave(exchange)
      exchange.close('draining')
    }
  }

  /** Not to be changed while it is walked. */
  *#all(): Generator<OpenExchange> {
    for (let one = this.#first; one !== undefined; one = one.next) yield one
  }

  /** Groups changed for some people; what was revoked is found by the sweep. */
  #changed(changes: readonly { readonly kind: RevokedKind; readonly id: string }[]): void {
    const people = new Set(changes.filter(({ kind }) => kind === 'directory').map(({ id }) => id))
    if (people.size > 0) {
      for (const exchange of this.#all()) {
        if (people.has(exchange.admitted.principal.subject)) exchange.reviewAt = 0
      }
    }
    this.#sweepSoon()
  }

  /** Once for all that changes in this turn of the event loop. */
  #sweepSoon(): void {
    if (this.#soon !== undefined) return
    this.#soon = setImmediate(() => {
      this.#soon = undefined
      this.#sweep()
    })
  }

  #sweep(): void {
    const now = this.#parts.clock.now()
    const due: OpenExchange[] = []
    const over: [OpenExchange, Ending][] = []
    for (const exchange of this.#all()) {
      const { receivedAt } = exchange.admitted.routed.incoming
      if (now - receivedAt < shortLived && !exchange.isLasting) continue
      exchange.reviewAt ??= receivedAt + this.#reauthorizeEvery
      const ending = this.#judge(exchange, now)
      if (ending !== undefined) over.push([exchange, ending])
      else if (now >= exchange.reviewAt) due.push(exchange)
    }
    for (const [exchange, ending] of over) this.#end(exchange, ending)
    if (due.length > 0 && !this.#isReviewing) void this.#review(due)
  }

  /** What can be said without asking a store. */
  #judge(exchange: OpenExchange, now: Instant): Ending | undefined {
    const { principal, routed } = exchange.admitted
    if (this.#isRevoked(exchange)) return 'revoked'
    const limits = limitsOf(exchange)
    if (limits === undefined) return undefined
    const outlives = limits.outlivesToken && !isBrowserSession(principal)
    if (!outlives && now >= (principal.expiresAt ?? Infinity)) return 'expired'
    if (now - routed.incoming.receivedAt >= limits.maxAge) return 'too_old'
    // Whether it was renewed meanwhile is for the store to say.
    if (isStale(exchange, now)) exchange.reviewAt = 0
    if (exchange.moved !== exchange.seenMoved || exchange.stillSince === 0) {
      exchange.seenMoved = exchange.moved
      exchange.stillSince = now
    }
    return now - exchange.stillSince >= limits.idle ? 'idle' : undefined
  }

  #isRevoked({ admitted: { principal } }: OpenExchange): boolean {
    if (principal.kind !== 'person') return false
    const { revocations } = this.#parts
    return revocations.isRevoked(principal) || isTouchRevoked(principal, revocations)
  }

  /** One after the other, with room for requests between them. */
  async #review(due: readonly OpenExchange[]): Promise<void> {
    this.#isReviewing = true
    try {
      for (const [index, exchange] of due.entries()) {
        if (index % reviewsPerTurn === reviewsPerTurn - 1) await nextTurn()
        if (exchange.isOpen) await this.#reviewOne(exchange)
      }
    } finally {
      this.#isReviewing = false
    }
  }

  async #reviewOne(exchange: OpenExchange): Promise<void> {
    const now = this.#parts.clock.now()
    // Set first: a change that comes while this is decided asks for another decision.
    exchange.reviewAt = now + this.#reauthorizeEvery
    const ending = await review(exchange, this.#parts, now)
    if (ending !== undefined) this.#end(exchange, ending)
  }

  /** Ends a message that is longer than its route allows. */
  refuseMessage(exchange: OpenExchange): void {
    this.#end(exchange, 'message_too_big')
  }

  #end(exchange: OpenExchange, ending: Ending): void {
    if (!exchange.isOpen) return
    this.leave(exchange)
    this.#closed.set(ending, (this.#closed.get(ending) ?? 0) + 1)
    exchange.close(ending)
    const { clock, table, audit, onError } = this.#parts
    const entry = closingEntry(exchange, ending, { now: clock.now(), table: table() })
    const { requestId } = exchange.admitted.routed.incoming
    audit.append(entry).catch((error: unknown) => onError(error, requestId))
  }
}

/** Whether the last touch that is known of is older than the route takes. */
function isStale({ admitted, provedAt }: OpenExchange, now: Instant): boolean {
  const maxAge = admitted.routed.route.proof?.maxAge
  return maxAge !== undefined && now - (provedAt ?? admitted.principal.provedAt ?? 0) > maxAge
}

/** An answer that ends by itself has none. */
function limitsOf(exchange: OpenExchange): StreamLimits | undefined {
  const { route } = exchange.admitted.routed
  if (exchange.bond === 'tunnel') return route.websocket
  return exchange.bond === 'stream' ? route.streams : undefined
}
