import type { Signals } from '../../signals/index.ts'
import { heading, quote } from './exposition.ts'

/** How it goes with those who are told of events; nothing where nobody is. */
export async function signalMetrics(signals: Pick<Signals, 'list' | 'counts'>): Promise<string> {
  const reports = await signals.list()
  if (reports.length === 0) return ''
  const state = heading('proofgate_signal_parked', 'gauge', '1 while somebody is told no more.')
  const behind = heading('proofgate_signal_behind', 'gauge', 'Audit records not looked at yet.')
  for (const report of reports) {
    const labels = `to=${quote(`${report.kind}/${report.name}`)}`
    state.push(`proofgate_signal_parked{${labels}} ${Number(report.state === 'parked')}`)
    behind.push(`proofgate_signal_behind{${labels}} ${report.behind}`)
  }
  const told = heading('proofgate_signal_deliveries_total', 'counter', 'Attempts to tell.')
  for (const { name, delivered, failed } of signals.counts()) {
    for (const [outcome, count] of Object.entries({ delivered, failed })) {
      told.push(
        `proofgate_signal_deliveries_total{to=${quote(name)},outcome="${outcome}"} ${count}`,
      )
    }
  }
  return `${[...state, ...behind, ...told].join('\n')}\n`
}
