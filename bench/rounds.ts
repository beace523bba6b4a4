/** Rounds of load by turns, each with the CPU time its subject used. */
import { readCpuMicros } from './cpu.ts'
import type { Generator, LoadOrder, LoadOutcome } from './generator.ts'
import { median } from './report.ts'

/** One side of a comparison under the own generator. */
export interface Side {
  readonly name: string
  readonly pids: readonly number[]
  /** Made anew for every round, because tokens are short-lived and proofs are used up. */
  readonly order: () => LoadOrder
  /** Load right before each round, which is not measured. */
  readonly before?: LoadOrder
}

export interface SideFigures {
  readonly cpuMicrosPerRequest: number
  readonly requestsPerSecond: number
  readonly p50Micros: number
  readonly p99Micros: number
  readonly lateMicros: number
}

/** Load from the generator, with the CPU time of the processes it goes to. */
export async function measure(
  generator: Generator,
  pids: readonly number[],
  order: LoadOrder,
): Promise<LoadOutcome & { readonly cpuMicros: number }> {
  const before = readCpuMicros(pids)
  const outcome = await generator.run(order)
  return { ...outcome, cpuMicros: readCpuMicros(pids) - before }
}

/** All sides take turns, another one first in each; the first turn warms up. Figures are medians. */
export async function takeTurns(
  generator: Generator,
  sides: readonly Side[],
  rounds: number,
): Promise<ReadonlyMap<string, SideFigures>> {
  const outcomes = new Map<string, (LoadOutcome & { readonly cpuMicros: number })[]>()
  for (let turn = -1; turn < rounds; turn += 1) {
    for (const side of rotate(sides, Math.max(turn, 0))) {
      if (side.before !== undefined) await generator.run(side.before)
      const outcome = await measure(generator, side.pids, side.order())
      if (turn >= 0) outcomes.set(side.name, [...(outcomes.get(side.name) ?? []), outcome])
    }
  }
  return new Map(
    [...outcomes].map(([name, all]) => {
      const of = (figure: (one: (typeof all)[number]) => number): number => median(all.map(figure))
      return [
        name,
        {
          cpuMicrosPerRequest: of((one) => one.cpuMicros / one.requests),
          requestsPerSecond: of((one) => (one.requests * 1e6) / one.durationMicros),
          p50Micros: of((one) => one.p50Micros),
          p99Micros: of((one) => one.p99Micros),
          lateMicros: of((one) => one.lateMicros),
        },
      ]
    }),
  )
}

/** Another one goes first in each turn, so that none always follows the same one. */
export function rotate<T>(list: readonly T[], by: number): readonly T[] {
  const at = by % list.length
  return [...list.slice(at), ...list.slice(0, at)]
}
