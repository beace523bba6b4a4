/**
 * What an authorized request costs through Proofgate, beside nginx and HAProxy on the same machine.
 * `node bench/run.ts [--full] [--json] [--save] [--sections a,b] [--subjects a,b] [--seconds 3] [--rounds 3]`
 *
 * All subjects run at once behind one upstream and take turns under the same load; every figure is a
 * median over the rounds. Before anything is measured each subject must answer as it should, the
 * authorizing ones with a refusal to everything that is not a good token.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readCpuMicros } from './cpu.ts'
import { Generator } from './generator.ts'
import { save } from './history.ts'
import { ask, runLoad } from './load.ts'
import { watchMachine } from './machine.ts'
import { parseOptions } from './options.ts'
import type { Options } from './options.ts'
import { findProgram } from './process.ts'
import { printTable, report } from './report.ts'
import type { Report, Round } from './report.ts'
import { rotate } from './rounds.ts'
import type { Bench, Findings, Section } from './section.ts'
import { connections } from './sections/connections.ts'
import { growth } from './sections/growth.ts'
import { http2 } from './sections/http2.ts'
import { latency } from './sections/latency.ts'
import { memory } from './sections/memory.ts'
import { proofs } from './sections/proofs.ts'
import { transfer } from './sections/transfer.ts'
import { varying } from './sections/varying.ts'
import { workers } from './sections/workers.ts'
import type { RunningSubject, Subject, Surroundings } from './subject.ts'
import { haproxyJwt, haproxyPlain } from './subjects/haproxy.ts'
import { nginxPlain, startUpstream, UPSTREAM_BODY } from './subjects/nginx.ts'
import { proofgate, proofgateBeside } from './subjects/proofgate.ts'

const SUBJECTS: readonly Subject[] = [nginxPlain, haproxyPlain, haproxyJwt, proofgate]
const DEFAULT_SUBJECTS: readonly Subject[] = [nginxPlain, haproxyJwt, proofgate]
const SECTIONS: readonly Section[] = [
  latency,
  varying,
  connections,
  growth,
  memory,
  transfer,
  proofs,
  http2,
  workers,
]
/** Chosen in place of sections, it leaves the closed loop alone. */
const NO_SECTION = 'none'
const WARM_UP_LIMIT_SECONDS = 3
const RESULTS = fileURLToPath(new URL('results/', import.meta.url))

/** Throws naming every package that is missing, before anything is started. */
function checkPackages(subjects: readonly Subject[]): void {
  if (process.platform !== 'linux') throw new Error('the benchmark reads /proc and needs Linux')
  const needed = new Set(['nginx', 'wrk', ...subjects.flatMap((subject) => subject.packages)])
  const missing = [...needed].filter((name) => findProgram(name) === undefined)
  if (missing.length === 0) return
  const names = missing.join(' ')
  throw new Error(
    `not installed: ${names}\nOn Debian: apt-get install --no-install-recommends ${names}`,
  )
}

