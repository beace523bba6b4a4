import { invariant } from '../core/index.ts'
import type { Millis } from '../core/index.ts'
import type {
  Exchange,
  OutgoingRequest,
  ResponseSink,
  TargetCondition,
  TargetState,
  UpgradeRequest,
  UpgradeSink,
  UpstreamFailure,
  UpstreamFailureKind,
  UpstreamPool,
  UpstreamStats,
} from '../upstream/index.ts'
import { BalancedExchange } from './balanced-exchange.ts'
import type { Asked, Assignment } from './balanced-exchange.ts'
import { balancer } from './balancer.ts'
import type { Balance, Choose } from './balancer.ts'
import { HealthCheck } from './health-check.ts'
import type { HealthOptions } from './health-check.ts'
import { Member } from './member.ts'
import type { TargetOptions } from './member.ts'
import { RetryBudget } from './retry-budget.ts'
import { Roster } from './roster.ts'
import type { EjectionOptions } from './roster.ts'

/** Several targets behind one name. */
export interface BalancedOptions {
  readonly name: string
  /** At least one. */
  readonly targets: readonly TargetOptions[]
  readonly balance: Balance
  /** The `host` of health checks where a target has no authority of its own. */
  readonly authority: string
  /** Absent: a request is sent to one target and no other. */
  readonly retries?: { readonly share: number; readonly perRequest: number }
  /** Absent: targets are used whatever they answer. */
  readonly ejection?: EjectionOptions
  /** Absent: targets are not asked how they are. Each then needs a `probe`. */
  readonly health?: HealthOptions
  /** For the whole of a request, over all its tries; without end when absent. */
  readonly totalTimeout?: Millis
  readonly onChange?: (target: string, condition: TargetCondition) => void
}

/** What says that a target is not well, rather than that it is busy or that we gave up. */
const unwell: ReadonlySet<UpstreamFailureKind> = new Set([
  'connect_refused',
  'connect_timeout',
  'address_forbidden',
  'name_not_found',
  'tls',
  'headers_timeout',
  'reset',
  'malformed',
  'too_large',
])

/**
 * Spreads requests over targets and leaves out those that are not well, as far as it can be told from
 * checks and from the requests themselves.
 *
 * Guarantees: what may have had an effect is never sent twice; retries stay within their budget; a target
 * that returns from an ejection gets one request before it gets more; with no target to use the answer
 * is there at once.
 */
export class BalancedUpstream implements UpstreamPool {
  readonly name: string
  readonly #options: BalancedOptions
  readonly #roster: Roster
  readonly #choose: Choose<Member>
  /** Apart, so that a retry does not move whose turn it is. */
  readonly #chooseAgain: Choose<Member>
  readonly #budget: RetryBudget
  readonly #assignment: Assignment
  readonly #checks: readonly HealthCheck[]
  readonly #counts = { requests: 0, retried: 0, failed: 0 }

  constructor(options: BalancedOptions) {
    invariant(options.targets.length > 0, 'a group needs at least one target')
    this.name = options.name
    this.#options = options
    const members = options.targets.map((target) => new Member(target))
    this.#roster = new Roster(members, {
      ejection: options.ejection,
      onChange: (member, condition) => options.onChange?.(member.label, condition),
    })
    this.#choose = balancer(options.balance)
    this.#chooseAgain = balancer(options.balance)
    this.#budget = new RetryBudget(options.retries?.share ?? 0)
    this.#assignment = this.#assigning()
    this.#checks = this.#startChecks(members)
  }

  get targets(): readonly TargetState[] {
    return this.#roster.members.map((member) => member.state)
  }

  get stats(): UpstreamStats {
    const all = this.#roster.members.map((member) => member.pool.stats)
    const sum = (key: keyof UpstreamStats): number =>
      all.reduce((total, stats) => total + stats[key], 0)
    const { requests, retried, failed } = this.#counts
    return {
      open: sum('open'),
      idle: sum('idle'),
      queued: sum('queued'),
      requests,
      reused: sum('reused'),
      retried: sum('retried') + retried,
      failed,
      upgraded: sum('upgraded'),
    }
  }

  request(request: OutgoingRequest, sink: ResponseSink): Exchange {
    return this.#start({ request: this.#timed(request), sink })
  }

  upgrade(request: UpgradeRequest, sink: UpgradeSink): Exchange {
    return this.#start({ request: this.#timed(request), upgradeSink: sink })
  }

  async close(deadline: Millis): Promise<void> {
    for (const check of this.#checks) check.close()
    this.#roster.close()
    const probes = this.#options.targets.flatMap(({ probe }) => probe ?? [])
    const pools = [...this.#roster.members.map(({ pool }) => pool), ...probes]
    await Promise.all(pools.map((pool) => pool.close(deadline)))
  }

  #start(asked: Asked): Exchange {
    this.#counts.requests += 1
    this.#budget.earn()
    const exchange = new BalancedExchange(this.#assignment, asked)
    const member = this.#choose(this.#roster.ready, asked.request.caller)
    if (member === undefined) process.nextTick(() => exchange.refuse(this.#unavailable()))
    else exchange.begin(member)
    return exchange
  }

  /** The time is counted here, because it is one for all the tries. */
  #timed<Request extends OutgoingRequest>(request: Request): Request {
    const { totalTimeout } = this.#options
    if (totalTimeout === undefined || request.totalTimeout !== undefined) return request
    return { ...request, totalTimeout }
  }

  #unavailable(): UpstreamFailure {
    const { name, health } = this.#options
    const retryAfter = this.#roster.nextReturn ?? health?.interval
    return {
      kind: 'unavailable',
      beforeResponse: true,
      sent: false,
      answered: false,
      detail: `${name}: no target is healthy`,
      ...(retryAfter === undefined ? {} : { retryAfter }),
    }
  }

  #assigning(): Assignment {
    const roster = this.#roster
    return {
      taken: (member) => roster.taken(member),
      released: (member, wasProbe) => roster.released(member, wasProbe),
      answered: (member, status) => roster.answered(member, status),
      succeeded: (member) => roster.succeeded(member),
      failed: (member, failure) => {
        if (unwell.has(failure.kind)) roster.failed(member)
      },
      another: (tried, failure, caller) => this.#another(tried, failure, caller),
      givenUp: () => {
        this.#counts.failed += 1
      },
    }
  }

  #another(
    tried: readonly Member[],
    failure: UpstreamFailure,
    caller: string | undefined,
  ): Member | undefined {
    const perRequest = this.#options.retries?.perRequest ?? 0
    if (tried.length > perRequest) return undefined
    const next = this.#chooseAgain(this.#roster.besides(tried), caller) ?? again(tried, failure)
    if (next === undefined || !this.#budget.spend()) return undefined
    this.#counts.retried += 1
    return next
  }

  #startChecks(members: readonly Member[]): readonly HealthCheck[] {
    const { health, targets, authority } = this.#options
    if (health === undefined) return []
    return members.flatMap((member, index) => {
      const probe = targets[index]?.probe
      if (probe === undefined) return []
      return new HealthCheck(health, {
        pool: probe,
        authority: member.authority ?? authority,
        verdict: (healthy) => this.#roster.checked(member, healthy),
      })
    })
  }
}

/** With nobody else to ask, a connection that broke is worth another; one that was refused is not. */
function again(tried: readonly Member[], failure: UpstreamFailure): Member | undefined {
  const last = tried.at(-1)
  return failure.kind === 'reset' && last?.usable === true ? last : undefined
}
