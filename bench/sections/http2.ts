/** HTTP/2 without TLS, by h2load: streams over a few connections, beside nginx speaking the same. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { readCpuMicros } from '../cpu.ts'
import { findProgram } from '../process.ts'
import { median, round } from '../report.ts'
import { rotate } from '../rounds.ts'
import type { Bench, Findings, Section } from '../section.ts'
import type { RunningSubject } from '../subject.ts'
import { knowsSetting, startGateway } from '../subjects/gateway.ts'
import { startHttp2Nginx } from '../subjects/nginx.ts'
import { subjectOf } from '../subjects/proofgate.ts'

const CONNECTIONS = 8
const STREAMS = 8
const GRACE_MILLIS = 10_000
const TITLE = `HTTP/2, ${CONNECTIONS} connections with ${STREAMS} streams each`

export const http2: Section = { name: 'http2', run }

interface Round {
  readonly cpuMicrosPerRequest: number
  readonly requestsPerSecond: number
}

async function run(bench: Bench): Promise<Findings> {
  if (findProgram('h2load') === undefined) {
    const note = 'not available: apt-get install nghttp2-client'
    return { title: TITLE, rows: [{ name: 'h2load', figures: { note } }], ratios: {} }
  }
  await using started = new AsyncDisposableStack()
  const nginx = await startHttp2Nginx(bench.surroundings('http2-nginx'))
  started.defer(nginx.stop)
  const subjects = new Map<string, RunningSubject>([['nginx-plain', nginx]])
  if (knowsSetting('listeners.public.h2c')) {
    const gateway = await startGateway(bench.surroundings('http2-proofgate'), { h2c: true })
    started.defer(gateway.stop)
    subjects.set('proofgate', subjectOf(gateway))
  }
  const figures = await measureAll(bench, subjects)
  const rows = [...figures].map(([name, figure]) => ({
    name,
    figures: {
      'CPU us/request': round(figure.cpuMicrosPerRequest, 1),
      'requests/s': Math.round(figure.requestsPerSecond),
    },
  }))
  const [above, below] = [figures.get('proofgate'), figures.get('nginx-plain')!]
  if (above === undefined) {
    const note = 'not available: no setting listeners.public.h2c'
    return { title: TITLE, rows: [...rows, { name: 'proofgate', figures: { note } }], ratios: {} }
  }
  const ratio = round(above.cpuMicrosPerRequest / below.cpuMicrosPerRequest, 3)
  return { title: TITLE, rows, ratios: { 'http2 proofgate/nginx-plain': ratio } }
}

async function measureAll(
  bench: Bench,
  subjects: ReadonlyMap<string, RunningSubject>,
): Promise<ReadonlyMap<string, Round>> {
  const { seconds, rounds } = bench.options
  const all = new Map<string, Round[]>([...subjects.keys()].map((name) => [name, []]))
  for (const subject of subjects.values()) await load(bench, subject, Math.min(seconds, 2))
  for (let turn = 0; turn < rounds; turn += 1) {
    for (const [name, subject] of rotate([...subjects], turn)) {
      const one = await load(bench, subject, seconds)
      bench.progress(`http2: ${name} ${one.cpuMicrosPerRequest.toFixed(1)} us/request`)
      all.get(name)!.push(one)
    }
  }
  return new Map(
    [...all].map(([name, of]) => [
      name,
      {
        cpuMicrosPerRequest: median(of.map((one) => one.cpuMicrosPerRequest)),
        requestsPerSecond: median(of.map((one) => one.requestsPerSecond)),
      },
    ]),
  )
}

async function load(bench: Bench, subject: RunningSubject, seconds: number): Promise<Round> {
  const { Host, ...headers } = subject.headers() as Record<string, string>
  const url = new URL(subject.url)
  const options = ['--duration', String(seconds), '--clients', String(CONNECTIONS)]
  options.push('--max-concurrent-streams', String(STREAMS), '--threads', '1')
  options.push('--connect-to', url.host)
  for (const [name, value] of Object.entries(headers)) options.push('--header', `${name}: ${value}`)
  const before = readCpuMicros(subject.pids)
  const { stdout } = await promisify(execFile)(
    findProgram('h2load') ?? 'h2load',
    [...options, `http://${Host ?? url.host}${url.pathname}`],
    { timeout: seconds * 1000 + GRACE_MILLIS, signal: bench.signal },
  )
  const cpuMicros = readCpuMicros(subject.pids) - before
  const requests = parseH2load(stdout)
  return { cpuMicrosPerRequest: cpuMicros / requests, requestsPerSecond: requests / seconds }
}

/** How many requests succeeded; throws when one did not. Those cut off by the end of the time do not count. */
export function parseH2load(text: string): number {
  const counts = /(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/.exec(text)
  const codes = /status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(text)
  const [succeeded = 0, ...others] = [...(counts ?? []).slice(1), ...(codes ?? []).slice(1)].map(
    Number,
  )
  if (codes === null || succeeded === 0 || others.some((count) => count > 0)) {
    throw new Error(`requests over HTTP/2 failed, or there were none:\n${text.slice(-1000)}`)
  }
  return succeeded
}
