import type { TargetCondition, UpstreamPool, UpstreamStats } from '../../upstream/index.ts'
import { heading, quote } from './exposition.ts'

const counters = [
  ['requests', 'Requests sent to services.'],
  ['retried', 'Requests sent a second time.'],
  ['failed', 'Requests without a whole answer.'],
] as const satisfies readonly (readonly [keyof UpstreamStats, string])[]

const conditions: readonly TargetCondition[] = ['healthy', 'unhealthy', 'ejected', 'half-open']

/** What the connections to services and their targets are doing. */
export function upstreamMetrics(upstreams: readonly UpstreamPool[]): string[] {
  const all = upstreams.map((upstream) => ({
    label: `upstream=${quote(upstream.name)}`,
    stats: upstream.stats,
  }))
  const lines = heading('proofgate_upstream_connections', 'gauge', 'Connections to services.')
  for (const { label, stats } of all) {
    lines.push(`proofgate_upstream_connections{${label},state="open"} ${stats.open}`)
    lines.push(`proofgate_upstream_connections{${label},state="idle"} ${stats.idle}`)
  }
  lines.push(
    ...heading('proofgate_upstream_pending', 'gauge', 'Requests waiting for a connection.'),
  )
  for (const { label, stats } of all) {
    lines.push(`proofgate_upstream_pending{${label}} ${stats.queued}`)
  }
  for (const [key, help] of counters) {
    const name = `proofgate_upstream_${key}_total`
    lines.push(...heading(name, 'counter', help))
    for (const { label, stats } of all) lines.push(`${name}{${label}} ${stats[key]}`)
  }
  return [...lines, ...targetMetrics(upstreams)]
}

function targetMetrics(upstreams: readonly UpstreamPool[]): string[] {
  const targets = upstreams.flatMap((upstream) =>
    (upstream.targets ?? []).map((state) => ({
      label: `upstream=${quote(upstream.name)},target=${quote(state.target)}`,
      state,
    })),
  )
  if (targets.length === 0) return []
  return [
    ...heading('proofgate_target_condition', 'gauge', '1 for the condition a target is in.'),
    ...targets.flatMap(({ label, state }) =>
      conditions.map(
        (condition) =>
          `proofgate_target_condition{${label},condition="${condition}"} ${Number(state.condition === condition)}`,
      ),
    ),
    ...heading('proofgate_target_pending', 'gauge', 'Requests under way at a target.'),
    ...targets.map(({ label, state }) => `proofgate_target_pending{${label}} ${state.pending}`),
    ...heading('proofgate_target_requests_total', 'counter', 'Requests given to a target.'),
    ...targets.map(
      ({ label, state }) => `proofgate_target_requests_total{${label}} ${state.stats.requests}`,
    ),
    ...heading('proofgate_target_failures_total', 'counter', 'Of these, without a whole answer.'),
    ...targets.map(
      ({ label, state }) => `proofgate_target_failures_total{${label}} ${state.stats.failed}`,
    ),
    ...heading('proofgate_target_ejections_total', 'counter', 'Times a target was left out.'),
    ...targets.map(
      ({ label, state }) => `proofgate_target_ejections_total{${label}} ${state.ejections}`,
    ),
  ]
}
