import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { GatewayProcess } from '../kit/gateway.ts'
import { temporaryDirectory } from '../kit/gateway.ts'
import { until } from '../kit/operations.ts'

/** What a gateway holds at one moment, behind a collection of its garbage. */
export interface Held {
  readonly at: number
  readonly heap: number
  readonly rss: number
  readonly timers: number
  readonly descriptors: number
}

/** Looks into a gateway through the probe, which has to be loaded into it. */
export class Watch {
  readonly #file = join(temporaryDirectory(), 'probe.jsonl')
  #seen = 0

  /** For the environment of the gateway. */
  get environment(): Readonly<Record<string, string>> {
    const probe = fileURLToPath(new URL('probe.ts', import.meta.url))
    return { NODE_OPTIONS: `--import ${probe}`, SOAK_PROBE: this.#file, NODE_NO_WARNINGS: '1' }
  }

  async look({ child }: Pick<GatewayProcess, 'child'>): Promise<Held> {
    child.kill('SIGUSR2')
    await until('the probe answers', () => this.#lines().length > this.#seen, 60_000)
    const lines = this.#lines()
    this.#seen = lines.length
    const descriptors = readdirSync(`/proc/${child.pid}/fd`).length
    return { at: Date.now(), ...JSON.parse(lines.at(-1) ?? ''), descriptors }
  }

  #lines(): string[] {
    try {
      return readFileSync(this.#file, 'utf8').split('\n').slice(0, -1)
    } catch {
      return []
    }
  }
}

/** How much a value grows from the first to the last sample by the line that fits best (least squares). */
export function growth(samples: readonly Held[], value: (held: Held) => number): number {
  const [first, last] = [samples.at(0), samples.at(-1)]
  if (first === undefined || last === undefined || samples.length < 3) return 0
  const mean = (numbers: readonly number[]): number =>
    numbers.reduce((total, one) => total + one, 0) / numbers.length
  const times = samples.map(({ at }) => at)
  const values = samples.map(value)
  const [middle, level] = [mean(times), mean(values)]
  const across = times.map((time, index) => (time - middle) * ((values[index] ?? 0) - level))
  const along = times.map((time) => (time - middle) ** 2)
  return (mean(across) / mean(along)) * (last.at - first.at)
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
