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
/** Of workers, and how many times the usual connections; the last has as many for each worker as the first. */
const SIDES = [
  { count: 1, times: 1 },
  { count: 2, times: 1 },
  { count: 2, times: 2 },
] as const
/** Each thread compiles what it runs often by itself, and two of them see half of the requests each. */
const WARM_UP_TURNS = 3

export const workers: Section = { name: 'workers', run }

type Side = (typeof SIDES)[number]

interface Turns {
  readonly side: Side
  readonly cpu: number[]
  readonly rate: number[]
}

async function run(bench: Bench): Promise<Findings> {
  if (!knowsSetting('workers')) {
    const note = 'not available: no setting workers'
    return { title: TITLE, rows: [{ name: 'proofgate', figures: { note } }], ratios: {} }
  }
  await using started = new AsyncDisposableStack()
  const subjects = new Map<number, RunningSubject>()
  for (const count of COUNTS) {
    const gateway = await startGateway(bench.surroundings(`workers-${count}`), { workers: count })
    started.defer(gateway.stop)
    subjects.set(count, subjectOf(gateway))
  }
  const sides = SIDES.map((side): Turns => ({ side, cpu: [], rate: [] }))
  for (let turn = -WARM_UP_TURNS; turn < bench.options.rounds; turn += 1) {
    for (const { side, cpu, rate } of rotate(sides, Math.max(turn, 0))) {
      const outcome = await measure(bench, subjects.get(side.count)!, side.times)
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
  times: number,
): Promise<{ readonly cpu: number; readonly rate: number }> {
  const connections = options.connections * times
  const { seconds } = options
  const before = readCpuMicros(subject.pids)
  const load = { url: subject.url, headers: subject.headers(), connections, seconds, signal }
  const { requests, durationMicros } = await runLoad(load)
  const cpu = (readCpuMicros(subject.pids) - before) / requests
  return { cpu, rate: (requests * 1e6) / durationMicros }
}

function conclude(sides: readonly Turns[]): Findings {
  const rows: Row[] = sides.map(({ side, cpu, rate }) => ({
    name: `proofgate, workers: ${side.count}${side.times === 1 ? '' : ', twice the callers'}`,
    figures: {
      'CPU us/request': round(median(cpu), 1),
      'requests/s': Math.round(median(rate)),
    },
  }))
  const [one, two, busier] = sides as [Turns, Turns, Turns]
  const cost = round(median(two.cpu) / median(one.cpu), 3)
  const equal = round(median(busier.cpu) / median(one.cpu), 3)
  const gain = round(median(two.rate) / median(one.rate), 3)
  rows.push(
    { name: 'CPU/request 2 workers / 1', figures: { ratio: cost } },
    { name: 'the same with as many callers for each worker', figures: { ratio: equal } },
  )
  return {
    title: TITLE,
    rows,
    ratios: {
      'CPU/request workers 2/1': cost,
      'CPU/request workers 2/1, callers 2/1': equal,
      'requests/s workers 2/1': gain,
    },
  }
}
