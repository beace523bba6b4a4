/** From rounds to figures: medians, ratios, the table and the JSON object. Pure. */
import type { LoadResult } from './load.ts'
import { NOISY_SHARE } from './machine.ts'
import type { Machine } from './machine.ts'
import type { Findings, Row } from './section.ts'

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
  readonly machine?: Machine
  readonly subjects: readonly Figures[]
  /** CPU per request of the first name over that of the second, where both were measured; then those of sections. */
  readonly ratios: Readonly<Record<string, number>>
  readonly sections: readonly Findings[]
}

const COMPARED = [
  ['proofgate', 'nginx-plain'],
  ['proofgate', 'haproxy-plain'],
  ['proofgate', 'haproxy-jwt-es256'],
  ['proofgate', 'proofgate-beside'],
] as const

/** Each figure is the median over the subject's rounds. */
export function report(
  rounds: ReadonlyMap<string, readonly Round[]>,
  sections: readonly Findings[] = [],
): Report {
  const subjects = [...rounds].map(([name, all]) => figures(name, all))
  const cpu = new Map(subjects.map((subject) => [subject.name, subject.cpuMicrosPerRequest]))
  const ratios: Record<string, number> = {}
  for (const [one, other] of COMPARED) {
    const [above, below] = [cpu.get(one), cpu.get(other)]
    if (above === undefined || below === undefined) continue
    ratios[`${one}/${other}`] = round(above / below, 3)
  }
  for (const section of sections) Object.assign(ratios, section.ratios)
  return { subjects, ratios, sections }
}

function figures(name: string, rounds: readonly Round[]): Figures {
  const of = (figure: (one: Round) => number): number => median(rounds.map(figure))
  const cpu = of((one) => one.cpuMicros / one.requests)
  const rate = of((one) => (one.requests * 1e6) / one.durationMicros)
  return {
    name,
    cpuMicrosPerRequest: round(cpu, 2),
    requestsPerSecond: round(rate, 0),
    p50Millis: round(of((one) => one.p50Micros) / 1000, 3),
    p99Millis: round(of((one) => one.p99Micros) / 1000, 3),
  }
}

/** The middle value, or the mean of the two middle values; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}

/** The closed loop as a table like those of sections. */
export function saturated(subjects: readonly Figures[]): Omit<Findings, 'ratios'> {
  const rows = subjects.map((subject): Row => ({
    name: subject.name,
    figures: {
      'CPU us/request': subject.cpuMicrosPerRequest.toFixed(1),
      'requests/s': subject.requestsPerSecond.toFixed(0),
      'p50 ms': subject.p50Millis.toFixed(2),
      'p99 ms': subject.p99Millis.toFixed(2),
    },
  }))
  return { title: 'Saturated, in a closed loop', rows }
}

/** The report as text for people. */
export function printTable({ machine, subjects, ratios, sections }: Report): string {
  const compared = Object.entries(ratios).map(([name, ratio]) => `${name}  ${ratio.toFixed(2)}`)
  const tables = [saturated(subjects), ...sections].filter((table) => table.rows.length > 0)
  return [
    ...tables.map((table) => `${table.title}\n${tableOf(table.rows)}`),
    ...(compared.length > 0 ? [['Ratios', ...compared].join('\n')] : []),
    ...(machine === undefined ? [] : [describe(machine)]),
  ].join('\n\n')
}

function describe({ cpu, cores, node, usedByOthers }: Machine): string {
  const share = `other programs used ${(usedByOthers * 100).toFixed(0)} % of it`
  const caution = usedByOthers > NOISY_SHARE ? ': waiting times and requests/s say little' : ''
  return `${cores} x ${cpu}, Node ${node}; ${share}${caution}`
}

/** Columns in the order in which rows first name them; a row leaves out what it does not have. */
function tableOf(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row.figures)))]
  const cells = rows.map((row) => [
    row.name,
    ...columns.map((name) => String(row.figures[name] ?? '')),
  ])
  const table = [['', ...columns], ...cells]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  return table
    .map((row) =>
      row
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
