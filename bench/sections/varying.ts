/**
 * A header that changes with each request, as tracing has it. Servers that remember the header section of the
 * request before on a connection do better with one that stays the same, which is what wrk sends; this shows by
 * how much.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { writeRequests } from '../generator.ts'
import type { LoadOrder, PreparedRequest } from '../generator.ts'
import { round } from '../report.ts'
import { takeTurns } from '../rounds.ts'
import type { Side, SideFigures } from '../rounds.ts'
import type { Bench, Findings, Row, Section } from '../section.ts'
import type { RunningSubject } from '../subject.ts'

/** Different requests in a round; connections take them in turn, so that none sees one twice in a row. */
const REQUESTS = 20_000

export const varying: Section = { name: 'varying', run }

async function run(bench: Bench): Promise<Findings> {
  const sides = [...bench.subjects].flatMap(([name, subject]) => [
    sideOf(bench, sameName(name), subject, 1),
    sideOf(bench, varyingName(name), subject, REQUESTS),
  ])
  bench.progress('varying: a header that changes with each request')
  return conclude(
    [...bench.subjects.keys()],
    await takeTurns(bench.generator, sides, bench.options.rounds),
  )
}

function sameName(subject: string): string {
  return `${subject}, the same header`
}

function varyingName(subject: string): string {
  return `${subject}, another with each request`
}

function sideOf(bench: Bench, name: string, subject: RunningSubject, different: number): Side {
  const file = join(bench.surroundings('varying').directory, 'requests')
  const { port } = new URL(subject.url)
  const { connections, full } = bench.options
  return {
    name,
    pids: subject.pids,
    order: (): LoadOrder => {
      writeRequests(file, traced(subject, different))
      const seconds = full ? 4 : 2
      return { port: Number(port), file, connections, seconds, skipSeconds: 0, once: false }
    },
  }
}

/** Allowed requests with trace ids (W3C Trace Context, section 3.2) that nobody has seen. */
export function* traced(
  subject: Pick<RunningSubject, 'url' | 'headers'>,
  count: number,
): Iterable<PreparedRequest> {
  const { host, pathname } = new URL(subject.url)
  const headers = { Host: host, ...subject.headers() }
  for (let made = 0; made < count; made += 1) {
    const ids = randomBytes(24).toString('hex')
    const traceparent = `00-${ids.slice(0, 32)}-${ids.slice(32)}-01`
    yield { path: pathname, headers: { ...headers, traceparent } }
  }
}

/** Of the figures of all sides; pure. */
export function conclude(
  subjects: readonly string[],
  figures: ReadonlyMap<string, Pick<SideFigures, 'cpuMicrosPerRequest' | 'requestsPerSecond'>>,
): Findings {
  const cpuOf = (side: string): number => figures.get(side)?.cpuMicrosPerRequest ?? NaN
  const rows: Row[] = []
  const ratios: Record<string, number> = {}
  for (const subject of subjects) {
    const [same, changing] = [cpuOf(sameName(subject)), cpuOf(varyingName(subject))]
    for (const side of [sameName(subject), varyingName(subject)]) {
      const { cpuMicrosPerRequest = NaN, requestsPerSecond = NaN } = figures.get(side) ?? {}
      rows.push({
        name: side,
        figures: {
          'CPU us/request': round(cpuMicrosPerRequest, 1),
          'requests/s': Math.round(requestsPerSecond),
          'of the same header': round(cpuMicrosPerRequest / same, 3),
        },
      })
    }
    ratios[`varying/same header ${subject}`] = round(changing / same, 3)
  }
  for (const other of subjects) {
    if (other === 'proofgate' || !subjects.includes('proofgate')) continue
    const [above, below] = [cpuOf(varyingName('proofgate')), cpuOf(varyingName(other))]
    ratios[`varying headers proofgate/${other}`] = round(above / below, 3)
  }
  return { title: 'A header that changes with each request', rows, ratios }
}
