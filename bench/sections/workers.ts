/** What a second worker adds, where the configuration knows `workers`. */
import { runLoad } from '../load.ts'
import { readCpuMicros } from '../cpu.ts'
import { median, round } from '../report.ts'
import type { Bench, Findings, Section } from '../section.ts'
import { knowsSetting, startGateway } from '../subjects/gateway.ts'
import { subjectOf } from '../subjects/proofgate.ts'

const TITLE = 'Workers'
const COUNTS = [1, 2]

export const workers: Section = { name: 'workers', run }

async function run(bench: Bench): Promise<Findings> {
  if (!knowsSetting('workers')) {
    const note = 'not available: no setting workers'
    return { title: TITLE, rows: [{ name: 'proofgate', figures: { note } }], ratios: {} }
  }
  const rows = []
  const rates: number[] = []
  for (const count of COUNTS) {
    const { cpu, rate } = await measureCount(bench, count)
    rates.push(rate)
    rows.push({
      name: `proofgate, workers: ${count}`,
      figures: { 'CPU us/request': round(cpu, 1), 'requests/s': Math.round(rate) },
    })
  }
  return {
    title: TITLE,
    rows,
    ratios: { 'requests/s workers 2/1': round(rates[1]! / rates[0]!, 3) },
  }
}

async function measureCount(
  bench: Bench,
  count: number,
): Promise<{ readonly cpu: number; readonly rate: number }> {
  const gateway = await startGateway(bench.surroundings(`workers-${count}`), { workers: count })
  try {
    const subject = subjectOf(gateway)
    const { connections, rounds, seconds } = bench.options
    const cpu: number[] = []
    const rate: number[] = []
    for (let turn = -1; turn < rounds; turn += 1) {
      const headers = subject.headers()
      const before = readCpuMicros(subject.pids)
      const load = { url: subject.url, headers, connections, seconds, signal: bench.signal }
      const outcome = await runLoad(load)
      if (turn < 0) continue
      cpu.push((readCpuMicros(subject.pids) - before) / outcome.requests)
      rate.push((outcome.requests * 1e6) / outcome.durationMicros)
    }
    return { cpu: median(cpu), rate: median(rate) }
  } finally {
    await gateway.stop()
  }
}
