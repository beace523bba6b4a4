import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Caller } from './caller.ts'
import { get } from './case.ts'
import type { Case } from './case.ts'
import { corpus } from './corpus.ts'
import { outcomesFile, printOutcomes, readOutcomes, short } from './outcomes.ts'
import type { Outcome, Recorded } from './outcomes.ts'
import { ByteRecorder } from './recorder.ts'
import type { Arrived } from './recorder.ts'
import { printReport, reportFile } from './report.ts'
import { subjects } from './subjects.ts'
import type { Subject } from './subjects.ts'

/*
 * Plays the corpus against nginx, HAProxy and Caddy as well, and writes down where they read a request in
 * another way than we do: `node test/conformance/differential.ts [--ours] [id...]`. With ids nothing is
 * written; `--ours` plays Proofgate alone, which needs no packages, and keeps what is on record of the others.
 */

/** How long a connection may be quiet before it counts as settled, and how long an answer may take. */
const quietFor = 150
const patience = 900

async function play(subject: Subject, recorder: ByteRecorder, one: Case): Promise<Outcome> {
  const pieces = one.bytes.map((piece) =>
    piece.replaceAll(/\{(?:alice|bob)\}/g, (name) => subject.tokens.get(name) ?? name),
  )
  recorder.take()
  const caller = await Caller.connect(
    subject.port,
    pieces[0]?.startsWith('HEAD') === true ? [0] : [],
  )
  await caller.send(pieces, one.eof)
  await caller.until(() => caller.closed || caller.statuses.length > 0, patience)
  await caller.until(
    () => caller.closed || performance.now() - caller.touchedAt > quietFor,
    patience,
  )
  const statuses = [...caller.statuses]
  let { arrived, oddities } = recorder.take()
  const connection = caller.closed ? 'closed' : await goesOn(caller, statuses.length)
  caller.destroy()
  await caller.until(() => !recorder.pending, 300)
  const late = recorder.take()
  arrived = [...arrived, ...late.arrived.filter(({ target }) => target !== '/public/after')]
  oddities = [...oddities, ...late.oddities]
  return {
    statuses,
    connection,
    seen: arrived.map(({ method, target, body }) =>
      short(`${method} ${target}${body === '' ? '' : `|${body}`}`),
    ),
    leaked: [...new Set(arrived.flatMap((request) => leaked(request, one)))].sort(),
    odd: oddities.map(short),
  }
}

async function goesOn(caller: Caller, before: number): Promise<Outcome['connection']> {
  await caller.send([get('/public/after')], false)
  await caller.until(() => caller.closed || caller.statuses.length > before, patience)
  if (caller.statuses[before] === 200) return 'kept'
  return caller.closed ? 'closed' : 'waits'
}

function leaked({ fields, trailers }: Arrived, { expect, id }: Case): string[] {
  const named = fields.filter(([name]) => expect.lacks?.includes(name) === true)
  const spoofed = fields.filter(([, value]) => value === 'spoofed')
  const behind = id.startsWith('D15') ? trailers : []
  return [
    ...named.map(([name]) => name),
    ...spoofed.map(([name]) => name),
    ...behind.map(([name]) => `trailer ${name}`),
  ]
}

async function playAll(
  name: string,
  cases: readonly Case[],
): Promise<[string, Map<string, Outcome>]> {
  const recorder = new ByteRecorder()
  const servicePort = await recorder.listen()
  const start = subjects[name]
  if (start === undefined) throw new Error(`no such proxy: ${name}`)
  const subject = await start(servicePort)
  const outcomes = new Map<string, Outcome>()
  try {
    for (const one of cases) outcomes.set(one.id, await play(subject, recorder, one))
    return [subject.version, outcomes]
  } finally {
    await subject.stop()
    recorder.close()
  }
}

/** Plays the cases against these proxies, and takes what is on record of the others. */
async function compare(names: readonly string[], cases: readonly Case[]): Promise<Recorded> {
  const all = Object.keys(subjects)
  const before: Recorded =
    names.length === all.length ? { versions: {}, outcomes: new Map() } : readOutcomes()
  const played = await Promise.all(names.map((name) => playAll(name, cases)))
  const fresh = names.map((name, at) => [name, played[at]?.[0] ?? ''] as const)
  const versions = Object.fromEntries(fresh.filter(([, version]) => version !== ''))
  const outcomes = cases.map(({ id }) => {
    const known = { ...before.outcomes.get(id) }
    for (const [at, name] of names.entries()) {
      const outcome = played[at]?.[1].get(id)
      if (outcome !== undefined) known[name] = outcome
    }
    return [id, known] as const
  })
  return { versions: { ...before.versions, ...versions }, outcomes: new Map(outcomes) }
}

async function main(args: readonly string[]): Promise<void> {
  const ids = args.filter((one) => one !== '--ours')
  const cases = ids.length === 0 ? corpus : corpus.filter(({ id }) => ids.includes(id))
  const names = args.includes('--ours') ? ['Proofgate'] : Object.keys(subjects)
  const recorded = await compare(names, cases)
  if (ids.length > 0) {
    process.stdout.write(printOutcomes(recorded))
    return
  }
  writeFileSync(outcomesFile, printOutcomes(recorded))
  writeFileSync(reportFile, printReport(recorded))
  process.stdout.write(`wrote ${fileURLToPath(outcomesFile)} and ${fileURLToPath(reportFile)}\n`)
}

await main(process.argv.slice(2))
