import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Caller } from './caller.ts'
import { get } from './case.ts'
import type { Case } from './case.ts'
import { corpus } from './corpus.ts'
import { outcomesFile, printOutcomes, short } from './outcomes.ts'
import type { Outcome } from './outcomes.ts'
import { ByteRecorder } from './recorder.ts'
import type { Arrived } from './recorder.ts'
import { printReport, reportFile } from './report.ts'
import { subjects } from './subjects.ts'
import type { Subject } from './subjects.ts'

/*
 * Plays the corpus against nginx, HAProxy and Caddy as well, and writes down where they read a request in
 * another way than we do: `node test/conformance/differential.ts [id...]`. With ids nothing is written.
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

async function main(ids: readonly string[]): Promise<void> {
  const cases = ids.length === 0 ? corpus : corpus.filter(({ id }) => ids.includes(id))
  const names = Object.keys(subjects)
  const played = await Promise.all(names.map((name) => playAll(name, cases)))
  const versions = Object.fromEntries(
    names.map((name, at) => [name, played[at]?.[0] ?? ''] as const).filter(([, one]) => one !== ''),
  )
  const outcomes = new Map(
    cases.map(({ id }) => {
      const compared = names.flatMap((name, at) => {
        const outcome = played[at]?.[1].get(id)
        return outcome === undefined ? [] : [[name, outcome] as const]
      })
      return [id, Object.fromEntries(compared)] as const
    }),
  )
  if (ids.length > 0) {
    process.stdout.write(printOutcomes({ versions, outcomes }))
    return
  }
  writeFileSync(outcomesFile, printOutcomes({ versions, outcomes }))
  writeFileSync(reportFile, printReport({ versions, outcomes }))
  process.stdout.write(`wrote ${fileURLToPath(outcomesFile)} and ${fileURLToPath(reportFile)}\n`)
}

await main(process.argv.slice(2))
