/** Large bodies, both ways: what a gibibyte costs and how much memory it passes through. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { fileURLToPath } from 'node:url'
import { readCpuMicros, readResidentBytes } from '../cpu.ts'
import { median, round } from '../report.ts'
import type { Bench, Findings, Row, Section } from '../section.ts'
import type { RunningSubject } from '../subject.ts'
import { startGateway } from '../subjects/gateway.ts'
import { startStreamingNginx } from '../subjects/nginx.ts'
import { subjectOf } from '../subjects/proofgate.ts'

const ORIGIN = fileURLToPath(new URL('../transfer-origin.ts', import.meta.url))
const GIB = 1024 ** 3
const MIB = 1024 ** 2
const SAMPLE_MILLIS = 20

export const transfer: Section = { name: 'transfer', run }

async function run(bench: Bench): Promise<Findings> {
  await using started = new AsyncDisposableStack()
  const origin = fork(ORIGIN, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  started.defer(() => void origin.kill())
  const [upstreamPort] = (await once(origin, 'message')) as [number]
  const place = (name: string) => ({ ...bench.surroundings(`transfer-${name}`), upstreamPort })
  const nginx = await startStreamingNginx(place('nginx'))
  started.defer(nginx.stop)
  const gateway = subjectOf(await startGateway(place('proofgate')))
  started.defer(gateway.stop)
  const subjects = new Map([
    ['nginx-plain', nginx],
    ['proofgate', gateway],
  ])
  const rows: Row[] = []
  const ratios: Record<string, number> = {}
  for (const direction of ['download', 'upload'] as const) {
    const costs = await measureDirection(bench, subjects, direction)
    for (const [name, cost] of costs)
      rows.push({ name: `${name}, 1 GiB ${direction}`, figures: cost })
    const [above, below] = [costs.get('proofgate')!, costs.get('nginx-plain')!]
    ratios[`${direction} proofgate/nginx-plain`] = round(above['CPU ms'] / below['CPU ms'], 3)
  }
  return { title: 'Large bodies', rows, ratios }
}

interface Cost extends Record<string, number> {
  readonly 'CPU ms': number
  readonly 'MiB/s': number
  readonly 'extra RSS MiB': number
}

async function measureDirection(
  bench: Bench,
  subjects: ReadonlyMap<string, RunningSubject>,
  direction: 'download' | 'upload',
): Promise<ReadonlyMap<string, Cost>> {
  const costs = new Map<string, Cost[]>()
  for (let turn = 0; turn < (bench.options.full ? 3 : 1); turn += 1) {
    for (const [name, subject] of subjects) {
      await move(subject, direction, 16 * MIB)
      const cost = await measureOne(subject, direction)
      bench.progress(`transfer: ${name} ${direction}, ${cost['CPU ms']} ms of CPU`)
      costs.set(name, [...(costs.get(name) ?? []), cost])
    }
  }
  const middle = (all: readonly Cost[], key: keyof Cost): number =>
    median(all.map((one) => one[key]!))
  return new Map(
    [...costs].map(([name, all]) => [
      name,
      {
        'CPU ms': middle(all, 'CPU ms'),
        'MiB/s': middle(all, 'MiB/s'),
        'extra RSS MiB': middle(all, 'extra RSS MiB'),
      },
    ]),
  )
}

async function measureOne(
  subject: RunningSubject,
  direction: 'download' | 'upload',
): Promise<Cost> {
  const resident = readResidentBytes(subject.pids)
  let most = resident
  const sampling = setInterval(() => {
    most = Math.max(most, readResidentBytes(subject.pids))
  }, SAMPLE_MILLIS)
  try {
    const before = readCpuMicros(subject.pids)
    const startedAt = performance.now()
    await move(subject, direction, GIB)
    const seconds = (performance.now() - startedAt) / 1000
    return {
      'CPU ms': Math.round((readCpuMicros(subject.pids) - before) / 1000),
      'MiB/s': Math.round(1024 / seconds),
      'extra RSS MiB': round((most - resident) / MIB, 1),
    }
  } finally {
    clearInterval(sampling)
  }
}

/** Throws unless every byte arrived. */
async function move(
  subject: RunningSubject,
  direction: 'download' | 'upload',
  size: number,
): Promise<void> {
  const { origin } = new URL(subject.url)
  const url = `${origin}/orders/${size}`
  const headers = subject.headers()
  const moved =
    direction === 'download' ? await download(url, headers) : await upload(url, headers, size)
  if (moved !== size) throw new Error(`${moved} of ${size} bytes came through the ${direction}`)
}

async function download(url: string, headers: Record<string, string>): Promise<number> {
  const response = await answerOf(request(url, { headers, agent: false }).end())
  let size = 0
  response.on('data', (chunk: Buffer) => (size += chunk.length))
  await once(response, 'end')
  return size
}

async function upload(url: string, headers: Record<string, string>, size: number): Promise<number> {
  const piece = Buffer.alloc(256 * 1024, 'x')
  const sent = request(url, {
    method: 'POST',
    headers: { ...headers, 'content-length': size },
    agent: false,
  })
  const answered = answerOf(sent)
  for (let left = size; left > 0; left -= piece.length) {
    if (!sent.write(piece)) await Promise.race([once(sent, 'drain'), answered])
  }
  sent.end()
  const chunks = (await (await answered).toArray()) as Buffer[]
  return Number(Buffer.concat(chunks).toString())
}

async function answerOf(sent: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  if (response.statusCode === 200) return response
  const text = Buffer.concat((await response.toArray()) as Buffer[]).toString()
  throw new Error(`a transfer is answered with ${response.statusCode}: ${text.slice(0, 300)}`)
}
