/**
 * What an authorized request costs through Proofgate, beside nginx and HAProxy on the same machine.
 * `node bench/run.ts [--json] [--seconds 8] [--rounds 3] [--connections 64] [--subjects a,b]`
 *
 * All subjects run at once behind one upstream and take turns under the same load; every figure is a
 * median over the rounds. Before anything is measured each subject must answer as it should, the
 * authorizing ones with a refusal to everything that is not a good token.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readCpuMicros } from './cpu.ts'
import { ask, runLoad } from './load.ts'
import { findProgram } from './process.ts'
import { printTable, report } from './report.ts'
import type { Round } from './report.ts'
import type { RunningSubject, Subject } from './subject.ts'
import { haproxyJwt, haproxyPlain } from './subjects/haproxy.ts'
import { nginxPlain, startUpstream, UPSTREAM_BODY } from './subjects/nginx.ts'
import { proofgate } from './subjects/proofgate.ts'

const SUBJECTS: readonly Subject[] = [nginxPlain, haproxyPlain, haproxyJwt, proofgate]
const DEFAULT_SUBJECTS = [nginxPlain.name, haproxyJwt.name, proofgate.name]
const WARM_UP_LIMIT_SECONDS = 3

interface Options {
  readonly json: boolean
  /** Seconds of load per subject and round. */
  readonly seconds: number
  readonly rounds: number
  readonly connections: number
  readonly subjects: readonly Subject[]
}

function parseOptions(): Options {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '8' },
      rounds: { type: 'string', default: '3' },
      connections: { type: 'string', default: '64' },
      subjects: { type: 'string', default: DEFAULT_SUBJECTS.join(',') },
    },
  })
  return {
    json: values.json,
    // A round may not outlive the token it is sent with.
    seconds: parseCount('seconds', values.seconds, 120),
    rounds: parseCount('rounds', values.rounds, 25),
    connections: parseCount('connections', values.connections, 1000),
    subjects: [...new Set(values.subjects.split(','))].map(parseSubject),
  }
}

function parseCount(name: string, text: string, most: number): number {
  const count = /^[0-9]{1,6}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > most) throw new Error(`--${name} ${text} is not from 1 to ${most}`)
  return count
}

function parseSubject(name: string): Subject {
  const found = SUBJECTS.find((subject) => subject.name === name)
  if (found) return found
  const known = SUBJECTS.map((subject) => subject.name).join(', ')
  throw new Error(`there is no subject ${name}; there are ${known}`)
}

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
  const good = await ask(subject.url, await subject.headers())
  if (good.status !== 200 || good.body !== UPSTREAM_BODY) {
    throw new Error(
      `${name} answers a good request with ${good.status}: ${good.body.slice(0, 500)}`,
    )
  }
  const refused = Object.entries(await subject.refused())
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

async function run(options: Options, signal: AbortSignal): Promise<void> {
  checkPackages(options.subjects)
  await using started = new AsyncDisposableStack()
  const home = mkdtempSync(join(tmpdir(), 'proofgate-bench-'))
  started.defer(() => rmSync(home, { recursive: true, force: true }))
  const folder = (name: string): string => {
    const path = join(home, name)
    mkdirSync(path)
    return path
  }

  const upstream = await startUpstream({ directory: folder('upstream'), signal })
  started.defer(upstream.stop)
  const running = new Map<string, RunningSubject>()
  for (const { name, start } of options.subjects) {
    const surroundings = { directory: folder(name), upstreamPort: upstream.port, signal }
    const subject = await start(surroundings)
    started.defer(subject.stop)
    await checkAnswers(name, subject)
    running.set(name, subject)
  }

  const { connections } = options
  const load = async (subject: RunningSubject, seconds: number): Promise<Round> => {
    const headers = await subject.headers()
    const before = readCpuMicros(subject.pids)
    const result = await runLoad({ url: subject.url, headers, connections, seconds, signal })
    return { ...result, cpuMicros: readCpuMicros(subject.pids) - before }
  }
  const warmUpSeconds = Math.min(options.seconds, WARM_UP_LIMIT_SECONDS)
  for (const subject of running.values()) await load(subject, warmUpSeconds)

  const rounds = new Map<string, Round[]>(options.subjects.map(({ name }) => [name, []]))
  for (let turn = 0; turn < options.rounds; turn += 1) {
    for (const [name, subject] of rotate([...running], turn)) {
      const round = await load(subject, options.seconds)
      rounds.get(name)?.push(round)
      const micros = (round.cpuMicros / round.requests).toFixed(1)
      progress(`round ${turn + 1} of ${options.rounds}: ${name} ${micros} us/request`)
    }
  }
  const outcome = report(rounds)
  console.log(options.json ? JSON.stringify(outcome) : printTable(outcome))
}

/** Another subject goes first in each turn, so that none always follows the same one. */
function rotate<T>(list: readonly T[], by: number): readonly T[] {
  const at = by % list.length
  return [...list.slice(at), ...list.slice(0, at)]
}

const stopping = new AbortController()
process.once('SIGINT', () => stopping.abort()).once('SIGTERM', () => stopping.abort())
try {
  await run(parseOptions(), stopping.signal)
} catch (error) {
  progress(stopping.signal.aborted ? 'stopped' : (error as Error).message)
  process.exitCode = 1
}
