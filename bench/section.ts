/** What a section of the benchmark is: one question, some rows of figures, and ratios to follow over time. */
import type { Generator } from './generator.ts'
import type { Round } from './report.ts'
import type { Options } from './options.ts'
import type { RunningSubject, Surroundings } from './subject.ts'

/** What every section works with; made once per run. */
export interface Bench {
  readonly options: Options
  readonly signal: AbortSignal
  readonly generator: Generator
  /** A new folder in the run's own, and the upstream behind everything. */
  readonly surroundings: (name: string) => Surroundings
  /** The subjects compared by name, running all the time. */
  readonly subjects: ReadonlyMap<string, RunningSubject>
  /** What the closed loop measured of them. */
  readonly rounds: ReadonlyMap<string, readonly Round[]>
  readonly progress: (text: string) => void
}

export interface Row {
  readonly name: string
  /** By name with unit; a text stands for what could not be measured. */
  readonly figures: Readonly<Record<string, number | string>>
}

export interface Findings {
  readonly title: string
  readonly rows: readonly Row[]
  /** By a name that stays the same from run to run. */
  readonly ratios: Readonly<Record<string, number>>
}

export interface Section {
  readonly name: string
  readonly run: (bench: Bench) => Promise<Findings>
}
