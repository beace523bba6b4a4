import type { Completed, MirrorCounts } from '../../gateway/index.ts'
import type { UpstreamPool } from '../../upstream/index.ts'
import { gauge, heading, quote } from './exposition.ts'
import { mirrorMetrics } from './mirror-metrics.ts'
import { upstreamMetrics } from './upstream-metrics.ts'

/** Upper bounds of the latency histogram, in seconds. */
const bounds = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10]
/** More label sets than this are counted together: labels come from the configuration, but it can be large. */
const mostSeries = 10_000
const others = '(others)'

interface Series {
  readonly api: string
  readonly route: string
  readonly status: number
  readonly code: string
  count: number
}

/** Counters of this process in Prometheus' text exposition format 0.0.4. */
export class Metrics {
  /** By route: every request looks for one, and there are few of each. */
  readonly #counted = new Map<string, Series[]>()
  #series = 0
  readonly #ofRoles = new Map<string, number>()
  /** Those that took longer than the bound before and not longer than this one. */
  readonly #buckets = [...bounds, Infinity].map(() => 0)
  #count = 0
  #sum = 0

  completed(completed: Completed): void {
    const { api = '', route = '', status, code } = completed
    this.#find(api, route, status, code).count += 1
    if (completed.role !== undefined) this.#countRole(completed.role, code)
    const taken = completed.millis / 1000
    this.#count += 1
    this.#sum += taken
    let bucket = 0
    while (taken > (bounds[bucket] ?? Infinity)) bucket++
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1
  }

  #countRole(role: string, code: string): void {
    const labels = `role=${quote(role)},code=${quote(code)}`
    const isFull = this.#ofRoles.size >= mostSeries && !this.#ofRoles.has(labels)
    const counted = isFull ? `role=${quote(others)},code=${quote(others)}` : labels
    this.#ofRoles.set(counted, (this.#ofRoles.get(counted) ?? 0) + 1)
  }

  #find(api: string, route: string, status: number, code: string): Series {
    const ofRoute = this.#counted.get(route) ?? []
    for (const one of ofRoute) {
      if (one.status === status && one.code === code && one.api === api) return one
    }
    if (this.#series >= mostSeries && api !== others) {
      return this.#find(others, others, status, code)
    }
    const fresh = { api, route, status, code, count: 0 }
    if (ofRoute.push(fresh) === 1) this.#counted.set(route, ofRoute)
    this.#series += 1
    return fresh
  }

  print(gauges: {
    inFlight: number
    tunnels: number
    shedding: { readonly level: number; readonly refused: number }
    /** By reason. */
    closed: ReadonlyMap<string, number>
    upstreams: readonly UpstreamPool[]
    mirrored: ReadonlyMap<string, MirrorCounts>
    /** Lines about how connections arrive. */
    front: readonly string[]
  }): string {
    const lines = heading('proofgate_requests_total', 'counter', 'Answered requests by outcome.')
    for (const one of [...this.#counted.values()].flat()) {
      const labels = `api=${quote(one.api)},route=${quote(one.route)},status="${one.status}",code=${quote(one.code)}`
      lines.push(`proofgate_requests_total{${labels}} ${one.count}`)
    }
    if (this.#ofRoles.size > 0) {
      const about = 'Requests in a role, or decided by one.'
      lines.push(...heading('proofgate_role_requests_total', 'counter', about))
    }
    for (const [labels, count] of this.#ofRoles) {
      lines.push(`proofgate_role_requests_total{${labels}} ${count}`)
    }
    lines.push(...heading('proofgate_request_seconds', 'histogram', 'Time from request to answer.'))
    let soFar = 0
    for (const [index, bound] of bounds.entries()) {
      soFar += this.#buckets[index] ?? 0
      lines.push(`proofgate_request_seconds_bucket{le="${bound}"} ${soFar}`)
    }
    lines.push(
      `proofgate_request_seconds_bucket{le="+Inf"} ${this.#count}`,
      `proofgate_request_seconds_sum ${this.#sum}`,
      `proofgate_request_seconds_count ${this.#count}`,
      ...gauge('proofgate_requests_in_flight', 'Requests under way.', gauges.inFlight),
      ...gauge('proofgate_tunnels', 'Open WebSocket tunnels.', gauges.tunnels),
      ...gauge(
        'proofgate_shedding_level',
        '1 while low priority is refused, 2 normal as well, 3 all.',
        gauges.shedding.level,
      ),
      ...heading('proofgate_shed_requests_total', 'counter', 'Requests refused under overload.'),
      `proofgate_shed_requests_total ${gauges.shedding.refused}`,
      ...heading(
        'proofgate_closed_total',
        'counter',
        'Tunnels and answers ended before their time.',
      ),
      ...[...gauges.closed].map(
        ([reason, count]) => `proofgate_closed_total{reason=${quote(reason)}} ${count}`,
      ),
      ...upstreamMetrics(gauges.upstreams),
    )
    lines.push(...mirrorMetrics(gauges.mirrored), ...gauges.front)
    return `${lines.join('\n')}\n`
  }
}

/** What holds for the process and not for each of its serving threads. */
export function processMetrics(audit: {
  readonly size: number
  readonly healthy: boolean
}): string {
  const { user, system } = process.cpuUsage()
  return `${[
    ...gauge('proofgate_audit_records', 'Records in the audit log.', audit.size),
    ...gauge('proofgate_audit_healthy', '1 while it takes records.', Number(audit.healthy)),
    ...gauge('process_resident_memory_bytes', 'Resident memory.', process.memoryUsage.rss()),
    ...heading('process_cpu_seconds_total', 'counter', 'User and system time.'),
    `process_cpu_seconds_total ${(user + system) / 1e6}`,
  ].join('\n')}\n`
}
