/** Ratios over time: one committed line per saved run, and the picture of the last one. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Machine } from './machine.ts'
import { drawRatios } from './ratios-svg.ts'
import { median, round } from './report.ts'
import { resultsPage } from './results-page.ts'
import type { Report } from './report.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
export const HISTORY_FILE = fileURLToPath(new URL('history.json', import.meta.url))
const PAGES = fileURLToPath(new URL('../docs/performance/', import.meta.url))
const DEFAULT_SPAN = 5

/** One saved run; ratios only, because microseconds of different machines do not compare. */
export interface Entry extends Machine {
  /** ISO 8601, to the second, UTC. */
  readonly date: string
  readonly commit: string
  readonly ratios: Readonly<Record<string, number>>
}

export function readHistory(): readonly Entry[] {
  try {
    return JSON.parse(readFileSync(HISTORY_FILE, 'utf8')) as Entry[]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Adds the run to the history, and puts it into the documentation. */
export function save(report: Report): void {
  const entry = entryOf(report)
  const entries = [...readHistory(), entry]
  writeFileSync(HISTORY_FILE, `${JSON.stringify(entries, null, 2)}\n`)
  mkdirSync(PAGES, { recursive: true })
  writeFileSync(`${PAGES}ratios.svg`, drawRatios(report, entry))
  writeFileSync(`${PAGES}results.md`, resultsPage(report, entry))
}

export function entryOf({ machine, ratios }: Report): Entry {
  if (machine === undefined) throw new Error('the report does not say where it is from')
  const git = (...words: string[]): string =>
    execFileSync('git', words, { cwd: ROOT, encoding: 'utf8' }).trim()
  const changed = git('status', '--porcelain', '--untracked-files=no', 'src') !== ''
  return {
    date: `${new Date().toISOString().slice(0, 19)}Z`,
    commit: `${git('rev-parse', '--short', 'HEAD')}${changed ? ' with changes' : ''}`,
    ...machine,
    ratios,
  }
}

export interface Change {
  readonly name: string
  readonly before: number
  readonly now: number
  /** Per cent; positive means that it costs more now. */
  readonly percent: number
}

/** Each ratio beside the median of the entries before, as many as `span`, on the same kind of processor. */
export function changesOf(
  entries: readonly Entry[],
  now: Pick<Entry, 'ratios' | 'cpu' | 'cores'>,
  span = DEFAULT_SPAN,
): readonly Change[] {
  const alike = entries.filter(({ cpu, cores }) => cpu === now.cpu && cores === now.cores)
  return Object.entries(now.ratios).flatMap(([name, ratio]) => {
    const earlier = alike.flatMap(({ ratios }) => ratios[name] ?? []).slice(-span)
    if (earlier.length === 0) return []
    const before = median(earlier)
    return [
      { name, before: round(before, 3), now: ratio, percent: round((ratio / before - 1) * 100, 1) },
    ]
  })
}
