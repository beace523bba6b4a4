import type { MirrorCounts } from '../../gateway/index.ts'
import { heading, quote } from './exposition.ts'

/** How copies of requests fared, by the upstream they go to. */
export function mirrorMetrics(mirrored: ReadonlyMap<string, MirrorCounts>): readonly string[] {
  const help = 'Copies of requests: sent, sent without a whole answer, not sent.'
  const lines = [...heading('proofgate_mirrored_requests_total', 'counter', help)]
  for (const [upstream, { sent, failed, skipped }] of mirrored) {
    for (const [outcome, count] of Object.entries({ sent, failed, skipped })) {
      const labels = `upstream=${quote(upstream)},outcome="${outcome}"`
      lines.push(`proofgate_mirrored_requests_total{${labels}} ${count}`)
    }
  }
  return lines
}
