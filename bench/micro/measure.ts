/** CPU time of one operation, for the parts that can be called without a network. */
import { getHeapStatistics } from 'node:v8'
import { median } from '../report.ts'

const ROUNDS = 5
const ROUND_MILLIS = 200
const WARM_UP_MILLIS = 200

export interface Micro {
  readonly name: string
  /** Does so many operations; a promise when they end later. */
  readonly run: (count: number) => void | Promise<void>
}

/** What one operation costs: a figure for each round. */
export interface Costs {
  readonly cpuMicros: readonly number[]
  /** On the heap. */
  readonly allocatedBytes: readonly number[]
}

/** Runs all, by turns, and prints the median of the rounds in CPU microseconds per operation. */
export async function measureMicros(title: string, micros: readonly Micro[]): Promise<void> {
  const costs = await costsOf(micros)
  console.log(`${title}: CPU microseconds each, median of ${ROUNDS} rounds, and their range`)
  const width = Math.max(...micros.map(({ name }) => name.length))
  for (const [name, { cpuMicros }] of costs) {
    const range = `${Math.min(...cpuMicros).toFixed(2)} to ${Math.max(...cpuMicros).toFixed(2)}`
    console.log(`${name.padEnd(width)} ${median(cpuMicros).toFixed(2).padStart(9)}  (${range})`)
  }
}

/** Runs all, by turns. */
export async function costsOf(micros: readonly Micro[]): Promise<ReadonlyMap<string, Costs>> {
  const counts = new Map<string, number>()
  for (const micro of micros) counts.set(micro.name, await countFor(micro))
  const costs = new Map(
    micros.map(({ name }) => [name, { cpuMicros: [] as number[], allocatedBytes: [] as number[] }]),
  )
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { name, run } of micros) {
      const count = counts.get(name)!
      const allocatedBefore = allocated()
      const before = process.cpuUsage()
      await run(count)
      const { user, system } = process.cpuUsage(before)
      const { cpuMicros, allocatedBytes } = costs.get(name)!
      cpuMicros.push((user + system) / count)
      allocatedBytes.push((allocated() - allocatedBefore) / count)
    }
  }
  return costs
}

function allocated(): number {
  return getHeapStatistics().total_allocated_bytes
}

/** As many as take about one round, found by doubling; that compiles the code as well. */
async function countFor({ run }: Micro): Promise<number> {
  // What is made for the first one only is not what one costs.
  await run(1)
  let count = 1
  const warmUntil = performance.now() + WARM_UP_MILLIS
  for (;;) {
    const startedAt = performance.now()
    await run(count)
    const took = performance.now() - startedAt
    if (took > ROUND_MILLIS / 4 && performance.now() > warmUntil) {
      return Math.max(1, Math.ceil((count * ROUND_MILLIS) / took))
    }
    if (took < ROUND_MILLIS) count *= 2
  }
}
