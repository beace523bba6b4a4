/** What a caller waits: open loop at constant rates, latency from the moment a request was due. */
import { join } from 'node:path'
import { syncedAppendMicros } from '../disk.ts'
import { writeRequests } from '../generator.ts'
import type { LoadOrder } from '../generator.ts'
import { median, round } from '../report.ts'
import { measure } from '../rounds.ts'
import type { Bench, Findings, Row, Section } from '../section.ts'

/** Shares of a subject's own saturation. */
const OWN_SHARES = [0.25, 0.5]
const SKIP_SECONDS = 0.5
/** A generator that is later than this with one request in a hundred measures itself. */
const LATEST_MICROS = 1000

export const latency: Section = { name: 'latency', run }

async function run(bench: Bench): Promise<Findings> {
  const saturation = new Map(
    [...bench.rounds].map(([name, rounds]) => [
      name,
      median(rounds.map((one) => (one.requests * 1e6) / one.durationMicros)),
    ]),
  )
  // One rate for all, so that what a subject adds is not mixed with how busy it is.
  const common = Math.min(...saturation.values()) / 2
  const rows: Row[] = []
  const atCommon = new Map<string, Outcome>()
  for (const [name, most] of saturation) {
    for (const share of OWN_SHARES) {
      const outcome = await load(bench, name, most * share)
      rows.push(rowOf(`${name}, ${share * 100} % of its saturation`, most * share, outcome))
    }
    const outcome = await load(bench, name, common)
    rows.push(rowOf(`${name}, one rate for all`, common, outcome))
    atCommon.set(name, outcome)
  }
  const nginx = atCommon.get('nginx-plain')
  const ratios: Record<string, number> = {}
  for (const [name, outcome] of atCommon) {
    if (nginx === undefined || name === 'nginx-plain') continue
    rows.push({
      name: `${name} added over nginx-plain`,
      figures: {
        'requests/s': Math.round(common),
        'p50 us': round(outcome.p50Micros - nginx.p50Micros, 0),
        'p99 us': round(outcome.p99Micros - nginx.p99Micros, 0),
      },
    })
    // A rate that is half of what each can do is only too much when somebody else has the machine.
    if (isHindered(outcome) || isHindered(nginx)) continue
    ratios[`latency p50 ${name}/nginx-plain`] = round(outcome.p50Micros / nginx.p50Micros, 3)
  }
  const sync = syncedAppendMicros(bench.surroundings('disk').directory)
  const name = 'this disk: one append of 1 KiB with its sync'
  rows.push({ name, figures: { 'p50 us': round(sync, 0) } })
  return { title: 'Latency in an open loop', rows, ratios }
}

type Outcome = Awaited<ReturnType<typeof measure>>

/** The round with the median p50, so that p50 and p99 of a row belong together. */
async function load(bench: Bench, name: string, rate: number): Promise<Outcome> {
  const subject = bench.subjects.get(name)!
  const file = join(bench.surroundings(`latency-${name}-${Math.round(rate)}`).directory, 'requests')
  const url = new URL(subject.url)
  const order = (): LoadOrder => {
    const headers = { Host: url.host, ...subject.headers() }
    writeRequests(file, [{ path: url.pathname, headers }])
    const { connections, seconds } = bench.options
    return {
      port: Number(url.port),
      file,
      connections,
      rate,
      seconds: seconds + SKIP_SECONDS,
      skipSeconds: SKIP_SECONDS,
      once: false,
    }
  }
  const outcomes: Outcome[] = []
  for (let turn = 0; turn < (bench.options.full ? 3 : 1); turn += 1) {
    outcomes.push(await measure(bench.generator, subject.pids, order()))
  }
  outcomes.sort((one, other) => one.p50Micros - other.p50Micros)
  const chosen = outcomes[Math.floor(outcomes.length / 2)]!
  bench.progress(`latency: ${name} at ${Math.round(rate)}/s, p50 ${chosen.p50Micros.toFixed(0)} us`)
  return chosen
}

function isHindered({ lateMicros }: Outcome): boolean {
  return lateMicros > LATEST_MICROS
}

function rowOf(name: string, rate: number, outcome: Outcome): Row {
  return {
    name,
    figures: {
      'requests/s': Math.round(rate),
      'p50 us': round(outcome.p50Micros, 0),
      'p90 us': round(outcome.p90Micros, 0),
      'p99 us': round(outcome.p99Micros, 0),
      'largest us': round(outcome.largestMicros, 0),
      'CPU us/request': round(outcome.cpuMicros / outcome.requests, 1),
      'sent late p99 us': round(outcome.lateMicros, 0),
      ...(isHindered(outcome) ? { note: 'waited for a free connection' } : {}),
    },
  }
}
