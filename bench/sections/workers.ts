/** What a second worker adds and costs, where the configuration knows `workers`. */
import { runLoad } from '../load.ts'
import { readCpuMicros } from '../cpu.ts'
import { median, round } from '../report.ts'
import { rotate } from '../rounds.ts'
import type { Bench, Findings, Row, Section } from '../section.ts'
import { knowsSetting, startGateway } from '../subjects/gateway.ts'
import { subjectOf } from '../subjects/proofgate.ts'
import type { RunningSubject } from '../subject.ts'

const TITLE = 'Workers'
const COUNTS = [1, 2] as const
/** Each thread compiles what it runs often by itself, and two of them see half of the requests each. */
const WARM_UP_TURNS = 3

export const workers: Section = { name: 'workers', run }

interface Turns {
  readonly cpu: number[]
  readonly rate: number[]
}

async function run(bench: Bench): Promise<Findings> {
  if (!knowsSetting('workers')) {
    const note = 'not available: no setting workers'
    return { title: TITLE, rows: [{ name: 'proofgate', figures: { note } }], ratios: {} }
  }
  await using started = new AsyncDisposableStack()
  const sides: (Turns & { readonly subject: RunningSubject })[] = []
  for (const count of COUNTS) {
    const gateway = await startGateway(bench.surroundings(`workers-${count}`), { workers: count })
    started.defer(gateway.stop)
    sides.push({ subject: subjectOf(gateway), cpu: [], rate: [] })
  }
  for (let turn = -WARM_UP_TURNS; turn < bench.options.rounds; turn += 1) {
    for (const { subject, cpu, rate } of rotate(sides, Math.max(turn, 0))) {
      const outcome = await measure(bench, subject)
      if (turn < 0) continue
      cpu.push(outcome.cpu)
      rate.push(outcome.rate)
    }
  }
  return conclude(sides)
}

async function measure(
  { options, signal }: Bench,
  subject: RunningSubject,
): Promise<{ readonly cpu: number; readonly rate: number }> {
  const { connections, seconds } = options
  const before = readCpuMicros(subject.pids)
  const load = { url: subject.url, headers: subject.headers(), connections, seconds, signal }
  const { requests, durationMicros } = await runLoad(load)
  const cpu = (readCpuMicros(subject.pids) - before) / requests
  return { cpu, rate: (requests * 1e6) / durationMicros }
}

function conclude(sides: readonly Turns[]): Findings {
  const rows: Row[] = sides.map(({ cpu, rate }, index) => ({
    name: `proofgate, workers: ${COUNTS[index]}`,
    figures: {
      'CPU us/request': round(median(cpu), 1),
      'requests/s': Math.round(median(rate)),
    },
  }))
  const [one, two] = sides as [Turns, Turns]
  const cost = round(median(two.cpu) / median(one.cpu), 3)
  const gain = round(median(two.rate) / median(one.rate), 3)
  rows.push({ name: 'CPU/request 2 workers / 1', figures: { ratio: cost } })
  return {
    title: TITLE,
    rows,
    ratios: { 'CPU/request workers 2/1': cost, 'requests/s workers 2/1': gain },
  }
}
