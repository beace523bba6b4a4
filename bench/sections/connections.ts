/** A connection for each request, without TLS: what setting one up and ending it costs beside the request. */
import { readCpuMicros } from '../cpu.ts'
import { runLoad } from '../load.ts'
import { median, round } from '../report.ts'
import { rotate } from '../rounds.ts'
import type { Bench, Findings, Row, Section } from '../section.ts'
import type { RunningSubject } from '../subject.ts'

export const connections: Section = { name: 'connections', run }

interface Side {
  readonly name: string
  readonly subject: RunningSubject
  readonly closes: boolean
  readonly cpu: number[]
}

/** CPU microseconds for a request. */
export interface ConnectionCost {
  readonly name: string
  readonly kept: number
  readonly own: number
}

async function run(bench: Bench): Promise<Findings> {
  bench.progress('connections: one for each request')
  const sides = [...bench.subjects].flatMap(([name, subject]) =>
    [false, true].map((closes): Side => ({ name, subject, closes, cpu: [] })),
  )
  for (let turn = -1; turn < bench.options.rounds; turn += 1) {
    for (const side of rotate(sides, Math.max(turn, 0))) {
      const cpu = await measure(bench, side)
      if (turn >= 0) side.cpu.push(cpu)
    }
  }
  const costOf = (name: string, closes: boolean): number =>
    median(sides.find((side) => side.name === name && side.closes === closes)?.cpu ?? [])
  return conclude(
    [...bench.subjects.keys()].map((name) => ({
      name,
      kept: costOf(name, false),
      own: costOf(name, true),
    })),
  )
}

async function measure({ options, signal }: Bench, { subject, closes }: Side): Promise<number> {
  const headers = { ...subject.headers(), ...(closes ? { connection: 'close' } : {}) }
  const before = readCpuMicros(subject.pids)
  const { requests } = await runLoad({
    url: subject.url,
    headers,
    connections: options.connections,
    // The ports of a machine have to last.
    seconds: Math.min(options.seconds, 2),
    signal,
  })
  return (readCpuMicros(subject.pids) - before) / requests
}

/** Of the figures of all subjects; pure. */
export function conclude(costs: readonly ConnectionCost[]): Findings {
  const added = ({ kept, own }: ConnectionCost): number => own - kept
  const rows = costs.map((cost): Row => ({
    name: cost.name,
    figures: {
      'kept, us/request': round(cost.kept, 1),
      'one each, us/request': round(cost.own, 1),
      'added, us': round(added(cost), 1),
    },
  }))
  const ours = costs.find(({ name }) => name === 'proofgate')
  const ratios: Record<string, number> = {}
  for (const other of costs) {
    if (ours === undefined || other === ours) continue
    ratios[`connection each proofgate/${other.name}`] = round(ours.own / other.own, 3)
    ratios[`added connection proofgate/${other.name}`] = round(added(ours) / added(other), 3)
  }
  return { title: 'A connection for each request', rows, ratios }
}