/** Throws unless the good request is let through and everything else is refused. */
async function checkAnswers(name: string, subject: RunningSubject): Promise<void> {
  const good = await ask(subject.url, subject.headers())
  if (good.status !== 200 || good.body !== UPSTREAM_BODY) {
    throw new Error(
      `${name} answers a good request with ${good.status}: ${good.body.slice(0, 500)}`,
    )
  }
  const refused = Object.entries(subject.refused())
  for (const [what, headers] of refused) {
    const { status } = await ask(subject.url, headers)
    if (status !== 401 && status !== 403) throw new Error(`${name} answers ${what} with ${status}`)
  }
  const bad = refused.map(([what]) => what).join(', ')
  progress(`${name} answers 200${bad === '' ? '' : `, and refuses ${bad}`}`)
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Subjects in a saturated closed loop, by turns. */
async function saturate(
  running: ReadonlyMap<string, RunningSubject>,
  options: Options,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly Round[]>> {
  const { connections } = options
  const load = async (subject: RunningSubject, seconds: number): Promise<Round> => {
    const headers = subject.headers()
    const before = readCpuMicros(subject.pids)
    const result = await runLoad({ url: subject.url, headers, connections, seconds, signal })
    return { ...result, cpuMicros: readCpuMicros(subject.pids) - before }
  }
  const warmUpSeconds = Math.min(options.seconds, WARM_UP_LIMIT_SECONDS)
  for (const subject of running.values()) await load(subject, warmUpSeconds)
  const rounds = new Map<string, Round[]>([...running.keys()].map((name) => [name, []]))
  for (let turn = 0; turn < options.rounds; turn += 1) {
    for (const [name, subject] of rotate([...running], turn)) {
      const round = await load(subject, options.seconds)
      rounds.get(name)?.push(round)
      const micros = (round.cpuMicros / round.requests).toFixed(1)
      progress(`round ${turn + 1} of ${options.rounds}: ${name} ${micros} us/request`)
    }
  }
  return rounds
}

async function run(options: Options, signal: AbortSignal): Promise<Report> {
  const { beside } = options
  const chosen = [
    ...SUBJECTS.filter(({ name }) => options.subjects.includes(name)),
    ...(beside === undefined ? [] : [proofgateBeside(beside)]),
  ]
  checkPackages(chosen)
  const seen = watchMachine()
  await using started = new AsyncDisposableStack()
  const home = mkdtempSync(join(tmpdir(), 'proofgate-bench-'))
  started.defer(() => rmSync(home, { recursive: true, force: true }))
  const folder = (name: string): string => mkdtempSync(join(home, `${name}-`))
  const upstream = await startUpstream({ directory: folder('upstream'), signal })
  started.defer(upstream.stop)
  const surroundings = (name: string): Surroundings => ({
    directory: folder(name),
    upstreamPort: upstream.port,
    signal,
  })
  const subjects = new Map<string, RunningSubject>()
  for (const { name, start } of chosen) {
    const subject = await start(surroundings(name))
    started.defer(subject.stop)
    await checkAnswers(name, subject)
    subjects.set(name, subject)
  }
  const rounds = await saturate(subjects, options, signal)
  const generator = new Generator()
  started.defer(() => generator.stop())
  const bench = { options, signal, generator, surroundings, subjects, rounds, progress }
  const sections = await runSections(bench)
  return { machine: seen(), ...report(rounds, sections) }
}

async function runSections(bench: Bench): Promise<readonly Findings[]> {
  const findings: Findings[] = []
  for (const section of SECTIONS) {
    if (!bench.options.sections.includes(section.name)) continue
    bench.signal.throwIfAborted()
    findings.push(await runSection(section, bench))
  }
  return findings
}

/** One that fails does not take the others with it; the run ends with an error all the same. */
async function runSection(section: Section, bench: Bench): Promise<Findings> {
  try {
    return await section.run(bench)
  } catch (error) {
    if (bench.signal.aborted) throw error
    const note = (error as Error).message
    progress(`${section.name} failed: ${note}`)
    process.exitCode = 1
    return { title: section.name, rows: [{ name: 'failed', figures: { note } }], ratios: {} }
  }
}

const stopping = new AbortController()
process.once('SIGINT', () => stopping.abort()).once('SIGTERM', () => stopping.abort())
try {
  const options = parseOptions({
    subjects: SUBJECTS.map(({ name }) => name),
    defaultSubjects: DEFAULT_SUBJECTS.map(({ name }) => name),
    sections: SECTIONS.map(({ name }) => name),
    noSection: NO_SECTION,
  })
  const outcome = await run(options, stopping.signal)
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(join(RESULTS, 'latest.json'), `${JSON.stringify(outcome, null, 2)}\n`)
  if (options.save && process.exitCode === 1) progress('not saved, because something failed')
  else if (options.save) save(outcome)
  console.log(options.json ? JSON.stringify(outcome) : printTable(outcome))
} catch (error) {
  progress(stopping.signal.aborted ? 'stopped' : (error as Error).message)
  process.exitCode = 1
}
