/** From rounds to figures: medians, ratios, the table and the JSON object. Pure. */
import type { LoadResult } from './load.ts'

/** One round of one subject. */
export interface Round extends LoadResult {
  readonly cpuMicros: number
}

export interface Figures {
  readonly name: string
  readonly cpuMicrosPerRequest: number
  readonly requestsPerSecond: number
  readonly p50Millis: number
  readonly p99Millis: number
}

export interface Report {
  readonly subjects: readonly Figures[]
  /** CPU per request of the first name over that of the second, where both were measured. */
  readonly ratios: Readonly<Record<string, number>>
}

const COMPARED = [
  ['proofgate', 'nginx-plain'],
  ['proofgate', 'haproxy-jwt-es256'],
] as const

/** Each figure is the median over the subject's rounds. */
export function report(rounds: ReadonlyMap<string, readonly Round[]>): Report {
  const subjects = [...rounds].map(([name, all]) => figures(name, all))
  const cpu = new Map(subjects.map((subject) => [subject.name, subject.cpuMicrosPerRequest]))
  const ratios: Record<string, number> = {}
  for (const [one, other] of COMPARED) {
    const [above, below] = [cpu.get(one), cpu.get(other)]
    if (above === undefined || below === undefined) continue
    ratios[`${one}/${other}`] = round(above / below, 3)
  }
  return { subjects, ratios }
}

function figures(name: string, rounds: readonly Round[]): Figures {
  const of = (figure: (one: Round) => number): number => median(rounds.map(figure))
  return {
    name,
    cpuMicrosPerRequest: round(
      of((one) => one.cpuMicros / one.requests),
      2,
    ),
    requestsPerSecond: round(
      of((one) => (one.requests * 1e6) / one.durationMicros),
      0,
    ),
    p50Millis: round(
      of((one) => one.p50Micros / 1000),
      3,
    ),
    p99Millis: round(
      of((one) => one.p99Micros / 1000),
      3,
    ),
  }
}

/** The middle value, or the mean of the two middle values; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}

/** The report as text for people. */
export function printTable({ subjects, ratios }: Report): string {
  const rows = subjects.map((subject) => [
    subject.name,
    subject.cpuMicrosPerRequest.toFixed(1),
    subject.requestsPerSecond.toFixed(0),
    subject.p50Millis.toFixed(2),
    subject.p99Millis.toFixed(2),
  ])
  const table = [['subject', 'CPU us/request', 'requests/s', 'p50 ms', 'p99 ms'], ...rows]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  const lines = table.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  '),
  )
  const compared = Object.entries(ratios).map(([name, ratio]) => `${name}  ${ratio.toFixed(2)}`)
  return [...lines, ...(compared.length > 0 ? ['', 'CPU per request', ...compared] : [])].join('\n')
}
